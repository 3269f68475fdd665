// labhost export: a store's rows as JSON or CSV. `export policy` is in export_policy.cpp.
#include "core/report/export.hpp"

#include <fstream>
#include <iostream>
#include <system_error>

#include "core/base/files.hpp"
#include "core/cli/command.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;

void write_json(Store& store, const Arguments& names, const std::string& file) {
  if (file == "-") {
    export_json(store, names, std::cout);
    return;
  }
  write_atomically(file, [&](const std::filesystem::path& path) {
    std::ofstream out(path, std::ios::binary);
    if (!out) throw std::system_error(errno, std::generic_category(), "cannot write " + file);
    export_json(store, names, out);
    out.close();
    if (!out) throw std::system_error(errno, std::generic_category(), "cannot write " + file);
  });
}

}  // namespace

int export_command(const Arguments& arguments) {
  if (!arguments.empty() && arguments.front() == "policy") {
    return export_policy_command({arguments.begin() + 1, arguments.end()});
  }
  const char* usage =
      "labhost export --json FILE | --csv FOLDER [EXPERIMENT...]\n"
      "       labhost export policy RUN --to FILE.safetensors (see --help behind `policy`)";
  po::options_description visible, hidden;
  visible.add_options()("json", po::value<std::string>()->value_name("FILE"),
                        "one file with all tables; -: standard output")(
      "csv", po::value<std::string>()->value_name("FOLDER"),
      "a file per table, in a new or empty folder");
  add_store_option(visible);
  hidden.add_options()("names", po::value<Arguments>());
  po::positional_options_description positional;
  positional.add("names", -1);
  const Parsed parsed = parse_options(
      arguments, usage,
      "Writes runs, parameters, metrics, episodes, artifacts and provenance for other programs:\n"
      "all of the store, or of some experiments and the runs that they need.",
      visible, hidden, positional);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  if (values.count("json") == values.count("csv")) {
    throw InputError(std::string("export: expected either --json FILE or --csv FOLDER; usage: ") +
                     usage);
  }
  const Arguments names =
      values.count("names") == 0 ? Arguments() : values["names"].as<Arguments>();
  Store store(store_path(values), Store::Access::kReadOnly);
  try {
    if (values.count("json") > 0) {
      write_json(store, names, values["json"].as<std::string>());
    } else {
      export_csv(store, names, values["csv"].as<std::string>());
    }
  } catch (const std::system_error& error) {
    throw InputError(error.what());
  }
  return kOk;
}

}  // namespace labhost
