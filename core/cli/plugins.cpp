// `labhost plugins list | show NAME | check FILE | describe FILE`.
#include <cstdio>
#include <cstring>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/plugins/catalogue.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;

Catalogue discover(const po::variables_map& values) {
  const std::vector<std::string> folders =
      values.count("plugin-path") != 0 ? values["plugin-path"].as<std::vector<std::string>>()
                                       : std::vector<std::string>();
  return Catalogue::discover(plugin_search_path(folders), [](const auto& library) {
    return worker_output({"describe", library});
  });
}

int list_plugins(const Catalogue& catalogue) {
  for (const PluginDescription& plugin : catalogue.plugins()) {
    std::printf("%-11s  %-18s %-6s %s\n", to_string(plugin.kind), plugin.name.c_str(),
                plugin.version.c_str(), plugin.summary.c_str());
  }
  for (const BrokenPlugin& broken : catalogue.broken()) {
    std::printf("refused      %s\n", broken.reason.c_str());
  }
  std::vector<std::string> folders;
  for (const auto& folder : catalogue.search_path()) folders.push_back(folder.string());
  if (catalogue.plugins().empty()) std::printf("no plugins in %s\n", join(folders, ", ").c_str());
  return catalogue.broken().empty() ? kOk : kRunFailed;
}

std::string allowed_text(const ParamDescription& param) {
  if (!param.choices.empty()) return join(param.choices, ", ");
  if (!param.minimum && !param.maximum) return "";
  return (param.minimum ? format_real(*param.minimum) : "-inf") + " to " +
         (param.maximum ? format_real(*param.maximum) : "inf");
}

void show(const PluginDescription& plugin, bool markdown) {
  if (!markdown) {
    std::printf("%s %s %s\n%s\n%s\n", to_string(plugin.kind), plugin.name.c_str(),
                plugin.version.c_str(), plugin.summary.c_str(), plugin.library.c_str());
    for (const NeedDescription& need : plugin.needs) {
      const bool named = !need.algorithm.empty();
      const std::string unless = need.unless.empty() ? "" : ", unless " + need.unless;
      std::printf("needs %s from a run of %s%s\n", need.role.c_str(),
                  named ? need.algorithm.c_str() : "the experiment file's choice (needs)",
                  unless.c_str());
    }
    if (!plugin.artifact.empty()) std::printf("leaves an artifact: %s\n", plugin.artifact.c_str());
  }
  std::printf(
      "%s| parameter | type | default | allowed | unit | meaning | source |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n",
      markdown ? "" : "\n");
  for (const ParamDescription& param : plugin.params) {
    std::printf("| `%s` | %s | %s | %s | %s | %s | %s |\n", param.name.c_str(),
                to_string(param.type), param.default_value.c_str(), allowed_text(param).c_str(),
                param.unit.c_str(), param.meaning.c_str(), param.source.c_str());
  }
}

int show_plugins(const Catalogue& catalogue, const std::string& name, bool markdown) {
  std::vector<std::string> names;
  bool found = false;
  for (const PluginDescription& plugin : catalogue.plugins()) {
    names.push_back(plugin.name);
    if (plugin.name != name) continue;
    if (found) std::printf("\n");
    show(plugin, markdown);
    found = true;
  }
  if (!found)
    throw InputError("plugins show: unknown plugin '" + name + "'" + suggestion(name, names));
  return kOk;
}

/// Writes the description file of a library: run by the build, read by every later command.
int describe(const std::string& library, const po::variables_map& values) {
  const std::string text = worker_output({"describe", library});
  if (values.count("out") == 0) {
    std::printf("%s", text.c_str());
  } else {
    write_atomically(values["out"].as<std::string>(), text);
  }
  return kOk;
}

/// In a child process: a plugin that crashes fails its check, not the command.
int check(const std::string& library) {
  if (!std::filesystem::is_regular_file(library)) {
    throw InputError("plugins check: expected a plugin's file, found \"" + library + "\"");
  }
  const int status = worker_status({"check", library});
  if (status >= 0) return status;
  std::printf("FAILS  crashed: SIG%s\n", sigabbrev_np(-status));
  return kRunFailed;
}

}  // namespace

int plugins_command(const Arguments& arguments) {
  po::options_description options("options");
  options.add_options()  //
      ("plugin-path", po::value<std::vector<std::string>>()->composing(),
       "folder of plugins, searched first")                              //
      ("out", po::value<std::string>(), "describe: write to this file")  //
      ("markdown", "show: only the parameter table, as in a plugin's README");
  po::options_description hidden;
  hidden.add_options()("verb", po::value<std::string>()->default_value("list"), "")(
      "name", po::value<std::string>(), "");
  po::positional_options_description positional;
  positional.add("verb", 1).add("name", 1);
  const Parsed parsed = parse_options(
      arguments, "labhost plugins list | show NAME | check FILE | describe FILE [options]",
      "Lists plugins, shows a plugin's parameters, checks a plugin file against its contract.",
      options, hidden, positional);
  if (parsed.help) return kOk;
  const std::string verb = parsed.values["verb"].as<std::string>();
  if (verb == "list") return list_plugins(discover(parsed.values));
  const std::vector<std::string> verbs = {"list", "show", "check", "describe"};
  if (std::find(verbs.begin(), verbs.end(), verb) == verbs.end()) {
    throw InputError("plugins: unknown verb '" + verb + "'" + suggestion(verb, verbs));
  }
  if (parsed.values.count("name") == 0) {
    throw InputError("plugins " + verb + ": expected " +
                     (verb == "show" ? "a plugin's name" : "a file"));
  }
  const std::string name = parsed.values["name"].as<std::string>();
  if (verb == "show")
    return show_plugins(discover(parsed.values), name, parsed.values.count("markdown") != 0);
  if (verb == "describe") return describe(name, parsed.values);
  return check(name);
}

}  // namespace labhost
