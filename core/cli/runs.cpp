// labhost runs: list, show, compare, delete.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <set>

#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/runs_view.hpp"
#include "core/cli/table.hpp"
#include "core/report/values.hpp"
#include "core/runner/job.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr const char* kUsage =
    "labhost runs [--filter KEY=VALUE,...] [--limit N] [--format FORMAT]\n"
    "       labhost runs show ID\n"
    "       labhost runs compare ID ID\n"
    "       labhost runs delete ID... [--yes]";

int list(const po::variables_map& values) {
  const OutputFormat format = parse_output_format(values["format"].as<std::string>());
  const std::string filter =
      values.count("filter") > 0 ? values["filter"].as<std::string>() : std::string();
  std::optional<std::int64_t> limit;
  if (values.count("limit") > 0) {
    const std::string text = values["limit"].as<std::string>();
    limit = parse_integer(text);
    if (!limit || *limit < 0) {
      throw InputError("--limit: expected a count, found \"" + text + "\"");
    }
  }
  Store store(store_path(values), Store::Access::kReadOnly);
  const bool text = format == OutputFormat::kText;
  if (text && say_if_empty(store)) return kOk;
  const QueryResult found = list_runs(store, filter, limit, !text);
  if (text && found.rows.empty()) {
    std::fputs("labhost: no run matches\n", stderr);
    return kOk;
  }
  print(render_query(found, format));
  return kOk;
}

void require_ids(const std::string& action, const Arguments& ids, std::size_t count) {
  if (ids.size() == count) return;
  throw InputError("labhost runs " + action + " takes " + std::to_string(count) + " run id" +
                   (count == 1 ? "" : "s") + ", found " + std::to_string(ids.size()));
}

/// Asks on a terminal; elsewhere nobody can answer, so --yes must have been given.
bool confirmed(Store& store, const std::set<std::int64_t>& runs) {
  if (isatty(STDIN_FILENO) != 1) {
    throw InputError("nothing deleted: without a terminal to ask on, give --yes");
  }
  std::size_t files = 0;
  std::int64_t dependants = 0;
  for (const std::int64_t run : runs) {
    const auto counts = store.query(
        "SELECT (SELECT count(*) FROM artifact WHERE run_id = ?1),"
        " (SELECT count(DISTINCT n.run_id) FROM run_needs n JOIN artifact a"
        "  ON a.id = n.artifact_id WHERE a.run_id = ?1)",
        {run});
    files += static_cast<std::size_t>(cell_integer(counts.rows[0][0]));
    dependants += cell_integer(counts.rows[0][1]);
  }
  std::string question =
      "Delete " + std::to_string(runs.size()) + " run(s) and " + std::to_string(files) + " file(s)";
  if (dependants > 0) question += ", which " + std::to_string(dependants) + " run(s) have used";
  print(question + "? [y/N] ");
  const int answer = std::getchar();
  return answer == 'y' || answer == 'Y';
}

/// Removes a file below `folder`, and the folders that this leaves empty. False, with a message,
/// when it cannot; a file that is gone already is fine.
bool remove_below(const fs::path& folder, const std::string& path) {
  const fs::path root = fs::weakly_canonical(folder);
  const fs::path file = fs::weakly_canonical(folder / path);
  const fs::path relative = file.lexically_relative(root);
  if (relative.empty() || relative == "." || *relative.begin() == "..") {
    std::fprintf(stderr, "labhost: left %s: it lies outside of %s\n", file.c_str(), root.c_str());
    return false;
  }
  std::error_code error;
  fs::remove_all(file, error);
  if (error) {
    std::fprintf(stderr, "labhost: cannot remove %s: %s\n", file.c_str(), error.message().c_str());
    return false;
  }
  for (fs::path parent = file.parent_path(); parent != root; parent = parent.parent_path()) {
    if (!fs::remove(parent, error) || error) break;
  }
  return true;
}

int delete_runs(const po::variables_map& values, const Arguments& ids) {
  if (ids.empty()) throw InputError("labhost runs delete takes run ids, found none");
  const fs::path file = store_path(values);
  std::set<std::int64_t> runs;
  {
    // Opening for writing would create a store that does not exist.
    Store reader(file, Store::Access::kReadOnly);
    for (const std::string& id : ids) runs.insert(find_run(reader, id));
    if (values.count("yes") == 0 && !confirmed(reader, runs)) {
      print("nothing deleted\n");
      return kOk;
    }
  }
  Store store(file, Store::Access::kReadWrite);
  std::vector<std::string> folders;  // logs and checkpoints, which no artifact row may name
  for (const std::int64_t run : runs) {
    if (const auto row = store.run_by_id(run)) folders.push_back(run_folder(row->uuid));
  }
  const auto paths = store.delete_runs({runs.begin(), runs.end()});
  bool removed = true;
  for (const std::string& path : paths) removed = remove_below(store.folder(), path) && removed;
  for (const std::string& path : folders) removed = remove_below(store.folder(), path) && removed;
  print("deleted " + std::to_string(runs.size()) + " run(s) with their files\n");
  return removed ? kOk : kRunFailed;
}

/// Options that an action does not read are mistakes, not decoration.
void refuse_list_options(const po::variables_map& values, const std::string& action) {
  for (const char* name : {"filter", "limit", "format"}) {
    if (values.count(name) > 0 && !values[name].defaulted()) {
      throw InputError(std::string("--") + name + " does not go with labhost runs " + action);
    }
  }
  if (action != "delete" && values.count("yes") > 0) {
    throw InputError("--yes does not go with labhost runs " + action);
  }
}

}  // namespace

int runs_command(const Arguments& arguments) {
  po::options_description visible, hidden;
  visible.add_options()("filter", po::value<std::string>()->value_name("KEY=VALUE,..."),
                        "keys: id, experiment, profile, task, algorithm, environment, dataset, "
                        "seed, status; VALUE may be \"a|b\"; all must hold")(
      "limit", po::value<std::string>()->value_name("N"), "the newest N only")(
      "format", po::value<std::string>()->value_name("FORMAT")->default_value("text"),
      "text, csv or json")("yes", "delete without asking");
  add_store_option(visible);
  hidden.add_options()("words", po::value<Arguments>());
  po::positional_options_description positional;
  positional.add("words", -1);
  const Parsed parsed = parse_options(
      arguments, kUsage,
      "Lists runs, newest first; shows all of one; compares two; deletes some with their files.\n"
      "ID is a run id, or the first six digits or more of a run key.",
      visible, hidden, positional);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  if (values.count("words") == 0) {
    if (values.count("yes") > 0) throw InputError("--yes goes with labhost runs delete only");
    return list(values);
  }
  const Arguments words = values["words"].as<Arguments>();
  const std::string& action = words.front();
  const std::vector<std::string> actions = {"show", "compare", "delete"};
  const Arguments ids(words.begin() + 1, words.end());
  if (action != "show" && action != "compare" && action != "delete") {
    throw InputError("unknown action \"" + action + "\" of labhost runs" +
                     suggestion(action, actions));
  }
  refuse_list_options(values, action);
  if (action == "delete") return delete_runs(values, ids);
  require_ids(action, ids, action == "show" ? 1 : 2);
  Store store(store_path(values), Store::Access::kReadOnly);
  const std::int64_t first = find_run(store, ids[0]);
  print(action == "show" ? describe_run(store, first)
                         : compare_runs(store, first, find_run(store, ids[1])));
  return kOk;
}

}  // namespace labhost
