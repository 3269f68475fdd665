// The built `labhost` as its users run it: processes with time-outs, stores looked into from
// outside.
#pragma once

#include <doctest/doctest.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/base/scratch_folder.hpp"

namespace labhost::testing {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// How a process ended and what it said.
struct Outcome {
  int code = -1;   ///< exit code; -1 when a signal ended it
  int signal = 0;  ///< the signal that ended it, or 0
  bool timed_out = false;
  std::string out, err;

  std::string text() const { return out + err; }
};

/// What a process starts with, beyond this one's environment without LABHOST_*.
struct Surroundings {
  fs::path folder;                               ///< working directory; empty: ours
  std::map<std::string, std::string> variables;  ///< set
  bool unprivileged = false;                     ///< as user nobody when we are root
};

/// A started program. Killed with all its descendants when it goes out of scope.
class Process {
 public:
  explicit Process(const Words& command, const Surroundings& surroundings = {});
  ~Process();
  Process(const Process&) = delete;

  pid_t pid() const { return pid_; }
  /// Whether it has not ended yet; reaps it when it has.
  bool running();
  void signal(int number) const;
  /// Waits for the end; past `seconds` all is killed and `timed_out` set.
  Outcome wait(double seconds = 60);

 private:
  pid_t pid_ = 0;
  int out_ = -1, err_ = -1, status_ = 0;
  bool reaped_ = false;
};

/// Runs to the end.
Outcome run_program(const Words& command, const Surroundings& surroundings = {},
                    double seconds = 60);

/// All processes below `pid`, parents first.
std::vector<pid_t> descendants(pid_t pid);
/// Whether it exists and is no zombie.
bool alive(pid_t pid);
/// True once `condition` is, within `seconds`.
bool eventually(double seconds, const std::function<bool()>& condition);

using Rows = std::vector<Words>;
/// A query's rows as text; numbers so that they read back the same. Empty while there is no store.
Rows rows(const fs::path& store, const std::string& sql);
/// The only value of a query's only row.
std::string value(const fs::path& store, const std::string& sql);
/// Changes a store behind labhost's back.
void alter(const fs::path& store, const std::string& sql);
/// What SQLite says of the file as a whole: "ok", or what is damaged.
std::string integrity(const fs::path& store);
/// All metrics, episodes and scores, under names that hold in every store; times left out.
Rows results(const fs::path& store);

/// A folder with an experiment, a store beside it, and labhost at work on them.
class Workplace {
 public:
  Workplace();

  fs::path store() const { return scratch / "results/labhost.sqlite"; }
  /// Writes table.toml.
  void write(const std::string& experiment) const { scratch.write("table.toml", experiment); }
  Words command(const Words& arguments) const;
  /// `labhost ARGUMENTS` in the folder, where `results/labhost.sqlite` is the default store.
  Outcome labhost(const Words& arguments, double seconds = 60) const;
  /// `labhost run table.toml ARGUMENTS`.
  Outcome run(const Words& arguments = {}, double seconds = 60) const;
  std::unique_ptr<Process> start(const Words& arguments = {}) const;

  ScratchFolder scratch;
  Surroundings surroundings;
};

/// Two tasks, two algorithms, two seeds: eight runs of a few milliseconds.
extern const char kTable[];
/// kTable with one part replaced; throws when it is not there.
std::string with(const std::string& from, const std::string& to, const std::string& text = kTable);
/// One task, one run of ibc: about a second, a checkpoint twenty times a second.
extern const char kLongRun[];
/// kLongRun without any interruption.
const Rows& uninterrupted_long_run();
/// One task, a run of "misbehaving" and one of ibc.
extern const char kMisbehaving[];

fs::path fixture(const std::string& name);
/// The folder of the plugins that labhost comes with.
fs::path plugin_folder();

}  // namespace labhost::testing
