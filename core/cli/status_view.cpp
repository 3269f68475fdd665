#include "core/cli/status_view.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/base/text.hpp"
#include "core/cli/table.hpp"
#include "core/report/values.hpp"

namespace labhost {
namespace {

/// Steps, and the compute time they took, to tell how long others will take.
struct Work {
  double steps = 0, seconds = 0;
};

struct AlgorithmWork {
  Work completed, under_way;
  double steps_left = 0;
};

/// What is known of an experiment while its rows are read.
struct Tally {
  ExperimentStatus status;
  double planned_at = 0;
  std::optional<double> last_finish;
  std::map<std::string, AlgorithmWork> algorithms;
};

void count_runs(ExperimentStatus& experiment, const std::string& status, std::int64_t runs) {
  const std::map<std::string, std::int64_t*> counts = {{"queued", &experiment.queued},
                                                       {"running", &experiment.running},
                                                       {"completed", &experiment.completed},
                                                       {"failed", &experiment.failed},
                                                       {"interrupted", &experiment.interrupted}};
  const auto found = counts.find(status);
  if (found != counts.end()) *found->second += runs;
}

/// Algorithms differ in speed, so each is extrapolated from its own runs: from completed ones where
/// there are any, else from those under way. An algorithm not seen yet is taken for an average one.
std::optional<double> compute_left(const std::map<std::string, AlgorithmWork>& algorithms) {
  Work all;
  for (const auto& [name, work] : algorithms) {
    all.steps += work.completed.steps + work.under_way.steps;
    all.seconds += work.completed.seconds + work.under_way.seconds;
  }
  if (all.steps <= 0) return std::nullopt;
  double seconds = 0;
  for (const auto& [name, work] : algorithms) {
    const Work& known = work.completed.steps > 0   ? work.completed
                        : work.under_way.steps > 0 ? work.under_way
                                                   : all;
    seconds += work.steps_left * known.seconds / known.steps;
  }
  return seconds;
}

/// Fills in what needs all rows of an experiment.
ExperimentStatus finish(Tally& tally, double now) {
  ExperimentStatus& status = tally.status;
  const double end = status.running > 0 ? now : tally.last_finish.value_or(0);
  // A `labhost run` that found nothing to do has no time of its own.
  if (end > tally.planned_at) status.elapsed = end - tally.planned_at;
  if (status.running > 0) {
    if (const auto seconds = compute_left(tally.algorithms)) {
      status.left = *seconds / static_cast<double>(status.running);
    }
  }
  return status;
}

std::vector<ExperimentStatus> load_experiments(Store& store, double now) {
  const QueryResult rows = store.query(
      "WITH planned AS (SELECT DISTINCT experiment, profile, run_id FROM experiment_run)"
      " SELECT e.name, e.profile, e.planned_at, r.algorithm, r.status, count(*), sum(r.step),"
      "  sum(r.total_steps), sum(r.seconds), max(r.finished_at),"
      "  sum(r.step) FILTER (WHERE r.attempt = 1),"
      "  sum(max(0, ?1 - r.started_at)) FILTER (WHERE r.attempt = 1)"
      " FROM experiment e JOIN planned p ON p.experiment = e.name AND p.profile = e.profile"
      " JOIN run r ON r.id = p.run_id"
      " GROUP BY e.name, e.profile, r.algorithm, r.status",
      {now});
  std::map<std::pair<std::string, std::string>, Tally> tallies;
  for (const auto& row : rows.rows) {
    Tally& tally = tallies[{cell_text(row[0]), cell_text(row[1])}];
    tally.status.experiment = cell_text(row[0]);
    tally.status.profile = cell_text(row[1]);
    tally.planned_at = cell_real(row[2]).value_or(0);
    const std::string state = cell_text(row[4]);
    count_runs(tally.status, state, cell_integer(row[5]));
    tally.status.steps += cell_integer(row[6]);
    tally.status.total_steps += cell_integer(row[7]);
    tally.status.compute_seconds += cell_real(row[8]).value_or(0);
    const double steps = cell_real(row[6]).value_or(0);
    AlgorithmWork& work = tally.algorithms[cell_text(row[3])];
    if (state == "completed") work.completed = {steps, cell_real(row[8]).value_or(0)};
    // started_at is the first attempt's: of later ones it does not tell how long they have run.
    if (state == "running") {
      work.under_way = {cell_real(row[10]).value_or(0), cell_real(row[11]).value_or(0)};
    }
    // A failed run is not tried again by the sweep that it failed in.
    if (state != "completed" && state != "failed") {
      work.steps_left += cell_real(row[7]).value_or(0) - steps;
    }
    if (const auto end = cell_real(row[9])) {
      tally.last_finish = std::max(*end, tally.last_finish.value_or(*end));
    }
  }
  std::vector<Tally> ordered;
  for (auto& [key, tally] : tallies) ordered.push_back(std::move(tally));
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Tally& a, const Tally& b) { return a.planned_at < b.planned_at; });
  std::vector<ExperimentStatus> experiments;
  for (Tally& tally : ordered) experiments.push_back(finish(tally, now));
  return experiments;
}

