#include "app/views/widgets.h"

#include <imgui_internal.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <vector>

namespace headscope {
namespace {

template <class... Args>
std::string print(const char* format, Args... args) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, args...);
  return buffer;
}

const char* begin_of(std::string_view text) {
  return text.data();
}
const char* end_of(std::string_view text) {
  return text.data() + text.size();
}

ImVec2 text_size(std::string_view text) {
  return ImGui::CalcTextSize(begin_of(text), end_of(text));
}

// Draws the marks that meet one line of wrapped text.
void draw_marks(ImDrawList& list, std::string_view text, std::span<const TextMark> marks,
                const char* line, const char* line_end, ImVec2 at, bool backgrounds) {
  const auto first = static_cast<std::size_t>(line - begin_of(text));
  const auto last = static_cast<std::size_t>(line_end - begin_of(text));
  for (const TextMark& mark : marks) {
    const std::size_t begin = std::max(mark.bytes.begin, first),
                      end = std::min(mark.bytes.end, last);
    if (begin >= end) continue;
    const float x0 = at.x + ImGui::CalcTextSize(line, begin_of(text) + begin).x;
    const float x1 = at.x + ImGui::CalcTextSize(line, begin_of(text) + end).x;
    if (backgrounds && mark.background != 0) {
      list.AddRectFilled(ImVec2(x0 - 1, at.y), ImVec2(x1 + 1, at.y + em() * 1.1f), mark.background,
                         em() * 0.15f);
    }
    if (!backgrounds && mark.underline != 0) {
      const float y = at.y + em() * 1.08f, step = em() * 0.16f;
      for (float x = x0; x < x1; x += 2 * step) {  // a wave: legible without colour
        list.AddLine(ImVec2(x, y), ImVec2(std::min(x + step, x1), y - step), mark.underline,
                     em() * 0.09f);
        list.AddLine(ImVec2(std::min(x + step, x1), y - step),
                     ImVec2(std::min(x + 2 * step, x1), y), mark.underline, em() * 0.09f);
      }
    }
  }
}

std::string tick_label(float value) {
  const float magnitude = std::abs(value);
  if (magnitude == 0) return "0";
  if (magnitude >= 10) return print(magnitude >= 100 ? "%.0f" : "%.1f", value);
  if (magnitude >= 0.1f) return print("%.2f", value);
  if (magnitude >= 0.0095f) return print("%.3f", value);
  return print(value < 0 ? "-1e%d" : "1e%d", static_cast<int>(std::lround(std::log10(magnitude))));
}

struct Tick {
  float at;  // 0 bottom, 1 top
  std::string label;
};

std::vector<Tick> ticks_of(const HeatmapStyle& style) {
  if (style.difference) {
    std::vector<Tick> both = {
        {0, tick_label(-style.high)}, {0.5f, "0"}, {1, tick_label(style.high).insert(0, 1, '+')}};
    if (style.logarithmic && style.low < style.high * 0.01f) {  // half way in magnitude
      const float middle = std::sqrt(style.low * style.high);
      both.push_back({0.25f, tick_label(-middle)});
      both.push_back({0.75f, tick_label(middle).insert(0, 1, '+')});
    }
    return both;
  }
  std::vector<Tick> ticks;
  if (style.logarithmic) {
    const float span = std::log10(style.high / style.low);
    const int first = static_cast<int>(std::ceil(std::log10(style.low) - 1e-4f));
    for (int decade = first; decade <= static_cast<int>(std::floor(std::log10(style.high) + 1e-4f));
         ++decade) {
      const float value = std::pow(10.0f, static_cast<float>(decade));
      ticks.push_back({std::log10(value / style.low) / span, decade == 0    ? "1"
                                                             : decade >= -2 ? print("%g", value)
                                                                            : tick_label(value)});
    }
    return ticks;
  }
  for (const float at : {0.0f, 0.5f, 1.0f})
    ticks.push_back({at, tick_label(style.low + at * (style.high - style.low))});
  return ticks;
}

}  // namespace

std::string format_mass(float value) {
  return std::isnan(value) ? "-" : print("%.3f", value);
}

std::string format_delta(float value) {
  if (std::isnan(value)) return "-";
  return std::abs(value) < 0.0005f ? "0.000" : print("%+.3f", value);
}

std::string format_drop(float value) {
  return std::isnan(value) ? "-" : print("%+.2f", value);
}

std::string format_weight(float value) {
  if (std::isnan(value)) return "-";
  return value != 0 && std::abs(value) < 1e-3f ? print("%.1e", value) : print("%.4f", value);
}

