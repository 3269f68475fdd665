#include <doctest/doctest.h>

#include <set>

#include "core/sdk/archive.hpp"
#include "core/sdk/random.hpp"

namespace labhost {

namespace {

Tensor draw(Streams& streams, const std::string& name, std::int64_t count = 8) {
  return torch::rand({count}, streams.get(name));
}

}  // namespace

TEST_CASE("a stream is a function of the run's seed and its name") {
  Streams a(7), b(7), c(8);
  const Tensor batches = draw(a, "batches");
  CHECK(torch::equal(batches, draw(b, "batches")));
  CHECK_FALSE(torch::equal(batches, draw(b, "networks")));
  CHECK_FALSE(torch::equal(batches, draw(c, "batches")));
  CHECK(a.seed("batches") == derive_seed(7, "batches"));
}

TEST_CASE("asking again for a stream goes on with it") {
  Streams a(7), b(7);
  const Tensor first = draw(a, "batches", 3), second = draw(a, "batches", 3);
  CHECK_FALSE(torch::equal(first, second));
  at::Generator generator = b.get("batches");
  CHECK(torch::equal(torch::rand({3}, generator), first));
  CHECK(torch::equal(torch::rand({3}, generator), second));
}

TEST_CASE("streams do not disturb each other or the global generator") {
  Streams a(7), b(7);
  const Tensor global = at::globalContext().defaultGenerator(torch::kCPU).get_state();
  draw(a, "rollouts", 100);
  CHECK(torch::equal(draw(a, "batches"), draw(b, "batches")));
  CHECK(torch::equal(global, at::globalContext().defaultGenerator(torch::kCPU).get_state()));
}

TEST_CASE("derived seeds differ by seed, name and copy, and never change") {
  std::set<std::uint64_t> seeds;
  for (const std::uint64_t seed : {0, 1, 2}) {
    for (const std::string name : {"", "a", "b", "ab"}) {
      for (const std::uint64_t copy : {0, 1, 2}) seeds.insert(derive_seed(seed, name, copy));
    }
  }
  CHECK(seeds.size() == 36);
  // Part of a run's identity: other numbers here would mean other results for every stored run.
  CHECK(derive_seed(0, "batches") == 0xefacafdb023a08c0ULL);
  CHECK(derive_seed(1, "batches", 2) == 0xf8b830cfd61183e4ULL);
}

TEST_CASE("saved and loaded, streams go on where they were") {
  Streams whole(7);
  draw(whole, "batches", 5);
  torch::randn({3}, whole.get("noise"));  // leaves half of a pair of normal numbers behind
  Archive archive;
  whole.save(archive);
  Streams resumed(7);
  resumed.load(archive);
  CHECK(torch::equal(draw(whole, "batches"), draw(resumed, "batches")));
  CHECK(
      torch::equal(torch::randn({5}, whole.get("noise")), torch::randn({5}, resumed.get("noise"))));
  CHECK(torch::equal(draw(whole, "unused so far"), draw(resumed, "unused so far")));
}

}  // namespace labhost
