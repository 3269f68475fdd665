// One subcommand per file: each file defines one function declared here; main.cpp lists them.
#pragma once

#include <boost/program_options.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "core/sdk/error.hpp"

namespace labhost {

using Arguments = std::vector<std::string>;

/// Exit codes of every command.
enum ExitCode { kOk = 0, kRunFailed = 1, kBadInput = 2 };

struct Command {
  const char* name;
  const char* summary;  ///< one line, shown by `labhost help`
  int (*run)(const Arguments& arguments);
  bool hidden = false;
};

int run_command(const Arguments&);            // run.cpp
int status_command(const Arguments&);         // status.cpp
int cancel_command(const Arguments&);         // cancel.cpp
int runs_command(const Arguments&);           // runs.cpp
int sql_command(const Arguments&);            // sql.cpp
int report_command(const Arguments&);         // report.cpp
int datasets_command(const Arguments&);       // datasets.cpp
int plot_command(const Arguments&);           // plot.cpp
int merge_command(const Arguments&);          // merge.cpp
int export_command(const Arguments&);         // export.cpp
int render_command(const Arguments&);         // render.cpp
int export_policy_command(const Arguments&);  // export_policy.cpp: `export policy`
int plugins_command(const Arguments&);        // plugins.cpp
int new_command(const Arguments&);            // new.cpp
int bench_command(const Arguments&);          // bench.cpp
int worker_command(const Arguments&);         // worker.cpp (internal)

/// Parsed options of one subcommand.
struct Parsed {
  boost::program_options::variables_map values;
  bool help = false;  ///< --help was given and has been printed: return kOk
};

/// Parses `arguments`; prints usage, summary and the options' help on --help. Throws InputError for
/// unknown options (nearest suggested), missing values and surplus positionals.
/// `usage` is e.g. "labhost report NAME [options]".
Parsed parse_options(const Arguments& arguments, const std::string& usage,
                     const std::string& summary,
                     const boost::program_options::options_description& visible,
                     const boost::program_options::options_description& hidden,
                     const boost::program_options::positional_options_description& positional);

/// Adds `--store PATH` (default: LABHOST_STORE, else results/labhost.sqlite).
void add_store_option(boost::program_options::options_description& options);
std::filesystem::path store_path(const boost::program_options::variables_map& values);

}  // namespace labhost
