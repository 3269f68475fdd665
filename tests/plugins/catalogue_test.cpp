#include "core/plugins/catalogue.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/plugins/made_up_plugins.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::input_error;

// A folder of made-up libraries, a cache of its own, and a count of the libraries asked.
class Discovery {
 public:
  Discovery() : cache_("XDG_CACHE_HOME", (folder / "cache").c_str()) {}

  Catalogue discover() {
    return Catalogue::discover({folder / "plugins"}, [this](const fs::path& library) {
      ++asked;
      if (read_file(library) == "bad") throw InputError("wrong stamp");
      if (read_file(library) == "odd") throw std::runtime_error("crashed");
      if (read_file(library) == "garbage") return std::string("{]");
      return description(library);
    });
  }

  // The plugin is named as the file says: "algorithm:maiql".
  static std::string description(const fs::path& library) {
    const std::string content = read_file(library);
    const std::size_t colon = content.find(':');
    const PluginKind kind =
        content.substr(0, colon) == "dataset" ? PluginKind::kDataset : PluginKind::kAlgorithm;
    PluginDescription plugin = testing::plugin(kind, content.substr(colon + 1));
    plugin.library = library;
    return to_json(plugin).dump();
  }

  testing::ScratchFolder folder;
  int asked = 0;

 private:
  testing::ScopedVariable cache_;
};

std::vector<std::string> names(const Catalogue& catalogue) {
  std::vector<std::string> result;
  for (const PluginDescription& plugin : catalogue.plugins()) result.push_back(plugin.name);
  return result;
}

}  // namespace

TEST_CASE("discovery asks a library once and then reads its cache") {
  Discovery discovery;
  const fs::path library = discovery.folder.write("plugins/maiql.so", "algorithm:maiql");
  discovery.folder.write("plugins/README", "no plugin");
  discovery.folder.write("plugins/deep/other.so", "algorithm:other");
  const Catalogue first = discovery.discover();
  CHECK(names(first) == std::vector<std::string>{"maiql"});
  CHECK(first.plugins()[0].library == library);
  CHECK(discovery.asked == 1);
  CHECK(fs::exists(discovery.folder /
                   ("cache/labhost/plugins/" + sha256("algorithm:maiql") + ".json")));
  CHECK(names(discovery.discover()) == std::vector<std::string>{"maiql"});
  CHECK(discovery.asked == 1);
  discovery.folder.write("plugins/maiql.so", "algorithm:maiql2");
  CHECK(names(discovery.discover()) == std::vector<std::string>{"maiql2"});
  CHECK(discovery.asked == 2);
}

TEST_CASE("a fresh description beside the library is believed, a stale one is not") {
  Discovery discovery;
  const fs::path library = discovery.folder.write("plugins/a.so", "algorithm:a");
  nlohmann::json json = nlohmann::json::parse(Discovery::description(library));
  json["summary"] = "from the file";
  const fs::path file = discovery.folder.write("plugins/a.so.json", json.dump());

  SUBCASE("fresh") {
    CHECK(discovery.discover().plugins()[0].summary == "from the file");
    CHECK(discovery.asked == 0);
    CHECK_FALSE(fs::exists(discovery.folder / "cache"));
  }
  SUBCASE("same time is fresh") {
    fs::last_write_time(file, fs::last_write_time(library));
    CHECK(discovery.discover().plugins()[0].summary == "from the file");
  }
  SUBCASE("older than the library") {
    fs::last_write_time(file, fs::last_write_time(library) - std::chrono::seconds(1));
    CHECK(discovery.discover().plugins()[0].summary == "made up");
    CHECK(discovery.asked == 1);
  }
  SUBCASE("of a library of another size") {
    json["library"]["bytes"] = 1;
    discovery.folder.write("plugins/a.so.json", json.dump());
    CHECK(discovery.discover().plugins()[0].summary == "made up");
  }
  SUBCASE("without the size") {
    json.erase("library");
    discovery.folder.write("plugins/a.so.json", json.dump());
    CHECK(discovery.discover().plugins()[0].summary == "made up");
  }
  SUBCASE("damaged") {
    discovery.folder.write("plugins/a.so.json", "{");
    CHECK(discovery.discover().plugins()[0].summary == "made up");
  }
}

TEST_CASE("a damaged or unwritable cache only costs time") {
  Discovery discovery;
  discovery.folder.write("plugins/a.so", "algorithm:a");
  SUBCASE("damaged") {
    discovery.folder.write("cache/labhost/plugins/" + sha256("algorithm:a") + ".json", "nonsense");
    CHECK(names(discovery.discover()).size() == 1);
    CHECK(discovery.asked == 1);
    CHECK(names(discovery.discover()).size() == 1);
    CHECK(discovery.asked == 1);
  }
  SUBCASE("unwritable: a file stands in the folder's place") {
    discovery.folder.write("cache", "");
    CHECK(names(discovery.discover()).size() == 1);
    CHECK(names(discovery.discover()).size() == 1);
    CHECK(discovery.asked == 2);
  }
  SUBCASE("nowhere") {
    const testing::ScopedVariable cache("XDG_CACHE_HOME", nullptr);
    const testing::ScopedVariable home("HOME", nullptr);
    CHECK(names(discovery.discover()).size() == 1);
  }
}