std::string format_head(HeadId head) {
  return print("L%d H%d", head.layer, head.head);
}

std::string place_of(const PromptView& prompt, std::int64_t position) {
  if (position >= prompt.prompt_tokens()) return "response";
  for (const DocumentView& document : prompt.documents) {
    if (document.tokens.contains(position)) {
      return "document " + std::to_string(document.number) + (document.gold ? " (gold)" : "");
    }
  }
  return position < 2 ? "sink" : "prompt";
}

std::string format_seconds(double seconds) {
  return seconds < 0.1 ? print("%.0f ms", seconds * 1e3) : print("%.2f s", seconds);
}

void text_colored(ImU32 color, std::string_view text) {
  ImGui::PushStyleColor(ImGuiCol_Text, color);
  ImGui::TextUnformatted(begin_of(text), end_of(text));
  ImGui::PopStyleColor();
}

void text_muted(const ViewContext& context, std::string_view text) {
  text_colored(context.theme.muted, text);
}

void text_bold(const ViewContext& context, std::string_view text) {
  ImGui::PushFont(context.fonts.bold, 0.0f);
  ImGui::TextUnformatted(begin_of(text), end_of(text));
  ImGui::PopFont();
}

void draw_fitted_text(ImDrawList& list, ImVec2 position, float width, ImU32 color,
                      std::string_view text) {
  if (width <= 0) return;
  const ImVec2 size = text_size(text);
  if (size.x <= width) {
    list.AddText(position, color, begin_of(text), end_of(text));
    return;
  }
  if (width < em()) return;  // not even for the ellipsis
  ImGui::PushStyleColor(ImGuiCol_Text, color);
  // Letters may hang below the line.
  const float bottom = position.y + size.y + em() * 0.25f;
  ImGui::RenderTextEllipsis(&list, position, ImVec2(position.x + width, bottom), position.x + width,
                            begin_of(text), end_of(text), &size);
  ImGui::PopStyleColor();
}

namespace {

// Calls visit(number, begin, end, whether text follows) for every line; returns where it stopped.
template <class Visit>
const char* wrap_lines(std::string_view text, float width, int max_lines, Visit visit) {
  ImFont* font = ImGui::GetFont();
  const char* line = begin_of(text);
  const char* end = end_of(text);
  while (line < end && *line == ' ') ++line;
  for (int number = 0; line < end && (max_lines == 0 || number < max_lines); ++number) {
    const char* stop = font->CalcWordWrapPosition(em(), line, end, width);
    if (stop == line) ++stop;  // narrower than one character
    const char* newline = std::find(line, stop, '\n');
    visit(number, line, newline < stop ? newline : stop, stop < end);
    line = newline < stop ? newline + 1 : stop;
    while (newline >= stop && line < end && *line == ' ')
      ++line;  // the space at which the line was broken
  }
  return line;
}

float wrapped_line_height() {
  return em() * 1.25f;
}

}  // namespace

bool wrapped_text(std::string_view text, std::span<const TextMark> marks, ImU32 color, float width,
                  int max_lines) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float line_height = wrapped_line_height();
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  int lines = 0;
  const char* stop = wrap_lines(
      text, width, max_lines, [&](int number, const char* line, const char* line_end, bool more) {
        lines = number + 1;
        const ImVec2 at(origin.x, origin.y + static_cast<float>(number) * line_height);
        if (!ImGui::IsRectVisible(at, ImVec2(at.x + width, at.y + line_height))) return;
        draw_marks(list, text, marks, line, line_end, at, true);
        if (max_lines != 0 && lines == max_lines && more) {
          draw_fitted_text(list, at, width, color, std::string(line, line_end) + " ...");
        } else {
          list.AddText(at, color, line, line_end);
        }
        draw_marks(list, text, marks, line, line_end, at, false);
      });
  ImGui::Dummy(ImVec2(width, static_cast<float>(std::max(lines, 1)) * line_height));
  return stop >= end_of(text);
}

std::optional<std::size_t> wrapped_text_at(std::string_view text, float width, ImVec2 offset) {
  std::optional<std::size_t> byte;
  const float wanted = std::floor(offset.y / wrapped_line_height());
  wrap_lines(text, width, 0, [&](int number, const char* line, const char* line_end, bool) {
    if (static_cast<float>(number) != wanted || offset.x < 0) return;
    const char* under = line;
    ImGui::GetFont()->CalcTextSizeA(em(), offset.x, 0, line, line_end, &under);
    if (under < line_end) byte = static_cast<std::size_t>(under - begin_of(text));
  });
  return byte;
}

