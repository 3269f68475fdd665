// What the tests of the store share: a temporary folder, small plans, child processes.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

#include "core/store/store.hpp"

namespace labhost::store_testing {

/// A fresh folder, removed at the end.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "labhost-store-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline RunSpec make_run(const std::string& task, const std::string& algorithm, std::int64_t seed) {
  RunSpec run;
  run.task = task;
  run.algorithm = algorithm;
  run.seed = seed;
  run.total_steps = 100;
  run.environment.plugin = "coordination-game";
  run.environment.params = {{"rounds", "5"}};
  run.dataset.plugin = "coordination";
  run.method.plugin = algorithm;
  run.method.params = {{"expectile", "0.7"}};
  run.run_key = task + '/' + algorithm + '/' + std::to_string(seed);
  return run;
}

/// task "favorable", algorithm "iql", seeds 0 ... count - 1: ids 1 ... count in a new store.
inline Plan make_plan_of(std::int64_t count) {
  Plan plan;
  plan.experiment = "table3";
  plan.profile = "paper";
  plan.layout.paper_table = "table3";
  for (std::int64_t seed = 0; seed < count; ++seed) {
    plan.runs.push_back(make_run("favorable", "iql", seed));
  }
  return plan;
}

/// A new store with make_plan_of(count).
inline Store store_with_runs(const std::filesystem::path& file, std::int64_t count) {
  Store store(file, Store::Access::kReadWrite);
  store.record_plan(make_plan_of(count));
  return store;
}

/// The only value of a query.
inline Cell single(Store& store, const std::string& sql, const std::vector<Cell>& params = {}) {
  const QueryResult result = store.query(sql, params);
  if (result.rows.size() != 1 || result.columns.size() != 1) {
    throw std::runtime_error("expected one value: " + sql);
  }
  return result.rows[0][0];
}

inline std::int64_t count(Store& store, const std::string& sql) {
  return std::get<std::int64_t>(single(store, sql));
}

/// The message of the exception that `action` throws; "" when it throws none.
template <typename Error>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A forked process and what it writes. SQLite connections must not cross a fork: REQUIRES that no
/// Store is open in this process.
class Child {
 public:
  /// Runs `action` in the child; what it returns, or the message of what it throws, can be read.
  explicit Child(const std::function<std::string(int descriptor)>& action) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) throw std::runtime_error("pipe failed");
    std::fflush(nullptr);  // or the child would print what is buffered once more
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
      close(ends[0]);
      std::string answer;
      try {
        answer = action(ends[1]);
      } catch (const std::exception& error) {
        answer = std::string("threw: ") + error.what();
      }
      const ssize_t written = write(ends[1], answer.data(), answer.size());
      _exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
    }
    close(ends[1]);
    descriptor_ = ends[0];
  }
  ~Child() {
    close(descriptor_);
    if (!waited_) waitpid(pid_, nullptr, 0);
  }
  Child(Child&& other) noexcept
      : pid_(other.pid_), descriptor_(dup(other.descriptor_)), waited_(other.waited_) {
    other.waited_ = true;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void kill_and_wait() {
    kill(pid_, 9);
    wait();
  }
  void wait() {
    waitpid(pid_, nullptr, 0);
    waited_ = true;
  }
  /// The next byte that it writes; '\0' at the end.
  char read_byte() {
    char byte = 0;
    return ::read(descriptor_, &byte, 1) == 1 ? byte : '\0';
  }
  /// All that it writes until it ends.
  std::string read_all() {
    std::string text;
    while (const char byte = read_byte()) text += byte;
    wait();
    return text;
  }

 private:
  pid_t pid_ = 0;
  int descriptor_ = -1;
  bool waited_ = false;
};

}  // namespace labhost::store_testing
