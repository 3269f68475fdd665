// What `labhost render` asks of the process that draws: whom to watch, for how long, how large.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace labhost {

struct RenderRequest {
  /// Job::to_text() of a recorded run whose team is watched; empty: `environment` with the team of
  /// `team`, or with a policy that needs no training.
  std::string job;
  std::string team;                           ///< policy file; empty: `policy`
  std::string environment;                    ///< plugin library
  std::map<std::string, std::string> params;  ///< of the environment, resolved
  std::string policy = "random";              ///< "random": uniform actions; "zero"
  bool greedy = true;                         ///< of a team: means, or samples
  std::int64_t episodes = 1;
  std::int64_t seed = 0;      ///< of resets and draws
  std::int64_t still_at = 0;  ///< time step of the first episode that the still shows
  std::int64_t width = 640, height = 480;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(RenderRequest, job, team, environment, params, policy, greedy,
                                 episodes, seed, still_at, width, height)
};

}  // namespace labhost
