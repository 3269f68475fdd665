// Text in HTML.
#pragma once

#include <string>

namespace labhost::html {

/// Text as HTML holds it, also within quoted attributes.
std::string escaped(const std::string& text);

}  // namespace labhost::html
