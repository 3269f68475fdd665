// Runs and layouts as JSON: what is hashed, stored, and read by workers and reports.
#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/experiment/plan.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

// Raise it when the meaning of an identity changes: every run is then computed anew.
constexpr int kIdentityVersion = 1;
constexpr char kHashPrefix[] = "sha256:";

/// Of a list of files the hash of their hashes, and marked as such.
std::string one_hash(const std::string& hashes) {
  return hashes.find('\n') == std::string::npos ? hashes : "list:" + sha256(hashes);
}

nlohmann::json use_to_json(const PluginUse& use) {
  nlohmann::json params = nlohmann::json::object();
  for (const auto& [name, value] : use.params) {
    const auto hash = use.file_hashes.find(name);
    params[name] = hash == use.file_hashes.end() ? value : kHashPrefix + one_hash(hash->second);
  }
  return {{"plugin", use.plugin}, {"version", use.version}, {"params", std::move(params)}};
}

nlohmann::json files_to_json(const PluginUse& use) {
  nlohmann::json files = nlohmann::json::object();
  for (const auto& [name, hash] : use.file_hashes) {
    files[name] = {{"path", use.params.at(name)}, {"sha256", hash}};
  }
  return files;
}

PluginUse use_from_json(const nlohmann::json& json, const nlohmann::json& files) {
  PluginUse use;
  use.plugin = json.at("plugin").get<std::string>();
  use.version = json.at("version").get<std::string>();
  use.params = json.at("params").get<ParamValues>();
  for (const auto& [name, file] : files.items()) {
    use.params[name] = file.at("path").get<std::string>();
    use.file_hashes[name] = file.at("sha256").get<std::string>();
  }
  return use;
}

}  // namespace

void check_files(const PluginUse& use) {
  for (const auto& [name, hashes] : use.file_hashes) {
    const std::vector<std::string> paths = list_items(use.params.at(name));
    const std::vector<std::string> expected = list_items(hashes);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const std::string found = sha256_file(paths[i]);
      if (i < expected.size() && found == expected[i]) continue;
      throw InputError(
          "file " + paths[i] + " (parameter \"" + name + "\" of " + use.plugin +
          ") changed since the plan was made: expected SHA-256 " +
          (i < expected.size() ? expected[i] : "of no such file") + ", found " + found +
          "; put that file back, or run the experiment again to plan with it as it is now");
    }
  }
}

nlohmann::json RunSpec::identity() const {
  nlohmann::json needed = nlohmann::json::object();
  for (const NeedSpec& need : needs) needed[need.role] = need.run_key;
  return {{"identity", kIdentityVersion},
          {"environment", use_to_json(environment)},
          {"dataset", use_to_json(dataset)},
          {"algorithm", use_to_json(method)},
          {"seed", seed},
          {"steps", total_steps},
          {"log_every", log_every},
          {"evaluation",
           {{"episodes", evaluation.episodes},
            {"every", evaluation.every},
            {"episodes_during", evaluation.episodes_during}}},
          {"needs", std::move(needed)}};
}

nlohmann::json RunSpec::config() const {
  return {{"identity", identity()},
          {"labels", {{"task", task}, {"algorithm", algorithm}}},
          {"reported", reported},
          {"files",
           {{"environment", files_to_json(environment)},
            {"dataset", files_to_json(dataset)},
            {"algorithm", files_to_json(method)}}}};
}

RunSpec RunSpec::from_config(const nlohmann::json& config) {
  try {
    const nlohmann::json& identity = config.at("identity");
    const nlohmann::json& files = config.at("files");
    const nlohmann::json& evaluation = identity.at("evaluation");
    if (identity.at("identity").get<int>() != kIdentityVersion) {
      throw InputError("a run's configuration has identity version " +
                       identity.at("identity").dump() + ", this labhost writes version " +
                       std::to_string(kIdentityVersion) + "; plan the experiment again");
    }
    RunSpec spec;
    spec.task = config.at("labels").at("task").get<std::string>();
    spec.algorithm = config.at("labels").at("algorithm").get<std::string>();
    spec.reported = config.at("reported").get<bool>();
    spec.environment = use_from_json(identity.at("environment"), files.at("environment"));
    spec.dataset = use_from_json(identity.at("dataset"), files.at("dataset"));
    spec.method = use_from_json(identity.at("algorithm"), files.at("algorithm"));
    spec.seed = identity.at("seed").get<std::int64_t>();
    spec.total_steps = identity.at("steps").get<std::int64_t>();
    spec.log_every = identity.at("log_every").get<std::int64_t>();
    spec.evaluation.episodes = evaluation.at("episodes").get<std::int64_t>();
    spec.evaluation.every = evaluation.at("every").get<std::int64_t>();
    spec.evaluation.episodes_during = evaluation.at("episodes_during").get<std::int64_t>();
    for (const auto& [role, run_key] : identity.at("needs").items()) {
      spec.needs.push_back({role, run_key.get<std::string>()});
    }
    spec.run_key = sha256(spec.identity().dump());
    return spec;
  } catch (const nlohmann::json::exception& error) {
    throw InputError("a run's configuration cannot be read: " + std::string(error.what()));
  }
}

}  // namespace labhost
