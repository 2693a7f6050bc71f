#include "app/views/ranking_view.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace headscope {
namespace {

float score_at(const RunResult* run, MapScore score, HeadId id) {
  if (run == nullptr) return NAN;
  const std::vector<float>& values = score_values(run->scores, score);
  const std::size_t index = run->scores.index(id);
  return index < values.size() ? values[index] : NAN;
}

void number_cell(const std::string& text, ImU32 color) {
  ImGui::TableNextColumn();
  const float width = ImGui::CalcTextSize(text.c_str()).x;
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() + std::max(0.0f, ImGui::GetContentRegionAvail().x - width));
  text_colored(color, text);
}

// The relevant mass as a bar behind its number: the fall of the curve is seen before it is read.
void mass_bar(const ViewContext& context, float value, float largest) {
  if (std::isnan(value) || largest <= 0) return;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x * std::clamp(value / largest, 0.0f, 1.0f);
  ImGui::GetWindowDrawList()->AddRectFilled(at, ImVec2(at.x + width, at.y + ImGui::GetTextLineHeight()),
                                            with_alpha(context.theme.gold, 0.28f), em() * 0.1f);
}

void header_row() {
  ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
  const char* const names[] = {"#", "head", "relevant", "sink", "irrel.", "change"};
  const char* const notes[] = {"Rank by contextual score", "Layer and head", "Contextual score: mass on the gold document",
                               "Mass on the first two tokens", "Mass on all other documents",
                               "Relevant mass: intervened minus baseline"};
  for (int i = 0; i < 6; ++i) {
    ImGui::TableSetColumnIndex(i);
    if (i >= 2) {
      const float width = ImGui::CalcTextSize(names[i]).x;
      ImGui::SetCursorPosX(ImGui::GetCursorPosX() + std::max(0.0f, ImGui::GetContentRegionAvail().x - width));
    }
    ImGui::TableHeader(names[i]);
    ImGui::SetItemTooltip("%s", notes[i]);
  }
}

void row(ViewContext& context, int rank, HeadId id, bool chosen, float largest) {
  AppState& state = context.state;
  const Theme& theme = context.theme;
  const RunResult* base = state.baseline();
  const RunResult* edited = state.intervened() == base ? nullptr : state.intervened();
  ImGui::TableNextRow();
  if (chosen) ImGui::TableSetBgColor(ImGuiTableBgTarget_RowBg1, with_alpha(theme.accent, 0.16f));
  ImGui::TableNextColumn();
  const ImVec2 corner = ImGui::GetCursorScreenPos();
  ImGui::PushID(rank);
  if (ImGui::Selectable("##row", state.request.selected == id,
                        ImGuiSelectableFlags_SpanAllColumns | ImGuiSelectableFlags_AllowOverlap)) {
    if (ImGui::GetIO().KeyCtrl) {
      state.toggle_pick(id);
    } else {
      state.select(id);
    }
  }
  ImGui::PopID();
  if (chosen) {  // a bar at the left edge: chosen without relying on the shade
    ImGui::GetWindowDrawList()->AddRectFilled(ImVec2(corner.x - em() * 0.35f, corner.y),
                                              ImVec2(corner.x - em() * 0.15f, corner.y + ImGui::GetTextLineHeight()),
                                              theme.accent);
  }
  ImGui::SameLine(0, 0);
  text_muted(context, std::to_string(rank + 1));
  ImGui::TableNextColumn();
  ImGui::TextUnformatted(format_head(id).c_str());
  const float relevant = score_at(base, MapScore::relevant, id);
  ImGui::TableNextColumn();
  mass_bar(context, relevant, largest);
  const std::string number = format_mass(relevant);
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() +
                       std::max(0.0f, ImGui::GetContentRegionAvail().x - ImGui::CalcTextSize(number.c_str()).x));
  ImGui::TextUnformatted(number.c_str());
  number_cell(format_mass(score_at(base, MapScore::sink, id)), theme.muted);
  number_cell(format_mass(score_at(base, MapScore::irrelevant_sum, id)), theme.muted);
  const float delta = score_at(edited, MapScore::relevant, id) - relevant;
  number_cell(format_delta(delta), std::isnan(delta) || std::abs(delta) < 0.0005f ? theme.muted : theme.text);
}

}  // namespace

void ranking_view(ViewContext& context) {
  AppState& state = context.state;
  if (state.ranking().empty()) {
    empty_note(context, "No ranking yet",
               state.baseline() ? "Mark a gold document: the ranking is by mass on it." : "It follows the first run.");
    return;
  }
  const std::vector<HeadId> chosen = state.chosen();
  float largest = 0;
  if (const RunResult* run = state.baseline()) largest = largest_magnitude(run->scores.relevant, 0);
  ImGui::PushStyleVar(ImGuiStyleVar_CellPadding, ImVec2(em() * 0.45f, em() * 0.1f));
  if (ImGui::BeginTable("ranking", 6, ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp)) {
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn("#", 0, 0.5f);
    ImGui::TableSetupColumn("head", 0, 0.95f);
    for (const char* name : {"relevant", "sink", "irrelevant", "change"}) ImGui::TableSetupColumn(name, 0, 1.0f);
    header_row();
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(state.ranking().size()));
    while (clipper.Step()) {
      for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
        const HeadId id = state.ranking()[static_cast<std::size_t>(i)];
        row(context, i, id, std::find(chosen.begin(), chosen.end(), id) != chosen.end(), largest);
      }
    }
    ImGui::EndTable();
  }
  ImGui::PopStyleVar();
}

}  // namespace headscope
