#include "core/plugins/description.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/base/text.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

constexpr PluginKind kKinds[] = {PluginKind::kAlgorithm, PluginKind::kEnvironment,
                                 PluginKind::kDataset};
constexpr ParamType kTypes[] = {ParamType::kReal,  ParamType::kInteger, ParamType::kFlag,
                                ParamType::kText,  ParamType::kFile,    ParamType::kReals,
                                ParamType::kFiles, ParamType::kData};

// "a real number of at least 0", "a whole number from 1 to 5", "one of mean, sum".
std::string allowed(const ParamDescription& param) {
  if (param.type == ParamType::kFlag) return "true or false";
  if (param.type == ParamType::kFile) return "a path";
  if (param.type == ParamType::kFiles) return "a list of paths";
  if (param.type == ParamType::kData) return "the name of a data file";
  if (param.type == ParamType::kText) {
    return param.choices.empty() ? "text" : "one of " + join(param.choices, ", ");
  }
  const std::string noun = param.type == ParamType::kReal    ? "a real number"
                           : param.type == ParamType::kReals ? "a list of real numbers, each"
                                                             : "a whole number";
  if (param.minimum && param.maximum) {
    return noun + " from " + format_real(*param.minimum) + " to " + format_real(*param.maximum);
  }
  if (param.minimum) return noun + " of at least " + format_real(*param.minimum);
  if (param.maximum) return noun + " of at most " + format_real(*param.maximum);
  return noun;
}

// TOML allows 1_000_000.
std::string without_underscores(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_digit = [&text](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '9';
    };
    if (text[i] == '_' && i > 0 && is_digit(i - 1) && is_digit(i + 1)) continue;
    plain += text[i];
  }
  return plain;
}

bool in_range(const ParamDescription& param, double value) {
  return !(param.minimum && value < *param.minimum) && !(param.maximum && value > *param.maximum);
}

std::optional<std::string> canonical_integer(const ParamDescription& param,
                                             const std::string& text) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: whole numbers up to here are exact
  std::optional<std::int64_t> value = parse_integer(text);
  if (!value) {  // 1e6 is as good as 1000000
    const std::optional<double> real = parse_real(text);
    if (real && std::abs(*real) <= kExact && std::floor(*real) == *real) {
      value = static_cast<std::int64_t>(*real);
    }
  }
  if (!value || !in_range(param, static_cast<double>(*value))) return std::nullopt;
  return std::to_string(*value);
}

std::optional<std::string> canonical_real(const ParamDescription& param, const std::string& text) {
  const std::optional<double> value = parse_real(text);
  if (!value || std::isnan(*value) || !in_range(param, *value)) return std::nullopt;
  return format_real(*value == 0 ? 0.0 : *value);  // -0 and 0 are the same setting
}

std::optional<std::string> canonical_reals(const ParamDescription& param, const std::string& text) {
  std::vector<std::string> items = list_items(text);
  for (std::string& item : items) {
    const auto value = canonical_real(param, without_underscores(item));
    if (!value) return std::nullopt;
    item = *value;
  }
  return join(items, "\n");
}

std::optional<std::string> canonical(const ParamDescription& param, const std::string& text) {
  switch (param.type) {
    case ParamType::kReal:
      return canonical_real(param, without_underscores(text));
    case ParamType::kInteger:
      return canonical_integer(param, without_underscores(text));
    case ParamType::kFlag:
      if (text == "true" || text == "false") return text;
      return std::nullopt;
    case ParamType::kText: {
      const auto& choices = param.choices;
      const bool known = std::find(choices.begin(), choices.end(), text) != choices.end();
      if (choices.empty() || known) return text;
      return std::nullopt;
    }
    case ParamType::kReals:
      return canonical_reals(param, text);
    case ParamType::kFile:
    case ParamType::kFiles:
    case ParamType::kData:
      return text;
  }
  return std::nullopt;
}

