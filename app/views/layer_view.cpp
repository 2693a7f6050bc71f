#include "app/views/layer_view.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "app/views/flow_row.h"
#include "app/views/head_menu.h"
#include "app/views/item_keys.h"

namespace headscope {
namespace {

constexpr double kCheap = 5e5;  // weights that a frame may go through: about a millisecond
constexpr float kLogFloor = 1e-4f;

const std::string& text_of(const std::shared_ptr<const RunResult>& run, const PromptView& prompt,
                           std::int64_t position) {
  static const std::string unknown = "?";
  if (position < prompt.prompt_tokens())
    return prompt.tokens[static_cast<std::size_t>(position)].text;
  const auto index = static_cast<std::size_t>(position - prompt.prompt_tokens());
  return run && index < run->response.size() ? run->response[index].text : unknown;
}

std::string range_text(TokenRange range) {
  return range.size() == 1 ? std::to_string(range.begin)
                           : std::to_string(range.begin) + "-" + std::to_string(range.end - 1);
}

std::string key_set_text(const PromptView& prompt, std::int64_t set) {
  if (set >= std::ssize(prompt.documents)) return "sink";
  const DocumentView& document = prompt.documents[static_cast<std::size_t>(set)];
  return "document " + std::to_string(document.number) + (document.gold ? " (gold)" : "");
}

}  // namespace

LayerView::LayerView()
    : maps_([](const Job& job, const auto& is_stale) {
        auto maps = layer_maps(*job.run, job.baseline.get(), job.question, is_stale);
        return maps ? std::optional<Maps>(std::make_shared<const LayerMaps>(std::move(*maps)))
                    : std::nullopt;
      }) {}

void LayerView::begin_frame() {
  if (!drawn_ && !maps_.busy()) {
    maps_.forget();
    shown_run_.reset();
  }
  drawn_ = false;
}

// A head that is selected elsewhere brings its layer.
void LayerView::follow_selection(const AppState& state) {
  const HeadId selected = state.request.selected;
  if (selected != followed_) {
    followed_ = selected;
    layer_ = selected.layer;
  }
  layer_ = std::clamp(layer_, 0, std::max(0, state.snapshot->model->layers - 1));
}

void LayerView::toolbar(ViewContext& context) {
  AppState& state = context.state;
  const int last = state.snapshot->model->layers - 1;
  const std::string title = "Layer " + std::to_string(layer_);
  FlowRow flow(em() * 0.6f);
  flow.next(2.2f * ImGui::GetFrameHeight());
  if (ImGui::ArrowButton("previous layer", ImGuiDir_Left)) layer_ = std::max(0, layer_ - 1);
  ImGui::SetItemTooltip("The layer before");
  ImGui::SameLine(0, em() * 0.2f);
  if (ImGui::ArrowButton("next layer", ImGuiDir_Right)) layer_ = std::min(last, layer_ + 1);
  ImGui::SetItemTooltip("The next layer");
  flow.next(ImGui::CalcTextSize(title.c_str()).x + em());
  ImGui::AlignTextToFramePadding();
  text_bold(context, title);
  const auto choose = [&](const char* id, std::initializer_list<const char*> labels, int current) {
    flow.next(segmented_width(labels));
    segmented(context, id, labels, current);
    return current;
  };
  const bool documents = kind_ == LayerColumns::documents;
  kind_ = choose("columns", {"Tokens", "Documents"}, documents ? 1 : 0) == 1
              ? LayerColumns::documents
              : LayerColumns::tokens;
  state.view.map_source = static_cast<MapSource>(
      choose("source", {"Base", "Interv.", "Diff."}, static_cast<int>(state.view.map_source)));
  logarithmic_ = choose("scale", {"Log", "Linear"}, logarithmic_ ? 0 : 1) == 0;
}

bool LayerView::find_job(const ViewContext& context, Job& job) const {
  const Snapshot& snapshot = *context.state.snapshot;
  const MapSource source = context.state.view.map_source;
  job.run = source == MapSource::baseline || !snapshot.intervened ? snapshot.baseline
                                                                  : snapshot.intervened;
  if (source == MapSource::difference) job.baseline = snapshot.baseline;
  job.question.layer = layer_;
  job.question.kind = kind_;
  return job.run && snapshot.prompt && layer_ < job.run->layers;
}

HeatmapStyle LayerView::style_of(const ViewContext& context, const LayerMaps& maps) const {
  HeatmapStyle style;
  style.logarithmic = logarithmic_;
  style.difference = !maps.zeros.empty();
  style.palette = style.difference ? context.theme.diverging : context.state.view.palette;
  style.low = logarithmic_ ? kLogFloor : 0.0f;
  style.high = std::max(maps.largest, 10 * kLogFloor);
  return style;
}

// As many across as makes the pictures largest; they scroll where they would become too small.
LayerView::Places LayerView::place(const LayerMaps& maps, ImVec2 room) {
  const float title = ImGui::GetTextLineHeight() + em() * 0.1f, gap = em() * 0.5f;
  Places best;
  float largest = -1;
  for (int across = 1; across <= maps.heads; ++across) {
    const int down = (maps.heads + across - 1) / across;
    const float width = room.x / static_cast<float>(across) - gap;
    const float height = room.y / static_cast<float>(down) - gap - title;
    const float side = std::min(width, height * 1.8f);
    if (side <= largest) continue;
    largest = side;
    best.across = across;
    best.down = down;
    best.picture = ImVec2(std::floor(width), std::floor(height));
  }
  const float least = em() * 3;
  if (largest < least) {
    best.across = std::max(1, static_cast<int>(room.x / (least * 1.6f + gap)));
    best.down = (maps.heads + best.across - 1) / best.across;
    best.picture = ImVec2(std::floor(room.x / static_cast<float>(best.across) - gap), least);
  }
  best.cell = ImVec2(best.picture.x + gap, best.picture.y + gap + title);
  return best;
}

void LayerView::click(ViewContext& context, HeadId head) {
  if (ImGui::GetIO().KeyCtrl) {
    context.state.toggle_pick(head);
  } else {
    context.state.select(head);
    followed_ = head;
  }
}

void LayerView::tooltip(const ViewContext& context, const LayerMaps& maps, int head, ImVec2 min,
                        ImVec2 size) const {
  const PromptView& prompt = *context.state.snapshot->prompt;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const auto cell = [](float at, float extent, std::int64_t count) {
    const auto place = static_cast<std::int64_t>(at / extent * static_cast<float>(count));
    return std::clamp<std::int64_t>(place, 0, count - 1);
  };
  const std::int64_t row = cell(mouse.y - min.y, size.y, maps.rows),
                     column = cell(mouse.x - min.x, size.x, maps.columns);
  const TokenRange rows = maps.rows_of(row), columns = maps.columns_of(column);
  const std::int64_t position = shown_run_->rows.begin + rows.begin;
  ImGui::BeginTooltip();
  text_bold(context, format_head({maps.layer, head}));
  ImGui::Text("query  %s  %s", range_text({position, position + rows.size()}).c_str(),
              text_of(shown_run_, prompt, position).c_str());
  if (maps.kind == LayerColumns::documents) {
    ImGui::Text("on     %s", key_set_text(prompt, columns.begin).c_str());
  } else {
    ImGui::Text("key    %s  %s", range_text(columns).c_str(),
                text_of(shown_run_, prompt, columns.begin).c_str());
    text_muted(context, place_of(prompt, columns.begin));
  }
  ImGui::Text("%s  %s", maps.zeros.empty() ? "attention" : "change   ",
              format_weight(maps.at(head, row, column)).c_str());
  const std::int64_t together = rows.size() * columns.size();
  if (together > 1)
    text_muted(context, "the strongest of " + std::to_string(together) + " weights");
  text_muted(context, "click: show   ctrl-click: switch   right click: more");
  ImGui::EndTooltip();
}

void LayerView::picture(ViewContext& context, const Maps& maps, const HeatmapStyle& style, int head,
                        ImVec2 min, const Places& places) {
  AppState& state = context.state;
  const HeadId id{maps->layer, head};
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const bool is_on = std::find(on_.begin(), on_.end(), id) != on_.end();
  draw_fitted_text(list, min, places.picture.x,
                   state.request.selected == id ? context.theme.text : context.theme.muted,
                   "H" + std::to_string(head) + (is_on ? "  on" : ""));
  const ImVec2 from(min.x, min.y + ImGui::GetTextLineHeight() + em() * 0.1f);
  const ImVec2 to(from.x + places.picture.x, from.y + places.picture.y);
  ImGui::SetCursorScreenPos(min);
  ImGui::PushID(head);
  const bool clicked = ImGui::InvisibleButton("picture", ImVec2(to.x - min.x, to.y - min.y),
                                              ImGuiButtonFlags_EnableNav);
  // Arrows go from picture to picture; there is no cell that a key would point at.
  const bool hovered = ImGui::IsItemHovered(ImGuiHoveredFlags_NoNavOverride);
  if (clicked || came_by_keys()) click(context, id);
  head_keys(context, id);
  if (ImGui::BeginPopupContextItem("menu")) {
    head_menu_items(context, id);
    ImGui::EndPopup();
  }
  ImGui::PopID();
  list.AddRectFilled(from, to, context.theme.page);
  const HeatmapData values{maps, maps->values.data(), maps->columns, maps->heads * maps->rows};
  const HeatmapData zeros{maps, maps->zeros.empty() ? nullptr : maps->zeros.data(), maps->columns,
                          maps->heads * maps->rows};
  const auto top = static_cast<double>(head * maps->rows);
  context.heatmaps.draw(
      list, from, to, values, zeros, style,
      {0, top, static_cast<double>(maps->columns), top + static_cast<double>(maps->rows)});
  const float thick = std::max(1.5f, em() * 0.12f);
  if (is_on) list.AddRect(from, to, context.theme.accent, 0, thick);
  if (state.request.selected == id) {
    list.AddRect(ImVec2(from.x - thick, from.y - thick), ImVec2(to.x + thick, to.y + thick),
                 context.theme.selection, 0, thick);
  }
  if (state.view.heads.is_pinned(id)) pin_mark(context, list, from, to);
  if (hovered) tooltip(context, *maps, head, from, places.picture);
}

void LayerView::pictures(ViewContext& context, const Maps& maps) {
  const HeatmapStyle style = style_of(context, *maps);
  const float bar = color_bar_width() + em() * 0.6f;
  const ImVec2 room = ImGui::GetContentRegionAvail(), corner = ImGui::GetCursorScreenPos();
  if (room.x < bar + em() * 3 || room.y < em() * 4) return;
  color_bar(context, ImVec2(corner.x + room.x - bar + em() * 0.6f, corner.y), room.y, style,
            maps->zeros.empty() ? "weight" : "change");
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(em() * 0.2f, em() * 0.2f));
  if (ImGui::BeginChild("pictures", ImVec2(room.x - bar, room.y),
                        ImGuiChildFlags_AlwaysUseWindowPadding)) {
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const Places places = place(*maps, ImGui::GetContentRegionAvail());
    for (int head = 0; head < maps->heads; ++head) {
      const auto x = static_cast<float>(head % places.across),
                 y = static_cast<float>(head / places.across);
      const ImVec2 min(std::floor(origin.x + x * places.cell.x),
                       std::floor(origin.y + y * places.cell.y));
      ImGui::SetCursorScreenPos(min);
      if (ImGui::IsRectVisible(places.cell)) {
        picture(context, maps, style, head, min, places);
      } else {
        ImGui::Dummy(places.cell);
      }
    }
  }
  ImGui::EndChild();
  ImGui::PopStyleVar();
}

