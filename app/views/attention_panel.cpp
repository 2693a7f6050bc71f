#include "app/views/attention_panel.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/engine/outlook.h"

namespace headscope {

/// One map with its axes: what is drawn and what its cells mean.
struct AttentionPanel::Map {
  HeatmapData shown, baseline;  // `baseline` for differences and the readout
  std::int64_t cell = 1;        // tokens a cell is the largest weight of, along each side
  MapRegion region;             // of a pooled map: what is there exactly
  HeatmapData exact, exact_baseline;
  std::int64_t columns = 0, rows = 0;  // in tokens
  std::shared_ptr<const RunResult> run;
  std::int64_t first_row = 0;  // absolute position of row 0
  HeatmapStyle style;

  // The weight at a pair of tokens, and whether it is that pair's own.
  bool exact_at(std::int64_t row, std::int64_t column) const {
    return cell == 1 ||
           (!exact.empty() && region.rows.contains(row) && region.columns.contains(column));
  }
  float value(bool of_baseline, std::int64_t row, std::int64_t column) const;

  const TokenView* token(const PromptView& prompt, std::int64_t position) const {
    if (position < prompt.prompt_tokens())
      return &prompt.tokens[static_cast<std::size_t>(position)];
    const auto index = static_cast<std::size_t>(position - prompt.prompt_tokens());
    return run && index < run->response.size() ? &run->response[index] : nullptr;
  }
};

namespace {

constexpr float kLogFloor = 1e-4f;  // smaller weights all look like nothing

constexpr std::int64_t kDetail = 2048;  // tokens a side that are asked for at once

float value_at(const HeatmapData& data, std::int64_t row, std::int64_t column) {
  if (data.empty() || row >= data.rows || column >= data.columns) return 0;
  return data.values[row * data.columns + column];
}

HeatmapData rows_of(const std::shared_ptr<const RunResult>& run, HeadId head) {
  if (!run || head.layer >= run->layers || head.head >= run->heads || !run->has_weights(head))
    return {};
  return {run->weights[run->index(head)], run->row(head, 0), run->keys, run->rows.size()};
}

HeatmapData full_of(const std::shared_ptr<const FullMap>& map, HeadId head) {
  if (!map || map->head != head) return {};
  return {map->weights, map->weights->data(), map->side(), map->side()};
}

HeatmapData exact_of(const std::shared_ptr<const FullMap>& map, const MapRegion& region) {
  if (!map || map->exact.empty() || !(map->region == region)) return {};
  return {map, map->exact.data(), region.columns.size(), region.rows.size()};
}

// Tokens [low, high) of an axis, widened to the detail that is asked for: it moves in steps, so
// that panning a little asks for nothing new.
TokenRange detail_range(double low, double high, std::int64_t limit) {
  constexpr std::int64_t step = kDetail / 4;
  const auto begin = std::max<std::int64_t>(0, static_cast<std::int64_t>(low) / step * step);
  const auto end = static_cast<std::int64_t>(std::ceil(high / step)) * step;
  return {begin, std::min({limit, end, begin + kDetail})};
}

std::string pooled_note(std::int64_t cell) {
  const std::string size = std::to_string(cell);
  return "overview: the largest of " + size + " x " + size + " weights";
}

std::string token_label(const TokenView* token) {
  if (token == nullptr) return "?";
  return token->text.empty() ? "(empty)" : token->text;
}

std::string why_no_weights(const Snapshot& snapshot) {
  if (!snapshot.outlook || snapshot.outlook->chosen == KeepAttention::rows)
    return "They are kept for the response rows of the last run.";
  return "This run keeps span sums. Rows would need " + estimate_text(snapshot.outlook->rows) +
         ": the status bar has the choice.";
}

}  // namespace

float AttentionPanel::Map::value(bool of_baseline, std::int64_t row, std::int64_t column) const {
  if (cell > 1 && exact_at(row, column)) {
    return value_at(of_baseline ? exact_baseline : exact, row - region.rows.begin,
                    column - region.columns.begin);
  }
  return value_at(of_baseline ? baseline : shown, row / cell, column / cell);
}

void AttentionPanel::toolbar(ViewContext& context) {
  AppState& state = context.state;
  ImGui::AlignTextToFramePadding();
  text_bold(context, format_head(state.request.selected));
  ImGui::SameLine(0, em() * 0.8f);
  int full = state.request.want_full_map ? 1 : 0;
  if (segmented(context, "rows", {"Response rows", "Full map"}, full))
    state.request.want_full_map = full == 1;
  ImGui::SameLine(0, em() * 0.8f);
  int source = static_cast<int>(state.view.map_source);
  if (segmented(context, "source", {"Base", "Interv.", "Diff."}, source))
    state.view.map_source = static_cast<MapSource>(source);
  ImGui::SameLine(0, em() * 0.8f);
  int scale = state.view.map_logarithmic ? 0 : 1;
  if (segmented(context, "scale", {"Log", "Linear"}, scale))
    state.view.map_logarithmic = scale == 0;
  if (!zoom_.whole()) {
    same_line_right(ImGui::CalcTextSize("Fit").x + em());
    if (ImGui::Button("Fit")) zoom_.reset();
  }
}

bool AttentionPanel::find_map(const ViewContext& context, Map& map) const {
  const AppState& state = context.state;
  const Snapshot& snapshot = *state.snapshot;
  const HeadId head = state.request.selected;
  const bool full = state.request.want_full_map;
  const bool use_baseline = state.view.map_source == MapSource::baseline;
  const HeatmapData base =
      full ? full_of(snapshot.full_map_baseline, head) : rows_of(snapshot.baseline, head);
  const HeatmapData edited =
      full ? full_of(snapshot.full_map, head) : rows_of(snapshot.intervened, head);
  map.shown = use_baseline ? base : edited;
  map.baseline = base;
  map.run = use_baseline || !snapshot.intervened ? snapshot.baseline : snapshot.intervened;
  if (map.shown.empty() || !map.run || !snapshot.prompt) return false;
  map.columns = map.shown.columns;
  map.rows = map.shown.rows;
  if (full) {
    const auto& chosen = use_baseline ? snapshot.full_map_baseline : snapshot.full_map;
    map.cell = chosen->cell();
    map.region = chosen->region;
    map.columns = map.rows = chosen->tokens;
    map.exact = exact_of(chosen, map.region);
    map.exact_baseline = exact_of(snapshot.full_map_baseline, map.region);
    if (map.baseline.columns != map.shown.columns) map.baseline = {};
  }
  map.first_row = full ? 0 : map.run->rows.begin;
  map.style.causal = map.first_row;
  map.style.logarithmic = state.view.map_logarithmic;
  map.style.difference = state.view.map_source == MapSource::difference;
  map.style.palette = map.style.difference ? context.theme.diverging : state.view.palette;
  map.style.low = map.style.logarithmic ? kLogFloor : 0.0f;
  map.style.high = 1.0f;
  return true;
}

// Largest change of any weight, so that a linear scale shows it.
float AttentionPanel::difference_range(const Map& map) {
  const HeatmapData &a = map.shown, &b = map.baseline;
  if (a.values == compared_ && b.values == compared_baseline_) return range_;
  compared_ = a.values;
  compared_baseline_ = b.values;
  range_ = 1e-3f;
  for (std::int64_t row = 0; row < a.rows; ++row) {
    for (std::int64_t column = 0; column < a.columns; ++column) {
      range_ = std::max(range_, std::abs(value_at(a, row, column) - value_at(b, row, column)));
    }
  }
  return range_;
}

void AttentionPanel::navigate(const Map& map, ImVec2 min, ImVec2 max) {
  ImGui::SetCursorScreenPos(min);
  ImGui::InvisibleButton("map", ImVec2(max.x - min.x, max.y - min.y));
  ImGui::SetItemKeyOwner(ImGuiKey_MouseWheelY);
  const ImGuiIO& io = ImGui::GetIO();
  const double cells_x = (zoom_.window.right - zoom_.window.left) / (max.x - min.x);
  const double cells_y = (zoom_.window.bottom - zoom_.window.top) / (max.y - min.y);
  if (ImGui::IsItemHovered() && io.MouseWheel != 0) {
    const double factor = std::pow(1.25, io.MouseWheel);
    // Response rows are few: only the keys are zoomed.
    const bool both = map.rows == map.columns;
    zoom_.scale(zoom_.window.left + (io.MousePos.x - min.x) * cells_x,
                zoom_.window.top + (io.MousePos.y - min.y) * cells_y, factor, both ? factor : 1.0);
  }
  if (ImGui::IsItemActive() && ImGui::IsMouseDragging(ImGuiMouseButton_Left)) {
    zoom_.pan(-io.MouseDelta.x * cells_x, -io.MouseDelta.y * cells_y);
  }
  if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) zoom_.reset();
}

