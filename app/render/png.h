// Pictures of the window as PNG files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/base/error.h"

namespace headscope {

/// Opaque pixels, row-major from the top left, three bytes each (sRGB).
struct Pixels {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

/// Writes a PNG whole or not at all.
Result<> write_png(const std::filesystem::path& path, const Pixels& pixels);

}  // namespace headscope
