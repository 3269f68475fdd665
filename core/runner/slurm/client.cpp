#include "core/runner/slurm/client.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "core/base/subprocess.hpp"
#include "core/base/text.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

/// Standard output of a command that succeeded.
std::string output_of(const std::vector<std::string>& command) {
  const ProgramEnd end = run_to_end(command);
  if (end.succeeded()) return end.out;
  if (WIFEXITED(end.wait_status) && WEXITSTATUS(end.wait_status) == 127 && end.err.empty()) {
    throw InputError("--engine slurm: expected Slurm's command " + command[0] +
                     " in PATH, found none; run labhost on a machine that submits jobs");
  }
  std::string said = end.err.empty() ? end.out : end.err;
  while (!said.empty() && said.back() == '\n') said.pop_back();
  // What some commands print before they fail is no message.
  if (end.err.empty()) said.erase(0, said.rfind('\n') + 1);
  throw SlurmError(command[0] + ": " + (said.empty() ? "failed without a word" : said));
}

/// The value of "Name=" in a line of such fields, up to the next blank.
std::string field(const std::string& line, const std::string& name) {
  const std::string key = name + "=";
  for (std::size_t at = line.find(key); at != std::string::npos; at = line.find(key, at + 1)) {
    if (at != 0 && line[at - 1] != ' ') continue;  // the end of a longer name
    const std::size_t begin = at + key.size();
    return line.substr(begin, line.find(' ', begin) - begin);
  }
  return "";
}

/// A line "Name   = value" of `scontrol show config`.
std::string config_value(const std::string& config, const std::string& name) {
  for (const std::string& line : split(config, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos || line.rfind(name, 0) != 0) continue;
    const std::string key = line.substr(0, line.find_last_not_of(' ', equals - 1) + 1);
    if (key != name) continue;
    const std::size_t begin = line.find_first_not_of(' ', equals + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

/// The last line on `job` in the file that jobcomp/filetxt writes.
std::optional<SlurmEnd> completion_log_entry(const std::string& job) {
  std::string log;
  try {
    log = config_value(output_of({"scontrol", "show", "config"}), "JobCompLoc");
  } catch (const SlurmError&) {
    return std::nullopt;
  }
  std::ifstream file(log);
  std::optional<SlurmEnd> end;
  const std::size_t underscore = job.find('_');
  for (std::string line; std::getline(file, line);) {
    const bool matches = underscore == std::string::npos
                             ? field(line, "JobId") == job
                             : field(line, "ArrayJobId") == job.substr(0, underscore) &&
                                   field(line, "ArrayTaskId") == job.substr(underscore + 1);
    if (matches) end = parse_end(line);
  }
  return end;
}

}  // namespace

bool is_live(const std::string& state) {
  static const std::vector<std::string> ended = {
      "COMPLETED", "FAILED",   "TIMEOUT",   "NODE_FAIL", "OUT_OF_MEMORY", "CANCELLED",
      "BOOT_FAIL", "DEADLINE", "PREEMPTED", "REVOKED",   "LAUNCH_FAILED", "RECONFIG_FAIL"};
  return std::find(ended.begin(), ended.end(), state) == ended.end();
}

std::string SlurmEnd::text() const {
  std::string text = state;
  if (!reason.empty() && reason != "None") text += " (" + reason + ")";
  if (signal != 0) {
    const char* name = sigabbrev_np(signal);
    text += ", killed by " +
            (name == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(name));
  } else if (exit_code != 0) {
    text += ", exit code " + std::to_string(exit_code);
  }
  if (!nodes.empty() && nodes != "(null)") text += ", on " + nodes;
  return text;
}

std::optional<SlurmEnd> parse_end(const std::string& line) {
  SlurmEnd end;
  end.state = field(line, "JobState");
  if (end.state.empty()) return std::nullopt;
  end.reason = field(line, "Reason");
  end.nodes = field(line, "NodeList");
  const std::string code = field(line, "ExitCode");
  const std::size_t colon = code.find(':');
  if (colon != std::string::npos) {
    end.exit_code = static_cast<int>(parse_integer(code.substr(0, colon)).value_or(0));
    end.signal = static_cast<int>(parse_integer(code.substr(colon + 1)).value_or(0));
  }
  return end;
}

std::vector<SlurmJob> parse_queue(const std::string& text) {
  std::vector<SlurmJob> jobs;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> parts = split(line, '|');
    if (parts.size() < 4) continue;
    jobs.push_back({parts[0], parts[1], parts[2], parts[3]});
  }
  return jobs;
}

void SlurmClient::require_commands() const { output_of({"sbatch", "--version"}); }

std::string SlurmClient::submit(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {"sbatch", "--parsable"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const std::string answer = output_of(command);  // "17" or "17;cluster"
  const std::string job = answer.substr(0, answer.find_first_of(";\n"));
  if (!parse_integer(job)) throw SlurmError("sbatch: expected a job number, found: " + answer);
  return job;
}

std::vector<SlurmJob> SlurmClient::queue() const {
  return parse_queue(output_of({"squeue", "--noheader", "--array", "--states=all",
                                "--user=" + std::to_string(getuid()), "--format=%i|%j|%T|%r"}));
}

std::optional<SlurmEnd> SlurmClient::end_of(const std::string& job) const {
  try {
    if (auto end = parse_end(output_of({"scontrol", "--oneliner", "show", "job", job}))) return end;
  } catch (const SlurmError&) {
    // forgotten, or slurmctld is away: the log may know
  }
  return completion_log_entry(job);
}

void SlurmClient::cancel(const std::vector<std::string>& jobs) const {
  constexpr std::size_t kAtOnce = 200;
  for (std::size_t begin = 0; begin < jobs.size(); begin += kAtOnce) {
    std::vector<std::string> command = {"scancel", "--quiet"};
    const std::size_t end = std::min(jobs.size(), begin + kAtOnce);
    for (std::size_t i = begin; i < end; ++i) command.push_back(jobs[i]);
    output_of(command);
  }
}

void SlurmClient::requeue(const std::string& job) const { output_of({"scontrol", "requeue", job}); }

std::int64_t SlurmClient::max_array_tasks() const {
  // MaxArraySize bounds the index, which starts at 0; jobs of thousands of tasks gain nothing.
  constexpr std::int64_t kMost = 1000;
  const auto size =
      parse_integer(config_value(output_of({"scontrol", "show", "config"}), "MaxArraySize"));
  return std::max<std::int64_t>(1, std::min(kMost, size.value_or(kMost + 1) - 1));
}

}  // namespace labhost
