#include "app/views/map_tools.h"

#include <algorithm>
#include <array>

#include "app/views/flow_row.h"

namespace headscope {
namespace {

constexpr const char* kRange = "range of the colours";
constexpr std::array kGroupings = {"tokens", "documents", "sentences"};
constexpr std::array kPoolings = {Pooling::sum, Pooling::mean, Pooling::max};

const char* name_of(Pooling pooling) {
  return pooling == Pooling::mean ? "mean" : pooling == Pooling::sum ? "sum" : "max";
}

void choose(const ViewContext& context, FlowRow& flow, const char* id,
            std::initializer_list<const char*> labels, int& current) {
  flow.next(segmented_width(labels));
  segmented(context, id, labels, current);
}

void scale_tools(ViewContext& context, FlowRow& flow) {
  ViewOptions& view = context.state.view;
  int scale = view.map.per_row ? 2 : view.map_logarithmic ? 0 : 1;
  choose(context, flow, "scale", {"Log", "Linear", "Row"}, scale);
  ImGui::SetItemTooltip("Row: every row by its own largest weight");
  view.map.per_row = scale == 2;
  if (scale != 2) view.map_logarithmic = scale == 0;
  flow.next(button_width("Range"));
  if (ImGui::Button("Range")) open_map_range();
  ImGui::SetItemTooltip("Smallest and largest value of the colours");
}

void group_tools(ViewContext& context, FlowRow& flow) {
  MapOptions& map = context.state.view.map;
  const float width = em() * 7;
  flow.next(width);
  ImGui::SetNextItemWidth(width);
  int grouping = static_cast<int>(map.grouping);
  if (ImGui::Combo("##grouping", &grouping, kGroupings.data(), std::ssize(kGroupings)))
    map.grouping = static_cast<TokenGrouping>(grouping);
  ImGui::SetItemTooltip("A cell for every pair of tokens, documents or sentences");
  if (map.grouping == TokenGrouping::none) return;
  flow.next(em() * 4.5f);
  ImGui::SetNextItemWidth(em() * 4.5f);
  if (ImGui::BeginCombo("##pooling", name_of(map.pooling))) {
    for (const Pooling choice : kPoolings) {
      if (ImGui::Selectable(name_of(choice), map.pooling == choice)) map.pooling = choice;
    }
    ImGui::EndCombo();
  }
  ImGui::SetItemTooltip(
      "How the weights of a group become one number:\n"
      "sum: the mass that a row has on the group, on average over the rows of a group\n"
      "mean: of all its weights   max: the largest of them");
}

}  // namespace

bool map_toolbar(ViewContext& context, const MapZoom& zoom) {
  AppState& state = context.state;
  FlowRow flow(em() * 0.6f);
  const std::string head = format_head(state.request.selected);
  flow.next(ImGui::CalcTextSize(head.c_str()).x);
  ImGui::AlignTextToFramePadding();
  text_bold(context, head);
  int full = state.request.want_full_map ? 1 : 0;
  choose(context, flow, "rows", {"Response rows", "Full map"}, full);
  state.request.want_full_map = full == 1;
  int source = static_cast<int>(state.view.map_source);
  choose(context, flow, "source", {"Base", "Interv.", "Diff."}, source);
  state.view.map_source = static_cast<MapSource>(source);
  scale_tools(context, flow);
  group_tools(context, flow);
  flow.next(checkbox_width("Sink"));
  bool sink = !state.view.map.mask_sink;
  if (ImGui::Checkbox("Sink", &sink)) state.view.map.mask_sink = !sink;
  ImGui::SetItemTooltip(
      "Show the attention sink, tokens 0 and 1; without it they do not set the scale");
  flow.next(button_width("Fit"));
  ImGui::BeginDisabled(zoom.whole());
  const bool fit = ImGui::Button("Fit");
  ImGui::EndDisabled();
  return fit;
}

void open_map_range() {
  ImGui::OpenPopup(kRange);
}

void map_range_popup(ViewContext& context, const HeatmapStyle& shown) {
  if (!ImGui::BeginPopup(kRange)) return;
  MapOptions& map = context.state.view.map;
  text_bold(context, "Range of the colours");
  if (map.per_row) text_muted(context, "Rows are shown by their own largest weight.");
  ImGui::BeginDisabled(map.per_row);
  int range = static_cast<int>(map.range);
  if (segmented(context, "kind", {"Automatic", "Percentile", "By hand"}, range)) {
    map.range = static_cast<MapRange>(range);
    if (map.range == MapRange::manual) {
      map.low = shown.low;
      map.high = shown.high;
    }
  }
  if (map.range == MapRange::percentile) {
    auto percent = static_cast<float>(map.percentile);
    ImGui::SetNextItemWidth(em() * 14);
    if (ImGui::SliderFloat("##percentile", &percent, 90, 100, "%.2f %%",
                           ImGuiSliderFlags_AlwaysClamp))
      map.percentile = static_cast<double>(percent);
    text_muted(context, "Weights beyond it take the last colour.");
  }
  if (map.range == MapRange::manual) {
    ImGui::SetNextItemWidth(em() * 6);
    float low = map.low, high = map.high;
    ImGui::InputFloat("low", &low, 0, 0, "%.3g");
    ImGui::SameLine();
    ImGui::SetNextItemWidth(em() * 6);
    ImGui::InputFloat("high", &high, 0, 0, "%.3g");
    if (low >= 0 && low < high && high <= 1) {
      map.low = low;
      map.high = high;
    }
    text_muted(context, "0 to 1, low below high");
  }
  ImGui::EndDisabled();
  ImGui::EndPopup();
}

}  // namespace headscope
