#include <cstdlib>
#include <sstream>

#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/table.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

namespace po = boost::program_options;

std::vector<std::string> option_names(const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back("--" + option->long_name());
  return names;
}

/// The first argument beyond what the command takes, for the message.
std::string surplus_message(const po::positional_options_description& positional) {
  const unsigned allowed = positional.max_total_count();
  if (allowed == 0) return "this command takes options only";
  return "at most " + std::to_string(allowed) + (allowed == 1 ? " is" : " are") + " allowed";
}

/// A forgotten value must not swallow the option after it.
void refuse_options_as_values(const po::parsed_options& parsed) {
  for (const auto& option : parsed.options) {
    if (option.position_key >= 0 || option.value.empty()) continue;
    const std::string& value = option.value.front();
    if (value.compare(0, 2, "--") != 0) continue;
    throw InputError("option --" + option.string_key + ": expected a value, found \"" + value +
                     "\"");
  }
}

void print_help(const std::string& usage, const std::string& summary,
                const po::options_description& options) {
  std::ostringstream text;
  text << "usage: " << usage << "\n\n" << summary << "\n\noptions:\n" << options;
  print(text.str());
}

}  // namespace

Parsed parse_options(const Arguments& arguments, const std::string& usage,
                     const std::string& summary, const po::options_description& visible,
                     const po::options_description& hidden,
                     const po::positional_options_description& positional) {
  po::options_description shown;
  for (const auto& option : visible.options()) shown.add(option);
  shown.add_options()("help,h", "print this and stop");
  po::options_description all;
  all.add(shown).add(hidden);
  // No guessing from prefixes: a script must not change its meaning when an option is added.
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  const std::string see_usage = "; usage: " + usage;
  Parsed parsed;
  try {
    const po::parsed_options words =
        po::command_line_parser(arguments).options(all).positional(positional).style(style).run();
    refuse_options_as_values(words);
    po::store(words, parsed.values);
    if (parsed.values.count("help") > 0) {
      parsed.help = true;
      print_help(usage, summary, shown);
      return parsed;
    }
    po::notify(parsed.values);
  } catch (const po::unknown_option& error) {
    throw InputError("unknown option \"" + error.get_option_name() + "\"" +
                     suggestion(error.get_option_name(), option_names(shown)));
  } catch (const po::too_many_positional_options_error&) {
    throw InputError("too many arguments: " + surplus_message(positional) + see_usage);
  } catch (const po::error& error) {
    throw InputError(error.what() + see_usage);
  }
  return parsed;
}

void add_store_option(po::options_description& options) {
  options.add_options()("store", po::value<std::string>()->value_name("PATH"),
                        "result store (default: LABHOST_STORE, else results/labhost.sqlite)");
}

std::filesystem::path store_path(const po::variables_map& values) {
  if (values.count("store") > 0) return values["store"].as<std::string>();
  const char* variable = std::getenv("LABHOST_STORE");
  return variable != nullptr && *variable != '\0' ? variable : "results/labhost.sqlite";
}

}  // namespace labhost
