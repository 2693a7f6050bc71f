#include "app/views/token_paint.h"

#include <algorithm>
#include <cmath>

namespace headscope {
namespace {

Rgb rgb_of(ImU32 color) {
  const ImVec4 c = ImGui::ColorConvertU32ToFloat4(color);
  return {c.x, c.y, c.z};
}

ImU32 u32_of(Rgb c) {
  return ImGui::ColorConvertFloat4ToU32(ImVec4(c.r, c.g, c.b, 1));
}

Rgb mixed(Rgb from, Rgb to, float share) {
  const auto part = [share](float a, float b) { return a + (b - a) * share; };
  return {part(from.r, to.r), part(from.g, to.g), part(from.b, to.b)};
}

}  // namespace

float TokenScale::share(float value) const {
  const float size = std::abs(value);
  if (!(size > 0) || !(largest > 0)) return 0;
  const float at = logarithmic ? 1 + std::log10(size / largest) / decades : size / largest;
  return std::copysign(std::clamp(at, 0.0f, 1.0f), value);
}

float TokenScale::value_at(float share) const {
  const float size = std::abs(share);
  if (size == 0 && !logarithmic) return 0;
  const float value =
      logarithmic ? largest * std::pow(10.0f, (size - 1) * decades) : largest * size;
  return std::copysign(value, share);
}

ImU32 TokenScale::color(float value) const {
  const float at = share(value);
  if (difference) {
    return at == 0 ? theme->panel : u32_of(palette_color(theme->diverging, 0.5f + 0.5f * at));
  }
  return u32_of(mixed(rgb_of(theme->panel), rgb_of(theme->accent), std::max(at, 0.0f)));
}

ImU32 ink_on(const Theme& theme, ImU32 background) {
  const float under = oklab_lightness(rgb_of(background));
  const auto contrast = [under](ImU32 ink) {
    return std::abs(oklab_lightness(rgb_of(ink)) - under);
  };
  const ImU32 other = contrast(theme.panel) > contrast(theme.page) ? theme.panel : theme.page;
  return contrast(theme.text) >= contrast(other) ? theme.text : other;
}

void scale_line(const ViewContext& context, const TokenScale& scale, float width) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const std::string low = scale.difference    ? "-" + format_weight(scale.largest)
                          : scale.logarithmic ? "< " + format_weight(scale.value_at(0))
                                              : std::string("0");
  const std::string high = (scale.difference ? "+" : "") + format_weight(scale.largest);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float gap = em() * 0.4f, height = ImGui::GetTextLineHeight();
  const float left = ImGui::CalcTextSize(low.c_str()).x + gap,
              right = ImGui::CalcTextSize(high.c_str()).x + gap;
  list.AddText(at, context.theme.muted, low.c_str());
  const float bar = std::max(em() * 2, width - left - right);
  constexpr int kSteps = 40;
  for (int i = 0; i < kSteps; ++i) {
    const float middle = (static_cast<float>(i) + 0.5f) / kSteps;
    const float share = scale.difference ? 2 * middle - 1 : middle;
    const float x0 = at.x + left + bar * static_cast<float>(i) / kSteps,
                x1 = at.x + left + bar * static_cast<float>(i + 1) / kSteps;
    list.AddRectFilled(ImVec2(std::floor(x0), at.y + height * 0.2f),
                       ImVec2(std::floor(x1), at.y + height * 0.85f),
                       scale.color(scale.value_at(share)));
  }
  list.AddText(ImVec2(at.x + left + bar + gap, at.y), context.theme.muted, high.c_str());
  ImGui::Dummy(ImVec2(left + bar + right, height));
}

}  // namespace headscope
