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
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() +
                       std::max(0.0f, ImGui::GetContentRegionAvail().x - width));
  text_colored(color, text);
}

// The relevant mass as a bar behind its number: the fall of the curve is seen before it is read.
void mass_bar(const ViewContext& context, float value, float largest) {
  if (std::isnan(value) || largest <= 0) return;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x * std::clamp(value / largest, 0.0f, 1.0f);
  ImGui::GetWindowDrawList()->AddRectFilled(at,
                                            ImVec2(at.x + width, at.y + ImGui::GetTextLineHeight()),
                                            with_alpha(context.theme.gold, 0.28f), em() * 0.1f);
}

struct Column {
  const char* name;
  const char* note;
  float weight;                  ///< share of the width that is left
  const char* widest = nullptr;  ///< as wide as this text instead
};

// "score" is there when a head set was loaded: its mean over many samples is what ranks.
// "drop" is there after a causal check, in the place of "irrel."
std::vector<Column> columns_of(bool has_scores, bool narrow, bool has_drops) {
  std::vector<Column> columns = {{"#", "Rank by contextual score", 0, "000"},
                                 {"head", "Layer and head", 0, "L00 H00"}};
  if (has_scores)
    columns.push_back(
        {"score", "Contextual score: mean mass on the gold document over many samples", 1.0f});
  columns.push_back(
      {has_scores ? "here" : "relevant", "Mass on the gold document in this run (baseline)", 1.0f});
  if (!narrow) {
    columns.push_back({"sink", "Mass on the first two tokens (baseline)", 0.85f});
    if (!has_drops) columns.push_back({"irrel.", "Mass on all other documents (baseline)", 0.85f});
  }
  columns.push_back({"change", "Mass on the gold document: intervened minus baseline", 1.2f});
  if (has_drops)
    columns.push_back({"drop",
                       "Causal check: what the baseline's answer loses in log-probability (nats) "
                       "when this head is ablated",
                       1.0f});
  return columns;
}

void header_row(const std::vector<Column>& columns) {
  ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    ImGui::TableSetColumnIndex(static_cast<int>(i));
    if (i >= 2) {
      const float width = ImGui::CalcTextSize(columns[i].name).x;
      ImGui::SetCursorPosX(ImGui::GetCursorPosX() +
                           std::max(0.0f, ImGui::GetContentRegionAvail().x - width));
    }
    ImGui::TableHeader(columns[i].name);
    ImGui::SetItemTooltip("%s", columns[i].note);
  }
}

// A number at the right edge of its cell, over a bar that shows its share of `largest`.
void bar_cell(const ViewContext& context, float value, float largest, ImU32 color) {
  ImGui::TableNextColumn();
  mass_bar(context, value, largest);
  const std::string number = format_mass(value);
  ImGui::SetCursorPosX(
      ImGui::GetCursorPosX() +
      std::max(0.0f, ImGui::GetContentRegionAvail().x - ImGui::CalcTextSize(number.c_str()).x));
  text_colored(color, number);
}

// What all rows have in common.
struct Look {
  const std::vector<float>& scores;    ///< of the head set; empty = none
  float largest = 0;                   ///< mass of a full bar
  bool narrow = false;                 ///< room for the most important columns only
  const CausalCheck* check = nullptr;  ///< null = not made
};

float drop_of(const CausalCheck& check, HeadId id) {
  for (const HeadEffect& effect : check.heads) {
    if (effect.head == id) return static_cast<float>(effect.drop);
  }
  return NAN;
}

void row(ViewContext& context, int rank, HeadId id, bool chosen, const Look& look) {
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
    ImGui::GetWindowDrawList()->AddRectFilled(
        ImVec2(corner.x - em() * 0.35f, corner.y),
        ImVec2(corner.x - em() * 0.15f, corner.y + ImGui::GetTextLineHeight()), theme.accent);
  }
  ImGui::SameLine(0, 0);
  text_muted(context, std::to_string(rank + 1));
  ImGui::TableNextColumn();
  ImGui::TextUnformatted(format_head(id).c_str());
  const float relevant = score_at(base, MapScore::relevant, id);
  if (!look.scores.empty()) {
    const std::size_t index =
        static_cast<std::size_t>(id.layer) * state.snapshot->model->heads + id.head;
    bar_cell(context, index < look.scores.size() ? look.scores[index] : NAN, look.largest,
             theme.text);
    number_cell(format_mass(relevant), theme.text);
  } else {
    bar_cell(context, relevant, look.largest, theme.text);
  }
  if (!look.narrow) {
    number_cell(format_mass(score_at(base, MapScore::sink, id)), theme.muted);
    if (look.check == nullptr)
      number_cell(format_mass(score_at(base, MapScore::irrelevant_sum, id)), theme.muted);
  }
  const float delta = score_at(edited, MapScore::relevant, id) - relevant;
  number_cell(format_delta(delta),
              std::isnan(delta) || std::abs(delta) < 0.0005f ? theme.muted : theme.text);
  if (look.check != nullptr) {
    const float drop = drop_of(*look.check, id);
    number_cell(std::isnan(drop) ? "-" : format_drop(drop),
                std::isnan(drop) ? theme.muted : theme.text);
  }
}

}  // namespace

void ranking_view(ViewContext& context) {
  AppState& state = context.state;
  if (state.ranking().empty()) {
    empty_note(context, "No ranking yet",
               state.baseline() ? "Mark a gold document: the ranking is by mass on it."
                                : "It follows the first run.");
    return;
  }
  const std::vector<HeadId> chosen = state.chosen();
  const std::vector<float>& scores = state.snapshot->model->known_scores;
  const RunResult* run = state.baseline();
  const float largest =
      largest_magnitude(!scores.empty() || run == nullptr ? scores : run->scores.relevant, 0);
  const CausalCheck* check = state.snapshot->causal.get();
  const Look look{scores, largest, ImGui::GetContentRegionAvail().x < em() * 22, check};
  const std::vector<Column> columns = columns_of(!scores.empty(), look.narrow, check != nullptr);
  const float padding = std::floor(em() * 0.1f);
  ImGui::PushStyleVar(ImGuiStyleVar_CellPadding, ImVec2(em() * 0.45f, padding));
  const float line = ImGui::GetTextLineHeight() + 2 * padding;
  const float height = std::max(2.0f, std::floor(ImGui::GetContentRegionAvail().y / line)) *
                       line;  // no row cut in two
  if (ImGui::BeginTable(
          "ranking", static_cast<int>(columns.size()),
          ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp,
          ImVec2(0, height))) {
    ImGui::TableSetupScrollFreeze(0, 1);
    for (const Column& column : columns) {
      if (column.widest != nullptr) {
        ImGui::TableSetupColumn(column.name, ImGuiTableColumnFlags_WidthFixed,
                                ImGui::CalcTextSize(column.widest).x);
      } else {
        ImGui::TableSetupColumn(column.name, ImGuiTableColumnFlags_WidthStretch, column.weight);
      }
    }
    header_row(columns);
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(state.ranking().size()));
    while (clipper.Step()) {
      for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
        const HeadId id = state.ranking()[static_cast<std::size_t>(i)];
        const bool acted_on = std::find(chosen.begin(), chosen.end(), id) != chosen.end();
        row(context, i, id, acted_on, look);
      }
    }
    ImGui::EndTable();
  }
  ImGui::PopStyleVar();
}

}  // namespace headscope
