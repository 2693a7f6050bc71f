#include "app/views/ranking_view.h"

#include <imgui_internal.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "app/views/head_menu.h"
#include "app/views/item_keys.h"

namespace headscope {
namespace {

float column_width() {
  return em() * 4.1f;
}

void right_aligned(const std::string& text, ImU32 color) {
  const float width = ImGui::CalcTextSize(text.c_str()).x;
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() +
                       std::max(0.0f, ImGui::GetContentRegionAvail().x - width));
  text_colored(color, text);
}

// A value as a bar behind its number: the fall of the curve is seen before it is read.
void value_bar(const ViewContext& context, double value, float largest) {
  if (std::isnan(value) || largest <= 0) return;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float share = std::clamp(static_cast<float>(value) / largest, 0.0f, 1.0f);
  ImGui::GetWindowDrawList()->AddRectFilled(
      at,
      ImVec2(at.x + ImGui::GetContentRegionAvail().x * share, at.y + ImGui::GetTextLineHeight()),
      with_alpha(context.theme.gold, 0.28f), em() * 0.1f);
}

void add_once(std::vector<HeadColumn>& columns, HeadColumn column) {
  if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
}

// The column that carries the bars: what the table is about.
HeadColumn main_column(const AppState& state, const HeadTable& table) {
  if (state.view.heads.sort > HeadColumn::head) return state.view.heads.sort;
  for (const HeadColumn column : {HeadColumn::score, HeadColumn::relevant, HeadColumn::entropy}) {
    if (table.has(column)) return column;
  }
  return HeadColumn::sink;
}

// Columns in the order of the enum: those asked for, and of the usual ones as many as there is room
// for.
std::vector<HeadColumn> columns_for(const AppState& state, const HeadTable& table, float room) {
  const HeadListOptions& options = state.view.heads;
  std::vector<HeadColumn> columns = {HeadColumn::rank, HeadColumn::head};
  for (const HeadColumn column : options.extra) add_once(columns, column);
  add_once(columns, options.sort);
  if (const auto shown = column_of_score(state.view.score)) add_once(columns, *shown);
  const auto most =
      2 + static_cast<std::size_t>(std::max(1.0f, (room - em() * 7.5f) / column_width()));
  for (const HeadColumn usual :
       {HeadColumn::score, HeadColumn::relevant, HeadColumn::change, HeadColumn::drop,
        HeadColumn::sink, HeadColumn::irrelevant, HeadColumn::entropy, HeadColumn::distance}) {
    if (columns.size() < most && table.has(usual)) add_once(columns, usual);
  }
  std::sort(columns.begin(), columns.end());
  return columns;
}

// First click: the largest first, but ranks and names in their order; second: the other way round;
// third: by rank again.
void click_header(HeadListOptions& options, HeadColumn column) {
  const bool natural = column > HeadColumn::head;
  if (options.sort != column) {
    options.sort = column;
    options.descending = natural;
  } else if (options.descending == natural) {
    options.descending = !natural;
  } else {
    options.sort = HeadColumn::rank;
    options.descending = false;
  }
}

void sort_mark(const ViewContext& context, bool descending) {
  const ImVec2 min = ImGui::GetItemRectMin(), max = ImGui::GetItemRectMax();
  const float y = descending ? max.y - 1 : min.y + 1;
  ImGui::GetWindowDrawList()->AddRectFilled(ImVec2(min.x, y - em() * 0.07f),
                                            ImVec2(max.x, y + em() * 0.07f), context.theme.accent);
}

void header_row(ViewContext& context, const std::vector<HeadColumn>& columns, bool has_head_set) {
  HeadListOptions& options = context.state.view.heads;
  ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const ColumnName name = name_of(columns[i], has_head_set);
    ImGui::TableSetColumnIndex(static_cast<int>(i));
    put_into_tab_order();
    if (i >= 2) {
      const float width = ImGui::CalcTextSize(name.name).x;
      ImGui::SetCursorPosX(ImGui::GetCursorPosX() +
                           std::max(0.0f, ImGui::GetContentRegionAvail().x - width));
    }
    ImGui::TableHeader(name.name);
    const std::string like = columns[i] == HeadColumn::similar && options.like
                                 ? "\nLike " + format_head(*options.like) + "."
                                 : std::string();
    ImGui::SetItemTooltip("%s%s\nClick: sort by it.", name.note, like.c_str());
    if (ImGui::IsItemActivated()) click_header(options, columns[i]);  // by mouse or key
    if (options.sort == columns[i]) sort_mark(context, options.descending);
  }
}

}  // namespace

