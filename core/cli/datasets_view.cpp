#include "core/cli/datasets_view.hpp"

#include <algorithm>
#include <cstdio>

#include "core/cli/table.hpp"
#include "core/d4rl/names.hpp"
#include "core/report/values.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using Lines = std::vector<std::vector<std::string>>;

std::string fixed(double value, const char* format = "%.2f") {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string text_of(const ordered_json& value) {
  return value.is_string() ? single_line(value.get<std::string>()) : value.dump();
}

/// A line of a terminal; --json has the rest.
std::string shortened(const std::string& text) {
  constexpr std::size_t kMost = 160;
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;  // not within a character of UTF-8
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "... (" + std::to_string(text.size()) + " bytes)";
}

/// Columns of numbers end at the same place.
void right_align(Lines& lines) {
  for (std::size_t column = 1; column < lines.front().size(); ++column) {
    std::size_t width = 0;
    for (const auto& line : lines) width = std::max(width, line[column].size());
    for (auto& line : lines) line[column] = pad_left(line[column], width);
  }
}

std::string returns_text(const ordered_json& answer) {
  if (!answer.contains("ret_mean")) return "no complete episode, so no returns\n";
  Lines lines = {{"", "min", "mean", "median", "max", "std"}};
  const auto line = [&](const char* title, const std::string& prefix) {
    std::vector<std::string> cells = {title};
    for (const char* name : {"min", "mean", "median", "max"}) {
      cells.push_back(fixed(answer.at(prefix + name).get<double>()));
    }
    return cells;
  };
  lines.push_back(line("return", "ret_"));
  lines.back().push_back(fixed(answer.at("ret_std").get<double>()));
  lines.push_back(line("score, %", "norm_score_"));
  lines.back().emplace_back();
  right_align(lines);
  return align(lines);
}

std::string ranges_text(const ordered_json& answer) {
  Lines lines = {{"column", "min", "max"}};
  for (const char* kind : {"state", "action"}) {
    const ordered_json& least = answer.at(kind).at("min");
    for (std::size_t i = 0; i < least.size(); ++i) {
      lines.push_back({std::string(kind) + " " + std::to_string(i),
                       fixed(least[i].get<double>(), "%.4g"),
                       fixed(answer.at(kind).at("max")[i].get<double>(), "%.4g")});
    }
  }
  right_align(lines);
  return align(lines);
}

std::string percent(const ordered_json& share) {
  return fixed(100 * share.get<double>(), "%.2f") + " %";
}

std::vector<std::string> quantile_line(const std::string& title, const ordered_json& quantiles) {
  std::vector<std::string> line = {title};
  for (const char* name : {"median", "q90", "q99", "max"}) {
    line.push_back(fixed(quantiles.at(name).get<double>(), "%.1e"));
  }
  return line;
}

/// Settings under which the simulator gives other next states than as it is set.
std::vector<std::string> telling_variants(const ordered_json& answer) {
  std::vector<std::string> names;
  for (const auto& [name, result] : answer.at("variants").items()) {
    if (result.at("next_state") != answer.at("next_state")) names.push_back(name);
  }
  return names;
}

/// "ant_full_replay-v2.hdf5" -> "ant-full-replay-v2"; empty when it is no such name.
std::string d4rl_name_of(const fs::path& file) {
  if (file.extension() != ".hdf5") return "";
  std::string name = file.stem().string();
  std::replace(name.begin(), name.end(), '_', '-');
  try {
    return parse_d4rl_name(name).file() == file.filename() ? name : "";
  } catch (const InputError&) {
    return "";
  }
}

}  // namespace

QueryResult stored_datasets(Store& store, bool full) {
  return store.query(
      "SELECT run.id AS run, run.experiment, run.task,"
      " (SELECT group_concat(role, ', ') FROM (SELECT substr(name, 7) AS role FROM run_param"
      "   WHERE run_id = run.id AND name LIKE 'needs.%' ORDER BY name)) AS teams,"
      " CAST((SELECT value FROM latest_metric WHERE run_id = run.id"
      "   AND name = 'dataset/transitions') AS INTEGER) AS transitions,"
      " (SELECT iif(?1, value, round(value, 3)) FROM latest_metric WHERE run_id = run.id"
      "   AND name = 'dataset/score_mean') AS score,"
      " artifact.bytes, artifact.path"
      " FROM artifact JOIN run ON run.id = artifact.run_id"
      " WHERE artifact.kind = 'dataset' ORDER BY artifact.id",
      {std::int64_t{full}});
}

