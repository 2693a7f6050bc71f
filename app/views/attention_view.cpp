#include "app/views/attention_view.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "app/views/item_keys.h"
#include "app/views/map_readout.h"
#include "app/views/map_tools.h"
#include "core/engine/outlook.h"

namespace headscope {
namespace {

constexpr std::int64_t kDetail = 2048;  // tokens a side that are asked for at once
constexpr double kStep = 1.25;          // a notch of the wheel
constexpr double kKeyStep = 1.6, kKeyPan = 0.2;

// Tokens [low, high) of an axis, widened to the detail that is asked for: it moves in steps, so
// that panning a little asks for nothing new.
TokenRange detail_range(double low, double high, std::int64_t limit) {
  constexpr std::int64_t step = kDetail / 4;
  const auto begin = std::max<std::int64_t>(0, static_cast<std::int64_t>(low) / step * step);
  const auto end = static_cast<std::int64_t>(std::ceil(high / step)) * step;
  return {begin, std::min({limit, end, begin + kDetail})};
}

std::string why_no_weights(const Snapshot& snapshot) {
  if (!snapshot.outlook || snapshot.outlook->chosen == KeepAttention::rows)
    return "They are kept for the response rows of the last run.";
  return "This run keeps span sums. Rows would need " + estimate_text(snapshot.outlook->rows) +
         ": the status bar has the choice.";
}

// Edges of documents, and of the prompt, over a map of tokens.
void document_lines(const ViewContext& context, const MapPicture& picture, const MapFrame& f) {
  const PromptView& prompt = *picture.prompt;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const auto vertical = [&](std::int64_t edge, ImU32 color, float thick) {
    const float x = std::round(f.x_of(static_cast<double>(edge)));
    if (x >= f.min.x && x <= f.max.x)
      list.AddLine(ImVec2(x, f.min.y), ImVec2(x, f.max.y), color, thick);
  };
  const auto horizontal = [&](std::int64_t edge, ImU32 color) {
    const float y = std::round(f.y_of(static_cast<double>(edge)));
    if (y >= f.min.y && y <= f.max.y)
      list.AddLine(ImVec2(f.min.x, y), ImVec2(f.max.x, y), color, 1.0f);
  };
  for (const DocumentView& document : prompt.documents) {
    if (document.tokens.size() == 0) continue;
    const ImU32 color = document.gold ? context.theme.gold : with_alpha(context.theme.muted, 0.28f);
    for (const std::int64_t edge : {document.tokens.begin, document.tokens.end}) {
      vertical(edge, color, document.gold ? std::max(1.0f, em() * 0.1f) : 1.0f);
      if (picture.full && document.gold) horizontal(edge, with_alpha(color, 0.5f));
    }
  }
  if (picture.full) horizontal(prompt.prompt_tokens(), with_alpha(context.theme.accent, 0.8f));
}

// Columns that are not shown, so that nobody takes them for zero.
void hidden_columns(const ViewContext& context, const MapPicture& picture, const MapFrame& f) {
  const auto cells = picture.style.left_out * (picture.grouped ? 1 : picture.cell);
  const float from = std::max(f.min.x, f.x_of(0)), to = f.x_of(static_cast<double>(cells));
  if (cells == 0 || to <= from) return;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(ImVec2(from, f.min.y), ImVec2(std::min(to, f.max.x), f.max.y),
                     context.theme.card);
  const char* const label = "sink hidden";
  if (ImGui::CalcTextSize(label).x < to - from)
    list.AddText(ImVec2(from + em() * 0.2f, f.min.y + em() * 0.2f), context.theme.muted, label);
}

void corner_note(const ViewContext& context, const MapFrame& f, const std::string& note) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 size = ImGui::CalcTextSize(note.c_str());
  const ImVec2 at(std::max(f.min.x, f.max.x - size.x - em() * 0.5f), f.min.y + em() * 0.3f);
  list.AddRectFilled(ImVec2(at.x - em() * 0.3f, at.y), ImVec2(f.max.x, at.y + size.y),
                     with_alpha(context.theme.page, 0.8f));
  draw_fitted_text(list, at, f.max.x - at.x, context.theme.muted, note);
}

}  // namespace

