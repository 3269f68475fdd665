#include "core/runner/host/progress.hpp"

#include <unistd.h>

#include <cstdio>

#include "core/base/text.hpp"

namespace labhost {

namespace {

constexpr int kBarWidth = 24;

std::string bar(std::int64_t step, std::int64_t total) {
  const auto filled = total > 0 ? static_cast<int>(step * kBarWidth / total) : 0;
  std::string text = "[";
  for (int i = 0; i < kBarWidth; ++i) text += i < filled ? '#' : '.';
  return text + "]";
}

std::string score_text(const RunRow& row) {
  if (!row.score) return "";
  char text[32];
  std::snprintf(text, sizeof text, ", score %.3f", *row.score);
  return text;
}

}  // namespace

std::map<std::string, double> seconds_per_update(Store& store) {
  // The plugin's name is part of the configuration; the label may differ from file to file.
  const QueryResult result = store.query(
      "SELECT json_extract(config, '$.identity.algorithm.plugin'), SUM(seconds) / SUM(total_steps) "
      "FROM run "
      "WHERE status = 'completed' AND total_steps > 0 GROUP BY 1");
  std::map<std::string, double> speeds;
  for (const auto& row : result.rows) {
    const auto* name = std::get_if<std::string>(&row[0]);
    const auto* seconds = std::get_if<double>(&row[1]);
    if (name != nullptr && seconds != nullptr) speeds[*name] = *seconds;
  }
  return speeds;
}

std::optional<double> estimate_seconds(const std::map<std::string, std::int64_t>& steps,
                                       const std::map<std::string, double>& speeds,
                                       std::int64_t jobs) {
  if (speeds.empty()) return std::nullopt;
  double mean = 0;
  for (const auto& [name, speed] : speeds) mean += speed / static_cast<double>(speeds.size());
  double seconds = 0;
  for (const auto& [name, count] : steps) {
    const auto known = speeds.find(name);
    seconds += static_cast<double>(count) * (known == speeds.end() ? mean : known->second);
  }
  return seconds / static_cast<double>(jobs);
}

Progress::Progress(std::int64_t total_runs)
    : total_(total_runs), terminal_(isatty(STDERR_FILENO) != 0), begun_(now_seconds()) {}

void Progress::learn_speeds(Store& store) { speeds_ = seconds_per_update(store); }

void Progress::ended(const std::string& name, const std::string& plugin, const RunRow& row) {
  clear();
  ++ended_;
  // Learn from what ends, so that the time left becomes known within the first minute.
  if (row.status == "completed" && row.total_steps > 0) {
    speeds_.emplace(plugin, row.seconds / static_cast<double>(row.total_steps));
  }
  const std::string reason =
      row.error.empty() ? "" : ": " + row.error.substr(0, row.error.find('\n'));
  std::fprintf(stderr, "%-11s %s%s, %s%s\n", row.status.c_str(), name.c_str(),
               score_text(row).c_str(), format_duration(row.seconds).c_str(), reason.c_str());
}

void Progress::note(const std::string& message) {
  clear();
  std::fprintf(stderr, "%s\n", message.c_str());
}

void Progress::clear() {
  if (!terminal_ || painted_lines_ == 0) return;
  std::fprintf(stderr, "\x1b[%dA\x1b[J", painted_lines_);
  painted_lines_ = 0;
}

void Progress::show(const View& view) {
  if (!terminal_) {
    if (view.elsewhere == told_elsewhere_ || now_seconds() - told_at_ < 60) return;
    told_elsewhere_ = view.elsewhere;
    told_at_ = now_seconds();
    if (!view.elsewhere.empty()) note(view.elsewhere);
    return;
  }
  clear();
  for (const Running& run : view.running) {
    // Until a run of its kind has ended, a running one says how fast it goes.
    if (run.steps_here > 0 && speeds_.count(run.plugin) == 0) {
      speeds_seen_[run.plugin] = run.seconds / static_cast<double>(run.steps_here);
    }
    std::fprintf(stderr, "  %s %s %lld/%lld\n", bar(run.step, run.total).c_str(), run.name.c_str(),
                 static_cast<long long>(run.step), static_cast<long long>(run.total));
    ++painted_lines_;
  }
  std::map<std::string, double> speeds = speeds_;
  speeds.insert(speeds_seen_.begin(), speeds_seen_.end());
  const auto left = estimate_seconds(view.open_steps, speeds, view.jobs);
  std::fprintf(stderr, "%s %lld/%lld runs done, %lld failed%s, %s so far, %s left\n",
               bar(view.done, total_).c_str(), static_cast<long long>(view.done),
               static_cast<long long>(total_), static_cast<long long>(view.failed),
               view.elsewhere.empty() ? "" : (", " + view.elsewhere).c_str(),
               format_duration(now_seconds() - begun_).c_str(),
               left ? format_duration(*left).c_str() : "unknown time");
  ++painted_lines_;
}

}  // namespace labhost
