#include "core/experiment/resolve.hpp"

#include <algorithm>
#include <limits>
#include <system_error>

#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/d4rl/names.hpp"
#include "core/experiment/document.hpp"
#include "core/experiment/values.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostSteps = 1'000'000'000'000;
constexpr std::int64_t kMostEpisodes = 1'000'000;

// Keys of [algorithm.NAME] that are not its plugin's parameters.
const std::vector<std::string> kReserved = {"label", "like",  "plugin",     "steps",     "seed",
                                            "task",  "tasks", "evaluation", "log_every", "needs"};
// Keys of [algorithm.NAME.task.NAME] that are not.
const std::vector<std::string> kReservedOnTask = {"steps", "seed", "evaluation", "log_every",
                                                  "needs"};

// Runs `lookup`, whose errors know no place, for a value written at `location`.
template <typename Lookup>
auto located(const Location& location, const Lookup& lookup) -> decltype(lookup()) {
  try {
    return lookup();
  } catch (const InputError& error) {
    throw location.error(error.what());
  }
}

const PluginDescription& find_plugin(const Catalogue& catalogue, PluginKind kind,
                                     const std::string& name, const Location& location) {
  return located(location,
                 [&]() -> const PluginDescription& { return catalogue.find(kind, name); });
}

void read_evaluation(const TableView& table, EvaluationSpec& evaluation) {
  table.allow_only({"episodes", "every", "episodes_during"});
  evaluation.episodes = table.integer("episodes", 0, kMostEpisodes).value_or(evaluation.episodes);
  evaluation.every = table.integer("every", 0, kMostSteps).value_or(evaluation.every);
  evaluation.episodes_during =
      table.integer("episodes_during", 1, kMostEpisodes).value_or(evaluation.episodes_during);
}

std::vector<std::string> with_params(std::vector<std::string> keys,
                                     const PluginDescription& plugin) {
  const std::vector<std::string> params = plugin.param_names();
  keys.insert(keys.end(), params.begin(), params.end());
  return keys;
}

void check_reserved(const PluginDescription& plugin, const TableView& table) {
  for (const std::string& key : kReserved) {
    if (plugin.find_param(key) == nullptr) continue;
    throw table.node().location.error("plugin \"" + plugin.name + "\" has a parameter \"" + key +
                                      "\", which means something else in [" + table.path() +
                                      "]; rename the plugin's parameter");
  }
}

// A dataset's roles are its plugin's: each that is needed must be in the file, and no other.
void check_dataset_needs(const PluginDescription& plugin, const ParamValues& params,
                         const TableView& table) {
  const auto section = table.table("needs");
  std::vector<std::string> roles;
  for (const NeedDescription& need : plugin.needs) {
    roles.push_back(need.role);
    if (!is_needed(need, params)) continue;
    if (section && section->find(need.role) != nullptr) continue;
    throw table.node().location.error("dataset \"" + plugin.name +
                                      "\" reads what a run has left; " + "add needs." + need.role +
                                      " = { algorithm = \"...\" }");
  }
  if (section) section->allow_only(roles);
}

// What --set has put into a table.
Node from_command_line(const Node& table) {
  Node given;
  given.location = table.location;
  for (const auto& [key, value] : table.members) {
    if (value.kind == Node::Kind::kTable) {
      Node inner = from_command_line(value);
      if (!inner.members.empty()) given.set(key, std::move(inner));
    } else if (!value.location.in_file()) {
      given.set(key, value);
    }
  }
  return given;
}

// An algorithm's table with its settings for one task laid over it. --set wins over both, and there
// too what is set for the task over what is set for all.
Node on_task(const Node& algorithm, const Node& settings) {
  Node merged = algorithm;
  overlay(merged, settings);
  overlay(merged, from_command_line(algorithm));
  overlay(merged, from_command_line(settings));
  return merged;
}

void check_names(const TableView& section, const char* noun) {
  for (const auto& [name, node] : section.node().members) {
    if (is_plain_name(name)) continue;
    throw node.location.error(std::string("a ") + noun + " cannot be named \"" + name +
                              "\"; use letters, digits, - and _");
  }
}

std::vector<std::string> names_in(const Node& root, const char* section) {
  const Node* node = root.find(section);
  return node == nullptr ? std::vector<std::string>{} : node->keys();
}

}  // namespace

Resolver::Resolver(const Node& root, const Catalogue& catalogue)
    : root_(root), catalogue_(catalogue) {}

std::vector<std::string> Resolver::algorithm_names() const { return names_in(root_, "algorithm"); }
std::vector<std::string> Resolver::task_names() const { return names_in(root_, "task"); }

std::optional<TableView> Resolver::algorithm_table(const std::string& name) const {
  const auto section = TableView(root_, "").table("algorithm");
  return section ? section->table(name) : std::nullopt;
}

