#include "app/views/head_map_view.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "app/views/flow_row.h"
#include "app/views/head_menu.h"
#include "app/views/item_keys.h"
#include "core/analysis/compare_heads.h"

namespace headscope {
namespace {

struct Grid {
  ImVec2 origin;
  float cell_w = 0, cell_h = 0;
  int layers = 0, heads = 0;

  ImVec2 min(HeadId id) const {
    return {origin.x + static_cast<float>(id.head) * cell_w,
            origin.y + static_cast<float>(id.layer) * cell_h};
  }
  ImVec2 max(HeadId id) const { return min({id.layer + 1, id.head + 1}); }
  ImVec2 end() const { return min({layers, heads}); }
};

// Into the room that is left, `beside` of it kept free on the right. False: no room.
bool place_grid(Grid& grid, int layers, int heads, float beside) {
  const float left = em() * 3.0f, bottom = em() * 1.4f;
  const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
  grid.layers = layers;
  grid.heads = heads;
  const float width = room.x - left - beside, height = room.y - bottom;
  if (width < em() * 2 || height < em() * 2) return false;
  grid.cell_w = std::min(width / static_cast<float>(grid.heads), em() * 6.5f);
  grid.cell_h = std::min(height / static_cast<float>(grid.layers), em() * 5.0f);
  grid.origin = ImVec2(std::floor(at.x + left), std::floor(at.y));
  return true;
}

// Rank in the head set that is compared with; -1 = not named.
int other_rank(const AppState& state, HeadId id) {
  const OtherHeads& other = *state.other_heads;
  return other.rank_of[static_cast<std::size_t>(id.layer * other.heads + id.head)];
}

HeatmapData data_of(const AppState& state, const ScoreValues& score) {
  const ModelInfo* model = state.snapshot->model.get();
  if (model == nullptr || score.values == nullptr ||
      score.values->size() != static_cast<std::size_t>(model->layers) * model->heads)
    return {};
  return {score.owner, score.values->data(), model->heads, model->layers};
}

std::span<const float> all_of(const HeatmapData& data) {
  return {data.values, data.empty() ? 0 : static_cast<std::size_t>(data.columns * data.rows)};
}

HeatmapStyle difference_style(const ViewContext& context, const HeatmapData& data,
                              const HeatmapData& baseline) {
  HeatmapStyle style;
  style.palette = context.theme.diverging;
  style.difference = true;
  style.low = 1e-4f;
  style.high = 1e-3f;
  const auto a = all_of(data), b = all_of(baseline);
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (!std::isnan(a[i] - b[i])) style.high = std::max(style.high, std::abs(a[i] - b[i]));
  }
  return style;
}

HeatmapStyle style_of(const ViewContext& context, MapScore score, const HeatmapData& data,
                      const HeatmapData& baseline) {
  const ViewOptions& view = context.state.view;
  if (has_two_sources(score) && view.score_source == MapSource::difference)
    return difference_style(context, data, baseline);
  HeatmapStyle style;
  style.palette = view.palette;
  style.high = largest_magnitude(all_of(data), 1e-3f);
  if (score == MapScore::similar) style.high = 1;
  if (score == MapScore::drop) {  // with sign: 0 is in the middle
    style.palette = context.theme.diverging;
    style.low = -style.high;
  }
  return style;
}

void score_combo(AppState& state) {
  ImGui::SetNextItemWidth(em() * 8.5f);
  if (!ImGui::BeginCombo("##score", name_of(state.view.score).label, ImGuiComboFlags_HeightLarge)) {
    ImGui::SetItemTooltip("%s", name_of(state.view.score).note);
    return;
  }
  for (int i = 0; i < map_scores; ++i) {
    const auto score = static_cast<MapScore>(i);
    if (ImGui::Selectable(name_of(score).label, state.view.score == score)) {
      state.view.score = score;
      if (score == MapScore::similar && !state.view.heads.like)
        state.view.heads.like = state.request.selected;
    }
    ImGui::SetItemTooltip("%s", name_of(score).note);
  }
  ImGui::EndCombo();
}

// Looks like one part of a segmented choice: a bar under it says that it is on.
void switch_button(const ViewContext& context, bool& on) {
  ImGui::PushStyleColor(ImGuiCol_Button, on ? context.theme.accent_soft : context.theme.card);
  ImGui::PushStyleColor(ImGuiCol_Text, on ? context.theme.text : context.theme.muted);
  if (ImGui::Button("Switch")) on = !on;
  ImGui::PopStyleColor(2);
  const ImVec2 min = ImGui::GetItemRectMin(), max = ImGui::GetItemRectMax();
  if (on) {
    ImGui::GetWindowDrawList()->AddRectFilled(ImVec2(min.x, max.y - em() * 0.14f), max,
                                              context.theme.accent);
  }
  ImGui::SetItemTooltip(
      "On: a click on a head switches it on or off, ctrl-click shows it; off: the other way "
      "round.\n"
      "A click on a layer's number switches the whole layer. Framed heads are on: acted on.");
}

// Continues the line where `width` fits; else the next item begins a line.
void beside(float width) {
  ImGui::SameLine(0, em() * 0.6f);
  if (ImGui::GetContentRegionAvail().x < width) ImGui::NewLine();
}

// Muted text in what is left of the line, shortened where it does not fit.
void fitted_note(const ViewContext& context, const std::string& text) {
  ImGui::SameLine(0, em() * 0.8f);
  ImGui::AlignTextToFramePadding();
  const float room = ImGui::GetContentRegionAvail().x;
  const ImVec2 at = ImGui::GetCursorScreenPos(), size = ImGui::CalcTextSize(text.c_str());
  draw_fitted_text(*ImGui::GetWindowDrawList(),
                   ImVec2(at.x, at.y + ImGui::GetStyle().FramePadding.y), room, context.theme.muted,
                   text);
  ImGui::Dummy(ImVec2(std::clamp(room, 1.0f, size.x), ImGui::GetFrameHeight()));
}

void toolbar(ViewContext& context) {
  ViewOptions& view = context.state.view;
  FlowRow flow(em() * 0.5f);
  flow.next(em() * 8.5f);
  score_combo(context.state);
  const std::initializer_list<const char*> sources = {"Base", "Interv.", "Diff."};
  flow.next(segmented_width(sources));
  int source = static_cast<int>(view.score_source);
  ImGui::BeginDisabled(!has_two_sources(view.score));
  if (segmented(context, "source", sources, source))
    view.score_source = static_cast<MapSource>(source);
  ImGui::EndDisabled();
  flow.next(button_width("Switch"));
  switch_button(context, view.heads.click_switches);
}

// Beside the toolbar: what the map's score is of, and how much of it is there.
void score_note(ViewContext& context) {
  const AppState& state = context.state;
  if (state.view.score == MapScore::similar && state.view.heads.like) {
    fitted_note(context, format_head(*state.view.heads.like));
    const auto alike = context.state.numbers->similarity(*state.view.heads.like);
    const bool documents = alike && alike->over == SimilarityOver::documents;
    ImGui::SetItemTooltip("Likeness with the attention of %s over %s.\n%s",
                          format_head(*state.view.heads.like).c_str(),
                          documents ? "documents, sink and rest (rows are not kept)" : "all tokens",
                          name_of(MapScore::similar).note);
    if (*state.view.heads.like != state.request.selected) {
      const std::string label = "Like " + format_head(state.request.selected);
      beside(button_width(label.c_str()));
      command_button(context, "heads.like", (label + "###like").c_str());
    }
  }
  const auto& drops = state.snapshot->head_drops;
  if (state.view.score != MapScore::drop || !drops) return;
  const auto every = std::ssize(drops->drop);
  if (drops->measured >= every) return;
  const char* verb = state.request.questions.head_drops ? "Stop" : "All heads";
  beside(button_width(verb));
  command_button(context, "run.head_drops", verb);
  fitted_note(context, std::to_string(drops->measured) + "/" + std::to_string(every));
}

int label_step(float room, float label) {
  return std::max(1, static_cast<int>(std::ceil(label / std::max(room, 0.5f))));
}

void axis_labels(const ViewContext& context, const Grid& grid) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const int layer_step = label_step(grid.cell_h, em() * 1.05f),
            head_step = label_step(grid.cell_w, em() * 1.5f);
  for (int layer = 0; layer < grid.layers; layer += layer_step) {
    const std::string label = std::to_string(layer);
    const float width = ImGui::CalcTextSize(label.c_str()).x;
    const float y = grid.min({layer, 0}).y + (grid.cell_h - em()) * 0.5f;
    list.AddText(ImVec2(grid.origin.x - width - em() * 0.4f, y), context.theme.muted,
                 label.c_str());
  }
  for (int head = 0; head < grid.heads; head += head_step) {
    const std::string label = std::to_string(head);
    const float width = ImGui::CalcTextSize(label.c_str()).x;
    list.AddText(
        ImVec2(grid.min({0, head}).x + (grid.cell_w - width) * 0.5f, grid.end().y + em() * 0.15f),
        context.theme.muted, label.c_str());
  }
  const char* const layers_title = "layer";
  list.AddText(ImVec2(grid.origin.x - ImGui::CalcTextSize(layers_title).x - em() * 0.4f,
                      grid.end().y + em() * 0.15f),
               context.theme.muted, layers_title);
  const char* const heads_title = "head";
  list.AddText(ImVec2(grid.end().x + em() * 0.4f, grid.end().y + em() * 0.15f), context.theme.muted,
               heads_title);
}

