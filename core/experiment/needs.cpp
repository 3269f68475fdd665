// What tables of the file say of needs: the runs that must have finished first.
#include <algorithm>

#include "core/base/text.hpp"
#include "core/experiment/resolve.hpp"

namespace labhost {

std::optional<std::int64_t> read_shared_seed(const TableView& table) {
  const Node* seed = table.find("seed");
  if (seed == nullptr) return 0;
  if (seed->kind == Node::Kind::kText && seed->text == "run") return std::nullopt;
  const auto value = as_integer(*seed);
  if (value && *value >= 0) return value;
  throw table.error("seed",
                    "must be a whole number of at least 0, or \"run\" for the seed of the "
                    "run that needs it; found " +
                        seed->describe());
}

std::vector<ResolvedNeed> Resolver::read_needs(const TableView& table,
                                               const PluginDescription* plugin) const {
  std::vector<ResolvedNeed> needs;
  const auto section = table.table("needs");
  if (!section) return needs;
  for (const std::string& role : section->node().keys()) {
    const NeedDescription* declared = plugin == nullptr ? nullptr : plugin->find_need(role);
    needs.push_back(
        read_need(*section->table(role), role, declared == nullptr ? "" : declared->algorithm));
  }
  return needs;
}

ResolvedNeed Resolver::read_need(const TableView& view, const std::string& role,
                                 const std::string& plugin) const {
  view.allow_only({"algorithm", "task", "seed"});
  if (plugin.empty()) view.require("algorithm", "expected the name of an [algorithm.*] table");
  const auto known = [&view](const char* key, const std::string& name,
                             const std::vector<std::string>& names) {
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    throw view.error(key, "names \"" + name + "\", but there is no [" + key + "." + name + "]" +
                              suggestion(name, names));
  };
  ResolvedNeed need{role,
                    view.text("algorithm").value_or(plugin),
                    view.text("task").value_or(""),
                    {},
                    false,
                    true,
                    view.node().location};
  if (view.find("algorithm") != nullptr) {
    known("algorithm", need.algorithm, algorithm_names());
    const auto& found = plugin.empty() ? plugin : algorithm_plugin(need.algorithm).name;
    if (found != plugin) {
      throw view.error("algorithm", "must name a table with plugin \"" + plugin + "\", found \"" +
                                        need.algorithm + "\" with plugin \"" + found + "\"");
    }
  }
  if (!need.task.empty()) known("task", need.task, task_names());
  if (view.find("seed") != nullptr) {
    need.seed = read_shared_seed(view);
    need.own_seed = !need.seed;
  }
  return need;
}

std::vector<ResolvedNeed> Resolver::needs_of(const PluginDescription& plugin,
                                             const ParamValues& params,
                                             const TableView& table) const {
  // What the file says of a need that is switched off is checked like the rest.
  std::vector<ResolvedNeed> written = read_needs(table, &plugin);
  std::vector<ResolvedNeed> needs;
  for (const NeedDescription& declared : plugin.needs) {
    if (!is_needed(declared, params)) continue;
    ResolvedNeed need;
    need.role = declared.role;
    need.algorithm = declared.algorithm;
    need.location = table.node().location;
    for (const ResolvedNeed& other : written) {
      if (other.role == need.role) need = other;
    }
    needs.push_back(std::move(need));
  }
  for (ResolvedNeed& need : written) {
    if (plugin.find_need(need.role) == nullptr) needs.push_back(std::move(need));
  }
  return needs;
}

}  // namespace labhost
