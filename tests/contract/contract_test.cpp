// What every plugin promises holds for every plugin that was built, and the check itself can fail.
#include "core/plugins/contract.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
using testing::contains;

std::vector<fs::path> built_plugins() {
  std::vector<fs::path> libraries;
  for (const auto& entry : fs::directory_iterator(LABHOST_PLUGINS)) {
    if (entry.path().extension() == ".so") libraries.push_back(entry.path());
  }
  std::sort(libraries.begin(), libraries.end());
  return libraries;
}

std::vector<Property> properties_of_fixture(const std::string& name) {
  return check_contract(fs::path(LABHOST_FIXTURES) / name / (name + ".so"));
}

std::vector<Property> failures(const std::vector<Property>& properties) {
  std::vector<Property> failed;
  std::copy_if(properties.begin(), properties.end(), std::back_inserter(failed),
               [](const Property& property) { return !property.holds; });
  return failed;
}

}  // namespace

TEST_CASE("the contract holds for every built plugin") {
  const std::vector<fs::path> libraries = built_plugins();
  REQUIRE(libraries.size() >= 8);
  for (const fs::path& library : libraries) {
    const std::vector<Property> properties = check_contract(library);
    CHECK_MESSAGE(properties.size() >= 3, library.filename().string(), " was hardly checked");
    for (const Property& property : properties) {
      CHECK_MESSAGE(property.holds, library.filename().string(), ": ", property.name, ": ",
                    property.detail);
    }
  }
}

TEST_CASE("an algorithm that draws from the global generator is found out") {
  const std::vector<Property> properties = properties_of_fixture("global-generator");
  int found = 0;
  for (const Property& property : properties) {
    CAPTURE(property.name);
    if (contains(property.name, "global generator")) {
      ++found;
      CHECK_FALSE(property.holds);
      CHECK(contains(property.detail, "LibTorch's global generator"));
    }
    if (property.name == "loads" || contains(property.name, "finite metrics") ||
        contains(property.name, "actions fit")) {
      CHECK(property.holds);
    }
  }
  CHECK(found == 3);  // on every task
}

TEST_CASE("an algorithm whose update throws fails with its own words") {
  const std::vector<Property> failed = failures(properties_of_fixture("throwing-update"));
  REQUIRE_FALSE(failed.empty());
  for (const Property& property : failed) {
    CHECK(contains(property.name, "updates with finite metrics"));
    CHECK(property.detail == "thrown by update on purpose");
  }
}

TEST_CASE("an algorithm that reports NaN fails by the metric's name") {
  const std::vector<Property> failed = failures(properties_of_fixture("nan-update"));
  REQUIRE_FALSE(failed.empty());
  for (const Property& property : failed) {
    CHECK(contains(property.name, "updates with finite metrics"));
    CHECK(property.detail == "metric 'fixture/broken_loss' is not finite");
  }
}

TEST_CASE("an algorithm may refuse tasks of one kind, in its own words") {
  const std::vector<Property> properties = check_contract(fs::path(LABHOST_PLUGINS) / "sac.so");
  CHECK(failures(properties).empty());
  int refused = 0, updated = 0;
  for (const Property& property : properties) {
    if (property.name == "refuses the task (synthetic discrete)") {
      ++refused;
      CHECK(contains(property.detail, "sac needs continuous actions"));
    }
    updated += property.name == "updates with finite metrics (synthetic continuous)" ? 1 : 0;
  }
  CHECK(refused == 1);
  CHECK(updated == 1);
}

TEST_CASE("an algorithm that refuses every task fails") {
  const std::vector<Property> failed = failures(properties_of_fixture("refusing-factory"));
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].name == "accepts a task");
  CHECK(contains(failed[0].detail, "it refuses tasks of every kind"));
}

TEST_CASE("a library that the gate refuses has one property, which fails with the reason") {
  const std::vector<Property> properties = properties_of_fixture("older-abi");
  REQUIRE(properties.size() == 1);
  CHECK(properties[0].name == "loads");
  CHECK_FALSE(properties[0].holds);
  CHECK(contains(properties[0].detail, "built for an older labhost"));
}

TEST_CASE("a factory that throws fails the first property that needs it") {
  const std::vector<Property> failed = failures(properties_of_fixture("throwing-factory"));
  REQUIRE(failed.size() == 3);  // on every task
  CHECK(contains(failed[0].detail, "thrown by the factory on purpose"));
  CHECK(contains(failed[0].name, "is built"));
}

TEST_CASE("static state, output, threads and blindness for NaN each fail a property of their own") {
  const auto fails = [](const std::string& name, const std::string& property,
                        const std::string& detail) {
    CAPTURE(name);
    int found = 0;
    for (const Property& failed : failures(properties_of_fixture(name))) {
      if (!contains(failed.name, property)) continue;
      ++found;
      CHECK_MESSAGE(contains(failed.detail, detail), failed.detail);
    }
    return found;
  };
  CHECK(fails("static-state", "another instance", "static state") == 3);  // on every task
  CHECK(fails("left-thread", "leaves no thread", "more after an instance") == 3);
  CHECK(fails("printing", "standard output", "a word on standard output") == 1);
  CHECK(fails("printing", "not a number", "finite metrics") == 3);
  // What one of them does wrong the others do right.
  CHECK(fails("printing", "another instance", "") == 0);
  CHECK(fails("printing", "leaves no thread", "") == 0);
  CHECK(fails("static-state", "standard output", "") == 0);
}

}  // namespace labhost
