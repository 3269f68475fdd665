// `labhost bench moma`: the three kinds of work of MOMA-PPO at the paper's size, on the four-agent
// Ant, beside the time that their matrix products alone take.
//
// An update of moma-ppo is an epoch: rollouts, then passes over them. The host cannot look inside;
// two instances that differ in their passes alone tell one from the other.
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>

#include "core/runner/worker/bench.hpp"
#include "core/runner/worker/bench_subject.hpp"
#include "core/runner/worker/counted_products.hpp"

namespace labhost {

namespace {

constexpr double kModelSeconds = 8, kEpochSeconds = 18;  // of each measurement, at least
constexpr std::size_t kLeastRounds = 5;
constexpr int kTraining = 10;  // updates after which every member says that nothing is terminal
constexpr std::int64_t kPasses = 5;                       // of an epoch; Appendix A.2
constexpr std::int64_t kFewPasses = 1, kManyPasses = 21;  // far apart: little noise in a pass

/// Seconds of the paper's released Python code on one core of about 115 GFLOP/s.
constexpr double kReleasedModel = 0.942, kReleasedRollouts = 2.050, kReleasedPpo = 0.906;
constexpr double kReleasedTransitions = 2000;  // of the last two

/// What most products of a work are like.
struct Size {
  std::int64_t rows, width;
};
constexpr Size kModelProducts = {256, 1024}, kPolicyProducts = {256, 256};

/// Of one update, or of a part of it.
struct Cost {
  double seconds = 0, operations = 0;
};
Cost operator-(const Cost& a, const Cost& b) {
  return {a.seconds - b.seconds, a.operations - b.operations};
}
Cost operator*(double factor, const Cost& a) { return {factor * a.seconds, factor * a.operations}; }

void print_header() {
  std::printf("%-24s %-6s %9s %9s %18s %9s %9s %8s %28s %6s\n", "work", "task", "ms", "GFLOP",
              "reference product", "GFLOP/s", "floor ms", "of floor", "released code, 115 GFLOP/s",
              "times");
}

void print(const char* work, const std::string& task, const Cost& cost, const Size& products,
           double rate, double released) {
  const double floor = cost.operations / rate;
  const std::string width = std::to_string(products.width);
  const std::string product = std::to_string(products.rows) + " x " + width + " x " + width;
  std::printf("%-24s %-6s %9.1f %9.2f %18s %9.1f %9.1f %8.2f %25.0f ms %6.1f\n", work, task.c_str(),
              1e3 * cost.seconds, cost.operations / 1e9, product.c_str(), rate / 1e9, 1e3 * floor,
              floor / cost.seconds, 1e3 * released, released / cost.seconds);
  std::fflush(stdout);
}

double operations_of(Algorithm& algorithm) {
  const CountedProducts counter;
  algorithm.update();
  return counter.operations();
}

/// Calls `round` for `seconds`, and a few times at least.
template <typename Round>
void repeat(double seconds, Round round) {
  const double begun = now_seconds();
  for (std::size_t i = 0; i < kLeastRounds || now_seconds() - begun < seconds; ++i) round();
}

/// The observation does not matter to a model of the state.
void bench_model(const LoadedPlugin& plugin, const BenchTask& on, const ParamValues& changed) {
  Subject model(plugin, on, changed, {});
  model->update();
  Cost cost;
  cost.operations = operations_of(*model);
  ReferenceProduct product(kModelProducts.rows, kModelProducts.width,
                           product_type(plugin, changed));
  std::vector<double> updates, rates;
  repeat(kModelSeconds, [&] {
    updates.push_back(seconds_of([&] { model->update(); }));
    rates.push_back(product.operations_per_second());
  });
  cost.seconds = median(updates);
  print("world-model update", "ant", cost, kModelProducts, median(rates), kReleasedModel);
}

/// A model whose rollouts go their full length: it has learned quickly that nothing is terminal. It
/// has been validated, so that it has chosen the members it keeps.
Archive trained_model(const LoadedPlugin& plugin, const BenchTask& on, ParamValues changed) {
  changed["learning_rate"] = "1e-3";
  changed["validation_every"] = std::to_string(kTraining);
  changed["validation_rows"] = "256";
  Subject model(plugin, on, changed, {});
  for (int i = 0; i < kTraining; ++i) model->update();
  Archive archive;
  model->save(archive);
  return archive;
}

double metric(const Metrics& metrics, const std::string& name) {
  for (const auto& [own, value] : metrics.values()) {
    if (own == name) return value.item<double>();
  }
  throw std::runtime_error("bench: moma-ppo reports no '" + name + "'");
}

/// An epoch that stops its rollouts early computes less than it seems to.
void check_length(const Metrics& metrics, const Params& params) {
  const double found = metric(metrics, "rollout/length");
  const auto expected = static_cast<double>(params.integer("k"));
  if (std::abs(found - expected) < 1e-6) return;
  throw std::runtime_error("bench: moma-ppo's rollouts were to have " + params.text("k") +
                           " steps each and have " + std::to_string(found) +
                           " on average: l_eps or the world model's terminals end them early");
}

/// moma-ppo on one task, twice.
class Epochs {
 public:
  Epochs(const LoadedPlugin& plugin, const BenchTask& on, const ParamValues& changed,
         const std::map<std::string, Archive>& artifacts)
      : params_(values_of(plugin, with(changed, kFewPasses))),
        few_(plugin, on, with(changed, kFewPasses), artifacts),
        many_(plugin, on, with(changed, kManyPasses), artifacts),
        model_product_(kModelProducts.rows, kModelProducts.width, product_type(plugin, changed)),
        policy_product_(kPolicyProducts.rows, kPolicyProducts.width,
                        product_type(plugin, changed)) {}

