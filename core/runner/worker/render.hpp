// Episodes as pictures: the part of `labhost render` that needs plugins.
#pragma once

#include <string>
#include <vector>

namespace labhost {

/// Arguments: a RenderRequest as JSON, the video's file, the still's file ("": none). Prints a line
/// per episode; returns an exit code.
int render_in_worker(const std::vector<std::string>& arguments);

}  // namespace labhost
