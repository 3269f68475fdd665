#include "core/experiment/plan.hpp"

#include <algorithm>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/d4rl/names.hpp"
#include "core/experiment/document.hpp"
#include "core/experiment/paper.hpp"
#include "core/experiment/resolve.hpp"
#include "core/experiment/select.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostSeeds = 100'000;
constexpr std::size_t kMostRuns = 1'000'000;

// Expands tasks x algorithms x seeds to runs, each with the runs it needs before it.
class Expansion {
 public:
  explicit Expansion(Resolver& resolver) : resolver_(resolver) {}

  std::size_t add(const std::string& task, const std::string& algorithm, std::int64_t seed,
                  bool reported) {
    const auto label = std::make_tuple(task, algorithm, seed);
    if (const auto known = by_label_.find(label); known != by_label_.end()) {
      if (reported) runs_[known->second].reported = true;
      return known->second;
    }
    const ResolvedMethod& method = method_of(algorithm, task);
    RunSpec run = base_run(task, algorithm, method);
    run.reported = reported;
    run.seed = seed;
    nlohmann::json settings = run.identity();  // of all seeds alike
    settings["seed"] = 0;
    under_way_.push_back(label);
    for (const ResolvedNeed& need : method.needs) add_need(need, need.role, run, settings);
    if (!method.online) {
      for (const ResolvedNeed& need : task_of(task).dataset_needs) {
        add_need(need, kDatasetRole + need.role, run, settings);
      }
    }
    under_way_.pop_back();
    run.settings = sha256(settings.dump());
    run.run_key = sha256(run.identity().dump());
    check_distinct(run);
    if (runs_.size() == kMostRuns) throw InputError("the plan has more than a million runs");
    by_key_[run.run_key] = runs_.size();
    by_label_[label] = runs_.size();
    runs_.push_back(std::move(run));
    return runs_.size() - 1;
  }

  std::vector<RunSpec> take() { return std::move(runs_); }

 private:
  using Label = std::tuple<std::string, std::string, std::int64_t>;  // task, algorithm, seed

  // Adds the run that `run` needs in this role; what is needed enters both of its hashes.
  void add_need(const ResolvedNeed& need, const std::string& role, RunSpec& run,
                nlohmann::json& settings) {
    const std::string task = need.task.empty() ? run.task : need.task;
    if (!resolver_.algorithm_table(need.algorithm)) {  // as declared: names in the file are known
      throw need.location.error("algorithm \"" + run.algorithm + "\" needs \"" + need.algorithm +
                                "\" (as its " + need.role + "), but there is no [algorithm." +
                                need.algorithm + "]; add it with its steps");
    }
    std::optional<std::int64_t> shared = need.seed;
    if (!shared && !need.own_seed) shared = method_of(need.algorithm, task).shared_seed;
    const Label label(task, need.algorithm, shared.value_or(run.seed));
    check_circle(need, label);
    const std::size_t needed = add(task, need.algorithm, shared.value_or(run.seed), false);
    run.needs.push_back({role, runs_[needed].run_key});
    settings["needs"][role] = {runs_[needed].settings, shared ? std::to_string(*shared) : "run"};
  }

  // A circle that the plugins' declarations close is told by its algorithms, one that the file
  // closes by the line to mend.
  void check_circle(const ResolvedNeed& need, const Label& label) const {
    auto member = std::find(under_way_.begin(), under_way_.end(), label);
    if (member == under_way_.end()) return;
    if (need.in_file) {
      throw need.location.error("circular need: the run of \"" + need.algorithm + "\" on task \"" +
                                std::get<0>(label) + "\" needs itself");
    }
    std::string circle;
    for (; member != under_way_.end(); ++member) circle += std::get<1>(*member) + " -> ";
    throw resolver_.algorithm_table(need.algorithm)
        ->node()
        .location.error("circular need: " + circle + need.algorithm);
  }

  const ResolvedMethod& method_of(const std::string& algorithm, const std::string& task) {
    const auto key = std::make_pair(algorithm, task);
    const auto known = methods_.find(key);
    if (known != methods_.end()) return known->second;
    return methods_.emplace(key, resolver_.method(algorithm, task)).first->second;
  }

  const ResolvedTask& task_of(const std::string& task) {
    const auto known = tasks_.find(task);
    if (known != tasks_.end()) return known->second;
    return tasks_.emplace(task, resolver_.task(task)).first->second;
  }