// The numbers of the layers switch all their heads; a bar beside them says how many are on.
void layer_switches(ViewContext& context, const Grid& grid) {
  AppState& state = context.state;
  std::vector<int> on(static_cast<std::size_t>(grid.layers), 0);
  for (const HeadId head : state.chosen()) {
    if (head.layer < grid.layers) ++on[static_cast<std::size_t>(head.layer)];
  }
  ImDrawList& list = *ImGui::GetWindowDrawList();
  for (int layer = 0; layer < grid.layers; ++layer) {
    const int count = on[static_cast<std::size_t>(layer)];
    if (count == 0) continue;
    const float share = static_cast<float>(count) / static_cast<float>(grid.heads);
    const float y = grid.min({layer, 0}).y, height = std::max(2.0f, (grid.cell_h - 2) * share);
    list.AddRectFilled(ImVec2(grid.origin.x - em() * 0.3f, y + 1),
                       ImVec2(grid.origin.x - em() * 0.1f, y + 1 + height), context.theme.accent);
  }
  const float width = em() * 2.6f;
  ImGui::SetCursorScreenPos(ImVec2(grid.origin.x - width, grid.origin.y));
  if (grid.end().y - grid.origin.y < 1) return;
  ImGui::InvisibleButton("layers", ImVec2(width, grid.end().y - grid.origin.y),
                         ImGuiButtonFlags_EnableNav);
  const bool by_keys = pointed_by_keys();
  if (const CellStep step = item_arrows(context)) state.select_beside(step.down, step.right);
  if (item_key(context, ImGuiKey_Space) || item_enter(context))
    state.toggle_layer(state.request.selected.layer);
  const float row = (ImGui::GetIO().MousePos.y - grid.origin.y) / grid.cell_h;
  const int layer = std::clamp(by_keys ? state.request.selected.layer : static_cast<int>(row), 0,
                               grid.layers - 1);
  const ImVec2 corner(grid.origin.x - width, grid.min({layer, 0}).y);
  const ImVec2 end(grid.origin.x, corner.y + grid.cell_h);
  cell_ring(context, corner, end);
  if (!ImGui::IsItemHovered()) return;
  if (ImGui::IsItemClicked()) state.toggle_layer(layer);
  if (by_keys) tooltip_beside(corner, end);
  ImGui::SetTooltip("layer %d: %d of %d heads are on\nclick, Space: switch all of them", layer,
                    on[static_cast<std::size_t>(layer)], grid.heads);
}