void RankingView::search(const std::string& text) {
  search_.fill(0);
  std::copy_n(text.begin(), std::min(text.size(), search_.size() - 1), search_.begin());
}

void RankingView::columns_menu(ViewContext& context) {
  HeadListOptions& options = context.state.view.heads;
  for (int i = static_cast<int>(HeadColumn::score); i < head_columns; ++i) {
    const auto column = static_cast<HeadColumn>(i);
    const ColumnName name = name_of(column, false);
    const bool on =
        std::find(options.extra.begin(), options.extra.end(), column) != options.extra.end();
    if (ImGui::MenuItem(name.name, nullptr, on)) {
      if (std::erase(options.extra, column) == 0) options.extra.push_back(column);
    }
    ImGui::SetItemTooltip("%s", name.note);
  }
  ImGui::Separator();
  text_muted(context,
             "The head map's metric and, where there is room,\nthe usual columns are shown "
             "anyway.");
}

void RankingView::search_help(const ViewContext& context) const {
  const std::string& unknown = table_.filter().not_understood;
  if (!ImGui::IsItemActive()) {  // not over the table while somebody types
    ImGui::SetItemTooltip(
        "Terms that must all hold:\nL3, layer 3-5, H7, 3.7\nentropy < 2, drop > 0.1; >0.1 means "
        "the "
        "column sorted by\npinned, on (acted on)");
  } else if (!unknown.empty()) {
    ImGui::SetItemTooltip("Not understood: %s", unknown.c_str());
  }
  if (!unknown.empty()) {
    ImGui::GetWindowDrawList()->AddRect(ImGui::GetItemRectMin(), ImGui::GetItemRectMax(),
                                        context.theme.bad);
  }
}

void RankingView::toolbar(ViewContext& context) {
  AppState& state = context.state;
  const float padding = ImGui::GetStyle().FramePadding.x * 2, gap = ImGui::GetStyle().ItemSpacing.x;
  const std::string compare =
      "Compare " + std::to_string(std::min<std::size_t>(state.view.heads.pinned.size(), 6));
  const bool comparable = state.view.heads.pinned.size() >= 2;
  float buttons = ImGui::CalcTextSize("Columns").x + padding + gap;
  if (comparable) buttons += ImGui::CalcTextSize(compare.c_str()).x + padding + gap;
  ImGui::SetNextItemWidth(std::max(em() * 4, ImGui::GetContentRegionAvail().x - buttons));
  ImGui::InputTextWithHint("##search", "Search: L3 H7, sink > 0.3, pinned", search_.data(),
                           search_.size());
  search_help(context);
  ImGui::SameLine();
  if (ImGui::Button("Columns")) ImGui::OpenPopup("columns");
  if (ImGui::BeginPopup("columns")) {
    columns_menu(context);
    ImGui::EndPopup();
  }
  if (comparable) {
    ImGui::SameLine();
    if (ImGui::Button((compare + "###compare").c_str())) open_comparison();
    ImGui::SetItemTooltip("The numbers of the pinned heads side by side");
  }
  comparison_popup(context);
}

void RankingView::first_cell(ViewContext& context, HeadId head, bool on) {
  AppState& state = context.state;
  const ImVec2 corner = ImGui::GetCursorScreenPos();
  put_into_tab_order();  // of a pinned row too
  if (ImGui::Selectable("##row", state.request.selected == head,
                        ImGuiSelectableFlags_SpanAllColumns | ImGuiSelectableFlags_AllowOverlap |
                            ImGuiSelectableFlags_SelectOnNav)) {
    if (ImGui::GetIO().KeyCtrl) {
      state.toggle_pick(head);
    } else {
      state.select(head);
    }
  }
  head_keys(context, head);
  if (ImGui::BeginPopupContextItem("menu")) {
    head_menu_items(context, head);
    ImGui::EndPopup();
  }
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float line = ImGui::GetTextLineHeight();
  if (on) {  // a bar at the left edge: acted on without relying on the shade
    list.AddRectFilled(ImVec2(corner.x - em() * 0.35f, corner.y),
                       ImVec2(corner.x - em() * 0.15f, corner.y + line), context.theme.accent);
  }
  ImGui::SameLine(0, 0);
  text_muted(context, table_.text(HeadColumn::rank, head));
  if (state.view.heads.is_pinned(head)) {
    const float right = corner.x + ImGui::CalcTextSize("000").x;
    pin_mark(context, list, ImVec2(right - em(), corner.y), ImVec2(right, corner.y + line));
  }
}

