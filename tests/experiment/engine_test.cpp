// [engine.slurm]: read, overridden, refused; no part of a run's identity.
#include <doctest/doctest.h>

#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {

namespace {

using testing::contains;
using testing::Experiment;
using testing::kExperiment;
using testing::with_set;

const std::string kCluster = R"(
[engine.slurm]
partition = "cpu"
time = "4:00:00"
mem = "4G"
limit = 8
extra = ["--exclude=n7"]
setup = ["module load x", "module load y"]
[engine.slurm.algorithm.moma-ppo]
time = "1-00"
gres = "gpu:1"
)";

}  // namespace

TEST_CASE("engine.slurm: defaults, the file's values, one algorithm's") {
  const SlurmSettings none = Experiment().plan().slurm;
  CHECK(none.partition.empty());
  CHECK(none.max_attempts == 3);
  CHECK(none.limit == 0);
  const SlurmSettings slurm = Experiment(kExperiment + kCluster).plan().slurm;
  CHECK(slurm.partition == "cpu");
  CHECK(slurm.limit == 8);
  CHECK(slurm.setup == std::vector<std::string>{"module load x", "module load y"});
  CHECK(slurm.resources_of("maiql").time == "4:00:00");
  CHECK(slurm.resources_of("maiql").gres.empty());
  CHECK(slurm.resources_of("moma-ppo").time == "1-00");
  CHECK(slurm.resources_of("moma-ppo").gres == "gpu:1");
  CHECK(slurm.resources_of("moma-ppo").mem == "4G");
}

TEST_CASE("engine.slurm: --set and profiles override it, runs stay the same") {
  const Experiment plain, cluster(kExperiment + kCluster);
  const Plan set = cluster.plan(with_set(
      {"engine.slurm.partition=gpu", "engine.slurm.max_attempts=9", "engine.slurm.cpus=2"}));
  CHECK(set.slurm.partition == "gpu");
  CHECK(set.slurm.max_attempts == 9);
  CHECK(set.slurm.resources_of("moma-ppo").cpus == 2);
  const Plan before = plain.plan();
  REQUIRE(set.runs.size() == before.runs.size());
  for (std::size_t i = 0; i < before.runs.size(); ++i) {
    CHECK(set.runs[i].run_key == before.runs[i].run_key);
  }
  PlanOptions smoke;
  smoke.profile = "smoke";
  CHECK(Experiment(kExperiment + kCluster + "[profile.smoke.engine.slurm]\ntime = \"5\"\n")
            .plan(smoke)
            .slurm.resources.time == "5");
}

TEST_CASE("engine.slurm: what is refused") {
  const auto error = [](const std::string& lines) {
    return Experiment(std::string(kExperiment) + lines).error();
  };
  CHECK(contains(error("[engine.slurm]\npartitoin = \"x\"\n"), "did you mean \"partition\"?"));
  CHECK(contains(error("[engine.slrm]\ntime = \"1\"\n"), "did you mean \"slurm\"?"));
  CHECK(contains(error("[engine.slurm]\nmax_attempts = 0\n"), "engine.slurm.max_attempts"));
  CHECK(contains(error("[engine.slurm]\ntime = 60\n"), "engine.slurm.time"));
  CHECK(contains(error("[engine.slurm]\nextra = \"--x\"\n"), "engine.slurm.extra"));
  CHECK(contains(error("[engine.slurm.algorithm.maqil]\ntime = \"1\"\n"), "maiql"));
  CHECK(contains(error("[engine.slurm.algorithm.maiql]\npartition = \"x\"\n"), "unknown key"));
}

}  // namespace labhost
