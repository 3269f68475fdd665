// An experiment file with its includes, its profile and the command line's settings merged.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/experiment/node.hpp"
#include "core/experiment/plan.hpp"

namespace labhost {

struct Document {
  Node root;  ///< `include` and `profile` are resolved and gone
  std::string profile;
  std::vector<std::string> profiles;  ///< all that may be chosen
};

/// Later layers win: included files in order, the file itself, its [profile.NAME], each --set.
Document load_document(const std::filesystem::path& file, const PlanOptions& options);

/// Names of tasks, algorithms, profiles and experiments: they are used in paths, in --only and in
/// --set, and must survive there.
bool is_plain_name(const std::string& name);

}  // namespace labhost
