#include "tests/end_to_end/cluster.hpp"

#include <unistd.h>

#include <csignal>
#include <fstream>

namespace labhost::testing {

namespace {

const std::string kScript = std::string(LABHOST_SOURCE) + "/tests/slurm/cluster.sh";

bool exists_in_path(const std::string& program) {
  return run_program({"sh", "-c", "PATH=$PATH:/usr/sbin command -v " + program}).code == 0;
}

}  // namespace

bool Cluster::available() {
  for (const char* program : {"slurmctld", "slurmd", "sbatch", "munged"}) {
    if (exists_in_path(program)) continue;
    MESSAGE("skipped: " << program << " is not installed (Debian: slurm-wlm, munge)");
    return false;
  }
  return true;
}

Cluster::Cluster(int nodes) {
  variables_["SLURM_CONF"] = folder_ / "slurm.conf";
  surroundings_.variables = variables_;
  // One port for the controller and one for each node. Several programs may run at once, and have
  // two clusters each.
  static int clusters = 0;
  const int port = 20000 + static_cast<int>(getpid()) % 2000 * 20 + clusters++ % 2 * 10;
  const Outcome outcome = run_program(
      {kScript, "start", folder_.path().string(), std::to_string(nodes), std::to_string(port)},
      surroundings_);
  if (outcome.code != 0) throw std::runtime_error("no cluster: " + outcome.text());
}

Cluster::~Cluster() { run_program({kScript, "stop", folder_.path().string()}, surroundings_); }

std::string Cluster::ask(const Words& command) const {
  Outcome outcome = run_program(command, surroundings_);
  if (!outcome.out.empty()) outcome.out.pop_back();
  return outcome.out;
}

std::string Cluster::state_of(const std::string& job) const {
  return ask({"squeue", "--noheader", "--array", "--states=all", "--jobs=" + job, "--format=%T"});
}

pid_t Cluster::pid_in(const std::string& file) const {
  pid_t pid = 0;
  std::ifstream(folder_ / ("run/" + file)) >> pid;
  return pid;
}

void Cluster::lose_node(const std::string& node, pid_t task) {
  std::ifstream stat("/proc/" + std::to_string(task) + "/stat");
  std::string line;
  std::getline(stat, line);
  pid_t stepd = 0;
  const std::size_t end = line.rfind(')');
  if (end != std::string::npos) stepd = std::stoi(line.substr(end + 4));
  for (const pid_t pid : {pid_in("slurmd." + node + ".pid"), stepd, task}) {
    if (pid > 1) kill(pid, SIGKILL);
  }
  ask({"scontrol", "update", "nodename=" + node, "state=down", "reason=lost"});
}

void Cluster::bring_back(const std::string& node) {
  const std::string conf = folder_ / "slurm.conf";
  run_program({"sh", "-c", "PATH=$PATH:/usr/sbin exec slurmd -f " + conf + " -N " + node},
              surroundings_);
  ask({"scontrol", "update", "nodename=" + node, "state=resume"});
}

void Cluster::restart_controller(int signal) {
  const pid_t pid = pid_in("slurmctld.pid");
  kill(pid, signal);
  eventually(20, [pid] { return !alive(pid); });
  const std::string conf = folder_ / "slurm.conf";
  run_program({"sh", "-c", "PATH=$PATH:/usr/sbin exec slurmctld -f " + conf}, surroundings_);
}

}  // namespace labhost::testing
