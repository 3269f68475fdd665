#include "core/runner/job.hpp"

#include <cstdio>

namespace labhost {

namespace {

/// Paths and arguments are bytes, JSON is UTF-8: bytes outside of ASCII travel as %XX.
std::string escaped(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    if (static_cast<unsigned char>(c) < 0x80 && c != '%') {
      text += c;
      continue;
    }
    char code[4];
    std::snprintf(code, sizeof code, "%%%02x",
                  static_cast<unsigned>(static_cast<unsigned char>(c)));
    text += code;
  }
  return text;
}

std::string unescaped(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    bytes += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
    i += 2;
  }
  return bytes;
}

}  // namespace

std::string Job::to_text() const {
  const nlohmann::json json = {
      {"store", escaped(store.string())},
      {"run_id", run_id},
      {"attempt", attempt},
      {"log", escaped(log.string())},
      {"threads", runner.threads},
      {"checkpoint_seconds", runner.checkpoint_seconds},
      {"heartbeat_stale_seconds", runner.heartbeat_stale_seconds},
      {"device", runner.device},
      {"log_level", runner.log_level},
      {"environment", escaped(environment.string())},
      {"dataset", escaped(dataset.string())},
      {"method", escaped(method.string())},
      {"command_line", escaped(command_line)},
  };
  return json.dump();
}

Job Job::from_text(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  Job job;
  job.store = unescaped(json.at("store").get<std::string>());
  job.run_id = json.at("run_id");
  job.attempt = json.at("attempt");
  job.log = unescaped(json.at("log").get<std::string>());
  job.runner.threads = json.at("threads");
  job.runner.checkpoint_seconds = json.at("checkpoint_seconds");
  job.runner.heartbeat_stale_seconds = json.at("heartbeat_stale_seconds");
  job.runner.device = json.at("device");
  job.runner.log_level = json.at("log_level");
  job.environment = unescaped(json.at("environment").get<std::string>());
  job.dataset = unescaped(json.at("dataset").get<std::string>());
  job.method = unescaped(json.at("method").get<std::string>());
  job.command_line = unescaped(json.at("command_line").get<std::string>());
  return job;
}

std::filesystem::path run_folder(const std::string& uuid) {
  return std::filesystem::path("runs") / uuid;
}

}  // namespace labhost
