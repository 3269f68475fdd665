#include "core/experiment/plan.hpp"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "core/base/text.hpp"
#include "core/d4rl/names.hpp"
#include "core/experiment/document.hpp"
#include "core/experiment/expansion.hpp"
#include "core/experiment/paper.hpp"
#include "core/experiment/resolve.hpp"
#include "core/experiment/select.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostSeeds = 100'000;

std::vector<std::int64_t> read_seeds(const TableView& experiment) {
  const Node& node = experiment.require("seeds", "expected a number of seeds or a list of them");
  std::vector<std::int64_t> seeds;
  if (node.kind != Node::Kind::kArray) {
    const std::int64_t count = *experiment.integer("seeds", 1, kMostSeeds);
    for (std::int64_t seed = 0; seed < count; ++seed) seeds.push_back(seed);
    return seeds;
  }
  if (node.items.empty()) throw experiment.error("seeds", "is an empty list");
  std::set<std::int64_t> seen;
  for (const Node& item : node.items) {
    const auto seed = as_integer(item);
    if (!seed || *seed < 0) {
      throw item.location.error("experiment.seeds must hold whole numbers of at least 0, found " +
                                item.describe());
    }
    if (!seen.insert(*seed).second) {
      throw item.location.error("experiment.seeds names " + std::to_string(*seed) + " twice");
    }
    seeds.push_back(*seed);
  }
  return seeds;
}

// The tasks or algorithms of the experiment, each of which must have its table.
std::vector<std::string> read_list(const TableView& experiment, const std::string& key,
                                   const std::string& section,
                                   const std::vector<std::string>& known) {
  const Node& list = experiment.require(key, "expected an array of names");
  const std::vector<std::string> names = *experiment.names(key);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(known.begin(), known.end(), names[i]) != known.end()) continue;
    throw list.items[i].location.error("unknown " + section + " \"" + names[i] +
                                       "\": there is no [" + section + "." + names[i] + "]" +
                                       suggestion(names[i], known));
  }
  return names;
}

// The cells of the table that the algorithms' `tasks` leave out. A list may name tasks that a
// profile has taken from the table, but an algorithm of the table must run on some row of it.
std::vector<CellName> read_left_out(const Resolver& resolver, const ReportLayout& layout) {
  std::vector<CellName> left_out;
  for (const std::string& algorithm : layout.columns) {
    const auto tasks = resolver.tasks_of(algorithm);
    if (!tasks) continue;
    std::size_t kept = layout.rows.size();
    for (const std::string& task : layout.rows) {
      if (std::find(tasks->begin(), tasks->end(), task) != tasks->end()) continue;
      left_out.push_back({task, algorithm});
      --kept;
    }
    if (kept > 0) continue;
    throw resolver.algorithm_table(algorithm)->error(
        "tasks", "names no task of the experiment, whose tasks are " + join(layout.rows, ", ") +
                     "; name one, or take the algorithm from experiment.algorithms");
  }
  return left_out;
}

RunnerSettings read_runner(const TableView& top) {
  RunnerSettings runner;
  const auto table = top.table("run");
  if (!table) return runner;
  table->allow_only({"threads", "checkpoint_seconds", "heartbeat_stale_seconds", "device",
                     "log_level", "log_every"});
  runner.threads = table->integer("threads", 1, 1024).value_or(runner.threads);
  runner.checkpoint_seconds =
      table->real("checkpoint_seconds", 0).value_or(runner.checkpoint_seconds);
  runner.heartbeat_stale_seconds =
      table->real("heartbeat_stale_seconds", 1).value_or(runner.heartbeat_stale_seconds);
  runner.device = table->choice("device", {"cpu", "cuda", "auto"}).value_or(runner.device);
  runner.log_level = table->choice("log_level", {"trace", "debug", "info", "warn", "error"})
                         .value_or(runner.log_level);
  return runner;
}

void read_labels(const Resolver& resolver, ReportLayout& layout) {
  for (const std::string& task : layout.rows) {
    if (const auto label = resolver.task_table(task)->text("label")) layout.labels[task] = *label;
  }
  for (const std::string& algorithm : layout.columns) {
    if (const auto label = resolver.algorithm_table(algorithm)->text("label")) {
      layout.labels[algorithm] = *label;
    }
  }
}

