// labhost plot: pictures of what there is.
#include <system_error>

#include "core/base/files.hpp"
#include "core/cli/command.hpp"
#include "core/cli/dataset_source.hpp"
#include "core/cli/environment_option.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/cli/table.hpp"
#include "core/report/histogram.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;

constexpr const char* kUsage =
    "labhost plot dataset WHAT --out FILE.svg [--env NAME [--set NAME=VALUE]]";

std::string one_digit(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

/// Normalised scores of the complete episodes, in percent.
Histogram dataset_histogram(const nlohmann::json& answer, const std::string& what) {
  const double random = answer.at("random_return"), expert = answer.at("expert_return");
  Histogram histogram;
  for (const double value : answer.at("returns").get<std::vector<double>>()) {
    histogram.values.push_back(100 * (value - random) / (expert - random));
  }
  if (histogram.values.empty()) {
    throw InputError("plot: " + what + " has no complete episode, so there are no returns to show");
  }
  histogram.mark = answer.at("norm_score_mean");
  histogram.mark_label = "mean " + one_digit(histogram.mark);
  histogram.title = std::filesystem::path(what).filename().string();
  histogram.subtitle = answer.at("task").get<std::string>() + ", " +
                       std::to_string(histogram.values.size()) + " complete episodes, returns " +
                       one_digit(answer.at("ret_min")) + " to " + one_digit(answer.at("ret_max"));
  histogram.x_label = "normalised score in % (0: random, 100: expert)";
  histogram.y_label = "episodes";
  return histogram;
}

}  // namespace

int plot_command(const Arguments& arguments) {
  po::options_description visible, hidden;
  visible.add_options()("out", po::value<std::string>()->value_name("FILE.svg"), "file to write");
  add_environment_options(visible);
  add_store_option(visible);
  hidden.add_options()("words", po::value<Arguments>());
  po::positional_options_description positional;
  positional.add("words", -1);
  const Parsed parsed = parse_options(
      arguments, kUsage,
      "Draws a histogram of a dataset's normalised returns. WHAT is as for labhost datasets.",
      visible, hidden, positional);
  if (parsed.help) return kOk;
  const Arguments words =
      parsed.values.count("words") == 0 ? Arguments() : parsed.values["words"].as<Arguments>();
  if (words.size() != 2 || words[0] != "dataset" || parsed.values.count("out") == 0) {
    throw InputError(std::string("plot: expected a dataset and --out; usage: ") + kUsage);
  }
  const DatasetSource source = find_dataset(parsed.values, words[1]);
  const auto answer = nlohmann::json::parse(ask_datasets(nlohmann::json(source.request).dump()));
  const std::string title = source.artifact ? "dataset of run " + words[1] : words[1];
  try {
    write_atomically(parsed.values["out"].as<std::string>(),
                     histogram_svg(dataset_histogram(answer, title)));
  } catch (const std::system_error& error) {
    throw InputError(error.what());
  }
  return kOk;
}

}  // namespace labhost
