// The commands as a user calls them: arguments in, text and exit code out.
#include <doctest/doctest.h>
#include <fcntl.h>

#include "core/cli/command.hpp"
#include "core/runner/job.hpp"
#include "core/sdk/error.hpp"
#include "tests/report/store_fixture.hpp"

namespace labhost {
namespace {

using namespace testing;  // NOLINT: the fixture of these tests
namespace fs = std::filesystem;

/// Replaces standard input by a file, or by nothing to read, for as long as it lives.
class StandardInput {
 public:
  explicit StandardInput(const fs::path& file) : saved_(dup(STDIN_FILENO)) {
    const int input = open(file.c_str(), O_RDONLY);
    dup2(input, STDIN_FILENO);
    close(input);
  }
  ~StandardInput() {
    dup2(saved_, STDIN_FILENO);
    close(saved_);
    std::clearerr(stdin);
  }

 private:
  int saved_;
};

class CommandFixture {
 public:
  CommandFixture() : file(folder / "labhost.sqlite") {
    Store store(file, Store::Access::kReadWrite);
    store.record_plan(make_plan("t3", "paper", {"neutral"}, {"iql", "ibc"}, 2));
    finish(store, "neutral", "iql", 0, 0.5, {{0, "policy", 0, "runs/a/policy.pt", "00", 1}});
    id = find_row(store, "neutral", "iql", 0).id;
    key = find_row(store, "neutral", "iql", 0).run_key;
    uuid = find_row(store, "neutral", "iql", 0).uuid;
  }
  /// Standard output; the exit code must be 0.
  std::string run(int (*command)(const Arguments&), Arguments arguments) {
    arguments.insert(arguments.end(), {"--store", file.string()});
    int code = -1;
    const std::string text = standard_output_of([&] { code = command(arguments); });
    CHECK(code == kOk);
    return text;
  }
  std::int64_t count_runs() {
    Store store(file, Store::Access::kReadOnly);
    return std::get<std::int64_t>(store.query("SELECT count(*) FROM run").rows[0][0]);
  }

