#include "app/views/document_strip.h"

#include <algorithm>
#include <string>

#include "app/shell/layout.h"
#include "app/views/item_keys.h"
#include "core/engine/token_masses.h"

namespace headscope {

void show_in_prompt(AppState& state, int document) {
  state.show_document = document;
  state.view.edit_text = false;
  state.view_to_show = titles::prompt;
}

void DocumentStrip::update(ViewContext& context, const std::vector<HeadId>& heads) {
  const Snapshot& snapshot = *context.state.snapshot;
  const bool two = snapshot.intervened && snapshot.intervened != snapshot.baseline;
  const auto& run = two && intervened_ ? snapshot.intervened : snapshot.baseline;
  if (run == of_ && snapshot.prompt == prompt_ && heads == heads_) return;
  of_ = run;
  prompt_ = snapshot.prompt;
  heads_ = heads;
  masses_ = std::make_shared<const std::vector<float>>(token_masses(*prompt_, *run, heads));
  // The sink is not drawn and does not set the scale.
  const std::size_t documents =
      prompt_->documents.size() * static_cast<std::size_t>(run->rows.size());
  most_ = largest_magnitude(std::span(*masses_).first(std::min(documents, masses_->size())), 1e-3f);
}

void DocumentStrip::labels(ViewContext& context, ImVec2 origin, ImVec2 cell) const {
  const Theme& theme = context.theme;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const auto count = static_cast<int>(prompt_->documents.size());
  const int step = std::max(
      1, static_cast<int>(em() * 1.05f / std::max(cell.y, 0.5f)) + (cell.y < em() * 1.05f ? 1 : 0));
  for (int i = 0; i < count; ++i) {
    const DocumentView& document = prompt_->documents[static_cast<std::size_t>(i)];
    const float y = origin.y + cell.y * static_cast<float>(i);
    if (document.gold)
      list.AddRectFilled(ImVec2(origin.x - em() * 0.3f, y),
                         ImVec2(origin.x - em() * 0.1f, y + cell.y), theme.gold);
    if (i % step != 0) continue;
    const std::string number = std::to_string(document.number);
    list.AddText(ImVec2(origin.x - em() * 0.5f - ImGui::CalcTextSize(number.c_str()).x,
                        y + (cell.y - em()) * 0.5f),
                 document.gold ? theme.gold : theme.muted, number.c_str());
  }
  const float below = origin.y + cell.y * static_cast<float>(count) + em() * 0.2f;
  for (std::size_t token = 0; token < of_->response.size(); ++token) {
    const float x = origin.x + cell.x * static_cast<float>(token);
    if (cell.x < em() * 1.2f) break;
    draw_fitted_text(list, ImVec2(x + 1, below), cell.x - 2, theme.muted,
                     of_->response[token].text);
  }
  if (cell.x < em() * 1.2f) list.AddText(ImVec2(origin.x, below), theme.muted, "response tokens");
}

void DocumentStrip::tooltip(const ViewContext& context, int document, int token) const {
  const auto documents = static_cast<int>(prompt_->documents.size());
  const auto rows = static_cast<int>(of_->rows.size());
  const DocumentView& view = prompt_->documents[static_cast<std::size_t>(document)];
  const auto at = [&](int set, int row) {
    return (*masses_)[static_cast<std::size_t>(set) * static_cast<std::size_t>(rows) +
                      static_cast<std::size_t>(row)];
  };
  int most = 0;
  for (int d = 1; d < documents; ++d)
    if (at(d, token) > at(most, token)) most = d;
  ImGui::BeginTooltip();
  text_bold(context,
            std::to_string(view.number) + "  " + view.title + (view.gold ? "  (relevant)" : ""));
  const std::string word = static_cast<std::size_t>(token) < of_->response.size()
                               ? of_->response[static_cast<std::size_t>(token)].text
                               : std::string();
  ImGui::Text("%s  at token %d  \"%s\"", format_mass(at(document, token)).c_str(), token + 1,
              word.c_str());
  ImGui::Text("%s  most there: document %d", format_mass(at(most, token)).c_str(),
              prompt_->documents[static_cast<std::size_t>(most)].number);
  ImGui::Text("%s  sink", format_mass(at(documents, token)).c_str());
  text_muted(context, "Click, Enter: show it in the prompt");
  ImGui::EndTooltip();
}

// The cell under the mouse, or the one that the arrows have come to.
void DocumentStrip::interact(ViewContext& context, ImVec2 origin, ImVec2 cell) {
  const CellStep step = item_arrows(context);
  const bool by_keys = pointed_by_keys();
  const ImVec2 mouse = ImGui::GetMousePos();
  const int documents = static_cast<int>(prompt_->documents.size()),
            rows = static_cast<int>(of_->rows.size());
  const bool by_mouse = !by_keys && ImGui::IsItemHovered();
  const int y = by_mouse ? static_cast<int>((mouse.y - origin.y) / cell.y) : document_ + step.down,
            x = by_mouse ? static_cast<int>((mouse.x - origin.x) / cell.x) : token_ + step.right;
  document_ = std::clamp(y, 0, documents - 1);
  token_ = std::clamp(x, 0, rows - 1);
  const ImVec2 min(origin.x + cell.x * static_cast<float>(token_),
                   origin.y + cell.y * static_cast<float>(document_));
  const ImVec2 max(min.x + cell.x, min.y + cell.y);
  cell_ring(context, min, max);
  const bool shown =
      item_enter(context) || (by_mouse && ImGui::IsMouseClicked(ImGuiMouseButton_Left));
  if (shown) show_in_prompt(context.state, document_);
  if (!by_mouse && !by_keys) return;
  if (by_keys) tooltip_beside(min, max);
  tooltip(context, document_, token_);
  ImGui::GetWindowDrawList()->AddRect(min, max, context.theme.selection);
}

void DocumentStrip::draw(ViewContext& context, const std::vector<HeadId>& heads) {
  const Snapshot& snapshot = *context.state.snapshot;
  if (snapshot.intervened && snapshot.intervened != snapshot.baseline) {
    int which = intervened_ ? 1 : 0;
    if (segmented(context, "strip of", {"Baseline", "Intervened"}, which)) intervened_ = which == 1;
  }
  update(context, heads);
  const auto documents = static_cast<float>(prompt_->documents.size());
  const auto rows = static_cast<float>(of_->rows.size());
  if (masses_->empty()) {
    empty_note(context, "No masses for these heads", "The answer is empty, or has just changed.");
    return;
  }
  const float left = em() * 2.2f, below = em() * 1.4f;
  const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
  const ImVec2 origin(at.x + left, at.y);
  const ImVec2 cell(std::clamp((room.x - left) / rows, 1.0f, em() * 4),
                    std::clamp((room.y - below) / documents, 1.0f, em() * 1.5f));
  ImGui::InvisibleButton(
      "strip", ImVec2(std::max(1.0f, left + cell.x * rows), std::max(1.0f, cell.y * documents)),
      ImGuiButtonFlags_EnableNav);
  HeatmapStyle style;
  style.palette = context.state.view.palette;
  style.high = most_;
  const HeatmapData data{masses_, masses_->data(), of_->rows.size(),
                         static_cast<std::int64_t>(prompt_->documents.size())};
  context.heatmaps.draw(*ImGui::GetWindowDrawList(), origin,
                        ImVec2(origin.x + cell.x * rows, origin.y + cell.y * documents), data, {},
                        style, {0, 0, static_cast<double>(rows), static_cast<double>(documents)});
  labels(context, origin, cell);
  interact(context, origin, cell);
}

}  // namespace headscope
