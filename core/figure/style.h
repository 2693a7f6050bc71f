// Colours by role and sizes of text. Meaning never rests on colour alone.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "core/figure/colour_maps.h"

namespace headscope::figure {
/// What figures are drawn for: paper or a dark page.
enum class Theme { light, dark };

/// "light" or "dark"; nothing for another name.
std::optional<Theme> theme_from_name(std::string_view name);
/// Colours by what they mean.
struct Style {
  Rgb page, text, muted, line, grid;
  Rgb baseline;  ///< the unedited run
  Rgb accent;    ///< the intervened run, what is pointed at
  Rgb gold, gold_soft;
  Rgb ring;                   ///< around chosen cells
  Rgb missing;                ///< cells without a value
  std::array<Rgb, 6> series;  ///< curves without an order (after Okabe and Ito 2008)
  Palette sequential = Palette::viridis;
  Palette diverging = Palette::diverging_light;
  bool dark = false;

  // Points.
  double title_size = 11, subtitle_size = 8.5, label_size = 8.5, tick_size = 7.5,
         caption_size = 6.5;
  double margin = 14;

  /// Colour of curve `i` of `count` whose order means something (tau, alpha).
  Rgb ordered(int i, int count) const;
};
/// The colours of one theme.
Style make_style(Theme theme, Palette sequential);

/// Black or white, whichever reads better on `background`.
Rgb readable_on(Rgb background);

}  // namespace headscope::figure
