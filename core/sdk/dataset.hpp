// Datasets: a source of transitions, with its provenance.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "core/sdk/export.hpp"
#include "core/sdk/logger.hpp"
#include "core/sdk/params.hpp"
#include "core/sdk/types.hpp"

namespace labhost {

struct DatasetContext {
  const TaskSpec& task;
  const Params& params;
  Logger& logger;
  /// The file that a needed run left, by the role that the experiment file gives it.
  std::function<std::filesystem::path(const std::string& role)> artifact_file = nullptr;
};

class LABHOST_API Dataset {
 public:
  virtual ~Dataset() = default;

  /// All transitions, in the order of time, on the CPU. Called once.
  virtual Transitions load() = 0;
  /// Where the data comes from, as name and value: stored with each run that uses it.
  virtual std::map<std::string, std::string> provenance() const = 0;
};

}  // namespace labhost

/// A dataset that reads what needed runs have left: an array of NeedDecl, one per role that
/// artifact_file() is asked for.
#define LABHOST_DATASET_WITH_NEEDS(Class, name, version, summary, params, needs)          \
  LABHOST_PLUGIN_(Class, ::labhost::Dataset, ::labhost::DatasetContext,                   \
                  ::labhost::PluginKind::kDataset, name, version, summary, params, needs, \
                  std::size(needs), nullptr, 0)

/// Exports the dataset `Class(const DatasetContext&)`; last line of a plugin's source.
#define LABHOST_DATASET(Class, name, version, summary, params)                                 \
  LABHOST_PLUGIN_(Class, ::labhost::Dataset, ::labhost::DatasetContext,                        \
                  ::labhost::PluginKind::kDataset, name, version, summary, params, nullptr, 0, \
                  nullptr, 0)
