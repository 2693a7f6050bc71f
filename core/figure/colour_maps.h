// Colour maps: perceptually ordered and safe for colour-blind readers. The window's shader and the
// figures share them.
#pragma once

#include <optional>
#include <string_view>

namespace headscope {

/// `diverging_*` have a neutral middle that matches a light or a dark page; zero belongs there.
enum class Palette { viridis, magma, cividis, grey, diverging_light, diverging_dark };
inline constexpr int palette_count = 6;
inline constexpr int sequential_palettes = 4;  ///< the first so many are sequential

/// sRGB in [0,1].
struct Rgb {
  float r = 0, g = 0, b = 0;
  friend bool operator==(const Rgb&, const Rgb&) = default;
};
/// "viridis" ...
std::string_view palette_name(Palette palette);

/// The sequential palette of that name, or nothing.
std::optional<Palette> sequential_palette(std::string_view name);

/// Colour at `t`, clamped to [0,1].
Rgb palette_color(Palette palette, float t);

/// Lightness of a colour in OKLab (Ottosson 2020), 0 black to 1 white.
float oklab_lightness(Rgb color);

}  // namespace headscope
