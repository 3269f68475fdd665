// From tables of the file to plugins with all their parameters.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/experiment/node.hpp"
#include "core/experiment/plan.hpp"

namespace labhost {

/// A run that must have finished first: declared by an algorithm plugin, or written as
/// `needs.ROLE = { algorithm = "...", task = "...", seed = 0 }` in the file, which may also say of
/// a declared one which run it is.
struct ResolvedNeed {
  std::string role, algorithm;
  std::string task;                  ///< empty: the task of the run that needs it
  std::optional<std::int64_t> seed;  ///< absent: as the needed algorithm's own table says
  bool own_seed = false;             ///< seed = "run": the seed of the run that needs it
  bool in_file = false;              ///< the file writes it, and `location` is where
  Location location;                 ///< else the table of the algorithm that needs it
};

/// Stands, before the name, for the hash of a data file that no folder has. No run of a plan has
/// it: make_plan() refuses those.
inline constexpr const char* kMissingFile = "missing ";

/// What a run of one algorithm on one task is, whatever its seed.
struct ResolvedMethod {
  PluginUse use;
  std::vector<ResolvedNeed> needs;
  bool online = false;  ///< reads no dataset
  std::int64_t steps = 0;
  std::int64_t log_every = 100;
  EvaluationSpec evaluation;
  /// Seed of the one run that all runs share which need this algorithm; absent: each run needs the
  /// run of its own seed.
  std::optional<std::int64_t> shared_seed = 0;
};

struct ResolvedTask {
  PluginUse environment;
  std::optional<PluginUse> dataset;  ///< a task for online algorithms needs none
  std::vector<ResolvedNeed> dataset_needs;
};

/// `seed` of a table: 0, 1, ..., or nothing for "run": the seed of the run that needs it. 0 where
/// the table has none.
std::optional<std::int64_t> read_shared_seed(const TableView& table);

class Resolver {
 public:
  /// `root` and `catalogue` must outlive the resolver.
  Resolver(const Node& root, const Catalogue& catalogue);

  /// Checks every [task.*] and [algorithm.*] table, used or not: a misspelt name in a profile
  /// makes a table of its own, and must not pass in silence. Files are looked at only by task()
  /// and method().
  void check_all();

  ResolvedTask task(const std::string& name);
  ResolvedMethod method(const std::string& algorithm, const std::string& task);
  /// The tasks to which `algorithm.NAME.tasks` keeps the algorithm; absent: all.
  std::optional<std::vector<std::string>> tasks_of(const std::string& algorithm) const;

  /// The [algorithm.NAME] or [task.NAME] table.
  std::optional<TableView> algorithm_table(const std::string& name) const;
  std::optional<TableView> task_table(const std::string& name) const;
  const PluginDescription& algorithm_plugin(const std::string& name) const;
  std::vector<std::string> algorithm_names() const;
  std::vector<std::string> task_names() const;

 private:
  enum class Files { kIgnore, kHash };

  void check_task(const TableView& table);
  /// `dataset` of a task, or the one of its `datasets` that experiment.data names.
  std::optional<TableView> dataset_table(const TableView& task) const;
  void check_algorithm(const TableView& table);
  PluginUse plugin_of_task(const TableView& part, PluginKind kind);
  PluginUse use(const PluginDescription& plugin, const TableView& table, Files files);
  /// What the file says of needs, those that `plugin` (may be nullptr) declares and others.
  std::vector<ResolvedNeed> read_needs(const TableView& table,
                                       const PluginDescription* plugin) const;
  /// `plugin`: of whose runs it must be one, and the table that is meant where the file names none;
  /// "": any, and the file must name one.
  ResolvedNeed read_need(const TableView& view, const std::string& role,
                         const std::string& plugin) const;
  /// The needs that the plugin declares and that are not switched off, then the file's own.
  std::vector<ResolvedNeed> needs_of(const PluginDescription& plugin, const ParamValues& params,
                                     const TableView& table) const;
  ResolvedMethod read_method(const TableView& table, const PluginDescription& plugin, Files files);
  std::string parameter(const PluginDescription& plugin, const ParamDescription& param,
                        const TableView& table) const;
  /// What a parameter that names files is given: absolute paths, and the hashes of their contents.
  void find_files(const ParamDescription& param, const Node* given,
                  const std::filesystem::path& folder, const Location& location, PluginUse& use);
  const std::string& hash_of(const std::string& path);

  const Node& root_;
  const Catalogue& catalogue_;
  std::map<std::string, std::string> hashes_;  // by path
};

}  // namespace labhost