// Documents along an axis: alternating blocks with their numbers, the gold one in gold.
void AttentionPanel::document_strip(const ViewContext& context, ImVec2 min, ImVec2 max,
                                    bool vertical) const {
  const PromptView& prompt = *context.state.snapshot->prompt;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const double first = vertical ? zoom_.window.top : zoom_.window.left;
  const double last = vertical ? zoom_.window.bottom : zoom_.window.right;
  const float low = vertical ? min.y : min.x, high = vertical ? max.y : max.x;
  const auto at = [&](double cell) {
    return std::clamp(low + static_cast<float>((cell - first) / (last - first)) * (high - low), low,
                      high);
  };
  const auto block = [&](TokenRange tokens, ImU32 color, ImU32 ink, const std::string& label) {
    const float a = std::round(at(static_cast<double>(tokens.begin))),
                b = std::round(at(static_cast<double>(tokens.end)));
    if (b <= a) return;
    const ImVec2 p = vertical ? ImVec2(min.x, a) : ImVec2(a, min.y),
                 q = vertical ? ImVec2(max.x, b) : ImVec2(b, max.y);
    list.AddRectFilled(p, q, color);
    const ImVec2 size = ImGui::CalcTextSize(label.c_str());
    if ((vertical ? size.y * 0.8f : size.x) > b - a) return;
    list.AddText(ImVec2((p.x + q.x - size.x) * 0.5f, (p.y + q.y - size.y) * 0.5f), ink,
                 label.c_str());
  };
  ImGui::PushFont(nullptr, ImGui::GetStyle().FontSizeBase * 0.85f);
  const ImU32 shades[] = {context.theme.card, context.theme.card_hover};
  int index = 0;
  for (const DocumentView& document : prompt.documents) {
    const ImU32 color = document.gold ? context.theme.gold : shades[index++ % 2];
    block(document.tokens, color, document.gold ? context.theme.page : context.theme.muted,
          std::to_string(document.number));
  }
  block({prompt.prompt_tokens(), static_cast<std::int64_t>(last) + 1},
        with_alpha(context.theme.accent, 0.35f), context.theme.text, vertical ? "R" : "resp.");
  ImGui::PopFont();
}