void RankingView::row(ViewContext& context, HeadId head, bool on) {
  const Theme& theme = context.theme;
  ImGui::TableNextRow();
  if (on) ImGui::TableSetBgColor(ImGuiTableBgTarget_RowBg1, with_alpha(theme.accent, 0.16f));
  ImGui::PushID(head.layer);
  ImGui::PushID(head.head);
  const HeadColumn main = main_column(context.state, table_);
  for (const HeadColumn column : columns_) {
    ImGui::TableNextColumn();
    if (column == HeadColumn::rank) {
      first_cell(context, head, on);
      continue;
    }
    const std::string text = table_.text(column, head);
    if (column == HeadColumn::head) {
      ImGui::TextUnformatted(text.c_str());
      continue;
    }
    const double value = table_.value(column, head);
    if (column == main) value_bar(context, value, largest_);
    const bool quiet =
        column != main && (std::isnan(value) || std::abs(value) < 0.0005 ||
                           column == HeadColumn::sink || column == HeadColumn::irrelevant);
    right_aligned(text, quiet ? theme.muted : theme.text);
  }
  ImGui::PopID();
  ImGui::PopID();
}

void RankingView::rows(ViewContext& context) {
  AppState& state = context.state;
  const std::vector<HeadId> on = state.chosen();
  const std::vector<HeadId>& order = table_.order();
  const HeadColumn main = main_column(state, table_);
  largest_ = 0;
  for (const HeadId head : order) {
    const double value = table_.value(main, head);
    if (!std::isnan(value)) largest_ = std::max(largest_, static_cast<float>(value));
  }
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(order.size()));
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const HeadId head = order[static_cast<std::size_t>(i)];
      row(context, head, std::find(on.begin(), on.end(), head) != on.end());
    }
  }
}

void RankingView::draw(ViewContext& context) {
  AppState& state = context.state;
  if (state.baseline() == nullptr && state.ranking().empty()) {
    empty_note(context, "No ranking yet", "It follows the first run.");
    return;
  }
  table_.update(state, search_.data());
  toolbar(context);
  if (table_.order().empty()) {
    empty_note(context, "No head meets the search", "Clear the field to see all of them.");
    return;
  }
  columns_ = columns_for(state, table_, ImGui::GetContentRegionAvail().x);
  const float padding = std::floor(em() * 0.1f);
  ImGui::PushStyleVar(ImGuiStyleVar_CellPadding, ImVec2(em() * 0.45f, padding));
  const float line = ImGui::GetTextLineHeight() + 2 * padding;
  const float height = std::max(2.0f, std::floor(ImGui::GetContentRegionAvail().y / line)) *
                       line;  // no row cut in two
  if (ImGui::BeginTable(
          "ranking", static_cast<int>(columns_.size()),
          ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp,
          ImVec2(0, height))) {
    // The pinned heads stay in sight where they leave room for others.
    const auto kept = static_cast<int>(table_.pinned());
    constexpr int most = 60;  // ImGui freezes no more than 127 rows
    const bool freeze = kept < most && static_cast<float>(kept) < height / line - 4;
    ImGui::TableSetupScrollFreeze(0, 1 + (freeze ? kept : 0));
    for (const HeadColumn column : columns_) {
      const char* name = name_of(column, table_.has(HeadColumn::score)).name;
      if (column <= HeadColumn::head) {
        ImGui::TableSetupColumn(
            name, ImGuiTableColumnFlags_WidthFixed,
            ImGui::CalcTextSize(column == HeadColumn::rank ? "000" : "L00 H00").x);
      } else {
        ImGui::TableSetupColumn(name, ImGuiTableColumnFlags_WidthStretch, 1.0f);
      }
    }
    header_row(context, columns_, table_.has(HeadColumn::score));
    rows(context);
    ImGui::EndTable();
  }
  ImGui::PopStyleVar();
}

}  // namespace headscope
