// A Slurm cluster of a few nodes on this machine, for as long as the object lives.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

class Cluster {
 public:
  /// Whether Slurm and munge are installed; says so where they are not.
  static bool available();

  explicit Cluster(int nodes = 4);
  ~Cluster();
  Cluster(const Cluster&) = delete;

  /// Variables for processes that talk to this cluster.
  const std::map<std::string, std::string>& variables() const { return variables_; }
  /// Standard output of a command of Slurm's, without the last line end.
  std::string ask(const Words& command) const;
  /// "PENDING", "RUNNING", ...; empty once Slurm has forgotten the job.
  std::string state_of(const std::string& job) const;

  /// Kills the node's slurmd and what runs there, with -9, and tells Slurm that it is down.
  void lose_node(const std::string& node, pid_t task);
  void bring_back(const std::string& node);
  /// Ends slurmctld with the signal and starts it again.
  void restart_controller(int signal);

 private:
  pid_t pid_in(const std::string& file) const;

  ScratchFolder folder_;
  Surroundings surroundings_;
  std::map<std::string, std::string> variables_;
};

}  // namespace labhost::testing
