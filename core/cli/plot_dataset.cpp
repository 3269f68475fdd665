// labhost plot dataset: what a dataset's episodes return.
#include "core/cli/command.hpp"
#include "core/cli/dataset_source.hpp"
#include "core/cli/picture.hpp"
#include "core/cli/plot.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/report/histogram.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;

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

int plot_dataset(const po::variables_map& values, const std::string& what,
                 const std::filesystem::path& out) {
  const DatasetSource source = find_dataset(values, what);
  const auto answer = nlohmann::json::parse(ask_datasets(bytes_of(source.request)));
  const std::string title = source.artifact ? "dataset of run " + what : what;
  write_picture(out, histogram_svg(dataset_histogram(answer, title)));
  return kOk;
}

}  // namespace labhost
