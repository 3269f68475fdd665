// labhost datasets: info, check, list, export, import, fetch.
#include <unistd.h>

#include <algorithm>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/dataset_source.hpp"
#include "core/cli/datasets_view.hpp"
#include "core/cli/environment_option.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/cli/table.hpp"
#include "core/d4rl/names.hpp"
#include "core/datasets/fetch.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;
using nlohmann::ordered_json;

constexpr const char* kUsage =
    "labhost datasets info WHAT [--env NAME [--set NAME=VALUE]] [--json]\n"
    "       labhost datasets check WHAT [--rows N] [--env NAME [--set NAME=VALUE]] [--json]\n"
    "       labhost datasets list [--json]\n"
    "       labhost datasets export WHAT FILE [--env NAME [--set NAME=VALUE]] [--force]\n"
    "       labhost datasets import FILE --name NAME [--env NAME [--set NAME=VALUE]] [--force]\n"
    "       labhost datasets fetch NAME [--url URL] [--mirror URL ...] [--force]";

ordered_json ask(const DatasetRequest& request) {
  return ordered_json::parse(ask_datasets(bytes_of(request)));
}

int info(const po::variables_map& values, const std::string& what) {
  ordered_json answer = ask(find_dataset(values, what).request);
  if (values.count("json") == 0) {
    print(dataset_text(answer));
    return kOk;
  }
  print(answer.dump(1) + "\n");
  return kOk;
}

/// Whether the task's simulator makes of the data what was recorded.
int check(const po::variables_map& values, const std::string& what) {
  DatasetRequest request = find_dataset(values, what).request;
  request.check = true;
  request.check_rows = values["rows"].as<std::int64_t>();
  if (request.check_rows < 0) {
    throw InputError("--rows must be at least 0 (0: all), found " +
                     std::to_string(request.check_rows));
  }
  const ordered_json answer = ask(request);
  print(values.count("json") != 0 ? answer.dump(1) + "\n" : check_text(answer));
  return answer.at("fits").get<bool>() ? kOk : kRunFailed;
}

int list(const po::variables_map& values) {
  QueryResult stored;
  if (fs::exists(store_path(values))) {
    Store store(store_path(values), Store::Access::kReadOnly);
    stored = stored_datasets(store, values.count("json") != 0);
  }
  const QueryResult files = d4rl_files(d4rl_folders());
  if (values.count("json") != 0) {
    const auto rows = [](const QueryResult& result) {
      return ordered_json::parse(render_query(result, OutputFormat::kJson));
    };
    print(ordered_json{{"runs", rows(stored)}, {"files", rows(files)}}.dump(1) + "\n");
    return kOk;
  }
  if (stored.rows.empty()) {
    print("no run of " + store_path(values).string() + " has left a dataset\n");
  } else {
    print(render_query(stored, OutputFormat::kText));
  }
  if (files.rows.empty()) {
    print("\nno file of D4RL's in the folders of LABHOST_DATA or ~/.d4rl/datasets\n");
  } else {
    print("\n" + render_query(files, OutputFormat::kText));
  }
  return kOk;
}

/// What is there is only replaced when that is wished.
void refuse_overwriting(const po::variables_map& values, const fs::path& file) {
  if (!fs::exists(file) || values.count("force") != 0) return;
  throw InputError(file.string() + " exists, with another content; give --force to replace it");
}

void copy_atomically(const fs::path& from, const fs::path& to) {
  try {
    write_atomically(to, [&](const fs::path& temporary) { fs::copy_file(from, temporary); });
  } catch (const std::system_error& error) {
    throw InputError(error.what());
  }
}

int export_dataset(const po::variables_map& values, const std::string& what, const fs::path& file) {
  if (!fs::is_directory(fs::absolute(file).parent_path())) {
    throw InputError("cannot write " + file.string() + ": its folder does not exist");
  }
  if (fs::exists(file) && values.count("force") == 0) {
    throw InputError(file.string() + " exists; give --force to replace it");
  }
  DatasetSource source = find_dataset(values, what);
  if (source.artifact) {
    copy_atomically(source.request.file, file);
  } else {
    source.request.rewrite = file.string();
    for (const ordered_json& note : ask(source.request).at("notes")) {
      print("note: " + note.get<std::string>() + "\n");
    }
  }
  print(file.string() + ": " + std::to_string(fs::file_size(file)) + " bytes, SHA-256 " +
        sha256_file(file) + "\n");
  return kOk;
}

/// Where files are put: the first folder in which they are looked for.
fs::path import_folder() {
  const std::vector<fs::path> folders = d4rl_folders();
  if (!folders.empty()) return folders.front();
  throw InputError("datasets: neither LABHOST_DATA nor HOME names a folder to put files in");
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw InputError("cannot make folder " + folder.string() + ": " + error.message());
}