void read_paper(const TableView& report, Plan& plan) {
  const auto name = report.text("paper");
  if (!name) return;
  const Location& location = report.find("paper")->location;
  const fs::path file = (location.folder() / *name).lexically_normal();
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    throw location.error("report.paper: file " + file.string() + " does not exist");
  }
  PaperTable table = read_paper_table(file);
  if (plan.layout.paper_table.empty()) plan.layout.paper_table = table.name;
  if (plan.layout.paper_table != table.name) {
    throw report.error("paper_table", "is \"" + plan.layout.paper_table + "\", but " +
                                          file.string() + " holds \"" + table.name + "\"");
  }
  plan.paper = std::move(table.cells);
  plan.layout.claims = std::move(table.claims);
}

// [report.groups]: heading -> algorithms or tasks.
void read_groups(const TableView& groups, const Resolver& resolver, ReportLayout& layout) {
  std::vector<std::string> known = resolver.task_names();
  for (const std::string& name : resolver.algorithm_names()) known.push_back(name);
  for (const std::string& heading : groups.node().keys()) {
    const std::vector<std::string> names = *groups.names(heading);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (std::find(known.begin(), known.end(), names[i]) == known.end()) {
        throw groups.find(heading)->items[i].location.error(
            "report.groups names \"" + names[i] + "\", which is neither a task nor an algorithm" +
            suggestion(names[i], known));
      }
      layout.groups[names[i]] = heading;
    }
  }
}

void read_figure(const TableView& top, FigureSpec& figure) {
  const auto table = top.table("figure");
  if (!table) return;
  table->allow_only({"x", "y", "x_label", "y_label", "smoothing", "individual"});
  figure.x = table->text("x").value_or(figure.x);
  figure.y = table->text("y").value_or(figure.y);
  figure.x_label = table->text("x_label").value_or("");
  figure.y_label = table->text("y_label").value_or("");
  figure.smoothing = table->real("smoothing", 0).value_or(figure.smoothing);
  if (figure.smoothing >= 1) throw table->error("smoothing", "must be below 1");
  figure.individual = table->flag("individual").value_or(figure.individual);
}

void read_report(const TableView& top, const Resolver& resolver, Plan& plan) {
  const auto report = top.table("report");
  if (!report) return;
  report->allow_only({"paper_table", "paper", "metrics", "digits", "labels", "groups"});
  plan.layout.paper_table = report->text("paper_table").value_or("");
  plan.layout.metrics = report->names("metrics").value_or(std::vector<std::string>{});
  plan.layout.digits = report->integer("digits", 0, 15).value_or(plan.layout.digits);
  if (const auto labels = report->table("labels")) {
    labels->allow_only(plan.layout.metrics);
    for (const std::string& metric : labels->node().keys()) {
      plan.layout.labels[metric] = *labels->text(metric);
    }
  }
  if (const auto groups = report->table("groups")) {
    read_groups(*groups, resolver, plan.layout);
  }
  read_paper(*report, plan);
}

std::string read_name(const TableView& experiment, const fs::path& file) {
  const std::string name = experiment.text("name").value_or(file.stem().string());
  if (is_plain_name(name)) return name;
  throw experiment.error("name", "cannot be \"" + name + "\"; use letters, digits, - and _");
}

void check_exists(const fs::path& file) {
  std::error_code error;
  if (fs::exists(file, error)) return;
  std::vector<std::string> others;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".toml") continue;
    others.push_back((file.parent_path() / it->path().filename()).string());
  }
  std::sort(others.begin(), others.end());
  throw InputError("experiment file " + file.string() + " does not exist" +
                   suggestion(file.string(), others));
}

// The names under which tasks have `datasets`.
std::set<std::string> dataset_choices(const TableView& top) {
  std::set<std::string> names;
  const auto tasks = top.table("task");
  if (!tasks) return names;
  for (const auto& [task, node] : tasks->node().members) {
    const Node* datasets = node.find("datasets");
    if (datasets == nullptr) continue;
    for (const auto& [name, dataset] : datasets->members) names.insert(name);
  }
  return names;
}

// experiment.data chooses among a task's `datasets`; where no task has any, it chooses nothing.
void check_data(const TableView& top, const TableView& experiment) {
  if (!experiment.text("data")) return;
  if (!dataset_choices(top).empty()) return;
  throw experiment.error("data", "chooses among a task's `datasets`, but no task has any");
}