void outlines(const ViewContext& context, const Grid& grid) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float gap = std::min(grid.cell_w, grid.cell_h) > em() * 0.6f ? 1.0f : 0.0f;
  if (gap > 0) {
    for (int h = 1; h < grid.heads; ++h) {
      const float x = std::floor(grid.min({0, h}).x);
      list.AddLine(ImVec2(x, grid.origin.y), ImVec2(x, grid.end().y), context.theme.panel, 1);
    }
    for (int l = 1; l < grid.layers; ++l) {
      const float y = std::floor(grid.min({l, 0}).y);
      list.AddLine(ImVec2(grid.origin.x, y), ImVec2(grid.end().x, y), context.theme.panel, 1);
    }
  }
  const float thick = std::max(1.5f, em() * 0.14f);
  const auto frame = [&](HeadId id, ImU32 color, float inset, float thickness) {
    const ImVec2 a = grid.min(id), b = grid.max(id);
    list.AddRect(ImVec2(a.x + inset, a.y + inset), ImVec2(b.x - inset, b.y - inset), color,
                 em() * 0.12f, thickness);
  };
  for (const HeadId id : context.state.chosen()) {
    if (id.layer < grid.layers && id.head < grid.heads)
      frame(id, context.theme.accent, thick * 0.5f, thick);
  }
  for (const HeadId id : context.state.view.heads.pinned) {
    if (id.layer < grid.layers && id.head < grid.heads)
      pin_mark(context, list, grid.min(id), grid.max(id));
  }
  const HeadId selected = context.state.request.selected;
  if (selected.layer < grid.layers && selected.head < grid.heads) {
    frame(selected, context.theme.page, -thick * 0.2f, thick * 2.2f);
    frame(selected, context.theme.selection, -thick * 0.2f, thick);
  }
}