AttentionPanel::AttentionPanel() : digests_(digest) {}

// What was worked out of this map, or of the one before it where only its weights are others.
void AttentionPanel::find_digest(ViewContext& context, MapPicture& picture) {
  const DigestJob job = digest_job(context.state.view, picture);
  digests_.ask(job, job.is_cheap(), context.state.wake);
  const auto* newest = digests_.newest();
  if (newest == nullptr) return;
  const DigestJob& done = newest->first;
  const bool fits = done.prompt == job.prompt && done.full == job.full &&
                    done.grouping == job.grouping && done.cell == job.cell &&
                    done.difference == job.difference && done.first_row == job.first_row;
  if (!fits) return;
  picture.digest = &newest->second;
  picture.grouped = job.grouping != TokenGrouping::none;
}

void AttentionPanel::keys(const MapFrame& frame) {
  const bool hovered = ImGui::IsItemHovered() && !pointed_by_keys();
  if (hovered) {
    constexpr std::pair<ImGuiKey, MapMove> known[] = {
        {ImGuiKey_LeftArrow, MapMove::left},   {ImGuiKey_RightArrow, MapMove::right},
        {ImGuiKey_UpArrow, MapMove::up},       {ImGuiKey_DownArrow, MapMove::down},
        {ImGuiKey_KeypadAdd, MapMove::nearer}, {ImGuiKey_KeypadSubtract, MapMove::farther}};
    for (const auto& [key, step] : known) {
      ImGui::SetItemKeyOwner(key);
      if (ImGui::IsKeyPressed(key)) move_ = step;
    }
  }
  if (!move_) return;
  const MapMove step = *std::exchange(move_, std::nullopt);
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const bool at_cursor = pointed_by_keys();
  const double x = hovered     ? frame.column_at(mouse.x)
                   : at_cursor ? static_cast<double>(cursor_.column) + 0.5
                               : (frame.window.left + frame.window.right) * 0.5;
  const double y = hovered     ? frame.row_at(mouse.y)
                   : at_cursor ? static_cast<double>(cursor_.row) + 0.5
                               : (frame.window.top + frame.window.bottom) * 0.5;
  const bool square = zoom_.rows == zoom_.columns;
  const double across = zoom_.width() * kKeyPan, down = zoom_.height() * kKeyPan;
  switch (step) {
    case MapMove::nearer:
      return zoom_.scale(x, y, kKeyStep, square ? kKeyStep : 1);
    case MapMove::farther:
      return zoom_.scale(x, y, 1 / kKeyStep, square ? 1 / kKeyStep : 1);
    case MapMove::left:
      return zoom_.pan(-across, 0);
    case MapMove::right:
      return zoom_.pan(across, 0);
    case MapMove::up:
      return zoom_.pan(0, -down);
    case MapMove::down:
      return zoom_.pan(0, down);
    case MapMove::whole:
      return zoom_.reset();
  }
}

// Arrows go from cell to cell; where cells are smaller than a few pixels, by some of them at once.
// What is not on screen comes into sight.
void AttentionPanel::step_cursor(const ViewContext& context, const MapPicture& picture,
                                 const MapFrame& frame) {
  constexpr double kLeast = 4;  // pixels
  const bool hovered = ImGui::IsItemHovered() && !pointed_by_keys();
  const CellStep step = hovered ? CellStep() : item_arrows(context);
  const auto cells = [](double per_pixel) {
    return std::max<std::int64_t>(1, std::llround(kLeast * per_pixel));
  };
  const auto inside = [](double at, double low, double high, std::int64_t count) {
    const double kept = std::clamp(at, low, std::max(low, high - 1));
    return std::clamp<std::int64_t>(std::llround(kept), 0, count - 1);
  };
  const HeatmapWindow& window = zoom_.window;
  if (!step) {
    cursor_ = {inside(static_cast<double>(cursor_.column), std::ceil(window.left), window.right,
                      picture.axis_columns()),
               inside(static_cast<double>(cursor_.row), std::ceil(window.top), window.bottom,
                      picture.axis_rows())};
    return;
  }
  cursor_.column =
      std::clamp<std::int64_t>(cursor_.column + step.right * cells(frame.columns_per_pixel()), 0,
                               picture.axis_columns() - 1);
  cursor_.row = std::clamp<std::int64_t>(cursor_.row + step.down * cells(frame.rows_per_pixel()), 0,
                                         picture.axis_rows() - 1);
  const auto beyond = [](std::int64_t at, double low, double high) {
    const auto cell = static_cast<double>(at);
    return cell < low ? cell - low : std::max(0.0, cell + 1 - high);
  };
  zoom_.pan(beyond(cursor_.column, window.left, window.right),
            beyond(cursor_.row, window.top, window.bottom));
}

