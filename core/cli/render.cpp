// `labhost render RUN | FILE | --env NAME`: episodes as a video or a still.
#include <limits>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/environment_option.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/runner/job.hpp"
#include "core/runner/render_request.hpp"
#include "core/store/store.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr std::int64_t kMostPixels = 8192;

po::options_description visible_options() {
  po::options_description options("options");
  options.add_options()                                                               //
      ("out", po::value<std::string>(), "video to write, MP4 (H.264)")                //
      ("still", po::value<std::string>(), "picture to write, PNG")                    //
      ("at", po::value<std::int64_t>()->default_value(0), "still: its time step")     //
      ("episodes", po::value<std::int64_t>()->default_value(1), "episodes to play")   //
      ("seed", po::value<std::int64_t>()->default_value(0), "of resets and draws")    //
      ("size", po::value<std::string>()->default_value("640x480"), "width x height")  //
      ("sample", "a run's team: sampled actions (default: greedy ones)")              //
      ("policy", po::value<std::string>()->default_value("random"), "env: who acts: random, zero");
  add_environment_options(options);
  add_store_option(options);
  return options;
}

std::int64_t in_range(const po::variables_map& values, const char* name, std::int64_t least,
                      std::int64_t most) {
  const auto value = values[name].as<std::int64_t>();
  if (value >= least && value <= most) return value;
  throw InputError("--" + std::string(name) + " must be from " + std::to_string(least) + " to " +
                   std::to_string(most) + ", found " + std::to_string(value));
}

void read_size(const std::string& text, RenderRequest& request) {
  const std::vector<std::string> parts = split(text, 'x');
  request.width = parse_integer(parts.front()).value_or(0);
  request.height = parts.size() == 2 ? parse_integer(parts[1]).value_or(0) : 0;
  // Even: H.264 halves the colours' resolution.
  const auto fits = [](std::int64_t pixels) {
    return pixels >= 16 && pixels <= kMostPixels && pixels % 2 == 0;
  };
  if (!fits(request.width) || !fits(request.height)) {
    throw InputError("--size must be two even numbers from 16 to " + std::to_string(kMostPixels) +
                     " (640x480), found " + text);
  }
}

void watch_environment(const po::variables_map& values, RenderRequest& request) {
  const Catalogue catalogue = discover_plugins(values);
  const PluginDescription& plugin =
      catalogue.find(PluginKind::kEnvironment, values["env"].as<std::string>());
  request.environment = plugin.library.string();
  request.params = environment_params(values, plugin);
  request.policy = values["policy"].as<std::string>();
  if (request.policy != "random" && request.policy != "zero") {
    throw InputError("--policy must be random or zero, found " + request.policy +
                     "; for a trained team name its run: labhost render RUN");
  }
}

/// A run by its number, or by a file that it left.
std::int64_t find_run(Store& store, const std::string& who) {
  if (const auto number = parse_integer(who)) {
    if (store.run_by_id(*number)) return *number;
    throw InputError("there is no run " + who + " in " + store.file().string() +
                     "; see labhost runs");
  }
  if (!fs::is_regular_file(who)) {
    throw InputError("render: expected the number of a run or the file of a policy, found " + who);
  }
  const QueryResult found =
      store.query("SELECT run_id FROM artifact WHERE sha256 = ?1", {sha256_file(who)});
  if (!found.rows.empty()) return std::get<std::int64_t>(found.rows.front().front());
  throw InputError(who + " was left by no run of " + store.file().string());
}

void watch_run(const po::variables_map& values, RenderRequest& request) {
  Store store(store_path(values), Store::Access::kReadOnly);
  Job job;
  job.store = fs::absolute(store.file());
  job.run_id = find_run(store, values["run"].as<std::string>());
  const auto spec = RunSpec::from_config(nlohmann::json::parse(store.run_config(job.run_id)));
  job.use_plugins(spec, discover_plugins(values));
  request.job = job.to_text();
  request.greedy = values.count("sample") == 0;
}

/// Found before an episode has been played for nothing.
void check_target(const std::string& file, const std::string& ending) {
  if (fs::path(file).extension() != ending || fs::is_directory(file)) {
    throw InputError("cannot write " + file + ": expected a file that ends in " + ending);
  }
  const fs::path folder = fs::absolute(file).parent_path();
  if (!fs::is_directory(folder)) {
    throw InputError("cannot write " + file + ": folder " + folder.string() + " does not exist");
  }
}

}  // namespace

int render_command(const Arguments& arguments) {
  po::options_description hidden;
  hidden.add_options()("run", po::value<std::string>(), "");
  po::positional_options_description positional;
  positional.add("run", 1);
  const Parsed parsed = parse_options(
      arguments, "labhost render RUN | FILE | --env NAME  --out VIDEO.mp4 | --still PICTURE.png",
      "Plays episodes with the team of a run (its number, or the policy file that it left), or in\n"
      "an environment with untrained actions, and shows them as a video or as a picture.",
      visible_options(), hidden, positional);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  if (values.count("run") == values.count("env")) {
    throw InputError("render: expected either a run or --env NAME; labhost help render");
  }
  const auto file = [&values](const char* name) {
    return values.count(name) == 0 ? std::string() : values[name].as<std::string>();
  };
  const std::string video = file("out"), still = file("still");
  if (video.empty() && still.empty()) {
    throw InputError("render: expected --out VIDEO.mp4, --still PICTURE.png, or both");
  }
  if (!video.empty()) check_target(video, ".mp4");
  if (!still.empty()) check_target(still, ".png");
  RenderRequest request;
  request.episodes = in_range(values, "episodes", 1, 1000000);
  request.seed = in_range(values, "seed", 0, std::numeric_limits<std::int64_t>::max());
  request.still_at = in_range(values, "at", 0, 1000000);
  read_size(values["size"].as<std::string>(), request);
  if (values.count("env") != 0) {
    watch_environment(values, request);
  } else {
    watch_run(values, request);
  }
  return call_worker_main({"render", nlohmann::json(request).dump(), video, still});
}

}  // namespace labhost
