// Pictures as files: SVG as it is, PNG and PDF by rsvg-convert.
#pragma once

#include <filesystem>
#include <string>

namespace labhost {

/// Throws InputError unless the name ends in .svg, .png or .pdf and the folder exists.
void check_picture_name(const std::filesystem::path& file);

/// Writes an SVG document under a name that check_picture_name accepts; whole or not at all.
/// Throws InputError when it cannot be written, or rsvg-convert (Debian: librsvg2-bin) is missing
/// or fails.
void write_picture(const std::filesystem::path& file, const std::string& svg);

}  // namespace labhost