void AttentionPanel::navigate(const MapPicture& picture, const MapFrame& frame) {
  ImGui::SetCursorScreenPos(frame.min);
  ImGui::InvisibleButton("map", ImVec2(frame.max.x - frame.min.x, frame.max.y - frame.min.y),
                         ImGuiButtonFlags_EnableNav);
  ImGui::SetItemKeyOwner(ImGuiKey_MouseWheelY);
  const ImGuiIO& io = ImGui::GetIO();
  if (ImGui::IsItemHovered() && io.MouseWheel != 0) {
    const double factor = std::pow(kStep, io.MouseWheel);
    // Response rows are few: only the keys are zoomed, with Ctrl the rows.
    const bool both = picture.axis_rows() == picture.axis_columns();
    zoom_.scale(frame.column_at(io.MousePos.x), frame.row_at(io.MousePos.y),
                both || !io.KeyCtrl ? factor : 1.0, both || io.KeyCtrl ? factor : 1.0);
  }
  if (ImGui::IsItemActive() && ImGui::IsMouseDragging(ImGuiMouseButton_Left)) {
    zoom_.pan(-io.MouseDelta.x * frame.columns_per_pixel(),
              -io.MouseDelta.y * frame.rows_per_pixel());
  }
  if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) zoom_.reset();
  keys(frame);
}

// The part of a pooled map that is there exactly, over its overview.
void AttentionPanel::draw_exact(ViewContext& context, const MapPicture& picture, const MapFrame& f,
                                const HeatmapWindow& part) const {
  const ImVec2 from(f.x_of(part.left), f.y_of(part.top)),
      to(f.x_of(part.right), f.y_of(part.bottom));
  const auto row = static_cast<double>(picture.region.rows.begin),
             column = static_cast<double>(picture.region.columns.begin);
  HeatmapStyle style = picture.style;
  // Where keys come later than every row, the shader has no name for the diagonal.
  style.causal =
      std::max<std::int64_t>(-1, picture.region.rows.begin - picture.region.columns.begin);
  style.left_out = style.left_out > 0 && picture.region.columns.begin == 0 ? picture.cell : 0;
  style.row_offset = picture.region.rows.begin;
  style.row_cell = picture.cell;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(from, to, context.theme.page);
  context.heatmaps.draw(
      list, from, to, picture.exact, picture.exact_baseline, style,
      {part.left - column, part.top - row, part.right - column, part.bottom - row});
}

void AttentionPanel::draw_values(ViewContext& context, const MapPicture& picture,
                                 const MapFrame& f) const {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const HeatmapWindow& window = f.window;
  if (picture.grouped) {
    context.heatmaps.draw(list, f.min, f.max, picture.digest->shown, picture.digest->baseline,
                          picture.style, window);
    if (picture.digest->overview)
      corner_note(context, f, "overview: the largest weights; the rest is being computed");
    return;
  }
  const auto cell = static_cast<double>(picture.cell);
  context.heatmaps.draw(
      list, f.min, f.max, picture.shown, picture.baseline, picture.style,
      {window.left / cell, window.top / cell, window.right / cell, window.bottom / cell});
  if (picture.cell == 1) return;
  const MapRegion& region = picture.region;
  const HeatmapWindow part{std::max(window.left, static_cast<double>(region.columns.begin)),
                           std::max(window.top, static_cast<double>(region.rows.begin)),
                           std::min(window.right, static_cast<double>(region.columns.end)),
                           std::min(window.bottom, static_cast<double>(region.rows.end))};
  const bool visible = !picture.exact.empty() && part.left < part.right && part.top < part.bottom;
  if (visible) draw_exact(context, picture, f, part);
  const bool all = visible && part.left <= window.left && part.right >= window.right &&
                   part.top <= window.top && part.bottom >= window.bottom;
  if (!all) corner_note(context, f, pooled_note(picture.cell));
}