TEST_CASE("bad libraries are kept with their reasons and harm nothing else") {
  Discovery discovery;
  discovery.folder.write("plugins/bad.so", "bad");
  discovery.folder.write("plugins/garbage.so", "garbage");
  discovery.folder.write("plugins/good.so", "algorithm:good");
  discovery.folder.write("plugins/odd.so", "odd");
  const Catalogue catalogue = discovery.discover();
  CHECK(names(catalogue) == std::vector<std::string>{"good"});
  REQUIRE(catalogue.broken().size() == 3);
  CHECK(catalogue.broken()[0].reason == "wrong stamp");
  CHECK(contains(catalogue.broken()[1].reason, "not a plugin description"));
  CHECK(catalogue.broken()[2].reason == "crashed");
  CHECK(input_error([&] { catalogue.find(PluginKind::kAlgorithm, "bad"); }) ==
        "algorithm plugin \"bad\" cannot be used: " +
            (discovery.folder / "plugins/bad.so").string() + ": wrong stamp");
}

TEST_CASE("a description of another ABI is refused") {
  Discovery discovery;
  const fs::path library = discovery.folder.write("plugins/old.so", "algorithm:old");
  nlohmann::json json = nlohmann::json::parse(Discovery::description(library));
  json["abi_version"] = kAbiVersion + 1;
  discovery.folder.write("plugins/old.so.json", json.dump());
  const Catalogue catalogue = discovery.discover();
  CHECK(catalogue.plugins().empty());
  REQUIRE(catalogue.broken().size() == 1);
  CHECK(contains(catalogue.broken()[0].reason, "ABI version " + std::to_string(kAbiVersion + 1)));
}

TEST_CASE("two plugins of one kind and name: neither is used, both files are named") {
  Discovery discovery;
  const std::string one = discovery.folder.write("plugins/one.so", "algorithm:same").string();
  const std::string two = discovery.folder.write("plugins/two.so", "algorithm:same").string();
  discovery.folder.write("plugins/three.so", "dataset:same");
  const Catalogue catalogue = discovery.discover();
  CHECK(catalogue.broken().size() == 2);
  CHECK(catalogue.find(PluginKind::kDataset, "same").name == "same");
  const std::string message = input_error([&] { catalogue.find(PluginKind::kAlgorithm, "same"); });
  CHECK(contains(message, one));
  CHECK(contains(message, two));
  CHECK(contains(message, "2 algorithm plugins are named \"same\""));
}

TEST_CASE("folders: absent ones are skipped, one listed twice counts once") {
  Discovery discovery;
  discovery.folder.write("plugins/a.so", "algorithm:a");
  const fs::path folder = discovery.folder / "plugins";
  const Catalogue catalogue = Catalogue::discover(
      {discovery.folder / "absent", folder, folder / "../plugins"}, &Discovery::description);
  CHECK(names(catalogue) == std::vector<std::string>{"a"});
  CHECK(catalogue.broken().empty());
  CHECK(catalogue.search_path().size() == 3);
}

TEST_CASE("find suggests, and names the folders searched") {
  Discovery discovery;
  discovery.folder.write("plugins/a.so", "algorithm:maiql");
  discovery.folder.write("plugins/b.so", "dataset:coordination");
  const Catalogue catalogue = discovery.discover();
  const auto message = [&](const char* name) {
    return input_error([&] { catalogue.find(PluginKind::kAlgorithm, name); });
  };
  CHECK(message("maiql") == "no error");
  CHECK(message("maqil") ==
        "unknown algorithm plugin \"maqil\"; did you mean \"maiql\"? (searched " +
            (discovery.folder / "plugins").string() + ")");
  CHECK(contains(message("quite-different"), "; known: maiql (searched"));
  CHECK(contains(message("coordination"), "is a plugin of kind dataset, expected kind algorithm"));
}

TEST_CASE("Catalogue::of sorts by kind and name") {
  const Catalogue catalogue = Catalogue::of({testing::plugin(PluginKind::kDataset, "a"),
                                             testing::plugin(PluginKind::kAlgorithm, "c"),
                                             testing::plugin(PluginKind::kAlgorithm, "b")});
  CHECK(names(catalogue) == std::vector<std::string>{"b", "c", "a"});
}

TEST_CASE("plugin_search_path: option, variable, the executable's neighbour") {
  const testing::ScopedVariable variable("LABHOST_PLUGIN_PATH", "/env/one::/env/two");
  const testing::ScratchFolder folder;
  const auto a = folder / "a", b = folder / "b";
  for (const auto& option : {a, b}) std::filesystem::create_directory(option);
  const auto path = plugin_search_path({a.string() + ":" + b.string()});
  REQUIRE(path.size() == 5);
  CHECK(path[0] == a);
  CHECK(path[1] == b);
  CHECK(path[2] == "/env/one");
  CHECK(path[3] == "/env/two");
  CHECK(path[4] == (executable_path().parent_path().parent_path() / "lib/labhost/plugins"));
}

TEST_CASE("plugin_search_path: a folder of the option that is not there is refused") {
  CHECK_THROWS_WITH_AS(plugin_search_path({"/option/a"}),
                       "--plugin-path: expected a folder of plugins, found nothing at /option/a",
                       InputError);
}

}  // namespace labhost