void AttentionPanel::overlay(const ViewContext& context, const Map& map, ImVec2 min,
                             ImVec2 max) const {
  const PromptView& prompt = *context.state.snapshot->prompt;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const HeatmapWindow& window = zoom_.window;
  const auto x_of = [&](std::int64_t cell) {
    return min.x + static_cast<float>((static_cast<double>(cell) - window.left) /
                                      (window.right - window.left)) *
                       (max.x - min.x);
  };
  const auto y_of = [&](std::int64_t cell) {
    return min.y + static_cast<float>((static_cast<double>(cell) - window.top) /
                                      (window.bottom - window.top)) *
                       (max.y - min.y);
  };
  list.PushClipRect(min, max, true);
  const bool full = map.rows == map.columns;
  for (const DocumentView& document : prompt.documents) {
    if (document.tokens.size() == 0) continue;
    const ImU32 color = document.gold ? context.theme.gold : with_alpha(context.theme.muted, 0.28f);
    const float thick = document.gold ? std::max(1.0f, em() * 0.1f) : 1.0f;
    for (const std::int64_t edge : {document.tokens.begin, document.tokens.end}) {
      const float x = std::round(x_of(edge));
      list.AddLine(ImVec2(x, min.y), ImVec2(x, max.y), color, thick);
      const float y = std::round(y_of(edge));
      if (full && document.gold)
        list.AddLine(ImVec2(min.x, y), ImVec2(max.x, y), with_alpha(color, 0.5f), 1.0f);
    }
  }
  if (full) {
    const float y = std::round(y_of(prompt.prompt_tokens()));
    list.AddLine(ImVec2(min.x, y), ImVec2(max.x, y), with_alpha(context.theme.accent, 0.8f), 1.0f);
  }
  list.PopClipRect();
}

