#include "core/report/claims.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "core/report/render.hpp"
#include "core/report/statistics.hpp"

namespace labhost {
namespace {

using Relation = Condition::Relation;

/// A cell as a claim sees it.
struct Seen {
  std::string name;              ///< "MOMA-PPO on leader-only"
  std::optional<Sample> sample;  ///< nothing: no such cell, or runs are missing
  std::string lack;              ///< then: what is missing
  std::optional<std::int64_t> updates = std::nullopt;  ///< of each of its runs
};

/// One comparison: decided or not.
struct Outcome {
  std::optional<bool> holds;
  std::string words;
  std::string caveat = "";  ///< what else differs between the two sides
};

using Look = std::function<Seen(const std::string& task, const std::string& algorithm)>;

const CellSummary* find_cell(const Table& table, const std::string& task,
                             const std::string& algorithm) {
  for (const auto& row : table.cells) {
    for (const CellSummary& cell : row) {
      if (cell.task == task && cell.column == algorithm) return &cell;
    }
  }
  return nullptr;
}

std::string cell_name(const Table& table, const std::string& task, const std::string& algorithm) {
  return table.layout.label(algorithm) + " on " + table.layout.full_label(task);
}

Seen our_cell(const Table& table, const std::string& task, const std::string& algorithm) {
  Seen seen{cell_name(table, task, algorithm), std::nullopt, ""};
  const CellSummary* cell = find_cell(table, task, algorithm);
  if (cell == nullptr || (cell->values.empty() && cell->missing_seeds.empty())) {
    seen.lack = "no run of " + seen.name + " is planned";
  } else if (!cell->missing_seeds.empty()) {
    seen.lack = seen.name + " lacks " + (cell->missing_seeds.size() == 1 ? "seed " : "seeds ") +
                seed_list(cell->missing_seeds);
  } else {
    seen.sample = sample_of(cell->values);
    seen.updates = cell->updates;
  }
  return seen;
}

Seen paper_cell(const Table& table, std::int64_t seeds, const std::string& task,
                const std::string& algorithm) {
  Seen seen{cell_name(table, task, algorithm), std::nullopt, ""};
  const CellSummary* cell = find_cell(table, task, algorithm);
  if (cell != nullptr && cell->paper_mean) {
    seen.sample =
        Sample{*cell->paper_mean, cell->paper_sem.value_or(0), static_cast<std::size_t>(seeds)};
  } else {
    seen.lack = "the paper has no number for " + seen.name;
  }
  return seen;
}

std::string two_digits(double value) { return rounded(value, 2); }

std::string told(const Seen& seen) {
  std::string text = seen.name + " " + two_digits(seen.sample->mean);
  text += seen.sample->count > 1 ? " ± " + two_digits(seen.sample->error) : " (one seed)";
  return text;
}

const char* verb(Relation relation) {
  switch (relation) {
    case Relation::kBeats:
      return "significantly better than";
    case Relation::kMatches:
      return "not significantly worse than";
    case Relation::kHigher:
      return "better than";
    case Relation::kLower:
      return "worse than";
    case Relation::kAbove:
      return "above";
    case Relation::kBelow:
      return "below";
  }
  return "";
}

bool is_tested(Relation relation) {
  return relation == Relation::kBeats || relation == Relation::kMatches;
}

bool relation_holds(Relation relation, const Sample& left, const Sample& right) {
  switch (relation) {
    case Relation::kBeats:
      return left.mean > right.mean && differ(left, right);
    case Relation::kMatches:
      return left.mean >= right.mean || !differ(left, right);
    case Relation::kHigher:
      return left.mean > right.mean;
    default:
      return left.mean < right.mean;
  }
}

Outcome compare(Relation relation, const Seen& left, const Seen& right) {
  for (const Seen* seen : {&left, &right}) {
    if (!seen->sample) return {std::nullopt, seen->lack};
  }
  if (is_tested(relation) && std::min(left.sample->count, right.sample->count) < 2) {
    const Seen& alone = left.sample->count < 2 ? left : right;
    return {std::nullopt, alone.name + " has one seed, which no significance can be tested with (" +
                              told(left) + ", " + told(right) + ")"};
  }
  const bool holds = relation_holds(relation, *left.sample, *right.sample);
  return {holds, told(left) + (holds ? " is " : " is not ") + verb(relation) + " " + told(right)};
}

Outcome compare_value(const Condition& condition, const Seen& left) {
  if (!left.sample) return {std::nullopt, left.lack};
  const bool above = condition.relation == Relation::kAbove;
  const bool holds =
      above ? left.sample->mean > condition.value : left.sample->mean < condition.value;
  return {holds, told(left) + (holds ? " is " : " is not ") + verb(condition.relation) + " " +
                     two_digits(condition.value)};
}

/// One algorithm on two tasks should have been trained for as long on both: else what differs may
/// be the training.
std::string unequal_training(const Seen& left, const Seen& right) {
  if (!left.updates || !right.updates || *left.updates == *right.updates) return "";
  return "trained for " + std::to_string(*left.updates) + " updates in " + left.name + ", " +
         std::to_string(*right.updates) + " in " + right.name;
}

/// All comparisons of one algorithm on one task.
std::vector<Outcome> compare_cell(const Condition& condition, const std::string& task,
                                  const std::string& algorithm, const Look& look) {
  const Seen left = look(task, algorithm);
  if (condition.relation == Relation::kAbove || condition.relation == Relation::kBelow) {
    return {compare_value(condition, left)};
  }
  std::vector<Outcome> outcomes;
  for (const std::string& other : condition.against) {
    outcomes.push_back(compare(condition.relation, left, look(task, other)));
  }
  for (const std::string& other : condition.against_tasks) {
    const Seen right = look(other, algorithm);
    outcomes.push_back(compare(condition.relation, left, right));
    outcomes.back().caveat = unequal_training(left, right);
  }
  return outcomes;
}

/// The first that fails, else the first undecided one, else all hold.
Outcome all_of(const std::vector<Outcome>& outcomes) {
  const Outcome* open = nullptr;
  for (const Outcome& outcome : outcomes) {
    if (outcome.holds == false) return outcome;
    if (!outcome.holds && open == nullptr) open = &outcome;
  }
  if (open != nullptr) return *open;
  Outcome all{true, outcomes.size() == 1 ? outcomes.front().words
                                         : std::to_string(outcomes.size()) + " comparisons hold"};
  const auto unequal = std::find_if(outcomes.begin(), outcomes.end(),
                                    [](const Outcome& one) { return !one.caveat.empty(); });
  if (unequal != outcomes.end()) all.caveat = unequal->caveat;
  return all;
}

/// The first that holds, else the first undecided one, else none does.
Outcome any_of(const std::vector<Outcome>& outcomes) {
  const Outcome* open = nullptr;
  for (const Outcome& outcome : outcomes) {
    if (outcome.holds == true) return outcome;
    if (!outcome.holds && open == nullptr) open = &outcome;
  }
  return open != nullptr ? *open : outcomes.front();
}

Outcome judge_condition(const Condition& condition, const Table& table, const Look& look) {
  const std::vector<std::string>& tasks =
      condition.tasks.empty() ? table.layout.rows : condition.tasks;
  std::vector<Outcome> all;
  for (const std::string& algorithm : condition.algorithms) {
    std::vector<Outcome> by_task;
    for (const std::string& task : tasks) {
      by_task.push_back(all_of(compare_cell(condition, task, algorithm, look)));
    }
    all.push_back(condition.somewhere ? any_of(by_task) : all_of(by_task));
  }
  return all_of(all);
}

std::vector<Judgement> judge(const Table& table, const Look& look) {
  std::vector<Judgement> judgements;
  for (const Claim& claim : table.layout.claims) {
    std::vector<Outcome> outcomes;
    for (const Condition& condition : claim.conditions) {
      outcomes.push_back(judge_condition(condition, table, look));
    }
    Outcome outcome = all_of(outcomes);
    if (!outcome.caveat.empty()) outcome.words += " (" + outcome.caveat + ")";
    Judgement judgement{claim, Verdict::kNotEnoughRuns, std::move(outcome.words)};
    if (outcome.holds) judgement.verdict = *outcome.holds ? Verdict::kHolds : Verdict::kDoesNotHold;
    judgements.push_back(std::move(judgement));
  }
  return judgements;
}

}  // namespace

const char* verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "holds";
    case Verdict::kDoesNotHold:
      return "does not hold";
    case Verdict::kNotEnoughRuns:
      break;
  }
  return "not enough runs";
}

std::vector<Judgement> judge_claims(const Table& table) {
  return judge(table, [&table](const std::string& task, const std::string& algorithm) {
    return our_cell(table, task, algorithm);
  });
}

std::vector<Judgement> judge_claims_on_paper(const Table& table, std::int64_t seeds) {
  return judge(table, [&table, seeds](const std::string& task, const std::string& algorithm) {
    return paper_cell(table, seeds, task, algorithm);
  });
}

}  // namespace labhost
