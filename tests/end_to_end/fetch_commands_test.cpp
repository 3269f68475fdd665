// `labhost datasets fetch` against a server of our own, which serves well and badly.
#include "core/base/files.hpp"
#include "tests/end_to_end/http_server.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

std::string excerpt(const std::string& level) {
  return read_file(std::string(LABHOST_SOURCE) + "/tests/data/ant-" + level + "-excerpt.hdf5");
}

/// A folder to fetch into.
struct Place : Workplace {
  Place() {
    surroundings.variables["LABHOST_DATA"] = (scratch / "sets").string();
    surroundings.variables["no_proxy"] = "127.0.0.1";
  }
  Outcome fetch(const Words& more) const {
    Words words = {"datasets", "fetch", "ant-toy-v2"};
    words.insert(words.end(), more.begin(), more.end());
    return labhost(words);
  }
  fs::path file(const std::string& ending = "") const {
    return scratch / ("sets/ant_toy-v2.hdf5" + ending);
  }
  /// Nothing is left but the file.
  void check_whole(const std::string& content) const {
    CHECK(read_file(file()) == content);
    CHECK(std::distance(fs::directory_iterator(scratch / "sets"), {}) == 1);
  }
};

using Requests = std::vector<long>;

}  // namespace

TEST_CASE("fetch: a file, once") {
  const std::string content = excerpt("random");
  HttpServer server(content);
  const Place place;
  const Outcome first = place.fetch({"--url", server.folder()});
  CHECK_MESSAGE(first.code == 0, first.err);
  CHECK(contains(first.out, std::to_string(content.size()) + " bytes, SHA-256 "));
  CHECK(first.err.empty());  // no progress where nobody looks on
  place.check_whole(content);
  CHECK(server.take_requests() == Requests{-1});
  CHECK(contains(place.fetch({"--url", server.folder()}).out, "is there already"));
  CHECK(server.take_requests().empty());
  server.change(excerpt("medium"), "\"two\"");
  CHECK(place.fetch({"--url", server.folder(), "--force"}).code == 0);
  place.check_whole(excerpt("medium"));
}

TEST_CASE("fetch: a connection that breaks is taken up where it was") {
  const std::string content = excerpt("random");
  HttpServer server(content);
  server.answer_with({{1000}, {500}});
  const Place place;
  const Outcome outcome = place.fetch({"--url", server.folder()});
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(server.take_requests() == Requests{-1, 1000, 1500});
  place.check_whole(content);
}

TEST_CASE("fetch: a later call goes on where an earlier one had to stop") {
  const std::string content = excerpt("random");
  HttpServer server(content);
  server.answer_with({{1000}, {0}});
  const Place place;
  const Outcome broken = place.fetch({"--url", server.folder()});
  CHECK(broken.code == 2);
  CHECK_MESSAGE(contains(broken.err,
                         "it broke off after 1000 of " + std::to_string(content.size()) + " bytes"),
                broken.err);
  CHECK_FALSE(fs::exists(place.file()));
  CHECK(fs::file_size(place.file(".part")) == 1000);
  server.take_requests();
  CHECK(place.fetch({"--url", server.folder()}).code == 0);
  CHECK(server.take_requests() == Requests{1000});
  place.check_whole(content);
}

TEST_CASE("fetch: what changed meanwhile is fetched anew, not mended with other bytes") {
  HttpServer server(excerpt("random"));
  server.answer_with({{1000}, {0}});
  const Place place;
  CHECK(place.fetch({"--url", server.folder()}).code == 2);
  server.change(excerpt("medium"), "\"two\"");
  CHECK(place.fetch({"--url", server.folder()}).code == 0);
  place.check_whole(excerpt("medium"));
}

TEST_CASE("fetch: part of another address is not gone on with") {
  HttpServer one(excerpt("random")), other(excerpt("medium"));
  one.answer_with({{1000}, {0}});
  const Place place;
  CHECK(place.fetch({"--url", one.folder()}).code == 2);
  CHECK(place.fetch({"--url", other.folder()}).code == 0);
  CHECK(other.take_requests() == Requests{-1});
  place.check_whole(excerpt("medium"));
}

TEST_CASE("fetch: fewer bytes than promised are refused") {
  HttpServer server(excerpt("random"));
  const HttpServer::Answer lie{std::string::npos, 100, 0, /*ranges=*/false};
  server.answer_with({lie, lie, lie});
  const Place place;
  const Outcome outcome = place.fetch({"--url", server.folder()});
  CHECK(outcome.code == 2);
  CHECK(contains(outcome.err, "it broke off after"));
  CHECK_FALSE(fs::exists(place.file()));
}

TEST_CASE("fetch: mirrors are tried in order, and each answer is told") {
  HttpServer missing(""), page("<html>not found, says a page</html>"), good(excerpt("random"));
  missing.answer_with({{0, 0, 404}, {0, 0, 404}});
  const Place place;
  const Outcome bad = place.fetch({"--url", missing.folder(), "--mirror", page.folder()});
  CHECK(bad.code == 2);
  CHECK(contains(bad.err, missing.folder() + "ant_toy-v2.hdf5: it answered with HTTP status 404"));
  CHECK(contains(bad.err, page.folder() + "ant_toy-v2.hdf5: what it sent is no HDF5 file"));
  CHECK(fs::is_empty(place.scratch / "sets"));
  const Outcome outcome = place.fetch({"--url", missing.folder(), "--mirror", page.folder(),
                                       "--mirror", good.folder() + "ant_toy-v2.hdf5"});
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  place.check_whole(excerpt("random"));
}

TEST_CASE("fetch: no server") {
  std::string address;
  { address = HttpServer("").folder(); }
  const Place place;
  const Outcome outcome = place.fetch({"--url", address});
  CHECK(outcome.code == 2);
  CHECK(contains(outcome.err, "expected the file ant_toy-v2.hdf5 from one of these addresses"));
  CHECK_MESSAGE(contains(outcome.err, "connect to 127.0.0.1"), outcome.err);
  CHECK_FALSE(fs::exists(place.file()));
  const Outcome wrong = place.fetch({"--url", "file:///etc/hostname"});
  CHECK(wrong.code == 2);
  CHECK_MESSAGE(contains(wrong.err, "rotocol"), wrong.err);
}

}  // namespace labhost::testing
