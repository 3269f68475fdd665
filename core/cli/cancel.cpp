// `labhost cancel [EXPERIMENT]`: ends what is with Slurm.
#include "core/cli/command.hpp"
#include "core/cli/table.hpp"
#include "core/report/report.hpp"
#include "core/runner/slurm/commands.hpp"

namespace labhost {

namespace po = boost::program_options;

int cancel_command(const Arguments& arguments) {
  po::options_description visible("options"), hidden;
  add_store_option(visible);
  hidden.add_options()("experiment", po::value<std::string>(), "");
  po::positional_options_description positional;
  positional.add("experiment", 1);
  const Parsed parsed = parse_options(
      arguments, "labhost cancel [EXPERIMENT] [options]",
      "Ends the jobs at Slurm of an experiment's runs, or of all; they write checkpoints first.",
      visible, hidden, positional);
  if (parsed.help) return kOk;
  Store(store_path(parsed.values), Store::Access::kReadOnly);  // must be there
  Store store(store_path(parsed.values), Store::Access::kReadWrite);
  std::optional<std::string> experiment;
  if (parsed.values.count("experiment") != 0) {
    experiment = parsed.values["experiment"].as<std::string>();
    load_table(store, *experiment, std::nullopt);  // throws where there is none
  }
  const std::int64_t count = cancel_slurm_tasks(store, experiment);
  print(count == 0 ? "nothing is with Slurm\n"
                   : std::to_string(count) + " runs cancelled; `labhost run` goes on with them\n");
  return kOk;
}

}  // namespace labhost