namespace {
// Where text stands on the current line: lower beside a framed item.
ImVec2 text_position() {
  ImVec2 at = ImGui::GetCursorScreenPos();
  at.y += ImGui::GetCurrentWindow()->DC.CurrLineTextBaseOffset;
  return at;
}
}  // namespace

void answer_mark(const ViewContext& context, bool right) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float size = em() * 1.05f;
  const ImVec2 at = text_position();
  const ImVec2 center(at.x + size * 0.5f, at.y + ImGui::GetTextLineHeight() * 0.5f);
  const ImU32 color = right ? context.theme.good : context.theme.bad;
  const float r = size * 0.5f, w = em() * 0.12f;
  list.AddCircleFilled(center, r, color);
  const ImU32 ink = context.theme.panel;
  if (right) {
    const ImVec2 points[] = {ImVec2(center.x - r * 0.48f, center.y + r * 0.02f),
                             ImVec2(center.x - r * 0.12f, center.y + r * 0.40f),
                             ImVec2(center.x + r * 0.50f, center.y - r * 0.36f)};
    list.AddPolyline(points, 3, ink, w);
  } else {
    const float d = r * 0.38f;
    list.AddLine(ImVec2(center.x - d, center.y - d), ImVec2(center.x + d, center.y + d), ink, w);
    list.AddLine(ImVec2(center.x - d, center.y + d), ImVec2(center.x + d, center.y - d), ink, w);
  }
  ImGui::Dummy(ImVec2(size, ImGui::GetTextLineHeight()));
  ImGui::SameLine(0, em() * 0.35f);
  text_colored(color, right ? "right" : "wrong");
}

float badge_width(std::string_view text) {
  return text_size(text).x + em() * 0.9f;
}

void badge(std::string_view text, ImU32 background, ImU32 color) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 at = text_position();
  const ImVec2 size(badge_width(text), ImGui::GetTextLineHeight());
  list.AddRectFilled(ImVec2(at.x, at.y - 1), ImVec2(at.x + size.x, at.y + size.y + 1), background,
                     size.y * 0.3f);
  list.AddText(ImVec2(at.x + em() * 0.45f, at.y), color, begin_of(text), end_of(text));
  ImGui::Dummy(size);
}

bool segmented(const ViewContext& context, const char* id,
               std::initializer_list<const char*> labels, int& current) {
  bool changed = false;
  ImGui::PushID(id);
  ImGui::PushStyleVar(ImGuiStyleVar_FrameRounding, 0.0f);
  int index = 0;
  for (const char* label : labels) {
    if (index > 0) ImGui::SameLine(0, 1);
    const bool on = index == current;
    ImGui::PushStyleColor(ImGuiCol_Button, on ? context.theme.accent_soft : context.theme.card);
    ImGui::PushStyleColor(ImGuiCol_Text, on ? context.theme.text : context.theme.muted);
    if (ImGui::Button(label) && !on) {
      current = index;
      changed = true;
    }
    if (on) {  // a bar under it: which one is on does not rest on shade alone
      const ImVec2 min = ImGui::GetItemRectMin(), max = ImGui::GetItemRectMax();
      ImGui::GetWindowDrawList()->AddRectFilled(ImVec2(min.x, max.y - em() * 0.14f), max,
                                                context.theme.accent);
    }
    ImGui::PopStyleColor(2);
    ++index;
  }
  ImGui::PopStyleVar();
  ImGui::PopID();
  return changed;
}

namespace {
float value_width() {
  return em() * 3.2f;
}

// Draws a slider without its own text, then the value beside it.
template <class Slide>
bool slider_line(const ViewContext& context, const char* id, float reserve, Slide slide,
                 const std::function<std::string()>& text) {
  ImGui::SetNextItemWidth(
      std::max(em() * 3, ImGui::GetContentRegionAvail().x - value_width() - reserve));
  const bool typed = ImGui::TempInputIsActive(ImGui::GetID(id));
  if (!typed) ImGui::PushStyleColor(ImGuiCol_Text, IM_COL32_BLACK_TRANS);
  const bool changed = slide();
  if (!typed) ImGui::PopStyleColor();
  ImGui::SameLine(0, 0);
  const std::string label = text();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::CalcTextSize(label.c_str()).x;
  ImGui::GetWindowDrawList()->AddText(
      ImVec2(at.x + value_width() - width, at.y + ImGui::GetStyle().FramePadding.y),
      context.theme.text, label.c_str());
  ImGui::Dummy(ImVec2(value_width(), ImGui::GetFrameHeight()));
  return changed;
}
}  // namespace

