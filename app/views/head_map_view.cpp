#include "app/views/head_map_view.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

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
  grid.cell_w = std::min(width / static_cast<float>(grid.heads), em() * 4.4f);
  grid.cell_h = std::min(height / static_cast<float>(grid.layers), em() * 3.6f);
  grid.origin = ImVec2(std::floor(at.x + left), std::floor(at.y));
  return true;
}

// Rank in the head set that is compared with; -1 = not named.
int other_rank(const AppState& state, HeadId id) {
  const OtherHeads& other = *state.other_heads;
  return other.rank_of[static_cast<std::size_t>(id.layer * other.heads + id.head)];
}

HeatmapData data_of(const std::shared_ptr<const RunResult>& run, MapScore score) {
  if (!run) return {};
  const std::vector<float>& values = score_values(run->scores, score);
  if (values.size() != static_cast<std::size_t>(run->layers) * run->heads) return {};
  return {run, values.data(), run->heads, run->layers};
}

HeatmapStyle style_of(const ViewContext& context, const HeatmapData& data,
                      const HeatmapData& baseline) {
  const ViewOptions& view = context.state.view;
  HeatmapStyle style;
  const auto all = [](const HeatmapData& d) {
    return std::span<const float>(d.values,
                                  d.empty() ? 0 : static_cast<std::size_t>(d.columns * d.rows));
  };
  if (view.score_source != MapSource::difference) {
    style.palette = view.palette;
    style.high = largest_magnitude(all(data), 1e-3f);
    return style;
  }
  style.palette = context.theme.diverging;
  style.difference = true;
  style.low = 1e-4f;
  style.high = 1e-3f;
  const auto a = all(data), b = all(baseline);
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (!std::isnan(a[i] - b[i])) style.high = std::max(style.high, std::abs(a[i] - b[i]));
  }
  return style;
}

void toolbar(ViewContext& context) {
  ViewOptions& view = context.state.view;
  int score = static_cast<int>(view.score);
  ImGui::SetNextItemWidth(em() * 8.5f);
  if (ImGui::Combo("##score", &score,
                   "relevant\0sink\0irrelevant, sum\0irrelevant, largest\0head set\0overlap\0")) {
    view.score = static_cast<MapScore>(score);
  }
  ImGui::SetItemTooltip(
      "Attention mass of the response rows, averaged over them:\n"
      "relevant = on the gold document (the contextual score)\nsink = on the first two tokens\n"
      "irrelevant = on the other documents, all together or the largest one\n"
      "head set = the contextual score over many samples that came with the model\n"
      "overlap = which of the best heads another head set has too");
  ImGui::SameLine();
  int source = static_cast<int>(view.score_source);
  if (segmented(context, "source", {"Base", "Interv.", "Diff."}, source))
    view.score_source = static_cast<MapSource>(source);
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
  const HeadId selected = context.state.request.selected;
  if (selected.layer < grid.layers && selected.head < grid.heads) {
    frame(selected, context.theme.page, -thick * 0.2f, thick * 2.2f);
    frame(selected, context.theme.selection, -thick * 0.2f, thick);
  }
}

void interact(ViewContext& context, const Grid& grid) {
  AppState& state = context.state;
  ImGui::SetCursorScreenPos(grid.origin);
  ImGui::InvisibleButton("heads",
                         ImVec2(grid.end().x - grid.origin.x, grid.end().y - grid.origin.y));
  if (!ImGui::IsItemHovered()) return;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const HeadId id{
      std::clamp(static_cast<int>((mouse.y - grid.origin.y) / grid.cell_h), 0, grid.layers - 1),
      std::clamp(static_cast<int>((mouse.x - grid.origin.x) / grid.cell_w), 0, grid.heads - 1)};
  if (ImGui::IsItemClicked()) {
    if (ImGui::GetIO().KeyCtrl) {
      state.toggle_pick(id);
    } else {
      state.select(id);
    }
  }
  const auto value = [&](const RunResult* run) {
    if (run == nullptr) return std::string("-");
    const std::vector<float>& values = score_values(run->scores, state.view.score);
    const std::size_t index = run->scores.index(id);
    return index < values.size() ? format_mass(values[index]) : std::string("-");
  };
  const int rank = state.rank_of(id);
  ImGui::BeginTooltip();
  text_bold(context, "layer " + std::to_string(id.layer) + "  head " + std::to_string(id.head));
  if (rank >= 0)
    text_muted(context, "rank " + std::to_string(rank + 1) + " of " +
                            std::to_string(state.ranking().size()));
  if (state.view.score == MapScore::overlap) {
    const int there = other_rank(state, id);
    text_muted(context, (there < 0 ? "not named" : "rank " + std::to_string(there + 1)) + " in " +
                            state.other_heads->name);
  }
  ImGui::Text("baseline    %s", value(state.baseline()).c_str());
  ImGui::Text("intervened  %s", value(state.intervened()).c_str());
  const ModelInfo& model = *state.snapshot->model;
  const std::size_t index = static_cast<std::size_t>(id.layer) * model.heads + id.head;
  if (index < model.known_scores.size()) {
    ImGui::Text("head set    %s", format_mass(model.known_scores[index]).c_str());
  }
  text_muted(context, "click: show   ctrl-click: pick");
  ImGui::EndTooltip();
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
  interact(context, grid);
}

// What the map shows: a run's score, or the loaded head set where the run has no score to show.
struct Shown {
  HeatmapData data, reference;
  bool head_set = false;
};

Shown find_shown(const AppState& state) {
  const Snapshot& snapshot = *state.snapshot;
  const bool baseline = state.view.score_source == MapSource::baseline;
  Shown shown;
  shown.data = data_of(baseline ? snapshot.baseline : snapshot.intervened, state.view.score);
  shown.reference = data_of(baseline ? snapshot.intervened : snapshot.baseline, state.view.score);
  if (!shown.data.empty() && !std::isnan(shown.data.values[0])) return shown;
  shown = {};
  const auto& model = snapshot.model;
  const std::size_t heads = model ? static_cast<std::size_t>(model->layers) * model->heads : 0;
  if (heads > 0 && model->known_scores.size() == heads) {
    shown.data = {model, model->known_scores.data(), model->heads, model->layers};
    shown.head_set = true;
  }
  return shown;
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
  if (shown.data.empty()) {
    const bool asked = state.view.score == MapScore::head_set;
    empty_note(context, asked ? "No head set came with this model" : "No gold document is marked",
               asked ? "headscope-cli score makes one."
                     : "Relevant and irrelevant mass need one: click a document.");
    return;
  }
  HeatmapStyle style = style_of(context, shown.data, shown.reference);
  if (shown.head_set) {
    style = {};
    style.palette = state.view.palette;
    style.high = largest_magnitude({state.snapshot->model->known_scores}, 1e-3f);
    ImGui::SameLine(0, em() * 0.8f);
    const bool asked = state.view.score == MapScore::head_set;
    text_muted(context,
               asked ? state.snapshot->model->known_source : "shown: the head set's score");
    ImGui::SetItemTooltip("%sThe map shows the contextual score of %s.",
                          asked ? "" : "No gold document is marked, or the run has not ended.\n",
                          state.snapshot->model->known_source.c_str());
  }
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
            std::max(grid.end().y - grid.origin.y, em() * 6), style, "mass");
  interact(context, grid);
}

}  // namespace headscope
