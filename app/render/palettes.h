// Colour maps: perceptually ordered and safe for colour-blind readers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace headscope {

/// `diverging_*` have a neutral middle that matches a light or a dark page; zero belongs there.
enum class Palette { viridis, magma, cividis, grey, diverging_light, diverging_dark };
inline constexpr int palette_count = 6;
inline constexpr int sequential_palettes = 4;  ///< the first so many are sequential
inline constexpr int palette_steps = 256;

/// sRGB in [0,1].
struct Rgb {
  float r = 0, g = 0, b = 0;
};

std::string_view palette_name(Palette palette);

/// Colour at `t`, clamped to [0,1].
Rgb palette_color(Palette palette, float t);

/// All palettes as rows of a texture: [palette_count][palette_steps][3] bytes.
const std::vector<std::uint8_t>& palette_table();

/// Lightness of a colour in OKLab (Ottosson 2020), 0 black to 1 white.
float oklab_lightness(Rgb color);

}  // namespace headscope