void head_tooltip(ViewContext& context, HeadId id) {
  AppState& state = context.state;
  const MapScore score = state.view.score;
  const ModelInfo& model = *state.snapshot->model;
  const int rank = state.rank_of(id);
  ImGui::BeginTooltip();
  text_bold(context, "layer " + std::to_string(id.layer) + "  head " + std::to_string(id.head));
  if (rank >= 0)
    text_muted(context, "rank " + std::to_string(rank + 1) + " of " +
                            std::to_string(state.ranking().size()));
  if (score == MapScore::overlap) {
    const int there = other_rank(state, id);
    text_muted(context, (there < 0 ? "not named" : "rank " + std::to_string(there + 1)) + " in " +
                            state.other_heads->name);
  }
  const auto value = [&](bool intervened) {
    return format_score(score, score_of(state, score, intervened).at(id, model.heads));
  };
  if (has_two_sources(score)) {
    ImGui::Text("baseline    %s", value(false).c_str());
    ImGui::Text("intervened  %s", value(true).c_str());
  } else if (score == MapScore::drop || score == MapScore::similar) {
    ImGui::Text("%-10s  %s", name_of(score).column, value(false).c_str());
  }
  const std::size_t index = static_cast<std::size_t>(id.layer) * model.heads + id.head;
  if (index < model.known_scores.size())
    ImGui::Text("head set    %s", format_mass(model.known_scores[index]).c_str());
  if (model.kv_heads > 0 && model.kv_heads < model.heads) {
    text_muted(context, "key/value head " +
                            std::to_string(id.head / std::max(1, model.heads / model.kv_heads)));
  }
  if (pointed_by_keys()) {
    text_muted(context, "arrows: go   Space: switch   Enter: pin   Menu: more");
  } else {
    text_muted(context, state.view.heads.click_switches
                            ? "click: switch   ctrl-click: show   right click: more"
                            : "click: show   ctrl-click: switch   right click: more");
  }
  ImGui::EndTooltip();
}

// The selected head is the one that keys act on.
void map_keys(ViewContext& context, const Grid& grid) {
  AppState& state = context.state;
  if (const CellStep step = item_arrows(context)) state.select_beside(step.down, step.right);
  head_keys(context, state.request.selected);
  cell_ring(context, grid.min(state.request.selected), grid.max(state.request.selected));
}

// The head that the mouse, or the keyboard, is at.
HeadId pointed_head(const AppState& state, const Grid& grid) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const HeadId at = pointed_by_keys()
                        ? state.request.selected
                        : HeadId{static_cast<int>((mouse.y - grid.origin.y) / grid.cell_h),
                                 static_cast<int>((mouse.x - grid.origin.x) / grid.cell_w)};
  return {std::clamp(at.layer, 0, grid.layers - 1), std::clamp(at.head, 0, grid.heads - 1)};
}

