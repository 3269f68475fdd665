// --only and --seeds.
#include "core/experiment/select.hpp"

#include <doctest/doctest.h>

#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {

using testing::contains;
using testing::Experiment;
using testing::runs_of;
using testing::with_only;

TEST_CASE("--seeds") {
  using Seeds = std::vector<std::int64_t>;
  CHECK(parse_seeds("0,1,4") == Seeds{0, 1, 4});
  CHECK(parse_seeds("0-3") == Seeds{0, 1, 2, 3});
  CHECK(parse_seeds("7,1-2,7") == Seeds{7, 1, 2});
  for (const char* bad : {"", "a", "1,", "-1", "3-1", "1-", "1.5", "0-9999999999", "1 2",
                          "9223372036854775807-9223372036854775808"}) {
    CAPTURE(bad);
    CHECK(contains(testing::input_error([&] { parse_seeds(bad); }), "--seeds"));
  }
  CHECK(parse_seeds("9223372036854775806-9223372036854775807").size() == 2);
  PlanOptions options;
  options.seeds = "8,9";
  const Plan plan = Experiment().plan(options);
  CHECK(plan.seeds == Seeds{8, 9});
  CHECK(runs_of(plan, "maiql").size() == 4);
  CHECK(runs_of(plan, "maiql")[0]->seed == 8);
}

TEST_CASE("--only keeps the runs that match, and what they need") {
  const Experiment experiment;
  Plan plan = experiment.plan(with_only({"task=favorable,algorithm=maiql"}));
  CHECK(plan.runs.size() == 3);
  CHECK(plan.layout.rows.size() == 2);  // the report keeps its shape

  plan = experiment.plan(with_only({"algorithm=moma-ppo", "seed=1|2"}));
  CHECK(plan.runs.size() == 2 * (1 + 2));
  CHECK(plan.seeds == std::vector<std::int64_t>{1, 2});
  CHECK(runs_of(plan, "world-model").size() == 2);

  plan = experiment.plan(with_only({"task=neutral"}));
  CHECK(plan.runs.size() == 3 + 3 + 1);

  plan = experiment.plan(with_only({"algorithm=world-model"}));
  CHECK(plan.runs.size() == 2);

  plan = experiment.plan(with_only({"algorithm=maiql", "seed=0"}));
  CHECK(plan.runs.size() == 2);
}

TEST_CASE("bad --only") {
  const Experiment experiment;
  const auto error = [&](const std::string& only) { return experiment.error(with_only({only})); };
  CHECK(error("task=neutrl") ==
        "--only: the plan has no task \"neutrl\"; did you mean \"neutral\"?");
  CHECK(error("algorithm=maiql|moma") ==
        "--only: the plan has no algorithm \"moma\"; known: maiql, "
        "world-model, moma-ppo");
  CHECK(error("seed=3") == "--only: the plan has no seed \"3\"; known: 0, 1, 2");
  CHECK(error("tsak=neutral") ==
        "--only \"tsak=neutral\": unknown key \"tsak\"; did you mean \"task\"?");
  CHECK(contains(error("neutral"), "--only \"neutral\": expected KEY=VALUE|VALUE"));
  CHECK(contains(error("task="), "no value after '='"));
  CHECK(contains(error(""), "--only is empty"));
  CHECK(contains(error("task=neutral,,"), "expected KEY=VALUE|VALUE"));
  CHECK(error("task=neutral,task=favorable") ==
        "--only \"task=neutral,task=favorable\" leaves no run");
}

}  // namespace labhost