// The C header's kinds travel as their names.
template <typename Enum, std::size_t kCount>
Enum from_name(const std::string& name, const Enum (&values)[kCount], const char* noun) {
  std::vector<std::string> names;
  for (const Enum value : values) {
    if (name == to_string(value)) return value;
    names.emplace_back(to_string(value));
  }
  throw InputError("unknown " + std::string(noun) + " \"" + name + "\"" + suggestion(name, names));
}

std::optional<double> bound_from_json(const nlohmann::json& param, const char* name) {
  if (!param.contains(name)) return std::nullopt;
  const std::string text = param.at(name).get<std::string>();
  const std::optional<double> bound = parse_real(text);
  if (!bound || std::isnan(*bound)) {
    throw InputError(std::string(name) + " of parameter \"" + param.at("name").get<std::string>() +
                     "\" is \"" + text + "\", not a number");
  }
  return bound;
}

ParamDescription param_from_json(const nlohmann::json& json) {
  ParamDescription param;
  param.name = json.at("name").get<std::string>();
  param.type = from_name(json.at("type").get<std::string>(), kTypes, "parameter type");
  param.default_value = json.at("default").get<std::string>();
  param.minimum = bound_from_json(json, "minimum");
  param.maximum = bound_from_json(json, "maximum");
  param.choices = json.value("choices", std::vector<std::string>{});
  param.unit = json.value("unit", "");
  param.meaning = json.value("meaning", "");
  param.source = json.value("source", "");
  return param;
}

nlohmann::json need_to_json(const NeedDescription& need) {
  nlohmann::json json = {{"role", need.role}, {"algorithm", need.algorithm}};
  if (!need.unless.empty()) json["unless"] = need.unless;
  return json;
}

nlohmann::json param_to_json(const ParamDescription& param) {
  nlohmann::json json = {
      {"name", param.name}, {"type", to_string(param.type)}, {"default", param.default_value},
      {"unit", param.unit}, {"meaning", param.meaning},      {"source", param.source}};
  // As text: JSON has no infinities.
  if (param.minimum) json["minimum"] = format_real(*param.minimum);
  if (param.maximum) json["maximum"] = format_real(*param.maximum);
  if (!param.choices.empty()) json["choices"] = param.choices;
  return json;
}

}  // namespace

const ParamDescription* PluginDescription::find_param(const std::string& param) const {
  for (const ParamDescription& candidate : params) {
    if (candidate.name == param) return &candidate;
  }
  return nullptr;
}

const NeedDescription* PluginDescription::find_need(const std::string& role) const {
  for (const NeedDescription& candidate : needs) {
    if (candidate.role == role) return &candidate;
  }
  return nullptr;
}

std::vector<std::string> PluginDescription::param_names() const {
  std::vector<std::string> names;
  for (const ParamDescription& param : params) names.push_back(param.name);
  return names;
}

const char* to_string(PluginKind kind) {
  switch (kind) {
    case PluginKind::kAlgorithm:
      return "algorithm";
    case PluginKind::kEnvironment:
      return "environment";
    case PluginKind::kDataset:
      return "dataset";
  }
  return "unknown";
}

const char* to_string(ParamType type) {
  switch (type) {
    case ParamType::kReal:
      return "real";
    case ParamType::kInteger:
      return "integer";
    case ParamType::kFlag:
      return "flag";
    case ParamType::kText:
      return "text";
    case ParamType::kFile:
      return "file";
    case ParamType::kReals:
      return "reals";
    case ParamType::kFiles:
      return "files";
    case ParamType::kData:
      return "data";
  }
  return "unknown";
}

bool is_list(ParamType type) { return type == ParamType::kReals || type == ParamType::kFiles; }

bool is_file(ParamType type) {
  return type == ParamType::kFile || type == ParamType::kFiles || type == ParamType::kData;
}

