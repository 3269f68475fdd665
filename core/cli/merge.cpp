// `labhost merge A B ... --into C`: joins stores, with the files of their runs.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/table.hpp"
#include "core/runner/job.hpp"
#include "core/store/merge.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

/// A file or the folder that holds it: results-b means results-b/labhost.sqlite.
fs::path store_file(const std::string& given) {
  const fs::path path(given);
  std::error_code error;
  const bool folder =
      fs::is_directory(path, error) || (!fs::exists(path, error) && !path.has_extension());
  return folder ? path / "labhost.sqlite" : path;
}

/// The shards beside a store, which its runs at Slurm have written and nobody has taken in yet.
std::vector<fs::path> shards_of(const Store& store) {
  std::vector<fs::path> shards;
  std::error_code error;
  const fs::path folder = store.shard_of("any").parent_path();
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".sqlite") shards.push_back(it->path());
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

constexpr const char* kCheckpoint = "checkpoint.pt";

struct Copied {
  std::int64_t files = 0, bytes = 0;
};

/// Copies a run's files. Throws InputError where an artifact is not what its row says.
class RunFiles {
 public:
  RunFiles(fs::path from, fs::path to) : from_(std::move(from)), to_(std::move(to)) {}

  void copy(const MergedRun& run, const std::vector<ArtifactRow>& artifacts) {
    const fs::path folder = run_folder(run.uuid);
    std::error_code error;
    for (fs::recursive_directory_iterator it(from_ / folder, error), end; !error && it != end;
         it.increment(error)) {
      if (!it->is_regular_file()) continue;
      const fs::path path = fs::relative(it->path(), from_);
      const bool is_artifact =
          std::any_of(artifacts.begin(), artifacts.end(),
                      [&path](const ArtifactRow& row) { return fs::path(row.path) == path; });
      // After the rows (see copy_checkpoint): a checkpoint must not be ahead of them.
      if (!is_artifact && path.filename() != kCheckpoint) copy_file(path);
    }
    for (const ArtifactRow& row : artifacts) copy_artifact(row);
  }

  /// REQUIRES: the run's rows are in.
  void copy_checkpoint(const MergedRun& run) {
    const fs::path path = run_folder(run.uuid) / kCheckpoint;
    if (fs::exists(from_ / path)) copy_file(path);
  }

  const Copied& copied() const { return copied_; }

 private:
  void copy_artifact(const ArtifactRow& row) {
    if (fs::exists(to_ / row.path) && sha256_file(to_ / row.path) == row.sha256) return;
    if (!fs::exists(from_ / row.path)) {
      print("  " + (from_ / row.path).string() + " is missing; its row is merged without it\n");
      return;
    }
    // Before it takes its name here: what the row does not vouch for replaces nothing.
    const std::string found = sha256_file(from_ / row.path);
    if (found != row.sha256) {
      throw InputError((from_ / row.path).string() + ": expected SHA-256 " + row.sha256 +
                       ", found " + found + "; the file has changed since its run wrote it");
    }
    copy_file(row.path);
  }

  void copy_file(const fs::path& path) {
    fs::create_directories((to_ / path).parent_path());
    write_atomically(to_ / path, [&](const fs::path& part) {
      fs::copy_file(from_ / path, part, fs::copy_options::overwrite_existing);
    });
    ++copied_.files;
    copied_.bytes += static_cast<std::int64_t>(fs::file_size(to_ / path));
  }

  fs::path from_, to_;
  Copied copied_;
};

/// Merges one source; the number of runs that were left out because of their files.
std::int64_t merge_one(Store& target, const fs::path& file, const fs::path& folder) {
  StoreMerger merger(target, file);
  std::vector<std::string> keys;
  std::int64_t damaged = 0;
  RunFiles files(folder, target.folder());
  const std::vector<MergedRun> wanted = merger.wanted();
  std::error_code error;
  const bool elsewhere = !fs::equivalent(folder, target.folder(), error);
  for (const MergedRun& run : wanted) {
    try {
      if (elsewhere) files.copy(run, merger.artifacts(run.source_id));
      keys.push_back(run.run_key);
    } catch (const InputError& problem) {
      print("  not merged: " + std::string(problem.what()) + "\n");
      ++damaged;
    }
  }
  // With no key at all take() would take every run.
  if (keys.empty()) keys.emplace_back();
  const MergeCounts counts = merger.take(keys);
  for (const MergedRun& run : wanted) {
    const bool taken = std::find(keys.begin(), keys.end(), run.run_key) != keys.end();
    if (taken && elsewhere) files.copy_checkpoint(run);
    // A record that was claimed meanwhile has not been replaced after all.
    const bool still_there =
        !target.query("SELECT 1 FROM run WHERE uuid = ?1", {run.replaced_uuid}).rows.empty();
    if (run.replaced_uuid.empty() || !taken || still_there) continue;
    fs::remove_all(target.folder() / run_folder(run.replaced_uuid), error);  // of no row any more
  }
  print(file.string() + ": " + std::to_string(counts.added) + " runs new, " +
        std::to_string(counts.replaced) + " brought up to date, " +
        std::to_string(counts.known - damaged) + " known; " + std::to_string(counts.metric_rows) +
        " metric rows, " + std::to_string(files.copied().files) + " files (" +
        std::to_string((files.copied().bytes + 500000) / 1000000) + " MB)\n");
  return damaged;
}

}  // namespace

int merge_command(const Arguments& arguments) {
  po::options_description visible("options"), hidden;
  visible.add_options()("into", po::value<std::string>(),
                        "store that takes all in (made if absent)");
  hidden.add_options()("source", po::value<std::vector<std::string>>(), "");
  po::positional_options_description positional;
  positional.add("source", -1);
  const Parsed parsed = parse_options(arguments, "labhost merge STORE ... --into STORE",
                                      "Takes the runs of other stores in, with their files: new "
                                      "ones, and those that are further there.",
                                      visible, hidden, positional);
  if (parsed.help) return kOk;
  if (parsed.values.count("source") == 0 || parsed.values.count("into") == 0) {
    throw InputError(
        "merge: expected the stores to merge and --into, e.g. labhost merge a.sqlite b.sqlite "
        "--into results/labhost.sqlite");
  }
  const fs::path into = store_file(parsed.values["into"].as<std::string>());
  std::vector<fs::path> sources;
  for (const std::string& given : parsed.values["source"].as<std::vector<std::string>>()) {
    sources.push_back(store_file(given));
    std::error_code error;
    if (fs::equivalent(sources.back(), into, error)) {
      throw InputError("merge: " + into.string() + " is named both as a source and as --into");
    }
    // All are looked at before any is merged.
    Store(sources.back(), Store::Access::kReadOnly);
  }
  Store target(into, Store::Access::kReadWrite);
  for (const fs::path& source : sources) StoreMerger(target, source);
  std::int64_t damaged = 0;
  for (const fs::path& source : sources) {
    const Store store(source, Store::Access::kReadOnly);
    damaged += merge_one(target, source, store.folder());
    if (store.is_shard()) continue;
    for (const fs::path& shard : shards_of(store)) {
      try {
        damaged += merge_one(target, shard, store.folder());
      } catch (const InputError& problem) {
        print("  left out: " + std::string(problem.what()) + "\n");
      }
    }
  }
  link_needs(target);
  return damaged == 0 ? kOk : kRunFailed;
}

}  // namespace labhost