bool value_slider(const ViewContext& context, const char* id, float& value, float low, float high,
                  const char* format, const char* shown, float reserve) {
  return slider_line(
      context, id, reserve,
      [&] {
        return ImGui::SliderFloat(id, &value, low, high, format, ImGuiSliderFlags_AlwaysClamp);
      },
      [&] { return shown != nullptr ? std::string(shown) : print(format, value); });
}

bool value_slider(const ViewContext& context, const char* id, int& value, int low, int high,
                  float reserve) {
  return slider_line(
      context, id, reserve,
      [&] { return ImGui::SliderInt(id, &value, low, high, "%d", ImGuiSliderFlags_AlwaysClamp); },
      [&] { return std::to_string(value); });
}

bool command_button(const ViewContext& context, std::string_view id, const char* label) {
  const Command* command = context.commands.find(id);
  ImGui::BeginDisabled(command == nullptr || !Commands::is_enabled(*command));
  const bool pressed = ImGui::Button(label);
  ImGui::EndDisabled();
  if (command != nullptr &&
      ImGui::IsItemHovered(ImGuiHoveredFlags_DelayNormal | ImGuiHoveredFlags_AllowWhenDisabled)) {
    const std::string shortcut = Commands::shortcut_text(*command);
    ImGui::SetTooltip("%s%s%s", command->name.c_str(), shortcut.empty() ? "" : "  ",
                      shortcut.c_str());
  }
  if (pressed) context.commands.run(id);
  return pressed;
}

void same_line_right(float width) {
  ImGui::SameLine();
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() +
                       std::max(0.0f, ImGui::GetContentRegionAvail().x - width));
}

void empty_note(const ViewContext& context, std::string_view title, std::string_view detail) {
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float wrap = std::max(room.x - em(), em() * 4);
  const ImVec2 title_size = ImGui::CalcTextSize(begin_of(title), end_of(title), false, wrap);
  const ImVec2 detail_size =
      detail.empty() ? ImVec2(0, 0)
                     : ImGui::CalcTextSize(begin_of(detail), end_of(detail), false, wrap);
  const float left = ImGui::GetCursorPosX();
  const float top =
      ImGui::GetCursorPosY() + std::max(0.0f, (room.y - title_size.y - detail_size.y) * 0.45f);
  ImGui::SetCursorPos(ImVec2(left + std::max(0.0f, (room.x - title_size.x) * 0.5f), top));
  ImGui::PushTextWrapPos(left + room.x);
  text_muted(context, title);
  if (!detail.empty()) {
    ImGui::SetCursorPosX(left + std::max(0.0f, (room.x - detail_size.x) * 0.5f));
    text_muted(context, detail);
  }
  ImGui::PopTextWrapPos();
}

float color_bar_width() {
  return em() * 4.0f;
}

float color_bar(const ViewContext& context, ImVec2 position, float height,
                const HeatmapStyle& style, std::string_view unit) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float width = em() * 0.8f;
  const float top = position.y + (unit.empty() ? 0 : em() * 1.4f), bottom = position.y + height;
  if (!unit.empty()) list.AddText(position, context.theme.muted, begin_of(unit), end_of(unit));
  constexpr int kSteps = 48;  // a picture of the palette, not of data
  for (int i = 0; i < kSteps; ++i) {
    const Rgb c = palette_color(style.palette, (static_cast<float>(i) + 0.5f) / kSteps);
    const float y0 = bottom - (bottom - top) * static_cast<float>(i + 1) / kSteps;
    const float y1 = bottom - (bottom - top) * static_cast<float>(i) / kSteps;
    list.AddRectFilled(ImVec2(position.x, std::floor(y0)),
                       ImVec2(position.x + width, std::floor(y1)),
                       ImGui::ColorConvertFloat4ToU32(ImVec4(c.r, c.g, c.b, 1)));
  }
  for (const Tick& tick : ticks_of(style)) {
    const float y = bottom - (bottom - top) * tick.at;
    list.AddLine(ImVec2(position.x + width, y), ImVec2(position.x + width + em() * 0.2f, y),
                 context.theme.line);
    const float text_y = std::clamp(y - em() * 0.55f, top - em() * 0.2f, bottom - em() * 0.95f);
    list.AddText(ImVec2(position.x + width + em() * 0.35f, text_y), context.theme.muted,
                 tick.label.c_str());
  }
  return color_bar_width();
}

float largest_magnitude(std::span<const float> values, float least) {
  float largest = least;
  for (const float v : values) {
    if (!std::isnan(v)) largest = std::max(largest, std::abs(v));
  }
  return largest;
}

}  // namespace headscope
