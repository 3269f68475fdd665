// `labhost render`: pictures and videos of runs and of environments.
#include <array>
#include <cstdio>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

constexpr char kReacher[] = R"(
[experiment]
tasks = ["reach"]
algorithms = ["mappo"]
seeds = 1
[task.reach]
environment = { plugin = "reacher", horizon = 7 }
[algorithm.mappo]
steps = 1
copies = 2
transitions = 14
batch_size = 14
hidden = 8
[evaluation]
episodes = 3
)";

/// A trained team; tests only read it.
const Workplace& trained() {
  static const Workplace place;
  static const bool once = [] {
    place.write(kReacher);
    return place.run().code == 0;
  }();
  REQUIRE(once);
  return place;
}

/// Width and height that a PNG file declares.
std::array<int, 2> png_size(const std::string& bytes) {
  REQUIRE(bytes.size() > 24);
  CHECK(bytes.substr(1, 3) == "PNG");
  const auto number = [&bytes](std::size_t at) {
    int value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
      value = 256 * value + static_cast<unsigned char>(bytes[i]);
    }
    return value;
  };
  return {number(16), number(20)};
}

}  // namespace

TEST_CASE("a team's episodes become a video, and the store knows of it") {
  const Workplace& place = trained();
  const Outcome outcome = place.labhost({"render", "1", "--episodes", "2", "--out", "team.mp4",
                                         "--still", "team.png", "--at", "3", "--size", "64x48"});
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "episode 1: return "));
  CHECK(contains(outcome.out, "7 steps"));
  CHECK(png_size(read_file(place.scratch / "team.png")) == std::array<int, 2>{64, 48});
  const Outcome probe = run_program({"ffprobe", "-v", "error", "-show_entries",
                                     "stream=codec_name,width,nb_frames,r_frame_rate", "-of",
                                     "csv=p=0", (place.scratch / "team.mp4").string()});
  // Two episodes of seven steps have sixteen states, 0.02 s apart.
  CHECK(contains(probe.out, "h264,64,50/1,16"));
  CHECK(rows(place.store(), "SELECT kind, path, sha256 FROM artifact WHERE kind = 'video'") ==
        Rows{{"video", "../team.mp4", sha256_file(place.scratch / "team.mp4")}});
}

TEST_CASE("a policy's file names its run, and one seed gives one picture") {
  const Workplace& place = trained();
  const std::string file =
      "results/" + value(place.store(), "SELECT path FROM artifact WHERE kind = 'policy'");
  const Words by_file = {"render", file, "--still", "a.png", "--at", "5", "--size", "64x64"};
  const Words by_number = {"render", "1", "--still", "b.png", "--at", "5", "--size", "64x64"};
  CHECK(place.labhost(by_file).code == 0);
  CHECK(place.labhost(by_number).code == 0);
  CHECK(read_file(place.scratch / "a.png") == read_file(place.scratch / "b.png"));
  Words sampled = by_number;
  sampled.push_back("--sample");
  CHECK(place.labhost(sampled).code == 0);
  CHECK(read_file(place.scratch / "a.png") != read_file(place.scratch / "b.png"));
}

TEST_CASE("an environment is shown without any training, by EGL and by OSMesa alike") {
  Workplace place;
  const Words command = {"render",  "--env",   "ant",    "--set",  "observation=limb",
                         "--still", "ant.png", "--size", "160x120"};
  CHECK(place.labhost(command).code == 0);
  const std::string egl = read_file(place.scratch / "ant.png");
  CHECK(png_size(egl) == std::array<int, 2>{160, 120});
  CHECK(egl.size() > 2000);  // not one colour
  place.surroundings.variables["LABHOST_GL"] = "osmesa";
  CHECK(place.labhost(command).code == 0);
  CHECK(read_file(place.scratch / "ant.png") == egl);
  place.surroundings.variables["LABHOST_GL"] = "vulkan";
  const Outcome wrong = place.labhost(command);
  CHECK(wrong.code == 2);
  CHECK(contains(wrong.err, "LABHOST_GL is 'vulkan', expected egl or osmesa"));
}

TEST_CASE("what cannot be shown is said before anything is drawn") {
  const Workplace& place = trained();
  const auto refused = [&place](const Words& arguments, const std::string& reason) {
    CAPTURE(reason);
    Words command = {"render"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const Outcome outcome = place.labhost(command);
    CHECK(outcome.code == 2);
    CHECK_MESSAGE(contains(outcome.err, reason), outcome.err);
  };
  refused({}, "expected either a run, a policy file or --env NAME");
  refused({"1", "--env", "ant", "--out", "x.mp4"},
          "expected either a run, a policy file or --env NAME");
  refused({"1"}, "expected --out VIDEO.mp4, --still PICTURE.png, or both");
  refused({"77", "--out", "x.mp4"}, "there is no run 77");
  refused({"nobody.pt", "--out", "x.mp4"}, "expected the number of a run or the file of a policy");
  refused({"table.toml", "--out", "x.mp4"}, "was left by no run");
  refused({"1", "--out", "no/such/x.mp4"}, "does not exist");
  refused({"1", "--out", "x.mov"}, "ends in .mp4");
  refused({"1", "--still", "x.jpg"}, "ends in .png");
  refused({"1", "--out", "x.mp4", "--size", "63x48"}, "two even numbers");
  refused({"1", "--out", "x.mp4", "--size", "64"}, "two even numbers");
  refused({"1", "--still", "x.png", "--at", "8"}, "the first episode ended at time step 7");
  refused({"--env", "ants", "--still", "x.png"}, "did you mean \"ant\"?");
  refused({"--env", "ant", "--set", "observaton=limb", "--still", "x.png"},
          "did you mean \"observation\"?");
  refused({"--env", "ant", "--set", "observation=left", "--still", "x.png"}, "full");
  refused({"--env", "ant", "--policy", "clever", "--still", "x.png"}, "must be random or zero");
  refused({"--env", "coordination-game", "--still", "x.png"}, "cannot be drawn");
  CHECK_FALSE(fs::exists(place.scratch / "x.mp4"));
  CHECK_FALSE(fs::exists(place.scratch / "x.png"));
}

TEST_CASE("without ffmpeg a video says what is missing, and a still needs none") {
  Workplace place;
  place.surroundings.variables["PATH"] = "/nowhere";
  const Outcome video = place.labhost({"render", "--env", "reacher", "--out", "x.mp4"});
  CHECK(video.code == 2);
  CHECK(contains(video.err, "needs the program ffmpeg"));
  CHECK(fs::is_empty(place.scratch.path()));
  CHECK(place.labhost({"render", "--env", "reacher", "--still", "x.png"}).code == 0);
}

}  // namespace labhost::testing
