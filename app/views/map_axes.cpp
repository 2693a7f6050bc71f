#include "app/views/map_axes.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace headscope {
namespace {

constexpr float kNearColumns = 0.9f, kNearRows = 0.5f;  // em a cell from which tokens are named

struct Axes {
  const ViewContext& context;
  const MapPicture& picture;
  const MapFrame& frame;
  const AxisRoom& room;
  ImDrawList& list;

  float column_width() const { return static_cast<float>(1 / frame.columns_per_pixel()); }
  float row_height() const { return static_cast<float>(1 / frame.rows_per_pixel()); }
  ImVec2 corner() const { return {frame.min.x - room.left, frame.min.y - room.top}; }
};

// One block of a strip, with its label where there is room for it.
void block(const Axes& axes, bool vertical, double begin, double end, ImU32 color, ImU32 ink,
           const std::string& label) {
  const MapFrame& f = axes.frame;
  const float low = vertical ? f.min.y : f.min.x, high = vertical ? f.max.y : f.max.x;
  const auto at = [&](double cell) {
    return std::round(std::clamp(vertical ? f.y_of(cell) : f.x_of(cell), low, high));
  };
  const float a = at(begin), b = at(end);
  if (b <= a) return;
  const ImVec2 corner = axes.corner();
  const ImVec2 p = vertical ? ImVec2(corner.x, a) : ImVec2(a, corner.y);
  const ImVec2 q =
      vertical ? ImVec2(corner.x + axes.room.strip, b) : ImVec2(b, corner.y + axes.room.strip);
  axes.list.AddRectFilled(p, q, color);
  const ImVec2 size = ImGui::CalcTextSize(label.c_str());
  const float needed = vertical ? size.y * 0.8f : size.x + em() * 0.1f;
  if (needed > b - a || size.x > (vertical ? axes.room.strip : b - a)) return;
  axes.list.AddText(ImVec2((p.x + q.x - size.x) * 0.5f, (p.y + q.y - size.y) * 0.5f), ink,
                    label.c_str());
}

// Alternating blocks of documents, the gold one in gold, and the response.
void document_strip(const Axes& axes, bool vertical) {
  const PromptView& prompt = *axes.picture.prompt;
  const Theme& theme = axes.context.theme;
  const ImU32 shades[] = {theme.card, theme.card_hover};
  const MapFrame& f = axes.frame;
  const auto first = static_cast<std::int64_t>(vertical ? f.window.top : f.window.left);
  const auto last = static_cast<std::int64_t>(vertical ? f.window.bottom : f.window.right) + 1;
  int index = 0;
  for (const DocumentView& document : prompt.documents) {
    const ImU32 color = document.gold ? theme.gold : shades[index++ % 2];
    if (document.tokens.end <= first || document.tokens.begin >= last) continue;
    block(axes, vertical, static_cast<double>(document.tokens.begin),
          static_cast<double>(document.tokens.end), color, document.gold ? theme.page : theme.muted,
          std::to_string(document.number));
  }
  block(axes, vertical, static_cast<double>(prompt.prompt_tokens()), static_cast<double>(last),
        with_alpha(theme.accent, 0.35f), theme.text, vertical ? "R" : "resp.");
}

// A block for every group on screen.
void group_strip(const Axes& axes, bool vertical) {
  const Theme& theme = axes.context.theme;
  const auto& groups = axes.picture.digest->groups.groups;
  const MapFrame& f = axes.frame;
  const auto first = static_cast<std::int64_t>(vertical ? f.window.top : f.window.left);
  const auto last =
      static_cast<std::int64_t>(std::ceil(vertical ? f.window.bottom : f.window.right));
  for (std::int64_t i = first; i < std::min<std::int64_t>(last, std::ssize(groups)); ++i) {
    const TokenGroup& group = groups[static_cast<std::size_t>(i)];
    // Sentences of one document have one shade.
    const bool odd = (group.document >= 0 ? group.document : i) % 2 != 0;
    const ImU32 color = group.gold ? theme.gold : odd ? theme.card_hover : theme.card;
    block(axes, vertical, static_cast<double>(i), static_cast<double>(i + 1), color,
          group.gold ? theme.page : theme.muted, group.label);
  }
}

// 1, 2 or 5 times a power of ten that is at least `least`.
std::int64_t round_step(double least) {
  std::int64_t power = 1;
  for (;; power *= 10) {
    for (const std::int64_t step : {1, 2, 5}) {
      if (static_cast<double>(step * power) >= least) return step * power;
    }
  }
}

void positions_above(const Axes& axes) {
  const MapFrame& f = axes.frame;
  const float y = axes.corner().y + axes.room.strip;
  const std::int64_t step = round_step(em() * 4.5f * f.columns_per_pixel());
  auto at = static_cast<std::int64_t>(std::ceil(f.window.left / static_cast<double>(step))) * step;
  for (; static_cast<double>(at) < f.window.right; at += step) {
    const std::string label = std::to_string(at);
    const float width = ImGui::CalcTextSize(label.c_str()).x, x = f.x_of(static_cast<double>(at));
    axes.list.AddLine(ImVec2(x, f.min.y - em() * 0.2f), ImVec2(x, f.min.y),
                      axes.context.theme.line);
    if (x + width > f.max.x) break;
    axes.list.AddText(ImVec2(x + em() * 0.2f, y), axes.context.theme.muted, label.c_str());
  }
}

void positions_beside(const Axes& axes) {
  const MapFrame& f = axes.frame;
  const std::int64_t step = round_step(em() * 2.5f * f.rows_per_pixel());
  auto at = static_cast<std::int64_t>(std::ceil(f.window.top / static_cast<double>(step))) * step;
  for (; static_cast<double>(at) < f.window.bottom; at += step) {
    const std::string label = std::to_string(axes.picture.first_row + at);
    const float width = ImGui::CalcTextSize(label.c_str()).x, y = f.y_of(static_cast<double>(at));
    axes.list.AddLine(ImVec2(f.min.x - em() * 0.2f, y), ImVec2(f.min.x, y),
                      axes.context.theme.line);
    if (y + em() > f.max.y) break;
    axes.list.AddText(ImVec2(f.min.x - width - em() * 0.35f, y), axes.context.theme.muted,
                      label.c_str());
  }
}

// Names of columns from left to right, each at its column's middle or beginning; those without
// room are left out.
void names_above(const Axes& axes) {
  const MapFrame& f = axes.frame;
  const float width = axes.column_width(), y = axes.corner().y + axes.room.strip;
  float free = f.min.x;
  const auto last =
      std::min(axes.picture.axis_columns(), static_cast<std::int64_t>(std::ceil(f.window.right)));
  for (auto column = static_cast<std::int64_t>(f.window.left); column < last; ++column) {
    const float x = f.x_of(static_cast<double>(column));
    if (x < free - 1) continue;
    const TokenGroup* group = axes.picture.column_group(column);
    const std::string label = group != nullptr ? group->name : axes.picture.column_label(column);
    const float wanted = ImGui::CalcTextSize(label.c_str()).x;
    const float given = std::min({wanted, std::max(width - em() * 0.3f, em() * 4), f.max.x - x});
    if (given < std::min(wanted, em() * 1.2f)) break;
    const float begin = x + std::max(0.0f, (width - given) * 0.5f);
    if (width < wanted) {
      axes.list.AddLine(ImVec2(x + 1, f.min.y - em() * 0.25f), ImVec2(x + 1, f.min.y),
                        axes.context.theme.line);
    }
    draw_fitted_text(axes.list, ImVec2(begin, y), given + 1, axes.context.theme.muted, label);
    free = std::max(begin + given + em() * 0.4f, x + width);
  }
}

void names_beside(const Axes& axes) {
  const MapFrame& f = axes.frame;
  const float height = axes.row_height();
  const float most = axes.room.left - (axes.picture.full ? axes.room.strip : 0) - em() * 0.5f;
  const auto step = std::max<std::int64_t>(1, std::llround(std::ceil(em() * 1.05f / height)));
  const auto last =
      std::min(axes.picture.axis_rows(), static_cast<std::int64_t>(std::ceil(f.window.bottom)));
  const auto first = static_cast<std::int64_t>(f.window.top) / step * step;
  for (auto row = first; row < last; row += step) {
    const float y = f.y_of(static_cast<double>(row) + 0.5) - em() * 0.5f;
    if (y < f.min.y - em() * 0.5f || y > f.max.y - em() * 0.5f) continue;
    const std::string label = axes.picture.row_label(row);
    const float width = std::min(ImGui::CalcTextSize(label.c_str()).x, most);
    draw_fitted_text(axes.list, ImVec2(f.min.x - width - em() * 0.35f, y), width + 1,
                     axes.context.theme.muted, label);
  }
}

// The names where the cursor is, over whatever stands there.
void cursor_names(const Axes& axes, std::optional<std::int64_t> column,
                  std::optional<std::int64_t> row) {
  const MapFrame& f = axes.frame;
  const Theme& theme = axes.context.theme;
  const auto tag = [&](const std::string& label, ImVec2 at, float width) {
    axes.list.AddRectFilled(ImVec2(at.x - em() * 0.25f, at.y),
                            ImVec2(at.x + width + em() * 0.25f, at.y + em() * 1.15f),
                            theme.accent_soft, em() * 0.15f);
    draw_fitted_text(axes.list, at, width + 1, theme.text, label);
  };
  if (column) {
    const std::string label = axes.picture.column_label(*column);
    const float width = std::min(ImGui::CalcTextSize(label.c_str()).x, em() * 10);
    const float middle = f.x_of(static_cast<double>(*column) + 0.5) - width * 0.5f;
    const float x = std::max(f.min.x, std::min(middle, f.max.x - width));
    tag(label, ImVec2(x, f.min.y - em() * 1.2f), width);
  }
  if (row) {
    const std::string label = axes.picture.row_label(*row);
    const float width =
        std::min(ImGui::CalcTextSize(label.c_str()).x, axes.room.left - em() * 0.7f);
    const float middle = f.y_of(static_cast<double>(*row) + 0.5) - em() * 0.55f;
    tag(label,
        ImVec2(f.min.x - width - em() * 0.4f,
               std::max(f.min.y, std::min(middle, f.max.y - em() * 1.15f))),
        width);
  }
}

}  // namespace