void AttentionPanel::row_labels(const ViewContext& context, const Map& map, ImVec2 min,
                                ImVec2 max) const {
  const PromptView& prompt = *context.state.snapshot->prompt;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const HeatmapWindow& window = zoom_.window;
  const float cell = (max.y - min.y) / static_cast<float>(window.bottom - window.top);
  const auto step = static_cast<std::int64_t>(std::ceil(em() * 1.05f / cell));
  const float room = min.x - ImGui::GetWindowPos().x - ImGui::GetStyle().WindowPadding.x;
  for (auto row = static_cast<std::int64_t>(window.top);
       row < static_cast<std::int64_t>(std::ceil(window.bottom));
       row += std::max<std::int64_t>(step, 1)) {
    const float y = min.y + static_cast<float>(static_cast<double>(row) - window.top) * cell +
                    (cell - em()) * 0.5f;
    if (y < min.y - em() * 0.5f || y > max.y - em() * 0.5f) continue;
    const std::string label = token_label(map.token(prompt, map.first_row + row));
    const float width = std::min(ImGui::CalcTextSize(label.c_str()).x, room - em() * 0.4f);
    draw_fitted_text(list, ImVec2(min.x - width - em() * 0.4f, y), width + 1, context.theme.muted,
                     label);
  }
}

void AttentionPanel::readout(const ViewContext& context, const Map& map, ImVec2 min,
                             ImVec2 max) const {
  const PromptView& prompt = *context.state.snapshot->prompt;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const HeatmapWindow& window = zoom_.window;
  const auto column = static_cast<std::int64_t>(window.left + (mouse.x - min.x) / (max.x - min.x) *
                                                                  (window.right - window.left));
  const auto row = static_cast<std::int64_t>(window.top + (mouse.y - min.y) / (max.y - min.y) *
                                                              (window.bottom - window.top));
  if (row < 0 || column < 0 || row >= map.rows || column >= map.columns) return;
  list.AddLine(ImVec2(mouse.x, min.y), ImVec2(mouse.x, max.y),
               with_alpha(context.theme.selection, 0.6f));
  list.AddLine(ImVec2(min.x, mouse.y), ImVec2(max.x, mouse.y),
               with_alpha(context.theme.selection, 0.6f));
  const std::int64_t position = map.first_row + row;
  ImGui::BeginTooltip();
  const std::string row_text = token_label(map.token(prompt, position)),
                    key_text = token_label(map.token(prompt, column));
  ImGui::Text("query  %lld  %s", static_cast<long long>(position), row_text.c_str());
  ImGui::Text("key    %lld  %s", static_cast<long long>(column), key_text.c_str());
  text_muted(context, place_of(prompt, column));
  if (column > position) {
    text_muted(context, "hidden: the key comes after the query");
  } else {
    const float shown = map.value(false, row, column), base = map.value(true, row, column);
    if (!map.exact_at(row, column)) text_muted(context, pooled_note(map.cell));
    ImGui::Text("attention  %s", format_weight(shown).c_str());
    ImGui::Text("baseline   %s", format_weight(base).c_str());
  }
  ImGui::EndTooltip();
}