/// The runs of one status, with the columns that are shown.
std::vector<RunRow> load_runs(Store& store, const std::string& status) {
  const QueryResult rows = store.query(
      "SELECT id, experiment, task, algorithm, seed, step, total_steps, heartbeat_at, started_at,"
      " host, pid, pid_start, error FROM run WHERE status = ?1 ORDER BY id",
      {status});
  std::vector<RunRow> runs;
  for (const auto& row : rows.rows) {
    RunRow run;
    run.id = cell_integer(row[0]);
    run.experiment = cell_text(row[1]);
    run.task = cell_text(row[2]);
    run.algorithm = cell_text(row[3]);
    run.seed = cell_integer(row[4]);
    run.step = cell_integer(row[5]);
    run.total_steps = cell_integer(row[6]);
    run.heartbeat_at = cell_real(row[7]);
    run.started_at = cell_real(row[8]);
    run.host = cell_text(row[9]);
    run.pid = cell_integer(row[10]);
    run.pid_start = cell_integer(row[11]);
    run.error = cell_text(row[12]);
    run.status = status;
    runs.push_back(std::move(run));
  }
  return runs;
}

/// Rounded down: 100 % means done.
std::string percent(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return "0 %";
  const double share = static_cast<double>(part) / static_cast<double>(whole);
  return std::to_string(static_cast<std::int64_t>(100 * share)) + " %";
}

std::string heartbeat_words(const RunningStatus& running) {
  if (running.liveness == Liveness::kDead) {
    return "process " + std::to_string(running.run.pid) +
           " is gone; the next labhost run takes it over";
  }
  if (!running.run.heartbeat_at && !running.run.started_at) return "no heartbeat yet";
  return "heartbeat " + format_duration(running.heartbeat_age) + " ago";
}

std::string running_lines(const std::vector<RunningStatus>& running, std::size_t max_listed) {
  std::vector<std::vector<std::string>> lines;
  for (const RunningStatus& one : running) {
    if (lines.size() == max_listed) break;
    const RunRow& run = one.run;
    lines.push_back({"run " + std::to_string(run.id), run.experiment, run.task, run.algorithm,
                     "seed " + std::to_string(run.seed),
                     std::to_string(run.step) + "/" + std::to_string(run.total_steps),
                     percent(run.step, run.total_steps), heartbeat_words(one)});
  }
  return align(lines, 2);
}

std::string failed_lines(const std::vector<RunRow>& failed, std::size_t max_listed) {
  std::vector<std::vector<std::string>> lines;
  for (const RunRow& run : failed) {
    if (lines.size() == max_listed) break;
    const std::string first_line = run.error.substr(0, run.error.find('\n'));
    lines.push_back({"run " + std::to_string(run.id), run.experiment, run.task, run.algorithm,
                     "seed " + std::to_string(run.seed), single_line(first_line)});
  }
  return align(lines, 2);
}

std::string more_line(std::size_t count, std::size_t max_listed, const std::string& status) {
  if (count <= max_listed) return "";
  return "  and " + std::to_string(count - max_listed) +
         " more: labhost runs --filter status=" + status + "\n";
}

}  // namespace

bool StatusReport::active() const {
  return std::any_of(experiments.begin(), experiments.end(),
                     [](const ExperimentStatus& one) { return one.queued > 0 || one.running > 0; });
}

StatusReport load_status(Store& store, double now) {
  StatusReport status;
  status.experiments = load_experiments(store, now);
  for (RunRow& run : load_runs(store, "running")) {
    RunningStatus running;
    const std::optional<double> seen = run.heartbeat_at ? run.heartbeat_at : run.started_at;
    running.heartbeat_age = std::max(0.0, now - seen.value_or(now));
    running.liveness = liveness({run.host, run.pid, run.pid_start});
    running.run = std::move(run);
    status.running.push_back(std::move(running));
  }
  status.failed = load_runs(store, "failed");
  return status;
}

std::string status_line(const ExperimentStatus& experiment) {
  const std::int64_t runs = experiment.queued + experiment.running + experiment.completed +
                            experiment.failed + experiment.interrupted;
  std::string line = experiment.experiment + " " + experiment.profile + ": " +
                     std::to_string(experiment.completed) + "/" + std::to_string(runs) +
                     " completed";
  const std::pair<std::int64_t, const char*> others[] = {{experiment.running, "running"},
                                                         {experiment.queued, "queued"},
                                                         {experiment.interrupted, "interrupted"},
                                                         {experiment.failed, "failed"}};
  for (const auto& [count, word] : others) {
    if (count > 0) line += ", " + std::to_string(count) + " " + word;
  }
  line += "; " + percent(experiment.steps, experiment.total_steps) + " of " +
          std::to_string(experiment.total_steps) + " steps";
  if (experiment.compute_seconds > 0) {
    line += "; compute time " + format_duration(experiment.compute_seconds);
  }
  if (experiment.elapsed) line += "; elapsed " + format_duration(*experiment.elapsed);
  if (experiment.left) line += "; about " + format_duration(*experiment.left) + " left";
  return line;
}

std::string render_status(const StatusReport& status, std::size_t max_listed) {
  std::string out;
  for (const ExperimentStatus& experiment : status.experiments) {
    out += status_line(experiment) + "\n";
  }
  if (!status.running.empty()) {
    out += "\nrunning\n" + running_lines(status.running, max_listed) +
           more_line(status.running.size(), max_listed, "running");
  }
  if (!status.failed.empty()) {
    out += "\nfailed\n" + failed_lines(status.failed, max_listed) +
           more_line(status.failed.size(), max_listed, "failed");
  }
  return out;
}

}  // namespace labhost
