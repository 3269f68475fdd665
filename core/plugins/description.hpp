// What is known of a plugin without loading it: its header as data.
//
// Commands that run no plugin code (dry runs, `plugins list`) must not load LibTorch (0.4 s,
// 166 MB), so each plugin has a description file `NAME.so.json`, written when it is built
// (`labhost plugins describe`), or cached by content hash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/sdk/plugin.hpp"

namespace labhost {

struct ParamDescription {
  std::string name;
  ParamType type = ParamType::kReal;
  std::string default_value;
  std::optional<double> minimum, maximum;  ///< inclusive
  std::vector<std::string> choices;        ///< empty: any text
  std::string unit, meaning, source;
};

struct NeedDescription {
  std::string role, algorithm;
  std::string unless = {};  ///< the flag that switches the need off; "": none does
};

struct PluginDescription {
  PluginKind kind = PluginKind::kAlgorithm;
  std::string name, version, summary, build_stamp, artifact;
  std::uint32_t abi_version = 0;
  bool online = false;  ///< an algorithm that reads no dataset
  std::vector<ParamDescription> params;
  std::vector<NeedDescription> needs;
  std::filesystem::path library;

  const ParamDescription* find_param(const std::string& name) const;
  const NeedDescription* find_need(const std::string& role) const;
  std::vector<std::string> param_names() const;
};

const char* to_string(PluginKind kind);  // "algorithm", "environment", "dataset"
/// "real", "integer", "flag", "text", "file", "reals", "files", "data"
const char* to_string(ParamType type);
/// A list, whose canonical text has an item in each line.
bool is_list(ParamType type);
/// Of files the content is part of a run's identity.
bool is_file(ParamType type);

/// Resolved parameters of one plugin use: every declared name, value as canonical text
/// (reals by format_real, flags "true"/"false", integers in decimal).
using ParamValues = std::map<std::string, std::string>;

/// Canonical text of `text` as a value of `param`; throws InputError (without location) that names
/// the parameter, what was found and what is allowed.
std::string canonical_value(const PluginDescription& plugin, const ParamDescription& param,
                            const std::string& text);

/// Defaults of all parameters, in canonical text.
ParamValues default_values(const PluginDescription& plugin);

/// Whether a use of the plugin with these parameters has the need.
bool is_needed(const NeedDescription& need, const ParamValues& params);

/// Throws InputError (without location) for a need whose `unless` is no flag of the plugin.
void check_needs(const PluginDescription& plugin);

/// The content of a description file. Where `plugin.library` exists, `library.bytes` holds its
/// size: by it and by the file times Catalogue::discover tells whether the description is still
/// true.
nlohmann::json to_json(const PluginDescription& plugin);
/// Throws InputError that names `where` when fields are missing, of the wrong type or contradict
/// each other.
PluginDescription description_from_json(const nlohmann::json& json, const std::string& where);

}  // namespace labhost