void interact(ViewContext& context, const Grid& grid) {
  AppState& state = context.state;
  ImGui::SetCursorScreenPos(grid.origin);
  ImGui::InvisibleButton("heads",
                         ImVec2(grid.end().x - grid.origin.x, grid.end().y - grid.origin.y),
                         ImGuiButtonFlags_EnableNav);
  map_keys(context, grid);
  const HeadId id = pointed_head(state, grid);
  const bool hovered = ImGui::IsItemHovered();
  // The menu is of the head that was pointed at when it opened.
  ImGuiStorage& storage = *ImGui::GetStateStorage();
  const ImGuiID menu_head = ImGui::GetID("menu head");
  if (pointed_by_keys() || (hovered && ImGui::IsMouseReleased(ImGuiMouseButton_Right)))
    storage.SetInt(menu_head, id.layer * grid.heads + id.head);
  if (ImGui::BeginPopupContextItem("menu")) {
    const int at = std::clamp(storage.GetInt(menu_head), 0, grid.layers * grid.heads - 1);
    head_menu_items(context, {at / grid.heads, at % grid.heads});
    ImGui::EndPopup();
  }
  if (!hovered) return;
  if (ImGui::IsItemClicked()) {
    if (ImGui::GetIO().KeyCtrl != state.view.heads.click_switches) {
      state.toggle_pick(id);
    } else {
      state.select(id);
    }
  }
  if (pointed_by_keys()) tooltip_beside(grid.min(id), grid.max(id));
  head_tooltip(context, id);
}

// Membership of a head in the first k of the ranking in use (A) and of the other one (B).
struct Overlap {
  const AppState& state;
  int k = 0;

  bool in_a(HeadId id) const {
    const int rank = state.rank_of(id);
    return rank >= 0 && rank < k;
  }
  bool in_b(HeadId id) const {
    const int rank = other_rank(state, id);
    return rank >= 0 && rank < k;
  }
};

// A colour and a letter each, so that the colour alone means nothing.
struct Membership {
  const char* letter;
  ImU32 color, ink;
};

std::optional<Membership> membership(const ViewContext& context, const Overlap& overlap,
                                     HeadId id) {
  const bool a = overlap.in_a(id), b = overlap.in_b(id);
  const Theme& theme = context.theme;
  if (a && b) return Membership{"AB", theme.good, theme.page};
  if (a) return Membership{"A", theme.accent, theme.page};
  if (b) return Membership{"B", theme.sink, theme.text};
  return std::nullopt;
}

void overlap_cells(const ViewContext& context, const Grid& grid, const Overlap& overlap) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(grid.origin, grid.end(), context.theme.card);
  const bool letters = grid.cell_w > em() * 1.5f && grid.cell_h > em() * 1.2f;
  for (int layer = 0; layer < grid.layers; ++layer) {
    for (int head = 0; head < grid.heads; ++head) {
      const auto member = membership(context, overlap, {layer, head});
      if (!member) continue;
      const ImVec2 a = grid.min({layer, head}), b = grid.max({layer, head});
      list.AddRectFilled(a, b, with_alpha(member->color, 0.85f));
      if (!letters) continue;
      const ImVec2 size = ImGui::CalcTextSize(member->letter);
      list.AddText(ImVec2((a.x + b.x - size.x) * 0.5f, (a.y + b.y - size.y) * 0.5f), member->ink,
                   member->letter);
    }
  }
}

// "AB 3 both  A 2 in use  B 2 other.json  Jaccard 0.43"
void overlap_legend(const ViewContext& context, const Overlap& overlap) {
  const OtherHeads& other = *overlap.state.other_heads;
  const auto k = static_cast<std::size_t>(overlap.k);
  const OverlapAt found = overlap_at(overlap.state.ranking(), other.ranking, k,
                                     static_cast<std::size_t>(other.layers * other.heads));
  const Theme& theme = context.theme;
  const auto entry = [&](const Membership& member, std::size_t count, const char* what) {
    badge(member.letter, member.color, member.ink);
    ImGui::SameLine(0, em() * 0.3f);
    text_muted(context, std::to_string(count) + " " + what);
    ImGui::SameLine(0, em() * 0.8f);
  };
  entry({"AB", theme.good, theme.page}, found.common, "both");
  entry({"A", theme.accent, theme.page}, std::min(k, overlap.state.ranking().size()) - found.common,
        "in use");
  entry({"B", theme.sink, theme.text}, std::min(k, other.ranking.size()) - found.common,
        other.name.c_str());
  char text[64];
  std::snprintf(text, sizeof text, "Jaccard %.2f", found.jaccard);
  ImGui::TextUnformatted(text);
  ImGui::SetItemTooltip(
      "The first %d heads of both: heads in both over heads in either.\n"
      "Two unrelated rankings: %.3f on average; at least as much in common with p = %.3g.",
      overlap.k, found.expected, found.p);
}

