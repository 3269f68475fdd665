// kill -9 at random moments, then the same command: the same rows as if nothing had happened.
#include <algorithm>
#include <csignal>
#include <random>

#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

constexpr int kKills = 24, kHits = 15;

constexpr char kExperiment[] = R"([experiment]
tasks = ["favorable", "neutral"]
algorithms = ["maiql", "ibc", "moma-ppo"]
seeds = 2

[task.favorable]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "favorable", size = 500 }

[task.neutral]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "neutral", size = 500 }

[algorithm.maiql]
steps = 400
hidden = 16

[algorithm.ibc]
steps = 1200
hidden = 16

[algorithm.moma-ppo]
steps = 40
hidden = 16
k = 1
transitions = 500
log_every = 1

[algorithm.world-model]
steps = 400
hidden = 16
layers = 2
members = 3
kept = 2
validation_every = 50

[evaluation]
episodes = 10
every = 25
episodes_during = 2

[run]
checkpoint_seconds = 0.05
)";

enum class Victim { kAll, kHost, kServer, kWorker };

/// Starts the command again and again on one store until all runs are completed, and kills.
class Torment {
 public:
  explicit Torment(std::mt19937& random) : random_(random) { place_.write(kExperiment); }

  /// One start, with kills until the process has ended. True when all runs are completed.
  bool call(int& kills, int& hits) {
    const auto process = place_.start({"--jobs", "2"});
    std::uniform_real_distribution<double> delay(0.45, 1.4);
    while (kills < kKills || hits < kHits) {
      const bool ended = eventually(delay(random_), [&process] { return !process->running(); });
      if (ended) break;
      hits += strike(process->pid(), static_cast<Victim>(random_() % 4)) ? 1 : 0;
      ++kills;
    }
    const Outcome outcome = process->wait(120);
    CHECK_FALSE(outcome.timed_out);
    CHECK_FALSE(contains(outcome.err, "locked"));
    if (outcome.code == 2) FAIL_CHECK(outcome.err);
    return outcome.code == 0;
  }

  const Workplace& place() const { return place_; }

 private:
  /// Kills; true when a worker was at work on a run.
  bool strike(pid_t host, Victim victim) {
    // Stopped first, so that none sees another die before it dies itself.
    if (victim == Victim::kAll) kill(host, SIGSTOP);
    std::vector<pid_t> below = descendants(host);
    Words working;
    for (const auto& row : rows(place_.store(), "SELECT pid FROM run WHERE status = 'running'")) {
      const auto found = std::find(below.begin(), below.end(), std::stoi(row[0]));
      if (found != below.end()) working.push_back(row[0]);
    }
    switch (victim) {
      case Victim::kAll:
        for (const pid_t pid : below) kill(pid, SIGSTOP);
        for (const pid_t pid : descendants(host)) kill(pid, SIGKILL);
        kill(host, SIGKILL);
        break;
      case Victim::kHost:
        kill(host, SIGKILL);
        break;
      case Victim::kServer:
        if (!below.empty()) kill(below.front(), SIGKILL);
        break;
      case Victim::kWorker:
        if (!working.empty()) kill(std::stoi(working.front()), SIGKILL);
        break;
    }
    return !working.empty();
  }

  Workplace place_;
  std::mt19937& random_;
};

}  // namespace

TEST_CASE("killed at random moments, the same command gives the same rows") {
  const Workplace whole;
  whole.write(kExperiment);
  REQUIRE(whole.run({"--jobs", "2"}, 120).code == 0);
  const Rows reference = results(whole.store());
  REQUIRE(reference.size() > 1000);

  std::mt19937 random(20240611);  // moments and victims; how far a run has come stays chance
  int kills = 0, hits = 0, stores = 0;
  while ((kills < kKills || hits < kHits) && stores < 20) {
    Torment torment(random);
    ++stores;
    int calls = 0;
    while (!torment.call(kills, hits)) REQUIRE(++calls < 200);
    const fs::path store = torment.place().store();
    CHECK(results(store) == reference);
    CHECK(rows(store, "SELECT DISTINCT status FROM run") == Rows{{"completed"}});
    CHECK(integrity(store) == "ok");
    for (const auto& entry : fs::recursive_directory_iterator(store.parent_path())) {
      CHECK_MESSAGE(entry.path().extension() != ".tmp", entry.path());
    }
  }
  MESSAGE(kills << " kills, " << hits << " of them while a worker was at work, on " << stores
                << " stores");
  CHECK(kills >= 20);
  CHECK(hits >= kHits);
}

}  // namespace labhost::testing
