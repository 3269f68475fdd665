// Joins stores: what another machine or cluster has computed becomes rows here.
//
// A run is the same run where its key is the same. Of two records of it the better one counts: a
// completed one (of two the earlier), else the later attempt, else the one that is further. So the
// result does not depend on the order of the sources, and merging one again changes nothing. Each
// source is one transaction: whatever ends the process, a source is in or out as a whole, and the
// same call goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace labhost {

struct MergedRun {
  std::int64_t source_id = 0, target_id = 0;  ///< target_id 0: the run is new here
  std::string run_key, uuid;                  ///< of the source's record
  std::string replaced_uuid;                  ///< of the target's, where it is another record
};

struct MergeCounts {
  std::int64_t added = 0, replaced = 0;  ///< runs
  std::int64_t known = 0;  ///< runs that the target has as well or better, or is computing
  std::int64_t metric_rows = 0;
};

/// Attached to `target` while it lives. Throws InputError where the source is no store, of another
/// schema version, or has other columns. A journal that a killed writer left is rolled back.
class StoreMerger {
 public:
  StoreMerger(Store& target, std::filesystem::path source);
  ~StoreMerger();
  StoreMerger(const StoreMerger&) = delete;

  /// Runs whose record in the source is better than the target's; of `run_keys`, or of all where
  /// that is empty. Their files must be in the target's folder before take() is called.
  std::vector<MergedRun> wanted(const std::vector<std::string>& run_keys = {});

  /// Takes the better records of `run_keys` (all, where empty), with metrics, episodes, parameters,
  /// artifacts and provenance; and what the source's experiments show. One transaction.
  MergeCounts take(const std::vector<std::string>& run_keys = {}) { return take(run_keys, true); }

  /// The same for runs alone, whatever experiments show them.
  MergeCounts take_runs(const std::vector<std::string>& run_keys);

  /// Takes of `run_keys`, and of what they need in turn, as much as a run needs that needs them:
  /// configuration, parameters, artifacts. The rows are marked as references: no merge takes them
  /// for runs.
  void take_references(const std::vector<std::string>& run_keys);

  /// The source's artifacts of a run.
  std::vector<ArtifactRow> artifacts(std::int64_t source_id);

 private:
  void check_columns();
  void choose(const std::vector<std::string>& run_keys);
  std::int64_t copy_runs();
  void copy_experiments();
  MergeCounts take(const std::vector<std::string>& run_keys, bool with_experiments);

  Store& target_;
  std::filesystem::path source_;
};

/// Copies all metric rows of one store into another that has none, run i to run i; the seconds that
/// takes. For `labhost bench`: what SQLite needs for the rows themselves.
double copy_metrics(const Store& from, Store& to);

/// Fills in run_needs from the parameters `needs.ROLE`: a run may be merged before the run that it
/// needs. To be called when all sources are in.
void link_needs(Store& target);

}  // namespace labhost
