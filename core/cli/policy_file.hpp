// Policy files as operands of commands. The whole file is read where LibTorch is
// (core/nn/team_file.hpp).
#pragma once

#include <string>

namespace labhost {

/// By the name's ending.
bool is_policy_file(const std::string& name);

/// The task that the file's team was made for. Throws InputError where the file is no policy file.
std::string task_of_policy(const std::string& file);

}  // namespace labhost
