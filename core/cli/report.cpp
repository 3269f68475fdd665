// labhost report: an experiment's table, or a page with all of them.
#include "core/report/report.hpp"

#include <system_error>

#include "core/base/files.hpp"
#include "core/cli/command.hpp"
#include "core/cli/table.hpp"
#include "core/report/page.hpp"
#include "core/report/summary.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;

constexpr const char* kUsage =
    "labhost report NAME [options]\n       labhost report --html OUT.html [NAME...]";

po::options_description visible_options() {
  po::options_description options("options");
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  options.add_options()  //
      ("profile", text("NAME"), "profile of the experiment (default: the one recorded last)")(
          "format", text("FORMAT")->default_value("text"), "text, md, latex, csv, json or html")(
          "compare", text("WITH"),
          "\"paper\": the paper's cells and the difference below ours, and its claims judged")(
          "score", text("WHICH")->default_value("last"),
          "last, or best: of each run's evaluations (optimistic)")(
          "statistics", "interquartile means with intervals, and probability of improvement")(
          "html", text("OUT.html"),
          "write one page with tables, curves, claims and the runs behind each cell; -: standard "
          "output");
  add_store_option(options);
  return options;
}

bool compares_with_paper(const po::variables_map& values) {
  if (values.count("compare") == 0) return false;
  if (values["compare"].as<std::string>() == "paper") return true;
  throw InputError("--compare \"" + values["compare"].as<std::string>() +
                   "\": only \"paper\" can be compared with");
}

TableScore score_of(const po::variables_map& values) {
  const auto name = values["score"].as<std::string>();
  if (name == "last") return TableScore::kLast;
  if (name == "best") return TableScore::kBest;
  throw InputError("--score must be last or best, found \"" + name + "\"");
}

std::optional<std::string> profile_of(const po::variables_map& values) {
  if (values.count("profile") == 0) return std::nullopt;
  return values["profile"].as<std::string>();
}

std::string table_text(Store& store, const po::variables_map& values, const std::string& name) {
  const TableFormat format = parse_table_format(values["format"].as<std::string>());
  const bool compare = compares_with_paper(values);
  const auto profile = profile_of(values);
  const Table table = load_table(store, name, profile, score_of(values));
  if (values.count("statistics") == 0) return render_table(table, format, compare);
  if (!table.layout.metrics.empty()) {
    throw InputError("--statistics: " + name + " shows metrics, not scores of algorithms");
  }
  const Summary summary = summarise(load_table(store, name, profile, TableScore::kLast),
                                    load_table(store, name, profile, TableScore::kBest));
  return render_table(table, format, compare, &summary);
}

void write_page(Store& store, const po::variables_map& values, const Arguments& names) {
  const auto file = values["html"].as<std::string>();
  for (const char* option : {"format", "score"}) {
    if (!values[option].defaulted()) {
      throw InputError(std::string("--") + option + " is for a table; a page has all of it");
    }
  }
  const std::string page = results_page(store, names, profile_of(values));
  if (file == "-") {
    print(page);
    return;
  }
  try {
    write_atomically(file, page);
  } catch (const std::system_error& error) {
    throw InputError(error.what());
  }
  print(file + "\n");
}

}  // namespace

int report_command(const Arguments& arguments) {
  po::options_description hidden;
  hidden.add_options()("names", po::value<Arguments>());
  po::positional_options_description positional;
  positional.add("names", -1);
  const Parsed parsed = parse_options(
      arguments, kUsage,
      "Prints mean and standard error over seeds, in the paper's rows and columns; names every\n"
      "seed that is missing. The same numbers: labhost sql \"SELECT * FROM cell\".",
      visible_options(), hidden, positional);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  const Arguments names =
      values.count("names") == 0 ? Arguments() : values["names"].as<Arguments>();
  const bool page = values.count("html") > 0;
  parse_table_format(values["format"].as<std::string>());
  compares_with_paper(values);
  score_of(values);
  if (!page && names.size() != 1) {
    throw InputError(std::string(names.empty() ? "report: which experiment"
                                               : "report: one experiment at a time") +
                     "; usage: " + kUsage);
  }
  Store store(store_path(values), Store::Access::kReadOnly);
  if (say_if_empty(store)) return kOk;
  if (page) {
    write_page(store, values, names);
  } else {
    print(table_text(store, values, names.front()));
  }
  return kOk;
}

}  // namespace labhost