// The map, and over it what of a pooled one is there exactly.
void AttentionPanel::draw_values(ViewContext& context, const Map& map, ImVec2 min,
                                 ImVec2 max) const {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const HeatmapWindow& window = zoom_.window;
  const auto cell = static_cast<double>(map.cell);
  context.heatmaps.draw(
      list, min, max, map.shown, map.baseline, map.style,
      {window.left / cell, window.top / cell, window.right / cell, window.bottom / cell});
  if (map.cell == 1) return;
  const auto left = std::max(window.left, static_cast<double>(map.region.columns.begin));
  const auto right = std::min(window.right, static_cast<double>(map.region.columns.end));
  const auto top = std::max(window.top, static_cast<double>(map.region.rows.begin));
  const auto bottom = std::min(window.bottom, static_cast<double>(map.region.rows.end));
  const bool visible = !map.exact.empty() && left < right && top < bottom;
  const bool all = visible && left <= window.left && right >= window.right && top <= window.top &&
                   bottom >= window.bottom;
  if (visible) {
    const double x = (max.x - min.x) / (window.right - window.left),
                 y = (max.y - min.y) / (window.bottom - window.top);
    const ImVec2 from(min.x + static_cast<float>((left - window.left) * x),
                      min.y + static_cast<float>((top - window.top) * y)),
        to(min.x + static_cast<float>((right - window.left) * x),
           min.y + static_cast<float>((bottom - window.top) * y));
    HeatmapStyle style = map.style;
    // Where keys come later than every row, the shader has no name for the diagonal.
    style.causal = std::max<std::int64_t>(-1, map.region.rows.begin - map.region.columns.begin);
    const auto row = static_cast<double>(map.region.rows.begin),
               column = static_cast<double>(map.region.columns.begin);
    list.AddRectFilled(from, to, context.theme.page);
    context.heatmaps.draw(list, from, to, map.exact, map.exact_baseline, style,
                          {left - column, top - row, right - column, bottom - row});
  }
  if (all) return;
  const std::string note = pooled_note(map.cell);
  const ImVec2 size = ImGui::CalcTextSize(note.c_str());
  const ImVec2 at(max.x - size.x - em() * 0.5f, min.y + em() * 0.3f);
  list.AddRectFilled(ImVec2(at.x - em() * 0.3f, at.y), ImVec2(max.x, at.y + size.y),
                     with_alpha(context.theme.page, 0.8f));
  list.AddText(at, context.theme.muted, note.c_str());
}

// A pooled map that is looked at closely gets its exact weights there, once nothing else is being
// computed: asking for another part must not begin the map again.
void AttentionPanel::ask_for_detail(ViewContext& context, const Map& map) const {
  AppState& state = context.state;
  if (map.cell == 1 || state.snapshot->status.state != EngineStatus::State::idle) return;
  const HeatmapWindow& window = zoom_.window;
  const auto most = static_cast<double>(kDetail - kDetail / 4);
  const bool close = window.right - window.left <= most && window.bottom - window.top <= most;
  MapRegion wanted;
  if (close) {
    wanted = {detail_range(window.top, window.bottom, map.rows),
              detail_range(window.left, window.right, map.columns)};
  }
  state.request.map_region = wanted;
}

void AttentionPanel::draw(ViewContext& context) {
  const AppState& state = context.state;
  if (!state.snapshot->model) {
    empty_note(context, "The attention map of one head",
               "Select a head in the map or the ranking.");
    return;
  }
  toolbar(context);
  Map map;
  if (!find_map(context, map)) {
    const bool running = state.snapshot->status.state == EngineStatus::State::running;
    empty_note(context, running ? "Computing the map ..." : "No attention weights for this head",
               running ? "" : why_no_weights(*state.snapshot));
    return;
  }
  if (map.style.difference && !map.style.logarithmic) map.style.high = difference_range(map);
  zoom_.fit(map.columns, map.rows);
  ask_for_detail(context, map);
  const bool full = map.rows == map.columns;
  const float strip = em() * 1.25f, bar = color_bar_width() + em() * 0.6f;
  const float left = full ? strip : em() * 5.0f;
  const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
  const ImVec2 min(std::floor(at.x + left), std::floor(at.y + strip + 2));
  const ImVec2 max(std::floor(at.x + room.x - bar), std::floor(at.y + room.y));
  if (max.x - min.x < em() * 3 || max.y - min.y < em() * 2) return;
  navigate(map, min, max);
  const bool hovered = ImGui::IsItemHovered();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(min, max, context.theme.page);
  draw_values(context, map, min, max);
  overlay(context, map, min, max);
  document_strip(context, ImVec2(min.x, at.y), ImVec2(max.x, at.y + strip), false);
  if (full) {
    document_strip(context, ImVec2(at.x, min.y), ImVec2(at.x + strip, max.y), true);
  } else {
    row_labels(context, map, min, max);
  }
  color_bar(context, ImVec2(max.x + em() * 0.7f, at.y), max.y - at.y, map.style, "weight");
  if (hovered) readout(context, map, min, max);
}

}  // namespace headscope
