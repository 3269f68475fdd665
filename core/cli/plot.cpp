// labhost plot: learning curves and performance profiles of an experiment, histograms of datasets.
#include "core/cli/plot.hpp"

#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/environment_option.hpp"
#include "core/cli/picture.hpp"
#include "core/cli/table.hpp"
#include "core/report/figure.hpp"
#include "core/report/summary.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;

constexpr const char* kUsage =
    "labhost plot NAME [--out FILE.svg|png|pdf] [options]\n"
    "       labhost plot dataset WHAT --out FILE [--env NAME [--set NAME=VALUE]]";

po::options_description visible_options() {
  po::options_description options("options");
  options.add_options()  //
      ("out", po::value<std::string>()->value_name("FILE"),
       "picture to write: .svg, .png or .pdf (default: NAME.svg)")(
          "profile", po::value<std::string>()->value_name("NAME"),
          "profile of the experiment (default: the one recorded last)")(
          "kind", po::value<std::string>()->value_name("KIND")->default_value("curves"),
          "curves, or profiles: shares of runs above each score")(
          "x", po::value<std::string>()->value_name("WHAT"),
          "step, progress (in %) or a metric (default: as the file's [figure] says)")(
          "smoothing", po::value<double>()->value_name("W"),
          "weight of the past, from 0 to below 1 (default: the file's)")(
          "runs", "draw each run instead of mean and standard error");
  add_environment_options(options);
  add_store_option(options);
  return options;
}

/// An option without meaning for the picture that was asked for is a mistake, not to be passed
/// over.
void refuse(const po::variables_map& values, const std::vector<const char*>& names,
            const std::string& picture) {
  for (const char* name : names) {
    if (values.count(name) == 0 || values[name].defaulted()) continue;
    throw InputError("plot: " + picture + " has no --" + name + "; usage: " + kUsage);
  }
}

FigureSpec figure_of(const po::variables_map& values, FigureSpec figure) {
  if (values.count("x") > 0) {
    figure.x = values["x"].as<std::string>();
    figure.x_label.clear();
  }
  if (values.count("runs") > 0) figure.individual = true;
  if (values.count("smoothing") == 0) return figure;
  figure.smoothing = values["smoothing"].as<double>();
  if (figure.smoothing >= 0 && figure.smoothing < 1) return figure;
  throw InputError("--smoothing must be from 0 to below 1, found " + format_real(figure.smoothing));
}

std::string picture_of(Store& store, const po::variables_map& values, const std::string& name) {
  std::optional<std::string> profile;
  if (values.count("profile") > 0) profile = values["profile"].as<std::string>();
  const Table table = load_table(store, name, profile);
  if (!table.layout.metrics.empty()) {
    throw InputError(name + " shows metrics of datasets; see them as a table (labhost report " +
                     name + ") or one by one (labhost plot dataset)");
  }
  const auto kind = values["kind"].as<std::string>();
  if (kind == "profiles") return line_chart_svg(performance_profiles(table));
  if (kind != "curves") throw InputError("--kind must be curves or profiles, found " + kind);
  return learning_curves_svg(table,
                             load_curves(store, table, figure_of(values, table.layout.figure)));
}

int plot_experiment(const po::variables_map& values, const std::string& name) {
  refuse(values, {"env", "set", "plugin-path"}, "the picture of an experiment");
  const std::string out = values.count("out") > 0 ? values["out"].as<std::string>() : name + ".svg";
  check_picture_name(out);
  Store store(store_path(values), Store::Access::kReadOnly);
  if (say_if_empty(store)) return kOk;
  write_picture(out, picture_of(store, values, name));
  print(out + "\n");
  return kOk;
}

}  // namespace

int plot_command(const Arguments& arguments) {
  po::options_description hidden;
  hidden.add_options()("words", po::value<Arguments>());
  po::positional_options_description positional;
  positional.add("words", -1);
  const Parsed parsed = parse_options(
      arguments, kUsage,
      "Draws an experiment's learning curves, a panel per task, or a histogram of a dataset's\n"
      "normalised returns (WHAT is as for labhost datasets).",
      visible_options(), hidden, positional);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  const Arguments words =
      values.count("words") == 0 ? Arguments() : values["words"].as<Arguments>();
  if (words.size() == 1 && words[0] != "dataset") return plot_experiment(values, words[0]);
  if (words.size() != 2 || words[0] != "dataset" || values.count("out") == 0) {
    throw InputError(std::string("plot: expected an experiment's name, or dataset, WHAT and --out; "
                                 "usage: ") +
                     kUsage);
  }
  refuse(values, {"profile", "kind", "x", "smoothing", "runs"}, "the histogram of a dataset");
  const auto out = values["out"].as<std::string>();
  check_picture_name(out);
  return plot_dataset(values, words[1], out);
}

}  // namespace labhost