  void measure(const std::string& task) {
    transitions_ = metric(few_->update(), "rollout/generated");
    check_length(many_->update(), params_);
    Cost few, many;
    few.operations = operations_of(*few_);
    many.operations = operations_of(*many_);
    std::vector<double> few_seconds, many_seconds, model_rates, policy_rates;
    // In turn, so that all see the same clock frequency and the same neighbours.
    repeat(kEpochSeconds, [&] {
      few_seconds.push_back(seconds_of_update(*few_));
      model_rates.push_back(model_product_.operations_per_second());
      many_seconds.push_back(seconds_of_update(*many_));
      policy_rates.push_back(policy_product_.operations_per_second());
    });
    few.seconds = median(few_seconds);
    many.seconds = median(many_seconds);
    const Cost pass = 1.0 / (kManyPasses - kFewPasses) * (many - few);
    report(task, few - kFewPasses * pass, kPasses * pass, median(model_rates),
           median(policy_rates));
  }

 private:
  static ParamValues with(ParamValues changed, std::int64_t passes) {
    changed["passes"] = std::to_string(passes);
    changed.emplace("l_eps", "inf");  // no rollout stops for its uncertainty
    return changed;
  }

  double seconds_of_update(Algorithm& algorithm) const {
    Metrics metrics;
    const double seconds = seconds_of([&] { metrics = algorithm.update(); });
    check_length(metrics, params_);
    return seconds;
  }

  void report(const std::string& task, const Cost& rollouts, const Cost& ppo, double model_rate,
              double policy_rate) const {
    const double share = transitions_ / kReleasedTransitions;
    print("moma-ppo rollouts", task, rollouts, kModelProducts, model_rate,
          share * kReleasedRollouts);
    print("moma-ppo PPO, 5 passes", task, ppo, kPolicyProducts, policy_rate, share * kReleasedPpo);
    std::printf(
        "%-24s %-6s %.0f transitions rolled out and stored per second; released code %.0f\n", "",
        task.c_str(), transitions_ / rollouts.seconds, kReleasedTransitions / kReleasedRollouts);
    std::fflush(stdout);
  }

  Params params_;
  Subject few_, many_;
  ReferenceProduct model_product_, policy_product_;
  double transitions_ = 0;  ///< of an epoch
};

/// Says when a neighbour was on the processor: a product of milliseconds slips between its turns,
/// an epoch of seconds does not, and their ratio says little.
void warn_if_shared(double processor, double wall) {
  if (processor > 0.95 * wall) return;
  std::printf(
      "the processor was shared: this process had %.0f %% of a core; measure again on an idle "
      "one\n",
      100 * processor / wall);
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

int bench_moma(const std::vector<std::string>& arguments) {
  const BenchArguments asked = BenchArguments::parse(arguments);
  if (asked.changed.count("passes") != 0) {
    throw InputError("bench: moma sets 'passes' itself, to tell PPO from the rollouts");
  }
  const LoadedPlugin model = LoadedPlugin::load(asked.libraries.at(0)),
                     moma = LoadedPlugin::load(asked.libraries.at(1));
  torch::set_num_threads(1);
  std::printf(
      "moma: default parameters but l_eps = inf (rollouts of full length), one thread, medians of\n"
      "rounds in turn; rollouts with all that an epoch does but PPO; floor: their matrix products\n"
      "at the rate of the reference product\n");
  asked.print_changed();
  print_header();
  const double processor = processor_seconds(), wall = now_seconds();
  QuietLogger logger;
  const std::filesystem::path folder = asked.libraries.front().parent_path();
  std::map<std::string, Archive> artifacts;
  for (const bool full : {true, false}) {
    const BenchTask on = ant(folder, full, logger);
    if (full) {
      bench_model(model, on, asked.changed);
      artifacts.emplace("world-model", trained_model(model, on, asked.changed));
    }
    Epochs(moma, on, asked.changed, artifacts).measure(on.label);
  }
  warn_if_shared(processor_seconds() - processor, now_seconds() - wall);
  return 0;
}

}  // namespace labhost