// A pooled map that is looked at closely gets its exact weights there, one that is grouped its
// sums, once nothing else is being
// computed: asking for another part must not begin the map again.
void AttentionPanel::ask_for_detail(ViewContext& context, const MapPicture& picture) const {
  AppState& state = context.state;
  if (picture.cell == 1 || state.snapshot->status.state != EngineStatus::State::idle) return;
  const HeatmapWindow& window = zoom_.window;
  const auto most = static_cast<double>(kDetail - kDetail / 4);
  MapRegion wanted;
  if (picture.grouped) {
    wanted.groups = state.view.map.grouping;
  } else if (zoom_.width() <= most && zoom_.height() <= most) {
    wanted.rows = detail_range(window.top, window.bottom, picture.rows);
    wanted.columns = detail_range(window.left, window.right, picture.columns);
  }
  state.request.map_region = wanted;
}

void AttentionPanel::map(ViewContext& context, const MapPicture& picture) {
  const float bar = color_bar_width() + em() * 0.6f;
  const ImVec2 at = ImGui::GetCursorScreenPos(), space = ImGui::GetContentRegionAvail();
  const AxisRoom room = axis_room(picture, space.x);
  const ImVec2 min(std::floor(at.x + room.left), std::floor(at.y + room.top));
  const ImVec2 max(std::floor(at.x + space.x - bar), std::floor(at.y + space.y));
  if (max.x - min.x < em() * 3 || max.y - min.y < em() * 2) return;
  navigate(picture, {min, max, zoom_.window});
  step_cursor(context, picture, {min, max, zoom_.window});
  const MapFrame frame{min, max, zoom_.window};
  const bool by_keys = pointed_by_keys();
  std::optional<std::int64_t> column, row;
  if (by_keys) {
    column = cursor_.column;
    row = cursor_.row;
  } else if (ImGui::IsItemHovered()) {
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    column = static_cast<std::int64_t>(frame.column_at(mouse.x));
    row = static_cast<std::int64_t>(frame.row_at(mouse.y));
    if (*column >= picture.axis_columns() || *row >= picture.axis_rows())
      column = row = std::nullopt;
  }
  ImGui::GetWindowDrawList()->AddRectFilled(min, max, context.theme.page);
  draw_values(context, picture, frame);
  hidden_columns(context, picture, frame);
  if (!picture.grouped) document_lines(context, picture, frame);
  draw_axes(context, picture, frame, room, column, row);
  const ImVec2 bar_at(max.x + em() * 0.7f, at.y);
  color_bar(context, bar_at, max.y - at.y, picture.style,
            picture.style.rows.empty() ? "weight" : "of row");
  if (!column || !row) return;
  if (by_keys) {
    const auto x = static_cast<double>(*column), y = static_cast<double>(*row);
    tooltip_beside(ImVec2(frame.x_of(x), frame.y_of(y)),
                   ImVec2(frame.x_of(x + 1), frame.y_of(y + 1)));
  }
  map_readout(context, picture, frame, *column, *row);
}

void AttentionPanel::draw(ViewContext& context) {
  const AppState& state = context.state;
  if (!state.snapshot->model) {
    empty_note(context, "The attention map of one head",
               "Select a head in the map or the ranking.");
    return;
  }
  if (map_toolbar(context, zoom_)) move_ = MapMove::whole;
  MapPicture picture;
  const bool there = find_picture(context, picture);
  if (there) find_digest(context, picture);
  const bool waits = there && !picture.grouped && state.view.map.grouping != TokenGrouping::none;
  if (!there || waits) {
    const bool running = waits || state.snapshot->status.state == EngineStatus::State::running;
    empty_note(context, running ? "Computing the map ..." : "No attention weights for this head",
               running ? "" : why_no_weights(*state.snapshot));
    return;
  }
  style_picture(context, picture);
  map_range_popup(context, picture.style);
  zoom_.fit(picture.axis_columns(), picture.axis_rows());
  ask_for_detail(context, picture);
  map(context, picture);
}

}  // namespace headscope
