#include "core/runner/job.hpp"

#include <cstdio>

#include "core/sdk/error.hpp"

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

std::string key_of(PluginKind kind, const std::string& name) {
  return std::string(to_string(kind)) + " " + name;
}

}  // namespace

std::string Job::to_text() const {
  nlohmann::json paths = nlohmann::json::object();
  for (const auto& [plugin, path] : libraries) paths[plugin] = escaped(path.string());
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
      {"libraries", std::move(paths)},
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
  for (const auto& [plugin, path] : json.at("libraries").items()) {
    job.libraries[plugin] = unescaped(path.get<std::string>());
  }
  return job;
}

void Job::use_plugins(const RunSpec& spec, const Catalogue& catalogue) {
  catalogue.find(PluginKind::kEnvironment, spec.environment.plugin);
  if (!spec.dataset.plugin.empty()) catalogue.find(PluginKind::kDataset, spec.dataset.plugin);
  catalogue.find(PluginKind::kAlgorithm, spec.method.plugin);
  for (const PluginDescription& plugin : catalogue.plugins()) {
    libraries[key_of(plugin.kind, plugin.name)] = plugin.library;
  }
  use_plugins(spec);
}

void Job::use_plugins(const RunSpec& spec) {
  const auto library = [this](PluginKind kind, const std::string& name) {
    const auto found = libraries.find(key_of(kind, name));
    if (found != libraries.end()) return found->second;
    throw InputError("there is no " + key_of(kind, name) + ", which a needed run was made with");
  };
  environment = library(PluginKind::kEnvironment, spec.environment.plugin);
  dataset = spec.dataset.plugin.empty() ? std::filesystem::path()
                                        : library(PluginKind::kDataset, spec.dataset.plugin);
  method = library(PluginKind::kAlgorithm, spec.method.plugin);
}

std::filesystem::path run_folder(const std::string& uuid) {
  return std::filesystem::path("runs") / uuid;
}

}  // namespace labhost
