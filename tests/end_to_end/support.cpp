#include "tests/end_to_end/support.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/store/store.hpp"

namespace labhost::testing {

namespace {

constexpr uid_t kNobody = 65534;

/// Plugin descriptions are cached here, for the whole program: fixtures are described once.
const std::string& cache_folder() {
  static const ScratchFolder folder;
  static const std::string path = folder.path().string();
  return path;
}

std::string content(int descriptor) {
  std::string text;
  char buffer[1 << 14];
  ssize_t size = 0;
  off_t offset = 0;
  while ((size = pread(descriptor, buffer, sizeof buffer, offset)) > 0) {
    text.append(buffer, static_cast<std::size_t>(size));
    offset += size;
  }
  return text;
}

[[noreturn]] void become(const Words& command, const Surroundings& surroundings) {
  for (const char* name : {"LABHOST_STORE", "LABHOST_PLUGIN_PATH"}) unsetenv(name);
  setenv("XDG_CACHE_HOME", cache_folder().c_str(), 1);
  for (const auto& [name, value] : surroundings.variables) setenv(name.c_str(), value.c_str(), 1);
  if (!surroundings.folder.empty() && chdir(surroundings.folder.c_str()) != 0) _exit(126);
  if (surroundings.unprivileged && geteuid() == 0) {
    if (setgid(kNobody) != 0 || setuid(kNobody) != 0) _exit(126);
  }
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execvp(words[0], words.data());
  _exit(127);
}

std::string cell_as_text(const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&cell)) return format_real(*real);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return "NULL";
}

}  // namespace

Process::Process(const Words& command, const Surroundings& surroundings)
    : out_(memfd_create("out", MFD_CLOEXEC)), err_(memfd_create("err", MFD_CLOEXEC)) {
  cache_folder();  // made by this process, not by a child that would remove it
  pid_ = fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(out_, STDOUT_FILENO);
    dup2(err_, STDERR_FILENO);
    become(command, surroundings);
  }
}

Process::~Process() {
  if (!reaped_) wait(0);
  close(out_);
  close(err_);
}

bool Process::running() {
  if (!reaped_ && waitpid(pid_, &status_, WNOHANG) == pid_) reaped_ = true;
  return !reaped_;
}

void Process::signal(int number) const {
  if (!reaped_) kill(pid_, number);
}

Outcome Process::wait(double seconds) {
  Outcome outcome;
  if (!eventually(seconds, [this] { return !running(); })) {
    outcome.timed_out = true;
    std::vector<pid_t> family = descendants(pid_);
    family.insert(family.begin(), pid_);
    for (const pid_t member : family) kill(member, SIGKILL);
    waitpid(pid_, &status_, 0);
    reaped_ = true;
  }
  if (WIFEXITED(status_)) outcome.code = WEXITSTATUS(status_);
  if (WIFSIGNALED(status_)) outcome.signal = WTERMSIG(status_);
  outcome.out = content(out_);
  outcome.err = content(err_);
  return outcome;
}

Outcome run_program(const Words& command, const Surroundings& surroundings, double seconds) {
  return Process(command, surroundings).wait(seconds);
}

std::vector<pid_t> descendants(pid_t pid) {
  std::multimap<pid_t, pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto number = parse_integer(entry.path().filename().string());
    if (!number) continue;
    std::ifstream file(entry.path() / "stat");
    std::string line;
    std::getline(file, line);
    const std::size_t end = line.rfind(')');  // behind it: state, parent
    if (end == std::string::npos) continue;
    std::istringstream fields(line.substr(end + 1));
    std::string state;
    pid_t parent = 0;
    fields >> state >> parent;
    if (state != "Z") children.emplace(parent, static_cast<pid_t>(*number));
  }
  std::vector<pid_t> found, open = {pid};
  while (!open.empty()) {
    const auto [first, last] = children.equal_range(open.back());
    open.pop_back();
    for (auto child = first; child != last; ++child) {
      found.push_back(child->second);
      open.push_back(child->second);
    }
  }
  return found;
}

bool alive(pid_t pid) { return local_process(pid).start != 0; }

