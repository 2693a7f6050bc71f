#include "app/views/attention_panel.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/engine/outlook.h"

namespace headscope {

/// One map with its axes: what is drawn and what its cells mean.
struct AttentionPanel::Map {
  HeatmapData shown, baseline;  // `baseline` for differences and the readout
  std::shared_ptr<const RunResult> run;
  std::int64_t first_row = 0;  // absolute position of row 0
  HeatmapStyle style;

  const TokenView* token(const PromptView& prompt, std::int64_t position) const {
    if (position < prompt.prompt_tokens())
      return &prompt.tokens[static_cast<std::size_t>(position)];
    const auto index = static_cast<std::size_t>(position - prompt.prompt_tokens());
    return run && index < run->response.size() ? &run->response[index] : nullptr;
  }
};

namespace {

constexpr float kLogFloor = 1e-4f;  // smaller weights all look like nothing

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
  return {map, map->weights.data(), map->tokens, map->tokens};
}

std::string token_label(const TokenView* token) {
  if (token == nullptr) return "?";
  return token->text.empty() ? "(empty)" : token->text;
}

// "document 3 (gold)", "sink", "response", "prompt"
std::string place_of(const PromptView& prompt, std::int64_t position) {
  if (position >= prompt.prompt_tokens()) return "response";
  for (const DocumentView& document : prompt.documents) {
    if (document.tokens.contains(position)) {
      return "document " + std::to_string(document.number) + (document.gold ? " (gold)" : "");
    }
  }
  return position < 2 ? "sink" : "prompt";
}

std::string why_no_weights(const Snapshot& snapshot) {
  if (!snapshot.outlook || snapshot.outlook->chosen == KeepAttention::rows)
    return "They are kept for the response rows of the last run.";
  return "This run keeps span sums. Rows would need " + estimate_text(snapshot.outlook->rows) +
         ": the status bar has the choice.";
}

}  // namespace

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
    const bool both = map.shown.rows == map.shown.columns;
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
  const bool full = map.shown.rows == map.shown.columns;
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
  if (row < 0 || column < 0 || row >= map.shown.rows || column >= map.shown.columns) return;
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
    const float shown = value_at(map.shown, row, column),
                base = value_at(map.baseline, row, column);
    ImGui::Text("attention  %s", format_weight(shown).c_str());
    ImGui::Text("baseline   %s", format_weight(base).c_str());
  }
  ImGui::EndTooltip();
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
  zoom_.fit(map.shown.columns, map.shown.rows);
  const bool full = map.shown.rows == map.shown.columns;
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
  context.heatmaps.draw(list, min, max, map.shown, map.baseline, map.style, zoom_.window);
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
