#include "app/views/head_menu.h"

#include <algorithm>
#include <string>
#include <vector>

#include "app/views/head_table.h"
#include "app/views/item_keys.h"

namespace headscope {
namespace {

constexpr const char* kComparison = "Pinned heads";
constexpr std::size_t kMostCompared = 6;

bool is_on(const AppState& state, HeadId head) {
  const std::vector<HeadId> on = state.chosen();
  return std::find(on.begin(), on.end(), head) != on.end();
}

// Whose number: "relevant", or "relevant, intervened".
void comparison_row(AppState& state, MapScore score, bool intervened,
                    const std::vector<HeadId>& heads) {
  const ScoreValues values = score_of(state, score, intervened);
  if (!values.any()) return;
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  ImGui::Text("%s%s", name_of(score).label, intervened ? ", intervened" : "");
  ImGui::SetItemTooltip("%s", name_of(score).note);
  for (const HeadId head : heads) {
    ImGui::TableNextColumn();
    ImGui::TextUnformatted(
        format_score(score, values.at(head, state.snapshot->model->heads)).c_str());
  }
}

void likeness_row(const ViewContext& context, const std::vector<HeadId>& heads) {
  const auto& baseline = context.state.snapshot->baseline;
  if (!baseline || !keeps_rows(*baseline)) return;
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  ImGui::Text("like %s", format_head(heads.front()).c_str());
  ImGui::SetItemTooltip("%s", name_of(MapScore::similar).note);
  const auto alike = context.state.numbers->compared(heads.front());
  for (const HeadId head : heads) {
    ImGui::TableNextColumn();
    const bool known = alike && alike->to == heads.front();
    ImGui::TextUnformatted(
        known ? format_score(MapScore::similar, alike->values[baseline->index(head)]).c_str()
              : "...");
  }
}

void comparison_table(ViewContext& context, const std::vector<HeadId>& heads) {
  AppState& state = context.state;
  const bool edited = state.snapshot->intervened && !state.snapshot->intervened->touched.empty();
  ImGui::TableSetupColumn("");
  for (const HeadId head : heads) ImGui::TableSetupColumn(format_head(head).c_str());
  ImGui::TableHeadersRow();
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  ImGui::TextUnformatted("rank");
  for (const HeadId head : heads) {
    const int rank = state.rank_of(head);
    ImGui::TableNextColumn();
    ImGui::TextUnformatted(rank < 0 ? "-" : std::to_string(rank + 1).c_str());
  }
  for (int i = 0; i < map_scores; ++i) {
    const auto score = static_cast<MapScore>(i);
    if (score == MapScore::similar) continue;
    comparison_row(state, score, false, heads);
    if (edited && has_two_sources(score)) comparison_row(state, score, true, heads);
  }
  likeness_row(context, heads);
}

}  // namespace

void head_menu_items(ViewContext& context, HeadId head) {
  AppState& state = context.state;
  text_bold(context, format_head(head));
  ImGui::Separator();
  if (ImGui::MenuItem("Show")) state.select(head);
  if (ImGui::MenuItem("Acted on", "Ctrl-click, Space", is_on(state, head))) state.toggle_pick(head);
  const std::string layer = "Layer " + std::to_string(head.layer) + " acted on";
  if (ImGui::MenuItem(layer.c_str(), nullptr, state.layer_is_on(head.layer)))
    state.toggle_layer(head.layer);
  if (ImGui::MenuItem("Pinned", "Enter", state.view.heads.is_pinned(head)))
    state.view.heads.toggle_pin(head);
  if (ImGui::MenuItem("Heads like this one")) state.show_like(head);
}

void head_keys(ViewContext& context, HeadId head) {
  if (item_key(context, ImGuiKey_Space)) context.state.toggle_pick(head);
  if (item_enter(context)) context.state.view.heads.toggle_pin(head);
}

void pin_mark(const ViewContext& context, ImDrawList& list, ImVec2 min, ImVec2 max) {
  const float size = std::min({em() * 0.5f, (max.x - min.x) * 0.5f, (max.y - min.y) * 0.5f});
  const ImVec2 corner(max.x, min.y), left(max.x - size, min.y), below(max.x, min.y + size);
  list.AddTriangleFilled(left, corner, below, context.theme.selection);
  list.AddTriangle(left, corner, below, context.theme.page);
}

void open_comparison() {
  ImGui::OpenPopup(kComparison);
}

void comparison_popup(ViewContext& context) {
  std::vector<HeadId> heads = context.state.view.heads.pinned;
  heads.resize(std::min(heads.size(), kMostCompared));
  if (!ImGui::BeginPopup(kComparison)) return;
  if (heads.size() < 2 || !context.state.snapshot->model) {
    text_muted(context, "Pin two heads to see their numbers side by side.");
  } else if (ImGui::BeginTable("comparison", static_cast<int>(heads.size()) + 1,
                               ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingFixedFit |
                                   ImGuiTableFlags_PadOuterX)) {
    comparison_table(context, heads);
    ImGui::EndTable();
  }
  ImGui::EndPopup();
}

}  // namespace headscope