std::string canonical_value(const PluginDescription& plugin, const ParamDescription& param,
                            const std::string& text) {
  if (std::optional<std::string> value = canonical(param, text)) return *value;
  const bool quoted = param.type == ParamType::kText || parse_real(text) == std::nullopt;
  std::string found = quoted ? "\"" + text + "\"" : text;
  if (const auto nearest = nearest_name(text, param.choices)) {
    found += "; did you mean \"" + *nearest + "\"?";
  }
  throw InputError("parameter \"" + param.name + "\" of " + to_string(plugin.kind) + " \"" +
                   plugin.name + "\" must be " + allowed(param) + ", found " + found);
}

ParamValues default_values(const PluginDescription& plugin) {
  ParamValues values;
  for (const ParamDescription& param : plugin.params) {
    try {
      values[param.name] = canonical_value(plugin, param, param.default_value);
    } catch (const InputError& error) {
      throw InputError("the plugin's own default is not allowed: " + std::string(error.what()));
    }
  }
  return values;
}

bool is_needed(const NeedDescription& need, const ParamValues& params) {
  return need.unless.empty() || params.at(need.unless) != "true";
}

void check_needs(const PluginDescription& plugin) {
  std::vector<std::string> flags;
  for (const ParamDescription& param : plugin.params) {
    if (param.type == ParamType::kFlag) flags.push_back(param.name);
  }
  for (const NeedDescription& need : plugin.needs) {
    if (need.unless.empty()) continue;
    if (std::find(flags.begin(), flags.end(), need.unless) != flags.end()) continue;
    throw InputError("need \"" + need.role + "\" holds unless \"" + need.unless +
                     "\", which must be a flag parameter of the plugin" +
                     (flags.empty() ? "; it has none" : suggestion(need.unless, flags)));
  }
}

nlohmann::json to_json(const PluginDescription& plugin) {
  nlohmann::json json = {{"kind", to_string(plugin.kind)},    {"name", plugin.name},
                         {"version", plugin.version},         {"summary", plugin.summary},
                         {"build_stamp", plugin.build_stamp}, {"artifact", plugin.artifact},
                         {"abi_version", plugin.abi_version}, {"params", nlohmann::json::array()},
                         {"needs", nlohmann::json::array()},  {"online", plugin.online}};
  for (const ParamDescription& param : plugin.params) {
    json["params"].push_back(param_to_json(param));
  }
  for (const NeedDescription& need : plugin.needs) json["needs"].push_back(need_to_json(need));
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(plugin.library, error);
  if (!error) json["library"] = {{"bytes", bytes}};
  return json;
}

PluginDescription description_from_json(const nlohmann::json& json, const std::string& where) {
  try {
    PluginDescription plugin;
    plugin.kind = from_name(json.at("kind").get<std::string>(), kKinds, "plugin kind");
    plugin.name = json.at("name").get<std::string>();
    plugin.version = json.at("version").get<std::string>();
    plugin.summary = json.at("summary").get<std::string>();
    plugin.build_stamp = json.at("build_stamp").get<std::string>();
    plugin.artifact = json.at("artifact").get<std::string>();
    plugin.abi_version = json.at("abi_version").get<std::uint32_t>();
    plugin.online = json.value("online", false);
    for (const nlohmann::json& item : json.at("params")) {
      ParamDescription param = param_from_json(item);
      if (plugin.find_param(param.name) != nullptr) {
        throw InputError("parameter \"" + param.name + "\" is declared twice");
      }
      plugin.params.push_back(std::move(param));
    }
    for (const nlohmann::json& item : json.at("needs")) {
      NeedDescription need{item.at("role").get<std::string>(),
                           item.at("algorithm").get<std::string>(), item.value("unless", "")};
      if (plugin.find_need(need.role) != nullptr) {
        throw InputError("need \"" + need.role + "\" is declared twice");
      }
      plugin.needs.push_back(std::move(need));
    }
    check_needs(plugin);
    if (plugin.name.empty()) throw InputError("the plugin's name is empty");
    return plugin;
  } catch (const InputError& error) {
    throw InputError(where + ": not a usable plugin description: " + error.what());
  } catch (const nlohmann::json::exception& error) {
    throw InputError(where + ": not a usable plugin description: " + error.what());
  }
}

}  // namespace labhost