  RunSpec base_run(const std::string& task, const std::string& algorithm,
                   const ResolvedMethod& method) {
    const ResolvedTask& parts = task_of(task);
    RunSpec run;
    run.task = task;
    run.algorithm = algorithm;
    run.environment = parts.environment;
    if (!method.online) {
      if (!parts.dataset) {
        throw resolver_.task_table(task)->node().location.error(
            "task \"" + task + "\" has no dataset, from which algorithm \"" + algorithm +
            "\" learns; add dataset = { plugin = \"...\" }");
      }
      run.dataset = *parts.dataset;
    }
    run.method = method.use;
    run.total_steps = method.steps;
    run.log_every = method.log_every;
    run.evaluation = method.evaluation;
    return run;
  }

  // A run has one task and one algorithm label in an experiment; two would share its row.
  void check_distinct(const RunSpec& run) const {
    const auto known = by_key_.find(run.run_key);
    if (known == by_key_.end()) return;
    const RunSpec& other = runs_[known->second];
    const auto name = [](const RunSpec& spec) {
      return "algorithm \"" + spec.algorithm + "\" on task \"" + spec.task + "\"";
    };
    const Location location = resolver_.algorithm_table(run.algorithm)->node().location;
    throw location.error(name(run) + " is the same run as " + name(other) +
                         ": plugins, parameters, steps and evaluation are equal; "
                         "drop one or set them apart");
  }

  Resolver& resolver_;
  std::vector<RunSpec> runs_;
  std::map<Label, std::size_t> by_label_;
  std::vector<Label> under_way_;  // whose needs are being added
  std::map<std::string, std::size_t> by_key_;
  std::map<std::pair<std::string, std::string>, ResolvedMethod> methods_;
  std::map<std::string, ResolvedTask> tasks_;
};

std::vector<std::int64_t> read_seeds(const TableView& experiment) {
  const Node& node = experiment.require("seeds", "expected a number of seeds or a list of them");
  std::vector<std::int64_t> seeds;
  if (node.kind != Node::Kind::kArray) {
    const std::int64_t count = *experiment.integer("seeds", 1, kMostSeeds);
    for (std::int64_t seed = 0; seed < count; ++seed) seeds.push_back(seed);
    return seeds;
  }
  if (node.items.empty()) throw experiment.error("seeds", "is an empty list");
  std::set<std::int64_t> seen;
  for (const Node& item : node.items) {
    const auto seed = as_integer(item);
    if (!seed || *seed < 0) {
      throw item.location.error("experiment.seeds must hold whole numbers of at least 0, found " +
                                item.describe());
    }
    if (!seen.insert(*seed).second) {
      throw item.location.error("experiment.seeds names " + std::to_string(*seed) + " twice");
    }
    seeds.push_back(*seed);
  }
  return seeds;
}

// The tasks or algorithms of the experiment, each of which must have its table.
std::vector<std::string> read_list(const TableView& experiment, const std::string& key,
                                   const std::string& section,
                                   const std::vector<std::string>& known) {
  const Node& list = experiment.require(key, "expected an array of names");
  const std::vector<std::string> names = *experiment.names(key);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(known.begin(), known.end(), names[i]) != known.end()) continue;
    throw list.items[i].location.error("unknown " + section + " \"" + names[i] +
                                       "\": there is no [" + section + "." + names[i] + "]" +
                                       suggestion(names[i], known));
  }
  return names;
}

// The cells of the table that the algorithms' `tasks` leave out. A list may name tasks that a
// profile has taken from the table, but an algorithm of the table must run on some row of it.
std::vector<CellName> read_left_out(const Resolver& resolver, const ReportLayout& layout) {
  std::vector<CellName> left_out;
  for (const std::string& algorithm : layout.columns) {
    const auto tasks = resolver.tasks_of(algorithm);
    if (!tasks) continue;
    std::size_t kept = layout.rows.size();
    for (const std::string& task : layout.rows) {
      if (std::find(tasks->begin(), tasks->end(), task) != tasks->end()) continue;
      left_out.push_back({task, algorithm});
      --kept;
    }
    if (kept > 0) continue;
    throw resolver.algorithm_table(algorithm)->error(
        "tasks", "names no task of the experiment, whose tasks are " + join(layout.rows, ", ") +
                     "; name one, or take the algorithm from experiment.algorithms");
  }
  return left_out;
}

