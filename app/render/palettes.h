// The colour maps of core/figure as a texture.
#pragma once

#include <cstdint>
#include <vector>

#include "core/figure/colour_maps.h"

namespace headscope {

inline constexpr int palette_steps = 256;

/// All palettes as rows of a texture: [palette_count][palette_steps][3] bytes.
const std::vector<std::uint8_t>& palette_table();

}  // namespace headscope
