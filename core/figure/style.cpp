#include "core/figure/style.h"

namespace headscope::figure {
namespace {

constexpr Rgb rgb(unsigned hex) {
  const auto channel = [hex](int shift) {
    return static_cast<float>(hex >> shift & 0xFF) / 255.0f;
  };
  return {channel(16), channel(8), channel(0)};
}

Style light() {
  Style s;
  s.page = rgb(0xFFFFFF);
  s.text = rgb(0x1C222B);
  s.muted = rgb(0x566070);
  s.line = rgb(0x8A94A3);
  s.grid = rgb(0xE6E9ED);
  s.baseline = rgb(0x9AA4B2);
  s.accent = rgb(0x1769C7);
  s.gold = rgb(0xB27A00);
  s.gold_soft = rgb(0xFBEFD0);
  s.ring = rgb(0xD55E00);
  s.missing = rgb(0xE6E9ED);
  s.series = {rgb(0x0072B2), rgb(0xD55E00), rgb(0x009E73),
              rgb(0xA3487C), rgb(0xB27A00), rgb(0x3B4452)};
  s.diverging = Palette::diverging_light;
  return s;
}

Style dark() {
  Style s;
  s.page = rgb(0x1B1F26);
  s.text = rgb(0xE4E8EE);
  s.muted = rgb(0xA4AEBC);
  s.line = rgb(0x6B7686);
  s.grid = rgb(0x2B313D);
  s.baseline = rgb(0x7C8798);
  s.accent = rgb(0x4DA3FF);
  s.gold = rgb(0xF0B429);
  s.gold_soft = rgb(0x3D3420);
  s.ring = rgb(0xFF9A4D);
  s.missing = rgb(0x2B313D);
  s.series = {rgb(0x56B4E9), rgb(0xFF9A4D), rgb(0x3CC48A),
              rgb(0xDD8FBC), rgb(0xF0D75A), rgb(0xC8CFDA)};
  s.diverging = Palette::diverging_dark;
  s.dark = true;
  return s;
}

}  // namespace

std::optional<Theme> theme_from_name(std::string_view name) {
  if (name == "light") return Theme::light;
  if (name == "dark") return Theme::dark;
  return std::nullopt;
}

Style make_style(Theme theme, Palette sequential) {
  Style style = theme == Theme::dark ? dark() : light();
  style.sequential = sequential;
  return style;
}

Rgb Style::ordered(int i, int count) const {
  // The end of the map that vanishes into the page is left out.
  const float low = dark ? 0.35f : 0.05f, high = dark ? 1.0f : 0.82f;
  const float t = count > 1 ? static_cast<float>(i) / static_cast<float>(count - 1) : 0.3f;
  return palette_color(Palette::viridis, low + t * (high - low));
}

Rgb readable_on(Rgb background) {
  return oklab_lightness(background) > 0.62f ? Rgb{0.07f, 0.08f, 0.1f} : Rgb{1, 1, 1};
}

}  // namespace headscope::figure
