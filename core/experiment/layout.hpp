// What a report and a figure show of an experiment. Stored with it, so that neither needs the TOML.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace labhost {

/// Learning curves: a panel per task, a line per algorithm. `[figure]` in the file.
struct FigureSpec {
  /// "step" (updates or epochs), "progress" (percent of a run's steps), or the name of a metric
  /// that grows while a run goes on, such as "rollout/generated".
  std::string x = "step";
  std::string y = "eval/score";  ///< a metric that evaluations leave
  std::string x_label, y_label;  ///< "": after the metric
  double smoothing = 0.8;        ///< weight of the past in exponential smoothing; 0: none
  bool individual = false;       ///< each run on its own instead of mean and standard error
};

/// What one comparison of a claim asks of the table's cells. All of `algorithms` on all of `tasks`.
struct Condition {
  enum class Relation {
    kBeats,    ///< higher mean, significantly (Welch, 5 %)
    kMatches,  ///< not significantly lower
    kHigher,   ///< higher mean
    kLower,    ///< lower mean
    kAbove,    ///< mean above `value`
    kBelow,    ///< mean below `value`
  };
  std::vector<std::string> algorithms;
  std::vector<std::string> tasks;  ///< empty: every row of the table
  Relation relation = Relation::kHigher;
  std::vector<std::string> against;        ///< algorithms to compare with, on the same task
  std::vector<std::string> against_tasks;  ///< or tasks, for the same algorithm
  double value = 0;                        ///< of kAbove and kBelow
  bool somewhere = false;                  ///< enough that it holds on one of the tasks
};

/// Something that the paper says of its numbers, as conditions that must all hold.
struct Claim {
  std::string text;    ///< in our words
  std::string source;  ///< where the paper says it
  std::vector<Condition> conditions;
};

struct ReportLayout {
  std::string title;
  std::vector<std::string> rows;              ///< tasks, in order
  std::vector<std::string> columns;           ///< algorithms, in order
  std::map<std::string, std::string> labels;  ///< of tasks and algorithms; absent: the name itself
  /// Headings over neighbouring columns and before neighbouring rows, by algorithm and task:
  /// "CTDE".
  std::map<std::string, std::string> groups;
  /// Metrics shown as columns instead of algorithms (Table 1); empty: the score of each algorithm.
  std::vector<std::string> metrics;
  std::string paper_table;  ///< table_name in paper_cell, "" when the paper has no such table
  std::int64_t digits = 2;
  FigureSpec figure;
  std::vector<Claim> claims;

  std::string label(const std::string& name) const;
  std::string group(const std::string& name) const;  ///< "": none
  /// A task's label after its group's: "FO ant-medium", for where no heading says it.
  std::string full_label(const std::string& task) const;
  nlohmann::json to_json() const;
  /// Layouts of older stores have no groups, figure or claims. Throws InputError.
  static ReportLayout from_json(const nlohmann::json& json);
};

/// "beats", "matches", "higher", "lower", "above", "below".
const std::vector<std::string>& relation_names();
const std::string& relation_name(Condition::Relation relation);
/// Throws InputError for another name.
Condition::Relation parse_relation(const std::string& name);

}  // namespace labhost
