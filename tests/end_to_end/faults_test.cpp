// What the outside world does to a sweep: many at once, a full disk, lost processes and files.
#include <sys/mount.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

/// kLongRun with two runs, whichever the length.
std::string two_runs(const std::string& steps) {
  return with("seeds = 1", "seeds = 2", with("steps = 1500", "steps = " + steps, kLongRun));
}

/// True once `count` runs have come to their hundredth step.
bool under_way(const Workplace& place, const std::string& count) {
  return eventually(30, [&] {
    return value(place.store(),
                 "SELECT count(*) FROM run WHERE status = 'running' AND step >= 100") == count;
  });
}

fs::path run_folder_of(const Workplace& place, const std::string& condition) {
  const std::string path = value(place.store(),
                                 "SELECT value FROM provenance JOIN run ON run.id = run_id WHERE "
                                 "name = 'log' AND " +
                                     condition);
  return (place.store().parent_path() / path).parent_path();
}

/// An interrupted kLongRun; returns its checkpoint.
fs::path interrupted_run(const Workplace& place) {
  place.write(kLongRun);
  const auto process = place.start();
  REQUIRE(under_way(place, "1"));
  process->signal(SIGTERM);
  CHECK(process->wait(30).code == 1);
  const fs::path checkpoint = run_folder_of(place, "run.id = 1") / "checkpoint.pt";
  REQUIRE(fs::exists(checkpoint));
  return checkpoint;
}

/// A small file system of its own; not mounted where that is not allowed.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path folder) : folder_(std::move(folder)) {
    fs::create_directories(folder_);
    mounted_ = mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=16m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

  /// Fills it so that `bytes` are left.
  void leave(std::uintmax_t bytes) const {
    std::ofstream file(folder_ / "filler", std::ios::binary);
    const std::string block(1 << 12, 'x');
    while (fs::space(folder_).free > bytes && file.write(block.data(), 1 << 12).flush()) {
    }
  }
  void make_space() const { fs::remove(folder_ / "filler"); }

 private:
  fs::path folder_;
  bool mounted_ = false;
};

}  // namespace

TEST_CASE("32 calls at once on a new store: no lock error, no run computed twice") {
  const Workplace place;
  place.write(with("seeds = 2", "seeds = 3", kTable));
  std::vector<std::unique_ptr<Process>> calls;
  for (int i = 0; i < 32; ++i) calls.push_back(place.start());
  std::int64_t completed = 0;
  std::string table;
  for (const auto& call : calls) {
    const Outcome outcome = call->wait(120);
    CHECK(outcome.code == 0);
    CHECK_FALSE(outcome.timed_out);
    for (const char* word : {"locked", "busy", "failed to", "error"}) {
      CHECK_MESSAGE(!contains(outcome.err, word), outcome.err);
    }
    if (table.empty()) table = outcome.out;
    CHECK(outcome.out == table);
    const std::size_t at = outcome.err.rfind("table: ");
    REQUIRE(at != std::string::npos);
    completed += std::stoi(outcome.err.substr(at + 7));
  }
  CHECK(completed == 12);
  CHECK(rows(place.store(), "SELECT status, attempt, count(*) FROM run GROUP BY 1, 2") ==
        Rows{{"completed", "1", "12"}});
  CHECK(integrity(place.store()) == "ok");
}

TEST_CASE("a full disk is told of, harms nothing, and the same command goes on") {
  const Workplace whole, place;
  whole.write(kTable);
  place.write(kTable);
  REQUIRE(whole.run().code == 0);
  for (const std::uintmax_t kilobytes : {0, 64, 160, 256, 400, 600}) {
    CAPTURE(kilobytes);
    const SmallDisk disk(place.store().parent_path());
    if (!disk.mounted()) {
      MESSAGE("no file system can be mounted here: nothing was tested");
      return;
    }
    disk.leave(kilobytes << 10);
    const Outcome full = place.run();
    CHECK((full.code == 1 || full.code == 2));
    CHECK_MESSAGE((contains(full.err, "disk is full") || contains(full.err, "No space left")),
                  full.err);
    if (fs::exists(place.store())) CHECK(integrity(place.store()) == "ok");

    disk.make_space();
    const Outcome after = place.run();
    CHECK_MESSAGE(after.code == 0, after.err);
    CHECK(results(place.store()) == results(whole.store()));
    CHECK(integrity(place.store()) == "ok");
  }
}

