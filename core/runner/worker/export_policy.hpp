// A run's team as a file of its own: the part of `labhost export policy` that needs plugins.
#pragma once

#include <string>

namespace labhost {

/// `request` is an ExportRequest as JSON. Returns an exit code.
int export_policy(const std::string& request);

}  // namespace labhost
