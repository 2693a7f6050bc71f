// A scene as a file.
#pragma once

#include <filesystem>
#include <string>

#include "core/base/error.h"
#include "core/figure/scene.h"

namespace headscope::figure {
/// Kinds of files; the name's ending says which.
enum class Format { png, svg, pdf };

/// Pixels along a side, and of the whole picture, that are written at most.
inline constexpr double kMostPixelsAlong = 20000;
inline constexpr double kMostPixels = 100e6;

/// By the name's ending; any other ending is a usage error that lists the three.
Result<Format> format_of(const std::filesystem::path& path);

/// The bytes of the file. The same scene gives the same bytes: no time is stored. Text stays text
/// in SVG and PDF. A page without size or beyond the limits above is a usage error.
Result<std::string> encode(const Scene& scene, Format format);

/// Encodes by the name's ending and writes whole or not at all; the folder must exist.
Result<> write_figure(const std::filesystem::path& path, const Scene& scene);

}  // namespace headscope::figure
