// labhost export policy: a run's team as a file that can be played without the run.
#include "core/base/files.hpp"
#include "core/cli/command.hpp"
#include "core/cli/environment_option.hpp"
#include "core/cli/run_option.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/runner/export_request.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr const char* kEnding = ".safetensors";

/// Found before a run's data has been loaded for nothing.
void check_target(const std::string& file, bool force) {
  if (fs::exists(file) && !force) throw InputError(file + " exists; give --force to replace it");
  if (fs::path(file).extension() != kEnding || fs::is_directory(file)) {
    throw InputError("cannot write " + file + ": expected a file that ends in " + kEnding);
  }
  const fs::path folder = fs::absolute(file).parent_path();
  if (fs::is_directory(folder)) return;
  throw InputError("cannot write " + file + ": folder " + folder.string() + " does not exist");
}

}  // namespace

int export_policy_command(const Arguments& arguments) {
  const char* usage =
      "labhost export policy RUN --to FILE.safetensors [--snapshot NAME] [--half] [--force]";
  po::options_description visible("options"), hidden;
  visible.add_options()("to", po::value<std::string>()->value_name("FILE"), "file to write")(
      "snapshot", po::value<std::string>()->default_value("")->value_name("NAME"),
      "an earlier team of a run that keeps some (default: the last)")(
      "half", "numbers of 16 bits: half the size")("force", "replace a file")(
      "plugin-path", po::value<Arguments>()->composing()->value_name("FOLDER"),
      "folder of plugins, searched first");
  add_store_option(visible);
  hidden.add_options()("run", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("run", 1);
  const Parsed parsed = parse_options(
      arguments, usage,
      "Writes the team of a run (its number, or a file that it left) with named layers in the\n"
      "safetensors format, for `collect` and for other programs. Of a run that is not complete it\n"
      "is the team of its last checkpoint.",
      visible, hidden, positional);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  if (values.count("run") == 0 || values.count("to") == 0) {
    throw InputError(std::string("export policy: expected a run and --to; usage: ") + usage);
  }
  ExportRequest request;
  request.file = values["to"].as<std::string>();
  check_target(request.file, values.count("force") != 0);
  request.job = job_of_run(values, values["run"].as<std::string>());
  request.snapshot = values["snapshot"].as<std::string>();
  request.half = values.count("half") != 0;
  return call_worker_main({"export-policy", nlohmann::json(request).dump()});
}

}  // namespace labhost
