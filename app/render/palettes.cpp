#include "app/render/palettes.h"

#include <cmath>

namespace headscope {

const std::vector<std::uint8_t>& palette_table() {
  static const std::vector<std::uint8_t> table = [] {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(static_cast<std::size_t>(palette_count) * palette_steps * 3);
    for (int p = 0; p < palette_count; ++p) {
      for (int i = 0; i < palette_steps; ++i) {
        const Rgb c =
            palette_color(static_cast<Palette>(p), static_cast<float>(i) / (palette_steps - 1));
        for (const float v : {c.r, c.g, c.b})
          bytes.push_back(static_cast<std::uint8_t>(std::lround(v * 255)));
      }
    }
    return bytes;
  }();
  return table;
}

}  // namespace headscope
