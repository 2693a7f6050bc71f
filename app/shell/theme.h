// Colours and spacing of the window. Meaning never rests on colour alone.
#pragma once

#include <imgui.h>

#include <string_view>

#include "app/render/palettes.h"

namespace headscope {

enum class ThemeKind { dark, light, contrast };

/// Colours by role. One colour, one meaning, in every view.
struct Theme {
  ThemeKind kind = ThemeKind::dark;
  ImU32 page = 0;   ///< behind everything
  ImU32 panel = 0;  ///< a view
  ImU32 card = 0;   ///< a block in a view
  ImU32 card_hover = 0;
  ImU32 line = 0;  ///< hairlines, axes
  ImU32 text = 0;
  ImU32 muted = 0;        ///< secondary text
  ImU32 baseline = 0;     ///< the unedited run
  ImU32 accent = 0;       ///< the intervened run, and what can be acted on
  ImU32 accent_soft = 0;  ///< background of a chosen item
  ImU32 gold = 0;         ///< the gold document
  ImU32 gold_soft = 0;
  ImU32 sink = 0;       ///< the attention sink
  ImU32 good = 0;       ///< right answer
  ImU32 bad = 0;        ///< wrong answer, errors
  ImU32 selection = 0;  ///< ring of the selected head, crosshair
  Palette diverging = Palette::diverging_dark;
};

std::string_view theme_name(ThemeKind kind);
/// "dark", "light" or "contrast"; false when `name` is none of them.
bool theme_from_name(std::string_view name, ThemeKind& kind);

/// Sets ImGui's and ImPlot's style for `scale` pixels per unit and returns the roles' colours.
Theme apply_theme(ThemeKind kind, float scale);

/// The colour with another opacity, 0 to 1.
ImU32 with_alpha(ImU32 color, float alpha);

}  // namespace headscope
