#include "core/sdk/params.hpp"

#include <stdexcept>

#include "core/base/text.hpp"

namespace labhost {

namespace {

[[noreturn]] void misuse(const std::string& name, const char* type) {
  throw std::logic_error("the plugin asks for parameter '" + name + "' as " + type +
                         ", which its table does not declare");
}

}  // namespace

const std::string& Params::text(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) misuse(name, "text");
  return found->second;
}

double Params::real(const std::string& name) const {
  const auto value = parse_real(text(name));
  if (!value) misuse(name, "a real");
  return *value;
}

std::int64_t Params::integer(const std::string& name) const {
  const auto value = parse_integer(text(name));
  if (!value) misuse(name, "an integer");
  return *value;
}

std::vector<double> Params::reals(const std::string& name) const {
  std::vector<double> values;
  for (const std::string& item : list_items(text(name))) {
    const auto value = parse_real(item);
    if (!value) misuse(name, "a list of reals");
    values.push_back(*value);
  }
  return values;
}

std::vector<std::string> Params::files(const std::string& name) const {
  return list_items(text(name));
}

bool Params::flag(const std::string& name) const {
  const std::string& value = text(name);
  if (value != "true" && value != "false") misuse(name, "a flag");
  return value == "true";
}

}  // namespace labhost
