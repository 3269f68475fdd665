#include "core/experiment/select.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/base/text.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

constexpr std::int64_t kMostSeeds = 100'000;

const std::vector<std::string> kKeys = {"task", "algorithm", "seed"};

std::string value_of(const RunSpec& run, const std::string& key) {
  if (key == "task") return run.task;
  return key == "algorithm" ? run.algorithm : std::to_string(run.seed);
}

struct Filter {
  std::string key;
  std::vector<std::string> values;

  bool holds(const RunSpec& run) const {
    return std::find(values.begin(), values.end(), value_of(run, key)) != values.end();
  }
};

Filter parse_condition(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    throw InputError("--only \"" + text + "\": expected KEY=VALUE|VALUE with KEY one of " +
                     join(kKeys, ", "));
  }
  Filter condition{text.substr(0, equals), split(text.substr(equals + 1), '|')};
  if (std::find(kKeys.begin(), kKeys.end(), condition.key) == kKeys.end()) {
    throw InputError("--only \"" + text + "\": unknown key \"" + condition.key + "\"" +
                     suggestion(condition.key, kKeys));
  }
  if (condition.values.empty()) throw InputError("--only \"" + text + "\": no value after '='");
  return condition;
}

std::vector<Filter> parse_conditions(const std::vector<std::string>& only) {
  std::vector<Filter> conditions;
  for (const std::string& option : only) {
    const std::vector<std::string> parts = split(option, ',');
    if (parts.empty()) throw InputError("--only is empty; expected e.g. task=favorable");
    for (const std::string& part : parts) conditions.push_back(parse_condition(part));
  }
  return conditions;
}

// A typing error must not silently select less.
void check_values(const Filter& condition, const std::vector<RunSpec>& runs) {
  std::vector<std::string> known;
  std::set<std::string> seen;
  for (const RunSpec& run : runs) {
    if (!run.reported && condition.key != "algorithm") continue;
    const std::string value = value_of(run, condition.key);
    if (seen.insert(value).second) known.push_back(value);
  }
  for (const std::string& value : condition.values) {
    if (seen.count(value) > 0) continue;
    const std::string hint =
        condition.key == "seed" ? "; known: " + join(known, ", ") : suggestion(value, known);
    throw InputError("--only: the plan has no " + condition.key + " \"" + value + "\"" + hint);
  }
}

std::int64_t parse_seed(const std::string& text, const std::string& option) {
  const auto seed = parse_integer(text);
  if (seed && *seed >= 0) return *seed;
  throw InputError("--seeds \"" + option +
                   "\": expected whole numbers like 0,1,4 or a range like " + "0-9, found \"" +
                   text + "\"");
}

}  // namespace

std::vector<std::int64_t> parse_seeds(const std::string& text) {
  std::vector<std::int64_t> seeds;
  std::set<std::int64_t> seen;
  for (const std::string& part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const std::int64_t first = parse_seed(part.substr(0, dash), text);
    const std::int64_t last =
        dash == std::string::npos ? first : parse_seed(part.substr(dash + 1), text);
    if (last < first) throw InputError("--seeds \"" + text + "\": " + part + " is an empty range");
    if (last - first >= kMostSeeds) {
      throw InputError("--seeds \"" + text + "\": more than " + std::to_string(kMostSeeds) +
                       " seeds");
    }
    for (std::int64_t i = 0; i <= last - first; ++i) {
      if (seen.insert(first + i).second) seeds.push_back(first + i);
    }
  }
  if (seeds.empty()) throw InputError("--seeds is empty; expected e.g. 0,1,4 or 0-9");
  return seeds;
}

void keep_only(Plan& plan, const std::vector<std::string>& only) {
  const std::vector<Filter> conditions = parse_conditions(only);
  if (conditions.empty()) return;
  for (const Filter& condition : conditions) check_values(condition, plan.runs);
  const bool names_algorithms =
      std::any_of(conditions.begin(), conditions.end(),
                  [](const Filter& condition) { return condition.key == "algorithm"; });

  // Needed runs stand before those that need them, so one pass from the end closes the selection.
  std::set<std::string> kept;
  std::set<std::int64_t> seeds;
  for (auto run = plan.runs.rbegin(); run != plan.runs.rend(); ++run) {
    const bool selected =
        (run->reported || names_algorithms) &&
        std::all_of(conditions.begin(), conditions.end(),
                    [&run](const Filter& condition) { return condition.holds(*run); });
    if (selected) seeds.insert(run->seed);
    if (!selected && kept.count(run->run_key) == 0) continue;
    kept.insert(run->run_key);
    for (const NeedSpec& need : run->needs) kept.insert(need.run_key);
  }
  if (kept.empty()) throw InputError("--only \"" + join(only, ",") + "\" leaves no run");
  const auto is_dropped = [&kept](const RunSpec& run) { return kept.count(run.run_key) == 0; };
  plan.runs.erase(std::remove_if(plan.runs.begin(), plan.runs.end(), is_dropped), plan.runs.end());
  const auto no_longer = [&seeds](std::int64_t seed) { return seeds.count(seed) == 0; };
  plan.seeds.erase(std::remove_if(plan.seeds.begin(), plan.seeds.end(), no_longer),
                   plan.seeds.end());
}

}  // namespace labhost