TEST_CASE("workers whose host is killed write a checkpoint and stop") {
  const Workplace place;
  place.write(two_runs("100000"));
  const auto process = place.start({"--jobs", "2"});
  REQUIRE(under_way(place, "2"));
  const std::vector<pid_t> family = descendants(process->pid());
  REQUIRE(family.size() == 3);  // the server and two workers
  process->signal(SIGKILL);
  CHECK(process->wait(10).signal == SIGKILL);
  CHECK(eventually(5, [&family] { return std::none_of(family.begin(), family.end(), alive); }));
  CHECK(rows(place.store(), "SELECT status, count(*) FROM run GROUP BY 1") ==
        Rows{{"interrupted", "2"}});
  for (const char* id : {"run.id = 1", "run.id = 2"}) {
    CHECK(fs::exists(run_folder_of(place, id) / "checkpoint.pt"));
  }
}

TEST_CASE("when the workers' parent is killed, the host starts another and goes on") {
  const Workplace whole, place;
  whole.write(two_runs("1500"));
  place.write(two_runs("1500"));
  REQUIRE(whole.run().code == 0);
  const auto process = place.start({"--jobs", "2"});
  for (int i = 0; i < 3; ++i) {
    REQUIRE(eventually(30, [&] {
      return value(place.store(), "SELECT count(*) FROM run WHERE status = 'running' AND step > " +
                                      std::to_string(100 + 300 * i)) == "2";
    }));
    kill(descendants(process->pid()).front(), SIGKILL);
  }
  const Outcome outcome = process->wait(60);
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(value(place.store(), "SELECT count(*) FROM run WHERE status = 'completed'") == "2");
  CHECK(results(place.store()) == results(whole.store()));
}

TEST_CASE("a worker that outlives its parent is not started a second time") {
  const Workplace place;
  // Updates of about a second: the worker hears of its parent's end, but cannot stop at once.
  place.write(
      with("steps = 1500\nhidden = 16", "steps = 3\nhidden = 1024\nbatch_size = 10000", kLongRun));
  const auto process = place.start();
  REQUIRE(eventually(30, [&] {
    return value(place.store(), "SELECT count(*) FROM provenance WHERE name = 'log'") == "1";
  }));
  const pid_t worker = std::stoi(value(place.store(), "SELECT pid FROM run"));
  kill(descendants(process->pid()).front(), SIGKILL);
  bool twice = false;
  CHECK(eventually(60, [&] {
    const bool again = value(place.store(), "SELECT attempt FROM run") != "1";
    twice = twice || (again && alive(worker));
    return again || !process->running();
  }));
  CHECK_FALSE(twice);
  const Outcome outcome = process->wait();
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(value(place.store(), "SELECT step FROM run WHERE status = 'completed'") == "3");
}

TEST_CASE("a second call waits for the runs of the first and computes none of them") {
  const Workplace place;
  place.write(kLongRun);
  const auto first = place.start();
  REQUIRE(under_way(place, "1"));
  const Outcome second = place.run();
  CHECK(second.code == 0);
  CHECK(contains(second.err, "0 runs completed now, 1 before"));
  CHECK(first->wait().code == 0);
  CHECK(value(place.store(), "SELECT attempt FROM run") == "1");
}

TEST_CASE("a second call takes over when the first is killed") {
  const Workplace place;
  place.write(kLongRun);
  const auto first = place.start();
  REQUIRE(under_way(place, "1"));
  const auto second = place.start();
  REQUIRE(
      eventually(10, [&] { return value(place.store(), "SELECT step > 300 FROM run") == "1"; }));
  const std::vector<pid_t> below = descendants(first->pid());
  first->signal(SIGKILL);
  for (const pid_t pid : below) kill(pid, SIGKILL);
  const Outcome outcome = second->wait();
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(contains(outcome.err, "1 runs completed now"));
  CHECK(results(place.store()) == uninterrupted_long_run());
}

