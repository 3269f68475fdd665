// `labhost render RUN | FILE | --env NAME`: episodes as a video or a still.
#include <limits>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/environment_option.hpp"
#include "core/cli/policy_file.hpp"
#include "core/cli/run_option.hpp"
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
      ("sample", "a trained team: sampled actions (default: greedy ones)")            //
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

void choose_environment(const po::variables_map& values, const std::string& name,
                        RenderRequest& request) {
  const Catalogue catalogue = discover_plugins(values);
  const PluginDescription& plugin = catalogue.find(PluginKind::kEnvironment, name);
  request.environment = plugin.library.string();
  request.params = environment_params(values, plugin);
}

/// A policy file plays in the environment that it was made for, unless --env says another.
void watch_team(const po::variables_map& values, const std::string& file, RenderRequest& request) {
  if (!values["policy"].defaulted()) throw InputError("--policy does not go with a policy file");
  const std::string task = task_of_policy(file);
  choose_environment(values, values.count("env") != 0 ? values["env"].as<std::string>() : task,
                     request);
  request.team = fs::absolute(file).string();
  request.greedy = values.count("sample") == 0;
}

void watch_environment(const po::variables_map& values, RenderRequest& request) {
  choose_environment(values, values["env"].as<std::string>(), request);
  request.policy = values["policy"].as<std::string>();
  if (request.policy != "random" && request.policy != "zero") {
    throw InputError("--policy must be random or zero, found " + request.policy +
                     "; for a trained team name its run: labhost render RUN");
  }
}

void watch_run(const po::variables_map& values, RenderRequest& request) {
  request.job = job_of_run(values, values["run"].as<std::string>());
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
      "Plays episodes with the team of a run (its number, or the file that it left) or of a\n"
      "policy file (.safetensors), or in an environment with untrained actions, and shows them\n"
      "as a video or as a picture.",
      visible_options(), hidden, positional);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  const std::string who = values.count("run") == 0 ? "" : values["run"].as<std::string>();
  const bool team = is_policy_file(who);
  if (!team && values.count("run") == values.count("env")) {
    throw InputError(
        "render: expected either a run, a policy file or --env NAME; labhost help render");
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
  if (team) {
    watch_team(values, who, request);
  } else if (values.count("env") != 0) {
    watch_environment(values, request);
  } else {
    watch_run(values, request);
  }
  return call_worker_main({"render", nlohmann::json(request).dump(), video, still});
}

}  // namespace labhost