std::optional<TableView> Resolver::task_table(const std::string& name) const {
  const auto section = TableView(root_, "").table("task");
  return section ? section->table(name) : std::nullopt;
}

const PluginDescription& Resolver::algorithm_plugin(const std::string& name) const {
  const TableView table = *algorithm_table(name);
  const Node* named = table.find("plugin");
  const Location& location = named != nullptr ? named->location : table.node().location;
  return find_plugin(catalogue_, PluginKind::kAlgorithm, table.text("plugin").value_or(name),
                     location);
}

void Resolver::check_all() {
  const TableView top(root_, "");
  if (const auto tasks = top.table("task")) {
    check_names(*tasks, "task");
    for (const std::string& name : tasks->node().keys()) check_task(*tasks->table(name));
  }
  if (const auto algorithms = top.table("algorithm")) {
    check_names(*algorithms, "algorithm");
    for (const std::string& name : algorithms->node().keys()) {
      check_algorithm(*algorithms->table(name));
    }
  }
}

// Plugins of unused tasks are not asked for: a file of common tasks may name more than are built.
void Resolver::check_task(const TableView& table) {
  table.allow_only({"label", "environment", "dataset", "datasets"});
  table.text("label");
  table.require("environment", "expected environment = { plugin = \"...\" }");
  for (const char* key : {"environment", "dataset"}) {
    const auto part = table.table(key);
    if (!part) continue;
    part->require("plugin", "expected the name of a plugin");
    part->text("plugin");
  }
  if (const auto dataset = table.table("dataset")) read_needs(*dataset, nullptr);
  const auto datasets = table.table("datasets");
  if (!datasets) return;
  if (table.find("dataset") != nullptr) {
    throw table.error("datasets", "stands beside dataset; a task has the one or the other");
  }
  for (const std::string& name : datasets->node().keys()) {
    const TableView dataset = *datasets->table(name);
    dataset.require("plugin", "expected the name of a plugin");
    read_needs(dataset, nullptr);
  }
}

std::optional<TableView> Resolver::dataset_table(const TableView& task) const {
  const auto datasets = task.table("datasets");
  if (!datasets) return task.table("dataset");
  const auto experiment = TableView(root_, "").table("experiment");
  const auto data = experiment ? experiment->text("data") : std::nullopt;
  const std::vector<std::string> known = datasets->node().keys();
  if (!data) {
    throw datasets->node().location.error("which of " + task.path() +
                                          ".datasets is meant? Expected experiment.data, one of " +
                                          join(known, ", "));
  }
  if (auto chosen = datasets->table(*data)) return chosen;
  throw experiment->error("data", "is \"" + *data + "\", which " + task.path() +
                                      ".datasets does not have" + suggestion(*data, known));
}

void Resolver::check_algorithm(const TableView& table) {
  const std::string name = table.path().substr(table.path().find('.') + 1);
  table.text("label");
  const PluginDescription& plugin = algorithm_plugin(name);
  check_reserved(plugin, table);
  if (table.find("device") != nullptr && plugin.find_param("device") == nullptr) {
    throw table.error("device", "is no setting of an algorithm; it belongs in [run]");
  }
  read_method(table, plugin, Files::kIgnore);
  tasks_of(name);
  const auto overrides = table.table("task");
  if (!overrides) return;
  const std::vector<std::string> tasks = task_names();
  for (const auto& [task, node] : overrides->node().members) {
    if (std::find(tasks.begin(), tasks.end(), task) == tasks.end()) {
      throw node.location.error("[" + overrides->path() + "." + task + "] names an unknown task" +
                                suggestion(task, tasks));
    }
    overrides->table(task)->allow_only(with_params(kReservedOnTask, plugin));
    const Node merged = on_task(table.node(), node);
    read_method(TableView(merged, table.path()), plugin, Files::kIgnore);
  }
}

std::optional<std::vector<std::string>> Resolver::tasks_of(const std::string& algorithm) const {
  const TableView table = *algorithm_table(algorithm);
  const auto tasks = table.names("tasks");
  if (!tasks) return std::nullopt;
  const std::vector<std::string> known = task_names();
  for (std::size_t i = 0; i < tasks->size(); ++i) {
    const std::string& task = (*tasks)[i];
    if (std::find(known.begin(), known.end(), task) != known.end()) continue;
    throw table.find("tasks")->items[i].location.error(table.path() + ".tasks names \"" + task +
                                                       "\", but there is no [task." + task + "]" +
                                                       suggestion(task, known));
  }
  return tasks;
}

ResolvedTask Resolver::task(const std::string& name) {
  const TableView table = *task_table(name);
  ResolvedTask task{plugin_of_task(*table.table("environment"), PluginKind::kEnvironment), {}, {}};
  if (const auto dataset = dataset_table(table)) {
    task.dataset = plugin_of_task(*dataset, PluginKind::kDataset);
    const PluginDescription& plugin = catalogue_.find(PluginKind::kDataset, task.dataset->plugin);
    check_dataset_needs(plugin, task.dataset->params, *dataset);
    task.dataset_needs = needs_of(plugin, task.dataset->params, *dataset);
  }
  return task;
}

