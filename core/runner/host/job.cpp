#include "core/runner/job.hpp"

namespace labhost {

std::string Job::to_text() const {
  const nlohmann::json json = {
      {"store", store.string()},
      {"run_id", run_id},
      {"attempt", attempt},
      {"log", log.string()},
      {"threads", runner.threads},
      {"checkpoint_seconds", runner.checkpoint_seconds},
      {"heartbeat_stale_seconds", runner.heartbeat_stale_seconds},
      {"device", runner.device},
      {"log_level", runner.log_level},
      {"environment", environment.string()},
      {"dataset", dataset.string()},
      {"method", method.string()},
      {"command_line", command_line},
  };
  return json.dump();
}

Job Job::from_text(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  Job job;
  job.store = json.at("store").get<std::string>();
  job.run_id = json.at("run_id");
  job.attempt = json.at("attempt");
  job.log = json.at("log").get<std::string>();
  job.runner.threads = json.at("threads");
  job.runner.checkpoint_seconds = json.at("checkpoint_seconds");
  job.runner.heartbeat_stale_seconds = json.at("heartbeat_stale_seconds");
  job.runner.device = json.at("device");
  job.runner.log_level = json.at("log_level");
  job.environment = json.at("environment").get<std::string>();
  job.dataset = json.at("dataset").get<std::string>();
  job.method = json.at("method").get<std::string>();
  job.command_line = json.at("command_line");
  return job;
}

std::filesystem::path run_folder(const std::string& run_key) {
  return std::filesystem::path("runs") / run_key.substr(0, 16);
}

}  // namespace labhost