AxisRoom axis_room(const MapPicture& picture, float width) {
  AxisRoom room;
  room.strip = em() * (picture.grouped ? 1.6f : 1.35f);
  room.top = room.strip + em() * 1.2f;
  const float names = width < em() * 30 ? em() * 3 : em() * 5;
  room.left = names + (picture.full ? room.strip : 0);
  return room;
}

void draw_axes(const ViewContext& context, const MapPicture& picture, const MapFrame& frame,
               const AxisRoom& room, std::optional<std::int64_t> column,
               std::optional<std::int64_t> row) {
  const Axes axes{context, picture, frame, room, *ImGui::GetWindowDrawList()};
  ImGui::PushFont(nullptr, ImGui::GetStyle().FontSizeBase * 0.85f);
  picture.grouped ? group_strip(axes, false) : document_strip(axes, false);
  if (picture.full) picture.grouped ? group_strip(axes, true) : document_strip(axes, true);
  ImGui::PopFont();
  const bool near_columns = axes.column_width() >= em() * kNearColumns;
  if (near_columns) {
    names_above(axes);
  } else if (!picture.grouped) {
    positions_above(axes);
  }
  const bool near_rows = axes.row_height() >= em() * kNearRows || !picture.full;
  if (near_rows && !picture.has_row_groups()) {
    names_beside(axes);
  } else if (!picture.grouped) {
    positions_beside(axes);
  }
  cursor_names(axes, column, row);
}

}  // namespace headscope