PluginUse Resolver::plugin_of_task(const TableView& part, PluginKind kind) {
  const PluginDescription& plugin =
      find_plugin(catalogue_, kind, *part.text("plugin"), part.find("plugin")->location);
  std::vector<std::string> keys = {"plugin"};
  if (!plugin.needs.empty()) keys.push_back("needs");
  part.allow_only(with_params(keys, plugin));
  return use(plugin, part, Files::kHash);
}

ResolvedMethod Resolver::method(const std::string& algorithm, const std::string& task) {
  const TableView table = *algorithm_table(algorithm);
  const PluginDescription& plugin = algorithm_plugin(algorithm);
  const auto overrides = table.table("task");
  if (!overrides || overrides->find(task) == nullptr) {
    return read_method(table, plugin, Files::kHash);
  }
  const Node merged = on_task(table.node(), *overrides->find(task));
  return read_method(TableView(merged, table.path()), plugin, Files::kHash);
}

ResolvedMethod Resolver::read_method(const TableView& table, const PluginDescription& plugin,
                                     Files files) {
  table.allow_only(with_params(kReserved, plugin));
  ResolvedMethod method;
  method.use = use(plugin, table, files);
  method.needs = needs_of(plugin, method.use.params, table);
  method.online = plugin.online;
  table.require("steps", "expected the number of updates");
  method.steps = *table.integer("steps", 1, kMostSteps);
  const TableView top(root_, "");
  if (const auto run = top.table("run")) {
    method.log_every = run->integer("log_every", 1, kMostSteps).value_or(method.log_every);
  }
  method.log_every = table.integer("log_every", 1, kMostSteps).value_or(method.log_every);
  if (const auto evaluation = top.table("evaluation")) {
    read_evaluation(*evaluation, method.evaluation);
  }
  if (const auto evaluation = table.table("evaluation")) {
    read_evaluation(*evaluation, method.evaluation);
  }
  method.shared_seed = read_shared_seed(table);
  return method;
}

PluginUse Resolver::use(const PluginDescription& plugin, const TableView& table, Files files) {
  PluginUse result{plugin.name, plugin.version, {}, {}};
  result.params = located(table.node().location, [&plugin] { return default_values(plugin); });
  for (const ParamDescription& param : plugin.params) {
    std::string& value = result.params[param.name];
    const Node* given = table.find(param.name);
    if (given != nullptr) value = parameter(plugin, param, table);
    if (!is_file(param.type) || value.empty() || files == Files::kIgnore) continue;
    const Location& location = given != nullptr ? given->location : table.node().location;
    find_files(param, given, given != nullptr ? location.folder() : plugin.library.parent_path(),
               location, result);
  }
  return result;
}

void Resolver::find_files(const ParamDescription& param, const Node* given, const fs::path& folder,
                          const Location& location, PluginUse& use) {
  std::string& value = use.params[param.name];
  if (param.type == ParamType::kData) {
    const std::string file = located(location, [&value] {
      return look_for_d4rl(parse_d4rl_name(value), d4rl_folders()).string();
    });
    if (file.empty()) {  // all that are missing are told at once, when the plan is known
      use.file_hashes[param.name] = kMissingFile + value;
      return;
    }
    value = fs::absolute(file).lexically_normal().string();
    use.file_hashes[param.name] = located(location, [&] { return hash_of(value); });
    return;
  }
  std::vector<std::string> hashes;
  std::vector<std::string> paths =
      is_list(param.type) ? list_items(value) : std::vector<std::string>{value};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const bool in_list = given != nullptr && given->kind == Node::Kind::kArray;
    const Location& place = in_list ? given->items[i].location : location;
    paths[i] = absolute_file(paths[i], folder, place);
    hashes.push_back(located(place, [&] { return hash_of(paths[i]); }));
  }
  value = join(paths, "\n");
  use.file_hashes[param.name] = join(hashes, "\n");
}

std::string Resolver::parameter(const PluginDescription& plugin, const ParamDescription& param,
                                const TableView& table) const {
  const Node& given = *table.find(param.name);
  const std::optional<std::string> text = text_for(param.type, given);
  if (!text) {
    throw table.error(param.name, "must be " + std::string(expected_for(param.type)) + ", found " +
                                      given.describe());
  }
  return located(given.location, [&] { return canonical_value(plugin, param, *text); });
}

const std::string& Resolver::hash_of(const std::string& path) {
  const auto known = hashes_.find(path);
  if (known != hashes_.end()) return known->second;
  return hashes_[path] = sha256_file(path);
}

}  // namespace labhost