  TemporaryFolder folder;
  fs::path file;
  std::int64_t id = 0;
  std::string key, uuid;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(CommandFixture, "report") {
  CHECK(contains(run(report_command, {"t3"}), "neutral   0.50 (1/2)"));
  CHECK(contains(run(report_command, {"t3", "--format", "csv", "--profile", "paper"}),
                 "t3,paper,neutral,iql,1,0.5,"));
  CHECK(contains(run(report_command, {"t3", "--compare", "paper"}), "difference"));
  CHECK_THROWS_AS(run(report_command, {}), InputError);
  CHECK_THROWS_AS(run(report_command, {"t3", "--format", "doc"}), InputError);
  CHECK_THROWS_AS(run(report_command, {"t3", "--compare", "ours"}), InputError);
  CHECK_THROWS_AS(run(report_command, {"t4"}), InputError);
}

TEST_CASE_FIXTURE(CommandFixture, "sql, from the argument or from standard input") {
  CHECK(run(sql_command, {"SELECT 1 AS one", "--format", "csv"}) == "one\n1\n");
  CHECK(contains(run(sql_command, {"SELECT count(*) AS runs FROM run"}), "runs\n----\n   4\n"));
  std::ofstream(folder / "query.sql") << "SELECT 2 AS two";
  const StandardInput input(folder / "query.sql");
  CHECK(run(sql_command, {"-", "--format", "json"}) == "[\n {\"two\":2}\n]\n");
  CHECK_THROWS_AS(run(sql_command, {}), InputError);
  CHECK_THROWS_AS(run(sql_command, {"DELETE FROM run"}), InputError);
  CHECK(count_runs() == 4);
}

TEST_CASE_FIXTURE(CommandFixture, "status, once and followed to the end") {
  CHECK(contains(run(status_command, {}), "t3 paper: 1/4 completed, 3 queued"));
  {
    Store store(file, Store::Access::kReadWrite);
    finish(store, "neutral", "iql", 1, 0.5);
    for (int seed = 0; seed < 2; ++seed) finish(store, "neutral", "ibc", seed, 0.5);
  }
  CHECK(contains(run(status_command, {"--follow"}), "t3 paper: 4/4 completed"));
}

TEST_CASE_FIXTURE(CommandFixture, "runs: list, show, compare") {
  CHECK(contains(run(runs_command, {"--filter", "status=completed"}), key.substr(0, 8)));
  CHECK(contains(run(runs_command, {"--limit", "1", "--format", "csv"}), "id,run_key,experiment"));
  CHECK(contains(run(runs_command, {"show", key.substr(0, 8)}), key));
  CHECK(contains(run(runs_command, {"compare", "1", "2"}), "run 1 beside run 2"));
  CHECK(run(runs_command, {"--filter", "task=none"}).empty());
  CHECK_THROWS_WITH_AS(run(runs_command, {"shwo", "1"}), doctest::Contains("\"show\""), InputError);
  CHECK_THROWS_AS(run(runs_command, {"show"}), InputError);
  CHECK_THROWS_AS(run(runs_command, {"compare", "1"}), InputError);
  CHECK_THROWS_AS(run(runs_command, {"show", "1", "--limit", "3"}), InputError);
  CHECK_THROWS_AS(run(runs_command, {"--limit", "-1"}), InputError);
  CHECK_THROWS_AS(run(runs_command, {"--yes"}), InputError);
}

TEST_CASE_FIXTURE(CommandFixture, "runs delete: rows and files go, only with a yes") {
  const fs::path log = folder / (run_folder(uuid) / "log.txt").string();
  const fs::path policy = folder / "runs/a/policy.pt";
  for (const fs::path& path : {log, policy}) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
  }
  {
    const StandardInput nobody("/dev/null");
    CHECK_THROWS_WITH_AS(run(runs_command, {"delete", "1"}), doctest::Contains("--yes"),
                         InputError);
  }
  CHECK(count_runs() == 4);
  CHECK(fs::exists(policy));
  CHECK_THROWS_AS(run(runs_command, {"delete", "--yes"}), InputError);
  CHECK_THROWS_AS(run(runs_command, {"delete", std::to_string(id), "77", "--yes"}), InputError);
  CHECK(count_runs() == 4);
  CHECK(contains(run(runs_command, {"delete", std::to_string(id), "--yes"}), "deleted 1 run"));
  CHECK(count_runs() == 3);
  CHECK_FALSE(fs::exists(policy));
  CHECK_FALSE(fs::exists(log));
  CHECK_FALSE(fs::exists(folder / "runs"));
  CHECK(fs::exists(file));
}

TEST_CASE_FIXTURE(CommandFixture, "runs delete leaves files outside of the store's folder alone") {
  const TemporaryFolder elsewhere;
  std::ofstream(elsewhere / "precious") << "x";
  {
    Store store(file, Store::Access::kReadWrite);
    const fs::path outside = fs::relative(elsewhere / "precious", folder / "");
    finish(store, "neutral", "ibc", 1, 1.0, {{0, "policy", 0, outside.string(), "00", 1}});
  }
  const std::string other = std::to_string(id + 3);
  int code = -1;
  standard_output_of([&] {
    code = runs_command({"delete", other, "--yes", "--store", file.string()});
  });
  CHECK(code == kRunFailed);
  CHECK(fs::exists(elsewhere / "precious"));
}

TEST_CASE("a missing store is an error, an empty one is not") {
  const TemporaryFolder folder;
  const std::string path = (folder / "labhost.sqlite").string();
  const Arguments store = {"--store", path};
  CHECK_THROWS_AS(status_command(store), InputError);
  CHECK_THROWS_AS(runs_command(store), InputError);
  CHECK_THROWS_AS(report_command({"t3", "--store", path}), InputError);
  CHECK_THROWS_AS(runs_command({"delete", "1", "--yes", "--store", path}), InputError);
  CHECK_FALSE(fs::exists(path));
  { Store created(path, Store::Access::kReadWrite); }
  CHECK(standard_output_of([&] { CHECK(status_command(store) == kOk); }).empty());
  CHECK(standard_output_of([&] { CHECK(runs_command(store) == kOk); }).empty());
  CHECK(standard_output_of([&] { CHECK(report_command({"t3", "--store", path}) == kOk); }).empty());
}

}  // namespace labhost
