#include "core/cli/dataset_source.hpp"

#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/environment_option.hpp"
#include "core/cli/runs_view.hpp"
#include "core/d4rl/names.hpp"
#include "core/report/values.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

void add_choice(const PluginDescription& plugin, const ParamValues& params,
                DatasetRequest& request) {
  EnvironmentChoice choice{plugin.library.string(), params};
  for (const ParamDescription& param : plugin.params) {
    for (const std::string& value : param.choices) {
      if (params.at(param.name) == value) continue;
      choice.variants[param.name + "=" + value] = params;
      choice.variants[param.name + "=" + value][param.name] = value;
    }
  }
  request.environments[plugin.name] = std::move(choice);
}

/// The dataset that a run left, and the environment that it was made in.
DatasetSource of_run(const po::variables_map& values, const std::string& what) {
  Store store(store_path(values), Store::Access::kReadOnly);
  const std::int64_t run = find_run(store, what);
  const QueryResult found = store.query(
      "SELECT path, sha256 FROM artifact WHERE run_id = ?1 AND kind = 'dataset' ORDER BY id DESC",
      {run});
  if (found.rows.empty()) {
    throw InputError("run " + what +
                     " has left no dataset; labhost datasets list shows those that "
                     "have");
  }
  DatasetSource source;
  source.artifact = true;
  source.request.file = (store.folder() / cell_text(found.rows.front()[0])).string();
  const std::string recorded = cell_text(found.rows.front()[1]);
  if (const std::string digest = sha256_file(source.request.file); digest != recorded) {
    throw InputError(source.request.file + " is not the dataset that run " + what +
                     " left: expected SHA-256 " + recorded + ", found " + digest);
  }
  if (values.count("env") != 0) {
    choose_environment(values, "", source.request);
    return source;
  }
  if (values.count("set") != 0) throw InputError("--set goes with --env");
  const auto spec = RunSpec::from_config(nlohmann::json::parse(store.run_config(run)));
  source.request.environment = spec.environment.plugin;
  add_choice(discover_plugins(values).find(PluginKind::kEnvironment, spec.environment.plugin),
             spec.environment.params, source.request);
  return source;
}

bool is_d4rl_name(const std::string& text) {
  try {
    parse_d4rl_name(text);
    return true;
  } catch (const InputError&) {
    return false;
  }
}

}  // namespace

void choose_environment(const po::variables_map& values, const std::string& name,
                        DatasetRequest& request) {
  const Catalogue catalogue = discover_plugins(values);
  if (values.count("env") != 0) {
    request.environment = values["env"].as<std::string>();
    const PluginDescription& plugin = catalogue.find(PluginKind::kEnvironment, request.environment);
    add_choice(plugin, environment_params(values, plugin), request);
    return;
  }
  if (values.count("set") != 0) throw InputError("--set goes with --env");
  for (const PluginDescription& plugin : catalogue.plugins()) {
    if (plugin.kind != PluginKind::kEnvironment) continue;
    add_choice(plugin, default_values(plugin), request);
    if (plugin.name == name) request.environment = name;
  }
}

DatasetSource find_dataset(const po::variables_map& values, const std::string& what) {
  if (parse_integer(what)) return of_run(values, what);
  DatasetSource source;
  std::error_code closed;  // a folder on the way: the reader has the words for it
  if (fs::exists(what, closed) || closed) {
    source.request.file = what;
    choose_environment(values, "", source.request);
    return source;
  }
  if (!is_d4rl_name(what)) {
    throw InputError("datasets: " + what +
                     " is no file; expected a file in D4RL's layout, a name like ant-medium-v2, or "
                     "the number of a run");
  }
  source.request.file = find_d4rl(what, d4rl_folders()).string();
  choose_environment(values, parse_d4rl_name(what).environment, source.request);
  return source;
}

}  // namespace labhost
