#include "app/views/map_readout.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

namespace headscope {
namespace {

std::string percent(float share) {
  char text[32];
  const float value = share * 100;
  std::snprintf(text, sizeof text, value != 0 && std::abs(value) < 0.1f ? "%.2g %%" : "%.1f %%",
                static_cast<double>(value));
  return text;
}

// The row and the column of the cell, as bands where cells are wide.
void crosshair(const ViewContext& context, const MapFrame& f, std::int64_t column,
               std::int64_t row) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImU32 color = with_alpha(context.theme.selection, 0.6f);
  list.PushClipRect(f.min, f.max, true);
  const auto x = static_cast<double>(column), y = static_cast<double>(row);
  for (const double edge : {x, x + 1})
    list.AddLine(ImVec2(f.x_of(edge), f.min.y), ImVec2(f.x_of(edge), f.max.y), color);
  for (const double edge : {y, y + 1})
    list.AddLine(ImVec2(f.min.x, f.y_of(edge)), ImVec2(f.max.x, f.y_of(edge)), color);
  list.PopClipRect();
}

void token_line(const ViewContext& context, const MapPicture& picture, const char* what,
                std::int64_t position) {
  ImGui::Text("%s %lld  %s", what, static_cast<long long>(position),
              token_label(picture.token(position)).c_str());
  ImGui::SameLine(0, em());
  text_muted(context, place_of(*picture.prompt, position));
}

void group_line(const ViewContext& context, const char* what, const TokenGroup& group) {
  ImGui::Text("%s %s", what, group.label.c_str());
  ImGui::SameLine(0, em());
  text_muted(context, std::to_string(group.tokens) + (group.tokens == 1 ? " token" : " tokens") +
                          " from " + std::to_string(group.first) + (group.gold ? ", gold" : ""));
  if (group.name != group.label) {
    ImGui::PushTextWrapPos(em() * 28);
    text_muted(context, group.name);
    ImGui::PopTextWrapPos();
  }
}

// The weight as a share of its row, beside the row's largest.
void row_share(const ViewContext& context, const MapPicture& picture, std::int64_t column,
               std::int64_t row) {
  if (picture.grouped || picture.digest == nullptr || picture.difference) return;
  const auto& rows = picture.digest->statistics.rows;
  if (picture.cell > 1) {  // a row of an overview is no row of the model's
    if (picture.exact_at(row, column))
      ImGui::Text("row share  %s", percent(picture.value(false, row, column)).c_str());
    return;
  }
  if (static_cast<std::size_t>(row) >= rows.size()) return;
  const RowStatistics& found = rows[static_cast<std::size_t>(row)];
  const float sum = std::max(found.sum, 1e-30f);
  ImGui::Text("row share  %s", percent(picture.value(false, row, column) / sum).c_str());
  if (std::abs(found.sum - 1) > 0.01f) {
    ImGui::SameLine(0, em());
    text_muted(context, "the row adds up to " + format_mass(found.sum));
  }
  if (found.at < 0) return;
  text_muted(context, "largest: " + percent(found.largest / sum) + " on " +
                          std::to_string(found.at) + " " + token_label(picture.token(found.at)));
}

// What the row has on the whole document of the key: known for every response row.
void document_share(const MapPicture& picture, HeadId head, std::int64_t column, std::int64_t row) {
  if (picture.full || picture.grouped || picture.difference) return;
  const auto& documents = picture.prompt->documents;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    if (!documents[d].tokens.contains(column) || static_cast<int>(d) >= picture.run->sets) continue;
    ImGui::Text("document %d has %s of this row", documents[d].number,
                percent(picture.run->span_sum(head, row, static_cast<int>(d))).c_str());
  }
}

void values(const ViewContext& context, const MapPicture& picture, std::int64_t column,
            std::int64_t row) {
  const float shown = picture.axis_value(false, row, column);
  const float base = picture.axis_value(true, row, column);
  const bool is_exact = !picture.grouped && picture.exact_at(row, column);
  if (picture.grouped && picture.digest->overview) {
    text_muted(context, "the largest weight of overview cells that touch both groups");
  } else if (!picture.grouped && !is_exact) {
    text_muted(context, pooled_note(picture.cell));
  }
  ImGui::Text("attention  %s", format_weight(shown).c_str());
  ImGui::Text("baseline   %s", format_weight(base).c_str());
  if (picture.difference) ImGui::Text("difference %s", format_weight(shown - base).c_str());
}

}  // namespace

std::string pooled_note(std::int64_t cell) {
  const std::string size = std::to_string(cell);
  return "overview: the largest of " + size + " x " + size + " weights";
}

void map_readout(const ViewContext& context, const MapPicture& picture, const MapFrame& frame,
                 std::int64_t column, std::int64_t row) {
  crosshair(context, frame, column, row);
  ImGui::BeginTooltip();
  const TokenGroup* group = picture.row_group(row);
  if (group != nullptr) {
    group_line(context, "queries", *group);
  } else {
    token_line(context, picture, "query", picture.first_row + row);
  }
  if (picture.grouped) {
    group_line(context, "keys", *picture.column_group(column));
  } else {
    token_line(context, picture, "key  ", column);
  }
  const bool hidden = picture.grouped ? std::isnan(picture.axis_value(false, row, column))
                                      : column > picture.first_row + row;
  if (hidden) {
    text_muted(context, "hidden: the key comes after the query");
  } else {
    values(context, picture, column, row);
    row_share(context, picture, column, row);
    document_share(picture, context.state.request.selected, column, row);
  }
  ImGui::EndTooltip();
}

}  // namespace headscope