// The plan of a document, data files that are missing included.
Plan read_plan(const fs::path& file, const PlanOptions& options, const Catalogue& catalogue,
               const Document& document) {
  const TableView top(document.root, "");
  top.require("experiment", "expected [experiment] with tasks, algorithms and seeds");
  const TableView experiment = *top.table("experiment");
  experiment.allow_only({"name", "title", "profile", "data", "tasks", "algorithms", "seeds"});
  check_data(top, experiment);

  Plan plan;
  plan.profile = document.profile;
  plan.file = file;
  plan.experiment = read_name(experiment, file);
  plan.runner = read_runner(top);
  Resolver resolver(document.root, catalogue);
  resolver.check_all();
  plan.slurm = read_slurm(top, resolver.algorithm_names());
  plan.layout.title = experiment.text("title").value_or(plan.experiment);
  plan.layout.rows = read_list(experiment, "tasks", "task", resolver.task_names());
  plan.layout.columns =
      read_list(experiment, "algorithms", "algorithm", resolver.algorithm_names());
  plan.seeds = options.seeds ? parse_seeds(*options.seeds) : read_seeds(experiment);
  plan.left_out = read_left_out(resolver, plan.layout);
  read_labels(resolver, plan.layout);
  read_report(top, resolver, plan);
  read_figure(top, plan.layout.figure);

  std::set<std::pair<std::string, std::string>> left_out;
  for (const CellName& cell : plan.left_out) left_out.emplace(cell.task, cell.algorithm);
  Expansion expansion(resolver);
  for (const std::string& task : plan.layout.rows) {
    for (const std::string& algorithm : plan.layout.columns) {
      if (left_out.count({task, algorithm}) > 0) continue;
      for (const std::int64_t seed : plan.seeds) expansion.add(task, algorithm, seed, true);
    }
  }
  plan.runs = expansion.take();
  keep_only(plan, options.only);
  return plan;
}

// Names of the data files that the plan's runs read and that no folder has.
std::set<std::string> missing_data(const Plan& plan) {
  std::set<std::string> names;
  for (const RunSpec& run : plan.runs) {
    for (const PluginUse* use : {&run.environment, &run.dataset, &run.method}) {
      for (const auto& [name, hash] : use->file_hashes) {
        if (hash.rfind(kMissingFile, 0) == 0) names.insert(use->params.at(name));
      }
    }
  }
  return names;
}

// Whether a plan with these options can be made and misses no data.
bool has_all_data(const fs::path& file, const PlanOptions& options, const Catalogue& catalogue) {
  try {
    return missing_data(read_plan(file, options, catalogue, load_document(file, options))).empty();
  } catch (const InputError&) {
    return false;  // what --set and --only say may not suit it
  }
}

// Options with which the same file's plan misses no data: "--profile quick".
std::vector<std::string> sufficient_options(const fs::path& file, const PlanOptions& given,
                                            const Catalogue& catalogue, const Document& document) {
  std::vector<std::string> found;
  for (const std::string& name : dataset_choices(TableView(document.root, ""))) {
    PlanOptions options = given;
    options.set.push_back("experiment.data=" + name);
    if (has_all_data(file, options, catalogue)) found.push_back("--set experiment.data=" + name);
  }
  for (const std::string& profile : document.profiles) {
    if (profile == document.profile) continue;
    PlanOptions options = given;
    options.profile = profile;
    if (has_all_data(file, options, catalogue)) found.push_back("--profile " + profile);
  }
  return found;
}

void refuse_missing_data(const std::set<std::string>& missing, const fs::path& file,
                         const PlanOptions& options, const Catalogue& catalogue,
                         const Document& document) {
  std::string text = file.string() + ", profile " + document.profile + ": expected " +
                     std::to_string(missing.size()) + " data file(s) in one of the folders " +
                     folders_text(d4rl_folders()) + ", found none of:";
  for (const std::string& name : missing) {
    const D4rlName parts = parse_d4rl_name(name);
    text += "\n  " + parts.file() + "  (" + name + ")";
  }
  text +=
      "\n`labhost datasets fetch NAME` downloads one, `labhost datasets import FILE --name NAME` "
      "copies one of yours; LABHOST_DATA names further folders, separated by colons.";
  const auto others = sufficient_options(file, options, catalogue, document);
  if (!others.empty()) text += "\nNone of them is needed with: " + join(others, ", ");
  throw InputError(text);
}

}  // namespace

Plan make_plan(const fs::path& file, const PlanOptions& options, const Catalogue& catalogue) {
  check_exists(file);
  const Document document = load_document(file, options);
  Plan plan = read_plan(file, options, catalogue, document);
  const std::set<std::string> missing = missing_data(plan);
  if (!missing.empty()) refuse_missing_data(missing, file, options, catalogue, document);
  return plan;
}

}  // namespace labhost
