// labhost sql: one read-only statement.
#include <cstdio>

#include "core/cli/command.hpp"
#include "core/cli/table.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

namespace po = boost::program_options;

std::string read_standard_input() {
  std::string text;
  char buffer[4096];
  std::size_t count = 0;
  while ((count = std::fread(buffer, 1, sizeof buffer, stdin)) > 0) text.append(buffer, count);
  return text;
}

}  // namespace

int sql_command(const Arguments& arguments) {
  const char* usage = "labhost sql \"SELECT ...\" [options]";
  po::options_description visible, hidden;
  visible.add_options()("format",
                        po::value<std::string>()->value_name("FORMAT")->default_value("text"),
                        "text, csv or json");
  add_store_option(visible);
  hidden.add_options()("statement", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("statement", 1);
  const Parsed parsed = parse_options(
      arguments, usage,
      "Runs one read-only statement on the result store; \"-\" reads it from standard input.\n"
      "Aggregates beyond SQLite's own: iqm(x), sem(x), boot_lo(x), boot_hi(x).\n"
      "Tables: run, run_param, metric, episode, artifact, run_needs, provenance, paper_cell,\n"
      "experiment, experiment_run.\n"
      "Views: cell, latest_metric.",
      visible, hidden, positional);
  if (parsed.help) return kOk;
  const OutputFormat format = parse_output_format(parsed.values["format"].as<std::string>());
  if (parsed.values.count("statement") == 0) {
    throw InputError(std::string("no statement; usage: ") + usage);
  }
  std::string statement = parsed.values["statement"].as<std::string>();
  if (statement == "-") statement = read_standard_input();
  Store store(store_path(parsed.values), Store::Access::kReadOnly);
  print(render_query(store.query(statement), format));
  return kOk;
}

}  // namespace labhost