TEST_CASE("a run that another machine has taken over is left to it") {
  const Workplace place;
  place.write(with("steps = 1500", "steps = 100000", kLongRun));
  const auto process = place.start();
  REQUIRE(under_way(place, "1"));
  const std::string worker = value(place.store(), "SELECT pid FROM run");
  kill(std::stoi(worker), SIGSTOP);  // silent, as one that waits for a network file system
  alter(place.store(),
        "UPDATE run SET attempt = attempt + 1, host = 'elsewhere', pid = 1, pid_start = 1, "
        "heartbeat_at = unixepoch() + 60");
  std::this_thread::sleep_for(std::chrono::milliseconds(600));  // the host looks at its rows
  kill(std::stoi(worker), SIGCONT);
  CHECK(eventually(10, [&worker] { return !alive(std::stoi(worker)); }));
  // The host has heard of its worker's end by now; the other machine's attempt is not touched.
  CHECK_FALSE(eventually(1, [&] {
    return rows(place.store(), "SELECT status, attempt, host FROM run") !=
           Rows{{"running", "2", "elsewhere"}};
  }));
  REQUIRE(process->running());
  alter(place.store(), "UPDATE run SET status = 'completed', score = 1, step = total_steps");
  const Outcome outcome = process->wait(10);
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "0 runs completed now, 1 before"));
}

TEST_CASE("SIGINT twice stops at once; nothing but the time since the checkpoint is lost") {
  const Workplace place;
  place.write(kLongRun);
  const auto process = place.start();
  REQUIRE(under_way(place, "1"));
  const pid_t worker = std::stoi(value(place.store(), "SELECT pid FROM run"));
  kill(worker, SIGSTOP);  // a worker that does not answer
  process->signal(SIGINT);
  CHECK_FALSE(eventually(0.5, [&process] { return !process->running(); }));
  process->signal(SIGINT);
  const Outcome outcome = process->wait(10);
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.code == 1);
  CHECK_FALSE(alive(worker));
  CHECK(value(place.store(), "SELECT status FROM run") == "interrupted");
  CHECK(place.run().code == 0);
  CHECK(results(place.store()) == uninterrupted_long_run());
}

TEST_CASE("a truncated checkpoint is told of; without it the run starts anew") {
  for (const std::uintmax_t divisor : {2, 1000000000}) {
    const Workplace place;
    const fs::path checkpoint = interrupted_run(place);
    fs::resize_file(checkpoint, fs::file_size(checkpoint) / divisor);
    const Outcome damaged = place.run();
    CHECK(damaged.code == 1);
    CHECK(contains(damaged.err, checkpoint.filename().string()));
    CHECK(contains(damaged.err, "delete it to start that run anew"));
    fs::remove(checkpoint);
    CHECK(place.run().code == 0);
    CHECK(results(place.store()) == uninterrupted_long_run());
  }
}

TEST_CASE("a checkpoint with one wrong bit is told of") {
  const Workplace place;
  const fs::path checkpoint = interrupted_run(place);
  std::string bytes = read_file(checkpoint);
  const std::size_t middle = bytes.size() / 2;
  bytes[middle] = static_cast<char>(bytes[middle] ^ 0x10);
  write_atomically(checkpoint, bytes);
  const Outcome damaged = place.run();
  CHECK(damaged.code == 1);
  CHECK(contains(damaged.err, "delete it to start that run anew"));
}

TEST_CASE("an artifact that is gone or damaged fails what needs it and says how to mend it") {
  const Workplace place;
  place.write(with("[\"maiql\", \"ibc\"]", "[\"moma-ppo\"]",
                   with("[\"favorable\", \"neutral\"]", "[\"neutral\"]")) +
              "[algorithm.moma-ppo]\nsteps = 2\nhidden = 16\nk = 1\ntransitions = 100\n"
              "batch_size = 50\n[algorithm.world-model]\nsteps = 20\nhidden = 16\nlayers = 2\n");
  REQUIRE(place.run({"--seeds", "0"}).code == 0);
  const std::string model =
      value(place.store(), "SELECT id FROM run WHERE algorithm = 'world-model'");
  const fs::path file = place.store().parent_path() /
                        value(place.store(), "SELECT path FROM artifact WHERE run_id = " + model);
  fs::resize_file(file, fs::file_size(file) / 2);
  const Outcome damaged = place.run({"--seeds", "1"});
  CHECK(damaged.code == 1);
  CHECK(contains(damaged.err, "world-model.pt"));
  CHECK(contains(damaged.err, "labhost runs delete " + model));
  fs::remove(file);
  const Outcome gone = place.run({"--seeds", "1"});
  CHECK(gone.code == 1);
  CHECK(contains(gone.err, "labhost runs delete " + model));
  // As the message says: what it needs is computed anew, and then it runs.
  CHECK(place.labhost({"runs", "delete", model, "--yes"}).code == 0);
  CHECK(place.run({"--seeds", "1"}).code == 0);
}

}  // namespace labhost::testing
