// Values of plugins' parameters as an experiment file writes them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/experiment/node.hpp"
#include "core/plugins/description.hpp"

namespace labhost {

/// The text of a value whose type suits the parameter, a list's items a line each; nothing for
/// another type. Throws InputError where an item of a list is of another type.
std::optional<std::string> text_for(ParamType type, const Node& node);

/// What a value of this type is called: "a real number", "text in quotes".
const char* expected_for(ParamType type);

/// An existing file, absolute, so that a worker finds it from anywhere; relative paths start in
/// `folder`, ~ is the home folder. Throws InputError at `location`.
std::string absolute_file(const std::string& path, const std::filesystem::path& folder,
                          const Location& location);

}  // namespace labhost