RunnerSettings read_runner(const TableView& top) {
  RunnerSettings runner;
  const auto table = top.table("run");
  if (!table) return runner;
  table->allow_only({"threads", "checkpoint_seconds", "heartbeat_stale_seconds", "device",
                     "log_level", "log_every"});
  runner.threads = table->integer("threads", 1, 1024).value_or(runner.threads);
  runner.checkpoint_seconds =
      table->real("checkpoint_seconds", 0).value_or(runner.checkpoint_seconds);
  runner.heartbeat_stale_seconds =
      table->real("heartbeat_stale_seconds", 1).value_or(runner.heartbeat_stale_seconds);
  runner.device = table->choice("device", {"cpu", "cuda", "auto"}).value_or(runner.device);
  runner.log_level = table->choice("log_level", {"trace", "debug", "info", "warn", "error"})
                         .value_or(runner.log_level);
  return runner;
}

void read_labels(const Resolver& resolver, ReportLayout& layout) {
  for (const std::string& task : layout.rows) {
    if (const auto label = resolver.task_table(task)->text("label")) layout.labels[task] = *label;
  }
  for (const std::string& algorithm : layout.columns) {
    if (const auto label = resolver.algorithm_table(algorithm)->text("label")) {
      layout.labels[algorithm] = *label;
    }
  }
}

void read_paper(const TableView& report, Plan& plan) {
  const auto name = report.text("paper");
  if (!name) return;
  const Location& location = report.find("paper")->location;
  const fs::path file = (location.folder() / *name).lexically_normal();
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    throw location.error("report.paper: file " + file.string() + " does not exist");
  }
  PaperTable table = read_paper_table(file);
  if (plan.layout.paper_table.empty()) plan.layout.paper_table = table.name;
  if (plan.layout.paper_table != table.name) {
    throw report.error("paper_table", "is \"" + plan.layout.paper_table + "\", but " +
                                          file.string() + " holds \"" + table.name + "\"");
  }
  plan.paper = std::move(table.cells);
  plan.layout.claims = std::move(table.claims);
}

// [report.groups]: heading -> algorithms or tasks.
void read_groups(const TableView& groups, const Resolver& resolver, ReportLayout& layout) {
  std::vector<std::string> known = resolver.task_names();
  for (const std::string& name : resolver.algorithm_names()) known.push_back(name);
  for (const std::string& heading : groups.node().keys()) {
    const std::vector<std::string> names = *groups.names(heading);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (std::find(known.begin(), known.end(), names[i]) == known.end()) {
        throw groups.find(heading)->items[i].location.error(
            "report.groups names \"" + names[i] + "\", which is neither a task nor an algorithm" +
            suggestion(names[i], known));
      }
      layout.groups[names[i]] = heading;
    }
  }
}

void read_figure(const TableView& top, FigureSpec& figure) {
  const auto table = top.table("figure");
  if (!table) return;
  table->allow_only({"x", "y", "x_label", "y_label", "smoothing", "individual"});
  figure.x = table->text("x").value_or(figure.x);
  figure.y = table->text("y").value_or(figure.y);
  figure.x_label = table->text("x_label").value_or("");
  figure.y_label = table->text("y_label").value_or("");
  figure.smoothing = table->real("smoothing", 0).value_or(figure.smoothing);
  if (figure.smoothing >= 1) throw table->error("smoothing", "must be below 1");
  figure.individual = table->flag("individual").value_or(figure.individual);
}

void read_report(const TableView& top, const Resolver& resolver, Plan& plan) {
  const auto report = top.table("report");
  if (!report) return;
  report->allow_only({"paper_table", "paper", "metrics", "digits", "labels", "groups"});
  plan.layout.paper_table = report->text("paper_table").value_or("");
  plan.layout.metrics = report->names("metrics").value_or(std::vector<std::string>{});
  plan.layout.digits = report->integer("digits", 0, 15).value_or(plan.layout.digits);
  if (const auto labels = report->table("labels")) {
    labels->allow_only(plan.layout.metrics);
    for (const std::string& metric : labels->node().keys()) {
      plan.layout.labels[metric] = *labels->text(metric);
    }
  }
  if (const auto groups = report->table("groups")) {
    read_groups(*groups, resolver, plan.layout);
  }
  read_paper(*report, plan);
}

std::string read_name(const TableView& experiment, const fs::path& file) {
  const std::string name = experiment.text("name").value_or(file.stem().string());
  if (is_plain_name(name)) return name;
  throw experiment.error("name", "cannot be \"" + name + "\"; use letters, digits, - and _");
}

void check_exists(const fs::path& file) {
  std::error_code error;
  if (fs::exists(file, error)) return;
  std::vector<std::string> others;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".toml") continue;
    others.push_back((file.parent_path() / it->path().filename()).string());
  }
  std::sort(others.begin(), others.end());
  throw InputError("experiment file " + file.string() + " does not exist" +
                   suggestion(file.string(), others));
}

