// Small drawing pieces that several views share.
#pragma once

#include <imgui.h>

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "app/render/heatmap.h"
#include "app/shell/commands.h"
#include "app/shell/fonts.h"
#include "app/shell/theme.h"
#include "app/views/app_state.h"
#include "core/base/types.h"

namespace headscope {

/// What every view gets.
struct ViewContext {
  AppState& state;
  const Theme& theme;
  const Fonts& fonts;
  const Commands& commands;
  HeatmapRenderer& heatmaps;
};

/// Font height in pixels: every size is a multiple of it.
inline float em() {
  return ImGui::GetFontSize();
}

/// Attention masses: three decimals, the same width everywhere.
std::string format_mass(float value);
/// Differences, with sign; "0.000" for zero.
std::string format_delta(float value);
/// Log-probability in nats, two decimals, with sign: "+7.45".
std::string format_drop(float value);
/// Single attention weights, over many orders of magnitude.
std::string format_weight(float value);
/// "L3 H5"
std::string format_head(HeadId head);
/// Where a position is: "document 3 (gold)", "sink", "response", "prompt".
std::string place_of(const PromptView& prompt, std::int64_t position);
/// "0.84 s", "12 ms"
std::string format_seconds(double seconds);

void text_colored(ImU32 color, std::string_view text);
void text_muted(const ViewContext& context, std::string_view text);
void text_bold(const ViewContext& context, std::string_view text);

/// Draws text on one line, ending in an ellipsis where it does not fit.
void draw_fitted_text(ImDrawList& list, ImVec2 position, float width, ImU32 color,
                      std::string_view text);

/// A range of bytes drawn with a background or an underline.
struct TextMark {
  ByteSpan bytes;
  ImU32 background = 0;
  ImU32 underline = 0;
};
/// Draws wrapped text with marks at the cursor and advances it. `max_lines` 0 = all; returns
/// whether all was shown.
bool wrapped_text(std::string_view text, std::span<const TextMark> marks, ImU32 color, float width,
                  int max_lines = 0);

/// Byte of `text` at `offset` from where `wrapped_text` began to draw all of it; nothing beside the
/// text.
std::optional<std::size_t> wrapped_text_at(std::string_view text, float width, ImVec2 offset);

/// Tick or cross in a disc, with the word beside it: never colour alone.
void answer_mark(const ViewContext& context, bool right);
/// Small rounded label.
void badge(std::string_view text, ImU32 background, ImU32 color);
/// Width that `badge` takes.
float badge_width(std::string_view text);

/// Buttons in one row of which one is on. Returns true when another one was chosen.
bool segmented(const ViewContext& context, const char* id,
               std::initializer_list<const char*> labels, int& current);
/// Slider over the rest of the line, with its value to the right of it instead of under the grab.
/// `shown` replaces the number ("off"); ctrl-click types one.
bool value_slider(const ViewContext& context, const char* id, float& value, float low, float high,
                  const char* format, const char* shown = nullptr, float reserve = 0);
bool value_slider(const ViewContext& context, const char* id, int& value, int low, int high,
                  float reserve = 0);
/// A command as a button; disabled when the command is.
bool command_button(const ViewContext& context, std::string_view id, const char* label);

/// Continues the line so that an item of `width` ends at the right edge.
void same_line_right(float width);
/// Note in the middle of an empty view, with an optional second line.
void empty_note(const ViewContext& context, std::string_view title, std::string_view detail = {});

/// Vertical colour bar with tick labels on its right; `unit` stands above. Returns the width used.
float color_bar(const ViewContext& context, ImVec2 position, float height,
                const HeatmapStyle& style, std::string_view unit);
float color_bar_width();

/// Largest magnitude of some values (NaN ignored), at least `least`.
float largest_magnitude(std::span<const float> values, float least);

}  // namespace headscope