int import_dataset(const po::variables_map& values, const std::string& from) {
  if (values.count("name") == 0) {
    throw InputError("datasets import: expected --name NAME, such as ant-mine-v0");
  }
  const std::string name = values["name"].as<std::string>();
  const D4rlName parts = parse_d4rl_name(name);
  const fs::path file = import_folder() / parts.file();
  std::error_code ignored;
  const bool readable = fs::is_regular_file(from, ignored) && access(from.c_str(), R_OK) == 0;
  // What is no file at all is left to the reader, which has the words for it.
  const std::string digest = readable ? sha256_file(from) : "";
  const bool same = fs::exists(file) && sha256_file(file) == digest;
  if (readable && !same) refuse_overwriting(values, file);
  DatasetRequest request;
  request.file = from;
  choose_environment(values, parts.environment, request);
  const ordered_json read = ask(request);
  if (!same) {
    make_folder(file.parent_path());
    copy_atomically(from, file);
  }
  if (sha256_file(file) != digest) throw InputError(from + " changed while it was imported");
  print(file.string() + (same ? " was there already: " : ": ") + read.at("transitions").dump() +
        " transitions of " + read.at("task").get<std::string>() + ", SHA-256 " + digest + "\n" +
        reading_text(read));
  return kOk;
}

int fetch(const po::variables_map& values, const std::string& name) {
  const D4rlName parts = parse_d4rl_name(name);
  FetchRequest request;
  request.addresses = {parts.address()};
  if (values.count("url") != 0) request.addresses = {values["url"].as<std::string>()};
  if (values.count("mirror") != 0) {
    for (const auto& address : values["mirror"].as<Arguments>())
      request.addresses.push_back(address);
  }
  for (std::string& address : request.addresses) {
    if (!address.empty() && address.back() == '/') address += parts.file();
  }
  const fs::path file = import_folder() / parts.file();
  if (fs::exists(file) && values.count("force") == 0) {
    print(file.string() + " is there already; --force gets it again\n");
    return kOk;
  }
  make_folder(file.parent_path());
  request.file = file.string();
  request.progress = isatty(STDERR_FILENO) == 1;
  reinterpret_cast<FetchMain>(library_function(kFetchLibrary, kFetchMainSymbol))(request);
  print(file.string() + ": " + std::to_string(fs::file_size(file)) + " bytes, SHA-256 " +
        sha256_file(file) + "\n");
  return kOk;
}

/// Options that an action does not read are mistakes, not decoration.
void refuse_others(const po::variables_map& values, const std::string& action,
                   const std::vector<std::string>& taken) {
  for (const auto& [name, value] : values) {
    if (name == "words" || value.defaulted()) continue;
    if (std::find(taken.begin(), taken.end(), name) == taken.end()) {
      throw InputError("--" + name + " does not go with labhost datasets " + action);
    }
  }
}

int dispatch(const po::variables_map& values, const Arguments& words) {
  struct Action {
    const char* name;
    std::size_t operands;
    std::vector<std::string> options;
  };
  const std::vector<Action> actions = {
      {"info", 1, {"env", "set", "plugin-path", "store", "json"}},
      {"check", 1, {"env", "set", "plugin-path", "store", "json", "rows"}},
      {"list", 0, {"store", "json"}},
      {"export", 2, {"env", "set", "plugin-path", "store", "force"}},
      {"fetch", 1, {"url", "mirror", "force"}},
      {"import", 1, {"env", "set", "plugin-path", "name", "force"}}};
  std::vector<std::string> names;
  for (const Action& action : actions) {
    names.emplace_back(action.name);
    if (words.front() != action.name) continue;
    if (words.size() != action.operands + 1) {
      throw InputError("datasets " + words.front() + ": expected " +
                       std::to_string(action.operands) + " argument(s), found " +
                       std::to_string(words.size() - 1) + "; usage: " + kUsage);
    }
    refuse_others(values, words.front(), action.options);
    if (words.front() == "info") return info(values, words[1]);
    if (words.front() == "check") return check(values, words[1]);
    if (words.front() == "list") return list(values);
    if (words.front() == "export") return export_dataset(values, words[1], words[2]);
    if (words.front() == "fetch") return fetch(values, words[1]);
    return import_dataset(values, words[1]);
  }
  throw InputError("unknown action \"" + words.front() + "\" of labhost datasets" +
                   suggestion(words.front(), names));
}

}  // namespace

int datasets_command(const Arguments& arguments) {
  po::options_description visible, hidden;
  visible.add_options()("json", "info, check, list: as JSON")(
      "rows", po::value<std::int64_t>()->default_value(2000)->value_name("N"),
      "check: about how many rows to replay; 0: all")(
      "name", po::value<std::string>()->value_name("NAME"), "import: D4RL's kind of name")(
      "url", po::value<std::string>()->value_name("URL"),
      "fetch: instead of D4RL's address; a folder's ends with /")(
      "mirror", po::value<Arguments>()->composing()->value_name("URL"),
      "fetch: tried in order after that")("force", "export, import, fetch: replace a file");
  add_environment_options(visible);
  add_store_option(visible);
  hidden.add_options()("words", po::value<Arguments>());
  po::positional_options_description positional;
  positional.add("words", -1);
  const Parsed parsed = parse_options(
      arguments, kUsage,
      "Describes offline data, lists what is there, hands it on. WHAT is a file in D4RL's layout\n"
      "or in Minari's, a name of D4RL's (ant-medium-v2), or the number of a run that has left a\n"
      "dataset. Its environment is --env's, the run's, the name's first word, the attribute\n"
      "`task` of the file, or ant where observations have 111 columns.",
      visible, hidden, positional);
  if (parsed.help) return kOk;
  if (parsed.values.count("words") == 0) {
    throw InputError(std::string("datasets: expected what to do; usage: ") + kUsage);
  }
  return dispatch(parsed.values, parsed.values["words"].as<Arguments>());
}

}  // namespace labhost
