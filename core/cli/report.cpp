// labhost report: an experiment's table.
#include "core/report/report.hpp"

#include "core/cli/command.hpp"
#include "core/cli/table.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace po = boost::program_options;

int report_command(const Arguments& arguments) {
  const char* usage = "labhost report NAME [options]";
  po::options_description visible, hidden;
  visible.add_options()("profile", po::value<std::string>()->value_name("NAME"),
                        "profile of the experiment (default: the one recorded last)")(
      "format", po::value<std::string>()->value_name("FORMAT")->default_value("text"),
      "text, md, latex, csv or json")("compare", po::value<std::string>()->value_name("WITH"),
                                      "\"paper\": the paper's cells and the difference below ours");
  add_store_option(visible);
  hidden.add_options()("name", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("name", 1);
  const Parsed parsed = parse_options(
      arguments, usage,
      "Prints mean and standard error over seeds, in the paper's rows and columns; names every\n"
      "seed that is missing. The same numbers: labhost sql \"SELECT * FROM cell\".",
      visible, hidden, positional);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  const TableFormat format = parse_table_format(values["format"].as<std::string>());
  const bool compare = values.count("compare") > 0;
  if (compare && values["compare"].as<std::string>() != "paper") {
    throw InputError("--compare \"" + values["compare"].as<std::string>() +
                     "\": only \"paper\" can be compared with");
  }
  if (values.count("name") == 0) {
    throw InputError(std::string("which experiment? usage: ") + usage);
  }
  std::optional<std::string> profile;
  if (values.count("profile") > 0) profile = values["profile"].as<std::string>();
  Store store(store_path(values), Store::Access::kReadOnly);
  if (say_if_empty(store)) return kOk;
  print(
      render_table(load_table(store, values["name"].as<std::string>(), profile), format, compare));
  return kOk;
}

}  // namespace labhost