void overlap_view(ViewContext& context) {
  AppState& state = context.state;
  const ModelInfo* model = state.snapshot->model.get();
  const bool fits = model != nullptr && state.other_heads &&
                    state.other_heads->layers == model->layers &&
                    state.other_heads->heads == model->heads;
  if (!fits || state.ranking().empty()) {
    empty_note(context, "No second head set of this model",
               "Heads > Compare with another head set... opens one.");
    return;
  }
  const Overlap overlap{state, std::max(1, state.request.intervention.top_k)};
  overlap_legend(context, overlap);
  Grid grid;
  const float title = ImGui::CalcTextSize("head").x + em() * 0.6f;  // beside the axis
  if (!place_grid(grid, model->layers, model->heads, title)) return;
  overlap_cells(context, grid, overlap);
  outlines(context, grid);
  axis_labels(context, grid);
  layer_switches(context, grid);
  interact(context, grid);
}

// What the map shows: a run's score, or the loaded head set where the run has no score to show.
struct Shown {
  HeatmapData data, reference;
  bool head_set = false;
};

bool is_mass(MapScore score) {
  return score == MapScore::relevant || score == MapScore::irrelevant_sum ||
         score == MapScore::irrelevant_max || score == MapScore::sink;
}

Shown find_shown(AppState& state) {
  const MapScore score = state.view.score;
  // Compared with the head that is selected when the metric is first looked at.
  if (score == MapScore::similar && !state.view.heads.like && state.baseline() != nullptr)
    state.view.heads.like = state.request.selected;
  const bool baseline = state.view.score_source == MapSource::baseline;
  Shown shown;
  const ScoreValues values = score_of(state, score, !baseline);
  if (values.any()) {
    shown.data = data_of(state, values);
    if (has_two_sources(score)) shown.reference = data_of(state, score_of(state, score, baseline));
    shown.head_set = score == MapScore::head_set;
    return shown;
  }
  if (!is_mass(score)) return shown;
  shown.data = data_of(state, score_of(state, MapScore::head_set, false));
  shown.head_set = !shown.data.empty();
  return shown;
}

void nothing_to_show(ViewContext& context) {
  const Missing missing = why_missing(context.state, context.state.view.score);
  if (!missing.command.empty()) {
    beside(button_width(missing.button.c_str()));
    command_button(context, missing.command, missing.button.c_str());
  }
  empty_note(context, missing.title, missing.detail);
}

void head_set_note(ViewContext& context) {
  const AppState& state = context.state;
  const bool asked = state.view.score == MapScore::head_set;
  fitted_note(context, asked ? state.snapshot->model->known_source : "shown: the head set's score");
  ImGui::SetItemTooltip("%sThe map shows the contextual score of %s.",
                        asked ? "" : "No gold document is marked, or the run has not ended.\n",
                        state.snapshot->model->known_source.c_str());
}

}  // namespace

void head_map_view(ViewContext& context) {
  AppState& state = context.state;
  const Shown shown = find_shown(state);
  if (shown.data.empty() && state.baseline() == nullptr) {
    empty_note(context, "Heads appear after the first run", "Every cell is one attention head.");
    return;
  }
  toolbar(context);
  if (state.view.score == MapScore::overlap) {
    overlap_view(context);
    return;
  }
  score_note(context);
  if (shown.data.empty()) {
    nothing_to_show(context);
    return;
  }
  const MapScore score = shown.head_set ? MapScore::head_set : state.view.score;
  const HeatmapStyle style = style_of(context, score, shown.data, shown.reference);
  if (shown.head_set) head_set_note(context);
  Grid grid;
  if (!place_grid(grid, static_cast<int>(shown.data.rows), static_cast<int>(shown.data.columns),
                  color_bar_width() + em() * 0.8f))
    return;
  const HeatmapWindow window{0, 0, static_cast<double>(grid.heads),
                             static_cast<double>(grid.layers)};
  context.heatmaps.draw(*ImGui::GetWindowDrawList(), grid.origin, grid.end(), shown.data,
                        shown.reference, style, window);
  outlines(context, grid);
  axis_labels(context, grid);
  color_bar(context, ImVec2(grid.end().x + em() * 0.8f, grid.origin.y),
            std::max(grid.end().y - grid.origin.y, em() * 6), style, name_of(score).unit);
  layer_switches(context, grid);
  interact(context, grid);
}

}  // namespace headscope
