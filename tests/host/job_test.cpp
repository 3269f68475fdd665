#include "core/runner/job.hpp"

#include <doctest/doctest.h>

#include "tests/base/scratch_folder.hpp"

namespace labhost::testing {

namespace {

Job unusual_job() {
  Job job;
  job.store = "/results of \"today\"/labhost.sqlite";
  job.run_id = 9007199254740993;  // no double holds it
  job.attempt = 3;
  job.log = "/results/naïve\\run/attempt-3.log";
  job.runner.threads = 2;
  job.runner.checkpoint_seconds = 0.1;
  job.runner.heartbeat_stale_seconds = 7.25;
  job.runner.device = "cuda";
  job.runner.log_level = "warn";
  job.environment = "/plugins/game.so";
  job.dataset = "/plugins/data.so";
  job.method = "/plugins/ibc.so";
  job.command_line = "labhost run \"my table.toml\"\n--set a=b\t";
  return job;
}

}  // namespace

TEST_CASE("a job reads back as it was written") {
  const Job job = unusual_job();
  const Job read = Job::from_text(job.to_text());
  CHECK(read.store == job.store);
  CHECK(read.run_id == job.run_id);
  CHECK(read.attempt == job.attempt);
  CHECK(read.log == job.log);
  CHECK(read.runner.threads == job.runner.threads);
  CHECK(read.runner.checkpoint_seconds == job.runner.checkpoint_seconds);
  CHECK(read.runner.heartbeat_stale_seconds == job.runner.heartbeat_stale_seconds);
  CHECK(read.runner.device == job.runner.device);
  CHECK(read.runner.log_level == job.runner.log_level);
  CHECK(read.environment == job.environment);
  CHECK(read.dataset == job.dataset);
  CHECK(read.method == job.method);
  CHECK(read.command_line == job.command_line);
  CHECK(read.to_text() == job.to_text());
}

TEST_CASE("a job is one line, as a packet and an argument must be") {
  CHECK_FALSE(contains(unusual_job().to_text(), "\n"));
  CHECK_FALSE(contains(unusual_job().to_text(), std::string(1, '\0')));
}

TEST_CASE("a job whose command line is no UTF-8 can still be handed over") {
  Job job = unusual_job();
  job.command_line = "labhost run caf\xe9.toml";
  CHECK_NOTHROW(Job::from_text(job.to_text()));
}

TEST_CASE("what is no job is refused") {
  CHECK_THROWS(Job::from_text(""));
  CHECK_THROWS(Job::from_text("{}"));
  CHECK_THROWS(Job::from_text("{\"store\": 1}"));
}

TEST_CASE("a run's folder is named after its record") {
  CHECK(run_folder("2f453b42-da79-40e2-a224-92bebcd36e4e") ==
        "runs/2f453b42-da79-40e2-a224-92bebcd36e4e");
}

}  // namespace labhost::testing
