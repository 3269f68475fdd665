// What the scheduler hands to a worker process: a claimed run and how to run it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "core/experiment/plan.hpp"
#include "core/plugins/catalogue.hpp"

namespace labhost {

struct Job {
  std::filesystem::path store;
  std::int64_t run_id = 0, attempt = 0;
  std::filesystem::path log;  ///< stdout and stderr of the worker; appended to
  RunnerSettings runner;
  std::filesystem::path environment, dataset, method;  ///< plugin libraries
  std::string command_line;                            ///< of the scheduler, for provenance
  /// Libraries of all plugins, by "kind name": needed runs may use others than this run.
  std::map<std::string, std::filesystem::path> libraries;

  /// Fills in environment, dataset, method and libraries. Throws InputError for a plugin that the
  /// catalogue lacks.
  void use_plugins(const RunSpec& spec, const Catalogue& catalogue);
  /// The same for another run, from `libraries`.
  void use_plugins(const RunSpec& spec);

  std::string to_text() const;  ///< JSON
  static Job from_text(const std::string& text);
};

/// Folder of a run's files (checkpoint, artifact, logs), relative to the store's folder. By the
/// record's UUID, not the run's key: another store in the same folder, or one that was deleted and
/// made anew, has files of its own.
std::filesystem::path run_folder(const std::string& uuid);

}  // namespace labhost