// The plan of a document, data files that are missing included.
Plan read_plan(const fs::path& file, const PlanOptions& options, const Catalogue& catalogue,
               const Document& document) {
  const TableView top(document.root, "");
  top.require("experiment", "expected [experiment] with tasks, algorithms and seeds");
  const TableView experiment = *top.table("experiment");
  experiment.allow_only({"name", "title", "profile", "data", "tasks", "algorithms", "seeds"});
  experiment.text("data");

  Plan plan;
  plan.profile = document.profile;
  plan.file = file;
  plan.experiment = read_name(experiment, file);
  plan.runner = read_runner(top);
  Resolver resolver(document.root, catalogue);
  resolver.check_all();
  plan.slurm = read_slurm(top, resolver.algorithm_names());
  plan.layout.title = experiment.text("title").value_or(plan.experiment);
  plan.layout.rows = read_list(experiment, "tasks", "task", resolver.task_names());
  plan.layout.columns =
      read_list(experiment, "algorithms", "algorithm", resolver.algorithm_names());
  plan.seeds = options.seeds ? parse_seeds(*options.seeds) : read_seeds(experiment);
  plan.left_out = read_left_out(resolver, plan.layout);
  read_labels(resolver, plan.layout);
  read_report(top, resolver, plan);
  read_figure(top, plan.layout.figure);

  std::set<std::pair<std::string, std::string>> left_out;
  for (const CellName& cell : plan.left_out) left_out.emplace(cell.task, cell.algorithm);
  Expansion expansion(resolver);
  for (const std::string& task : plan.layout.rows) {
    for (const std::string& algorithm : plan.layout.columns) {
      if (left_out.count({task, algorithm}) > 0) continue;
      for (const std::int64_t seed : plan.seeds) expansion.add(task, algorithm, seed, true);
    }
  }
  plan.runs = expansion.take();
  keep_only(plan, options.only);
  return plan;
}

// Names of the data files that the plan's runs read and that no folder has.
std::set<std::string> missing_data(const Plan& plan) {
  std::set<std::string> names;
  for (const RunSpec& run : plan.runs) {
    for (const PluginUse* use : {&run.environment, &run.dataset, &run.method}) {
      for (const auto& [name, hash] : use->file_hashes) {
        if (hash.rfind(kMissingFile, 0) == 0) names.insert(use->params.at(name));
      }
    }
  }
  return names;
}

// Other profiles of the file whose plans miss no data.
std::vector<std::string> sufficient_profiles(const fs::path& file, PlanOptions options,
                                             const Catalogue& catalogue, const Document& document) {
  std::vector<std::string> found;
  for (const std::string& profile : document.profiles) {
    if (profile == document.profile) continue;
    options.profile = profile;
    try {
      const Plan plan = read_plan(file, options, catalogue, load_document(file, options));
      if (missing_data(plan).empty()) found.push_back(profile);
    } catch (const InputError&) {
      continue;  // what --set and --only say may not suit it
    }
  }
  return found;
}

void refuse_missing_data(const std::set<std::string>& missing, const fs::path& file,
                         const PlanOptions& options, const Catalogue& catalogue,
                         const Document& document) {
  std::string text = file.string() + ", profile " + document.profile + ": expected " +
                     std::to_string(missing.size()) + " data file(s) in one of the folders " +
                     folders_text(d4rl_folders()) + ", found none of:";
  for (const std::string& name : missing) {
    const D4rlName parts = parse_d4rl_name(name);
    text += "\n  " + parts.file() + "  (" + name + ")";
  }
  text +=
      "\n`labhost datasets fetch NAME` downloads one, `labhost datasets import FILE --name NAME` "
      "copies one of yours; LABHOST_DATA names further folders, separated by colons.";
  const auto profiles = sufficient_profiles(file, options, catalogue, document);
  if (!profiles.empty()) {
    text += "\nThese profiles need no such file: " + join(profiles, ", ") + " (--profile " +
            profiles.front() + ")";
  }
  throw InputError(text);
}

}  // namespace

Plan make_plan(const fs::path& file, const PlanOptions& options, const Catalogue& catalogue) {
  check_exists(file);
  const Document document = load_document(file, options);
  Plan plan = read_plan(file, options, catalogue, document);
  const std::set<std::string> missing = missing_data(plan);
  if (!missing.empty()) refuse_missing_data(missing, file, options, catalogue, document);
  return plan;
}

}  // namespace labhost
