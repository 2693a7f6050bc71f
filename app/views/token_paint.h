// Tokens drawn as text on the colour of a number each.
#pragma once

#include "app/views/token_lines.h"
#include "app/views/widgets.h"

namespace headscope {

/// From a token's attention to its colour: the panel's own where there is none, the accent at the
/// largest; for differences the theme's diverging map.
struct TokenScale {
  static constexpr float decades = 3;  ///< of the logarithmic scale, below the largest

  const Theme* theme = nullptr;
  float largest = 0;
  bool logarithmic = true, difference = false;

  /// Place between nothing, 0, and the largest, +1 (-1 for a difference downwards).
  float share(float value) const;
  ImU32 color(float value) const;
  /// Value that has this share.
  float value_at(float share) const;
};

/// Text colour that reads well on `background`.
ImU32 ink_on(const Theme& theme, ImU32 background);

/// A scale in one line of `width`: smallest and largest value with the colours between them.
void scale_line(const ViewContext& context, const TokenScale& scale, float width);

}  // namespace headscope
