// labhost status: how far the experiments are, once or until they are done.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "core/cli/command.hpp"
#include "core/cli/status_view.hpp"
#include "core/cli/table.hpp"
#include "core/runner/slurm/commands.hpp"

namespace labhost {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kListed = 50;
constexpr std::chrono::seconds kInterval{1};
constexpr double kPatience = 60;  // seconds without a running run

/// As many running (and failed) runs as leave all experiments on one screen.
std::size_t listed_on_screen(std::size_t experiments) {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return kListed;
  const std::size_t fixed = experiments + 7;  // headings, blank lines, "and N more"
  return size.ws_row > fixed + 2 ? std::min(kListed, (size.ws_row - fixed) / 2) : 1;
}

void repaint(const StatusReport& status) {
  print("\x1b[H\x1b[J" + render_status(status, listed_on_screen(status.experiments.size())));
}

/// A line for each experiment that has moved: a log must not grow by a line a second for nothing.
void print_changes(const StatusReport& status, std::map<std::string, std::string>& last) {
  for (const ExperimentStatus& experiment : status.experiments) {
    ExperimentStatus without_times = experiment;
    without_times.compute_seconds = 0;
    without_times.elapsed.reset();
    without_times.left.reset();
    std::string& before = last[experiment.experiment + '\n' + experiment.profile];
    if (status_line(without_times) == before) continue;
    before = status_line(without_times);
    print(status_line(experiment) + "\n");
  }
}

void follow(Store& store) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  std::map<std::string, std::string> last;
  double ran_at = now_seconds();
  const bool at_slurm = !SlurmTasks(store).all().empty();
  while (true) {
    if (at_slurm) refresh_from_shards(store);
    const StatusReport status = load_status(store, now_seconds());
    if (!status.running.empty()) ran_at = now_seconds();
    if (terminal) {
      repaint(status);
    } else {
      print_changes(status, last);
    }
    if (!status.active()) return;
    if (now_seconds() - ran_at > kPatience) {
      print(
          "nothing has been running for a while; `labhost run FILE` goes on with what is queued\n");
      return;
    }
    std::this_thread::sleep_for(kInterval);
  }
}

}  // namespace

int status_command(const Arguments& arguments) {
  po::options_description visible, hidden;
  visible.add_options()("follow", "repeat every second until nothing is queued or running");
  add_store_option(visible);
  const Parsed parsed = parse_options(
      arguments, "labhost status [options]",
      "Prints how many runs of each experiment are done, what is running, what has failed.",
      visible, hidden, {});
  if (parsed.help) return kOk;
  const auto file = store_path(parsed.values);
  const bool at_slurm =
      !SlurmTasks(*std::make_unique<Store>(file, Store::Access::kReadOnly)).all().empty();
  // Taking in what tasks at Slurm have written is writing.
  Store store(file, at_slurm ? Store::Access::kReadWrite : Store::Access::kReadOnly);
  if (say_if_empty(store)) return kOk;
  if (parsed.values.count("follow") > 0) {
    follow(store);
  } else {
    const std::string at_cluster = at_slurm ? refresh_from_shards(store) : "";
    print(render_status(load_status(store, now_seconds()), kListed));
    if (!at_cluster.empty()) print("\n" + at_cluster + "\n");
  }
  return kOk;
}

}  // namespace labhost
