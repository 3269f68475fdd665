// labhost COMMAND: finds the command and turns what it throws into a message and an exit code.
#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/table.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

constexpr std::array<Command, 15> kCommands = {
    {{"run", "run an experiment file: all runs that are not done yet", run_command},
     {"report", "print an experiment's table, or write a page with all of them", report_command},
     {"status", "how far the experiments are", status_command},
     {"cancel", "end runs that are with Slurm", cancel_command},
     {"runs", "list, show, compare or delete runs", runs_command},
     {"sql", "one read-only SQL statement on the result store", sql_command},
     {"datasets", "describe, check, list, fetch, import or export offline data", datasets_command},
     {"plot", "learning curves of an experiment, or a histogram of a dataset", plot_command},
     {"merge", "take the runs of other stores in", merge_command},
     {"export", "rows of the store as JSON or CSV; a team as a policy file", export_command},
     {"render", "show episodes as a video or a picture", render_command},
     {"plugins", "list, show or check plugins", plugins_command},
     {"new", "a plugin project of your own, ready to build", new_command},
     {"bench", "measure speed against what the machine can do", bench_command},
     {"worker", "one run (started by labhost run)", worker_command, true}}};

const Command* find_command(const std::string& name) {
  for (const Command& command : kCommands) {
    if (name == command.name) return &command;
  }
  return nullptr;
}

const Command& require_command(const std::string& name) {
  if (const Command* command = find_command(name)) return *command;
  std::vector<std::string> names = {"help"};
  for (const Command& command : kCommands) {
    if (!command.hidden) names.emplace_back(command.name);
  }
  throw InputError("unknown command \"" + name + "\"" + suggestion(name, names));
}

int print_overview() {
  std::vector<std::vector<std::string>> lines;
  for (const Command& command : kCommands) {
    if (!command.hidden) lines.push_back({command.name, command.summary});
  }
  lines.push_back({"help", "this, or what one command takes: labhost help COMMAND"});
  print("labhost " LABHOST_VERSION
        ": experiments in offline multi-agent reinforcement learning\n\n"
        "usage: labhost COMMAND [arguments]\n\n" +
        align(lines, 2) +
        "\nStart with: labhost run experiments/table3.toml\n"
        "Exit codes: 0 done, 1 a run failed, 2 bad input.\n");
  return kOk;
}

int dispatch(const Arguments& arguments) {
  if (arguments.empty()) return print_overview();
  const std::string& name = arguments.front();
  if (name == "help" || name == "--help" || name == "-h") {
    if (arguments.size() < 2 || arguments[1] == "help") return print_overview();
    return require_command(arguments[1]).run({"--help"});
  }
  if (name == "--version") {
    print("labhost " LABHOST_VERSION "\n");
    return kOk;
  }
  return require_command(name).run(Arguments(arguments.begin() + 1, arguments.end()));
}

}  // namespace
}  // namespace labhost

int main(int argc, char** argv) {
  try {
    return labhost::dispatch(labhost::Arguments(argv + (argc > 0 ? 1 : 0), argv + argc));
  } catch (const labhost::InputError& error) {
    std::fprintf(stderr, "labhost: %s\n", error.what());
    return labhost::kBadInput;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "labhost: %s\n", error.what());
    return labhost::kRunFailed;
  }
}
