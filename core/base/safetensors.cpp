#include "core/base/safetensors.hpp"

#include <algorithm>
#include <cstdint>

#include "core/sdk/error.hpp"

namespace labhost {

namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // as the format's own reader has it

/// Depth is limited: the header of a good file has three levels.
json parse(std::string_view text, const std::string& where) {
  constexpr int kDeepest = 8;
  bool deep = false;
  const json::parser_callback_t limit = [&deep](int depth, json::parse_event_t, json&) {
    deep = deep || depth > kDeepest;
    return !deep;
  };
  json header = json::parse(text.begin(), text.end(), limit, /*allow_exceptions=*/false);
  if (deep || header.is_discarded()) refuse_safetensors(where, "its header is no JSON");
  if (!header.is_object()) refuse_safetensors(where, "its header is no JSON object");
  return header;
}

}  // namespace

void refuse_safetensors(const std::string& where, const std::string& reason) {
  throw InputError(where + ": not a whole safetensors file: " + reason);
}

SafetensorsHeader read_safetensors_header(std::string_view bytes, const std::string& where) {
  if (bytes.size() < kLengthBytes) {
    refuse_safetensors(where, "expected at least 8 bytes, found " + std::to_string(bytes.size()));
  }
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  }
  const std::uint64_t most = std::min<std::uint64_t>(bytes.size() - kLengthBytes, kLongestHeader);
  if (length > most) {
    refuse_safetensors(where, "its header should have " + std::to_string(length) +
                                  " bytes, at most " + std::to_string(most) + " can be there");
  }
  return {parse(bytes.substr(kLengthBytes, length), where), kLengthBytes + length};
}

}  // namespace labhost