bool eventually(double seconds, const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

Rows rows(const fs::path& store, const std::string& sql) {
  if (!fs::exists(store)) return {};
  Rows found;
  for (const auto& row : Store(store, Store::Access::kReadOnly).query(sql).rows) {
    found.emplace_back();
    for (const Cell& cell : row) found.back().push_back(cell_as_text(cell));
  }
  return found;
}

std::string value(const fs::path& store, const std::string& sql) {
  const Rows found = rows(store, sql);
  return found.size() == 1 && found[0].size() == 1 ? found[0][0]
                                                   : std::to_string(found.size()) + " rows";
}

void alter(const fs::path& store, const std::string& sql) {
  sqlite3* db = nullptr;
  char* message = nullptr;
  sqlite3_open_v2(store.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr);
  sqlite3_busy_timeout(db, 10000);
  const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message);
  const std::string reason = message == nullptr ? "" : message;
  sqlite3_free(message);
  sqlite3_close(db);
  if (code != SQLITE_OK) throw std::runtime_error(sql + ": " + reason);
}

std::string integrity(const fs::path& store) {
  sqlite3* db = nullptr;
  std::string answer = "no answer";
  const auto take = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) = values[0];
    return 0;
  };
  sqlite3_open_v2(store.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr);
  sqlite3_busy_timeout(db, 10000);
  sqlite3_exec(db, "PRAGMA integrity_check", take, &answer, nullptr);
  sqlite3_close(db);
  return answer;
}

Rows results(const fs::path& store) {
  Rows all = rows(store,
                  "SELECT run_key, name, metric.step, value FROM metric JOIN run ON run.id = run_id"
                  " ORDER BY 1, 2, 3");
  const Rows episodes =
      rows(store,
           "SELECT run_key, episode.step, episode, return, episode.score, length FROM episode"
           " JOIN run ON run.id = run_id ORDER BY 1, 2, 3");
  const Rows scores = rows(store, "SELECT run_key, step, score FROM run ORDER BY 1");
  all.insert(all.end(), episodes.begin(), episodes.end());
  all.insert(all.end(), scores.begin(), scores.end());
  return all;
}

Workplace::Workplace() { surroundings.folder = scratch.path(); }

Words Workplace::command(const Words& arguments) const {
  Words words = {LABHOST_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

Outcome Workplace::labhost(const Words& arguments, double seconds) const {
  const Outcome outcome = run_program(command(arguments), surroundings, seconds);
  CHECK_FALSE_MESSAGE(outcome.timed_out, join(arguments, " "));
  return outcome;
}

Outcome Workplace::run(const Words& arguments, double seconds) const {
  Words words = {"run", "table.toml"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return labhost(words, seconds);
}

std::unique_ptr<Process> Workplace::start(const Words& arguments) const {
  Words words = {"run", "table.toml"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return std::make_unique<Process>(command(words), surroundings);
}

const char kTable[] = R"([experiment]
title = "A small table"
tasks = ["favorable", "neutral"]
algorithms = ["maiql", "ibc"]
seeds = 2

[task.favorable]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "favorable", size = 500 }

[task.neutral]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "neutral", size = 500 }

[algorithm.maiql]
steps = 12
hidden = 16

[algorithm.ibc]
steps = 12
hidden = 16

[evaluation]
episodes = 10
every = 5
)";

const char kLongRun[] = R"([experiment]
tasks = ["neutral"]
algorithms = ["ibc"]
seeds = 1

[task.neutral]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "neutral", size = 500 }

[algorithm.ibc]
steps = 1500
hidden = 16

[evaluation]
episodes = 10
every = 40
episodes_during = 2

[run]
checkpoint_seconds = 0.05
)";

const char kMisbehaving[] = R"([experiment]
tasks = ["neutral"]
algorithms = ["misbehaving", "ibc"]
seeds = 1

[task.neutral]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "neutral", size = 500 }

[algorithm.misbehaving]
steps = 10

[algorithm.ibc]
steps = 12
hidden = 16

[evaluation]
episodes = 10
)";

const Rows& uninterrupted_long_run() {
  static const Rows all = [] {
    const Workplace place;
    place.write(kLongRun);
    CHECK(place.run().code == 0);
    return results(place.store());
  }();
  return all;
}

std::string with(const std::string& from, const std::string& to, const std::string& text) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("the text has no \"" + from + "\"");
  return std::string(text).replace(at, from.size(), to);
}

fs::path fixture(const std::string& name) { return fs::path(LABHOST_FIXTURES) / name; }

fs::path plugin_folder() {
  return fs::path(LABHOST_BINARY).parent_path().parent_path() / "lib/labhost/plugins";
}

}  // namespace labhost::testing