QueryResult d4rl_files(const std::vector<fs::path>& folders) {
  QueryResult found{{"name", "bytes", "file"}, {}};
  for (const fs::path& folder : folders) {
    std::vector<fs::path> files;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.is_regular_file(ignored) && !d4rl_name_of(entry.path()).empty()) {
        files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      const auto bytes = static_cast<std::int64_t>(fs::file_size(file, ignored));
      found.rows.push_back({d4rl_name_of(file), bytes, file.string()});
    }
  }
  return found;
}

std::string reading_text(const ordered_json& answer) {
  std::string text = "layout " + text_of(answer.at("layout")) + ": " + text_of(answer.at("kept")) +
                     "\ntimeouts: " + text_of(answer.at("timeout_flags")) + "\n";
  for (const ordered_json& note : answer.at("notes")) text += "note: " + text_of(note) + "\n";
  return text;
}

std::string dataset_text(const ordered_json& answer) {
  Lines lines;
  const auto add = [&](const char* title, const char* key, const std::string& unit = "") {
    lines.push_back({title, text_of(answer.at(key)) + unit});
  };
  add("file", "file");
  add("bytes", "bytes");
  add("SHA-256", "sha256");
  lines.push_back({"task", text_of(answer.at("task")) + ", at most " +
                               text_of(answer.at("horizon")) + " steps an episode"});
  add("layout", "layout");
  add("rows", "kept");
  for (const ordered_json& note : answer.at("notes")) lines.push_back({"note", text_of(note)});
  add("next states", "next_states");
  add("timeouts", "timeout_flags");
  lines.push_back({"episodes", text_of(answer.at("complete_episodes")) + " complete, " +
                                   text_of(answer.at("cut_episodes")) + " cut short"});
  add("partial tail", "partial_tail_steps", " steps");
  lines.push_back({"ends", text_of(answer.at("terminals")) + " terminals, " +
                               text_of(answer.at("timeouts")) + " timeouts"});
  if (answer.contains("len_mean")) {
    lines.push_back({"mean length", fixed(answer.at("len_mean").get<double>()) + " steps"});
  }
  lines.push_back(
      {"mean reward", fixed(answer.at("reward_mean_per_step").get<double>(), "%.4f") + " a step"});
  lines.push_back({"actions at bounds",
                   fixed(100 * answer.at("action_at_bound_frac").get<double>(), "%.4f") + " %"});
  for (const auto& [name, value] : answer.at("attributes").items()) {
    lines.push_back({"attribute " + single_line(name), shortened(text_of(value))});
  }
  return align(lines) + "\n" + returns_text(answer) + "\n" + ranges_text(answer);
}

std::string check_text(const ordered_json& answer) {
  Lines lines = {{"largest difference of a row", "median", "90 %", "99 %", "max"}};
  const auto add = [&lines](const std::string& setting, const ordered_json& result) {
    lines.push_back(quantile_line("next state" + setting, result.at("next_state")));
    lines.push_back(quantile_line("reward" + setting, result.at("reward")));
  };
  add("", answer);
  for (const std::string& name : telling_variants(answer)) {
    add(", " + name, answer.at("variants").at(name));
  }
  right_align(lines);
  const std::string tolerance = fixed(answer.at("tolerance").get<double>(), "%g");
  std::string text = text_of(answer.at("file")) + ": " + answer.at("replayed").dump() + " of " +
                     answer.at("rows").dump() + " rows replayed in " + text_of(answer.at("task")) +
                     "\n\n" + align(lines) + "\n" + percent(answer.at("misfits")) +
                     " of the rows have a next state that differs by more than " + tolerance +
                     ", or end otherwise";
  const double most = answer.at("reward_tolerance").get<double>();
  if (!(answer.at("reward").at("median").get<double>() <= most)) {
    text += "; half of the rewards differ by more than " + fixed(most, "%g");
  }
  text += std::string(": ") +
          (answer.at("fits").get<bool>() ? "the data belongs to this simulator"
                                         : "the data was recorded with another one") +
          "\n";
  if (const auto differ = answer.at("terminals_differ").get<std::int64_t>(); differ > 0) {
    text += std::to_string(differ) + " rows end otherwise (terminal)\n";
  }
  const auto better = answer.at("best").get<std::string>();
  if (!better.empty()) {
    text += better + " fits better: " + percent(answer.at("variants").at(better).at("misfits")) +
            " of the rows differ by more than " + tolerance + "\n";
  } else if (!telling_variants(answer).empty()) {
    text += "no other setting of the environment fits better\n";
  }
  return text;
}

}  // namespace labhost