void LayerView::nothing_kept(ViewContext& context) const {
  const Missing missing = why_missing(context.state, MapScore::entropy);
  command_button(context, missing.command, missing.button.c_str());
  empty_note(context, missing.title, missing.detail + " Documents can be shown without them.");
}

void LayerView::draw(ViewContext& context) {
  drawn_ = true;
  AppState& state = context.state;
  if (!state.snapshot->model || !state.baseline()) {
    empty_note(context, "Every head of one layer, side by side", "It follows the first run.");
    return;
  }
  follow_selection(state);
  toolbar(context);
  Job job;
  if (!find_job(context, job)) return;
  shown_run_ = job.run;
  on_ = state.chosen();
  const bool tokens = kind_ == LayerColumns::tokens;
  if (job.run->rows.size() == 0) {
    empty_note(context, "The answer is empty", "There are no response rows to look at.");
    return;
  }
  if (tokens && (!keeps_rows(*job.run) || (job.baseline && !keeps_rows(*job.baseline))))
    return nothing_kept(context);
  const double work = static_cast<double>(job.run->heads) *
                      static_cast<double>(job.run->rows.size()) *
                      static_cast<double>(tokens ? job.run->keys : job.run->sets);
  maps_.ask(job, work <= kCheap, state.wake);
  const auto* newest = maps_.newest();
  if (newest == nullptr || newest->second->heads != state.snapshot->model->heads ||
      newest->second->kind != kind_) {
    empty_note(context, "Making the pictures ...");
    return;
  }
  pictures(context, newest->second);
}

}  // namespace headscope
