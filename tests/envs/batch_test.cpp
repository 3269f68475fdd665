// Batches: threads leave no trace in results, checkpoints hold running episodes.
#include <atomic>

#include "core/mujoco/step_pool.hpp"
#include "tests/envs/support.hpp"

namespace labhost::testing {

namespace {

/// States and rewards of a long random play in which episodes end and begin at different times.
Tensor trace(Environment& environment, std::int64_t count, std::int64_t steps,
             at::Generator generator, bool reset = true) {
  std::vector<Tensor> parts;
  if (reset) parts.push_back(environment.reset(copies(count)).flatten());
  for (std::int64_t t = 0; t < steps; ++t) {
    const StepResult step =
        environment.step(copies(count), uniform_actions(environment, count, generator));
    parts.push_back(step.next_state.flatten());
    parts.push_back(step.reward);
    const Tensor ended = (step.terminal | step.timeout).nonzero().squeeze(1);
    if (ended.size(0) > 0) parts.push_back(environment.reset(ended).flatten());
  }
  return torch::cat(parts);
}

at::Generator actions() { return Streams(8).get("actions"); }

}  // namespace

TEST_CASE("same seed, same bits at one, two and five threads") {
  for (const char* plugin : {"ant", "reacher"}) {
    CAPTURE(plugin);
    const Tensor once = trace(*make_environment(plugin, 12), 12, 120, actions());
    for (const std::int64_t threads : {1, 2, 5}) {
      CAPTURE(threads);
      CHECK(torch::equal(once,
                         trace(*make_environment(plugin, 12, {}, threads), 12, 120, actions())));
    }
  }
}

TEST_CASE("a copy does not depend on who is stepped with it") {
  for (const char* plugin : {"ant", "reacher"}) {
    CAPTURE(plugin);
    const auto all = make_environment(plugin, 4), alone = make_environment(plugin, 4);
    all->reset(copies(4));
    alone->reset(copies(4));
    const Tensor third = torch::tensor({2}, torch::kLong);
    at::Generator generator = actions();
    for (int t = 0; t < 20; ++t) {
      const Tensor action = uniform_actions(*all, 4, generator);
      const Tensor together = all->step(copies(4), action).next_state[2];
      CHECK(torch::equal(together, alone->step(third, action.narrow(0, 2, 1)).next_state[0]));
    }
  }
}

TEST_CASE("a checkpoint in the middle of episodes goes on with the same bits") {
  for (const char* plugin : {"ant", "reacher"}) {
    CAPTURE(plugin);
    const auto whole = make_environment(plugin, 6), resumed = make_environment(plugin, 6);
    at::Generator generator = actions();
    trace(*whole, 6, 33, generator);
    Archive archive;
    whole->save(archive, "environment");
    resumed->load(archive, "environment");
    at::Generator same = generator.clone();
    CHECK(
        torch::equal(trace(*whole, 6, 60, generator, false), trace(*resumed, 6, 60, same, false)));
  }
}

TEST_CASE("a checkpoint of another number of copies is refused") {
  const auto six = make_environment("reacher", 6);
  six->reset(copies(6));
  Archive archive;
  six->save(archive, "environment");
  CHECK_THROWS_AS(make_environment("reacher", 5)->load(archive, "environment"), InputError);
}

TEST_CASE("step pool: each item once, by a thread of its own number; errors arrive") {
  for (const std::int64_t threads : {1, 2, 4}) {
    CAPTURE(threads);
    StepPool pool(threads);
    for (const std::int64_t count : {0, 1, 3, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
      std::vector<std::atomic<int>> busy(pool.threads());
      std::atomic<bool> shared{false};
      pool.run(count, [&](std::int64_t item, std::size_t thread) {
        if (busy[thread]++ != 0) shared = true;
        ++seen[static_cast<std::size_t>(item)];
        --busy[thread];
      });
      CHECK_FALSE(shared);
      for (const auto& times : seen) CHECK(times == 1);
    }
    CHECK_THROWS_WITH_AS(pool.run(50,
                                  [](std::int64_t item, std::size_t) {
                                    if (item == 31) throw std::runtime_error("item 31");
                                  }),
                         "item 31", std::runtime_error);
    int after = 0;
    pool.run(1, [&after](std::int64_t, std::size_t) { ++after; });
    CHECK(after == 1);
  }
}

}  // namespace labhost::testing
