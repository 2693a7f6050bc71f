#include "app/views/lens_view.h"

#include <implot.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "app/views/candidates_view.h"

namespace headscope {
namespace {

// What one run has in the grid.
struct Side {
  const char* name;
  ImU32 color;
  const LensRun* run;
};

const char* role_of(const FollowedToken& token) {
  if (token.expected && token.intervened) return "expected, chosen";
  if (token.expected && token.baseline) return "expected, baseline's choice";
  if (token.baseline && token.intervened) return "chosen";
  if (token.baseline) return "baseline's choice";
  if (token.intervened) return "intervened choice";
  return "expected";
}

void cell_tooltip(const Side& side, const LogitLens& lens, std::size_t layer) {
  const LensLayer& at = side.run->layers[layer];
  if (!ImGui::BeginItemTooltip()) return;
  ImGui::Text("%s, after layer %zu", side.name, layer);
  for (const CandidateView& token : at.top)
    ImGui::Text("%9s  %s", format_probability(token.probability).c_str(),
                shown_token(token.text).c_str());
  ImGui::Separator();
  for (std::size_t i = 0; i < lens.followed.size() && i < at.rank.size(); ++i) {
    ImGui::Text("%9s  %s: rank %lld (%s)", format_probability(at.probability[i]).c_str(),
                shown_token(lens.followed[i].text).c_str(), static_cast<long long>(at.rank[i]),
                role_of(lens.followed[i]));
  }
  ImGui::EndTooltip();
}

// A likely token of a layer on a shade of its probability; a bar under the one that was chosen.
void token_cell(const ViewContext& context, const Side& side, const LogitLens& lens,
                std::size_t layer, std::size_t place) {
  ImGui::TableNextColumn();
  const LensLayer& at = side.run->layers[layer];
  const float width = ImGui::GetContentRegionAvail().x, height = ImGui::GetTextLineHeight();
  const ImVec2 from = ImGui::GetCursorScreenPos();
  ImGui::Dummy(ImVec2(width, height));
  if (place >= at.top.size()) return;
  const CandidateView& token = at.top[place];
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(
      from, ImVec2(from.x + width, from.y + height),
      with_alpha(side.color, 0.06f + 0.5f * std::clamp(token.probability, 0.0f, 1.0f)),
      em() * 0.1f);
  for (const FollowedToken& followed : lens.followed) {
    if (followed.id != token.id) continue;
    const bool chosen = followed.baseline || followed.intervened;
    list.AddRectFilled(ImVec2(from.x, from.y + height - em() * 0.12f),
                       ImVec2(from.x + width, from.y + height),
                       followed.expected ? context.theme.gold
                       : chosen          ? context.theme.text
                                         : context.theme.line);
  }
  draw_fitted_text(list, ImVec2(from.x + em() * 0.2f, from.y), width - em() * 0.3f,
                   context.theme.text, shown_token(token.text));
  cell_tooltip(side, lens, layer);
}

void grid(ViewContext& context, const LogitLens& lens, const std::vector<Side>& sides,
          ImVec2 size) {
  std::size_t layers = 0;
  for (const Side& side : sides) layers = std::max(layers, side.run ? side.run->layers.size() : 0);
  const float layer_width = ImGui::CalcTextSize("000").x;
  const float room = (size.x - layer_width - em() * 1.5f) / static_cast<float>(sides.size());
  const auto each = static_cast<std::size_t>(std::clamp(room / (em() * 4.6f), 1.0f, 5.0f));
  const int columns = 1 + static_cast<int>(each * sides.size());
  // Few layers get taller rows.
  const float line = ImGui::GetTextLineHeight();
  const float spare = size.y / static_cast<float>(layers + 1) - line;
  ImGui::PushStyleVar(ImGuiStyleVar_CellPadding,
                      ImVec2(em() * 0.12f, std::clamp(spare / 2, em() * 0.08f, em() * 0.35f)));
  const ImGuiTableFlags flags = ImGuiTableFlags_ScrollY | ImGuiTableFlags_SizingStretchSame;
  if (ImGui::BeginTable("lens", columns, flags, size)) {
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn("L", ImGuiTableColumnFlags_WidthFixed, layer_width);
    ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
    ImGui::TableNextColumn();
    text_muted(context, "L");
    for (const Side& side : sides) {
      for (std::size_t place = 0; place < each; ++place) {
        ImGui::TableNextColumn();
        if (place != 0) continue;
        draw_fitted_text(*ImGui::GetWindowDrawList(), ImGui::GetCursorScreenPos(),
                         ImGui::GetContentRegionAvail().x, side.color, side.name);
        ImGui::Dummy(ImVec2(1, ImGui::GetTextLineHeight()));
      }
    }
    for (std::size_t layer = layers; layer-- > 0;) {  // the last layer, the answer, on top
      ImGui::TableNextRow();
      ImGui::TableNextColumn();
      text_muted(context, std::to_string(layer));
      for (const Side& side : sides) {
        for (std::size_t place = 0; place < each; ++place) {
          if (side.run == nullptr) {
            ImGui::TableNextColumn();
            if (place == 0 && layer + 1 == layers) text_muted(context, "has ended");
          } else {
            token_cell(context, side, lens, layer, place);
          }
        }
      }
    }
    ImGui::EndTable();
  }
  ImGui::PopStyleVar();
}

// A followed token's line through the layers of one run.
void curve(const ViewContext& context, const LogitLens& lens, const Side& side, std::size_t index,
           bool ranks) {
  std::vector<double> x, y;
  for (std::size_t layer = 0; layer < side.run->layers.size(); ++layer) {
    const LensLayer& at = side.run->layers[layer];
    if (index >= at.rank.size() || at.rank[index] < 1) continue;
    x.push_back(static_cast<double>(layer));
    y.push_back(ranks ? static_cast<double>(at.rank[index])
                      : static_cast<double>(at.probability[index]));
  }
  const FollowedToken& token = lens.followed[index];
  const bool before = side.color == context.theme.baseline;
  ImPlotSpec spec;
  spec.LineColor = ImGui::ColorConvertU32ToFloat4(token.expected ? context.theme.gold : side.color);
  spec.LineWeight = before ? 1.2f : 2.2f;
  spec.Marker = before ? ImPlotMarker_Circle : ImPlotMarker_Square;  // not by colour alone
  spec.MarkerFillColor = spec.MarkerLineColor = spec.LineColor;
  spec.MarkerSize = em() * 0.2f;
  const std::string name = shown_token(token.text) + (before ? " base" : " int.");
  ImPlot::PlotLine(name.c_str(), x.data(), y.data(), static_cast<int>(x.size()), spec);
}

double largest_rank(const LogitLens& lens) {
  std::int64_t most = 10;
  for (const LensRun* run : {lens.baseline.get(), lens.intervened.get()}) {
    if (run == nullptr) continue;
    for (const LensLayer& layer : run->layers) {
      for (const std::int64_t rank : layer.rank) most = std::max(most, rank);
    }
  }
  return static_cast<double>(most);
}

void plot_tooltip(const LogitLens& lens, const std::vector<Side>& sides) {
  if (!ImPlot::IsPlotHovered()) return;
  const auto layer = static_cast<std::int64_t>(std::lround(ImPlot::GetPlotMousePos().x));
  ImGui::BeginTooltip();
  ImGui::Text("after layer %lld", static_cast<long long>(layer));
  for (const Side& side : sides) {
    if (side.run == nullptr || layer < 0 || layer >= std::ssize(side.run->layers)) continue;
    const LensLayer& at = side.run->layers[static_cast<std::size_t>(layer)];
    for (std::size_t i = 0; i < std::min(lens.followed.size(), at.rank.size()); ++i) {
      ImGui::Text("%-10s  %9s  rank %lld  %s", side.name,
                  format_probability(at.probability[i]).c_str(), static_cast<long long>(at.rank[i]),
                  shown_token(lens.followed[i].text).c_str());
    }
  }
  ImGui::EndTooltip();
}

void plot(ViewContext& context, const LogitLens& lens, const std::vector<Side>& sides,
          ImVec2 size) {
  const bool ranks = context.state.view.lens.ranks;
  const ImPlotFlags flags = ImPlotFlags_NoMenus | ImPlotFlags_NoBoxSelect | ImPlotFlags_NoMouseText;
  ImPlot::PushStyleVar(ImPlotStyleVar_PlotPadding, ImVec2(em() * 0.2f, em() * 0.3f));
  ImPlot::PushStyleVar(ImPlotStyleVar_LabelPadding, ImVec2(em() * 0.3f, em() * 0.1f));
  ImPlot::PushStyleVar(ImPlotStyleVar_PlotMinSize, ImVec2(em() * 6, em() * 4));
  if (ImPlot::BeginPlot(ranks ? "##ranks" : "##probabilities", size, flags)) {
    const auto layers =
        static_cast<double>(std::max(lens.baseline ? lens.baseline->layers.size() : 0,
                                     lens.intervened ? lens.intervened->layers.size() : 0));
    ImPlot::SetupAxes("layer", ranks ? "rank" : "probability", ImPlotAxisFlags_NoGridLines,
                      ranks ? ImPlotAxisFlags_Lock | ImPlotAxisFlags_Invert : ImPlotAxisFlags_Lock);
    ImPlot::SetupAxisLimits(ImAxis_X1, -0.3, layers - 0.7, ImPlotCond_Always);
    if (ranks) {
      ImPlot::SetupAxisScale(ImAxis_Y1, ImPlotScale_Log10);
      ImPlot::SetupAxisLimits(ImAxis_Y1, 0.8, largest_rank(lens) * 1.3, ImPlotCond_Always);
    } else {
      ImPlot::SetupAxisLimits(ImAxis_Y1, -0.03, 1.06, ImPlotCond_Always);
    }
    ImPlot::SetupAxisFormat(ImAxis_X1, "%.0f");
    for (double step = 1; step < 100; step *= 2) {  // whole layers only
      if (layers > step * 8) continue;
      const int ticks = static_cast<int>((layers - 1) / step) + 1;
      ImPlot::SetupAxisTicks(ImAxis_X1, 0, (ticks - 1) * step, ticks);
      break;
    }
    ImPlot::SetupLegend(ImPlotLocation_South, ImPlotLegendFlags_Outside);
    for (std::size_t i = 0; i < lens.followed.size(); ++i) {
      for (const Side& side : sides) {
        if (side.run != nullptr) curve(context, lens, side, i, ranks);
      }
    }
    plot_tooltip(lens, sides);
    ImPlot::EndPlot();
  }
  ImPlot::PopStyleVar(3);
}

void toolbar(ViewContext& context) {
  AppState& state = context.state;
  token_stepper(context);
  ImGui::SameLine(0, em() * 0.8f);
  int ranks = state.view.lens.ranks ? 1 : 0;
  if (segmented(context, "measure", {"Probability", "Rank"}, ranks))
    state.view.lens.ranks = ranks == 1;
  const auto token = state.candidates.token;
  const std::size_t count = response_tokens_of(*state.snapshot);
  std::string title = "token " + std::to_string(token + 1) + " of " + std::to_string(count);
  const auto at = state.divergence();
  if (state.intervened() != state.baseline() && at && token > *at)
    title += ", after the divergence";
  ImGui::SameLine(0, em() * 0.8f);
  const ImVec2 place = ImGui::GetCursorScreenPos();
  draw_fitted_text(*ImGui::GetWindowDrawList(),
                   ImVec2(place.x, place.y + ImGui::GetStyle().FramePadding.y),
                   ImGui::GetContentRegionAvail().x, context.theme.muted, title);
  ImGui::Dummy(ImVec2(1, ImGui::GetFrameHeight()));
}

bool is_stale(const AppState& state, const LogitLens& lens) {
  return lens.token != static_cast<std::int64_t>(state.candidates.token) ||
         lens.before != state.snapshot->baseline || lens.after != state.snapshot->intervened;
}

}  // namespace

void lens_view(ViewContext& context) {
  AppState& state = context.state;
  const Snapshot& snapshot = *state.snapshot;
  const std::size_t count = response_tokens_of(snapshot);
  if (!snapshot.baseline || count == 0) {
    const bool failed = snapshot.status.state == EngineStatus::State::failed;
    return empty_note(
        context, failed ? "No response to look into" : "What every layer would say next",
        failed ? "The notice below says why." : "It appears with the first response.");
  }
  state.candidates.token = std::min(state.candidates.token, count - 1);
  state.request.questions.lens = {true, static_cast<std::int64_t>(state.candidates.token)};
  toolbar(context);
  const LogitLens* lens = snapshot.lens.get();
  if (lens == nullptr) {
    const bool failed = snapshot.status.state == EngineStatus::State::failed;
    return empty_note(context, failed ? "No lens" : "Computing ...",
                      failed ? "The notice below says why." : "");
  }
  std::vector<Side> sides = {{"Baseline", context.theme.baseline, lens->baseline.get()}};
  if (lens->before != lens->after)
    sides.push_back({"Intervened", context.theme.accent, lens->intervened.get()});
  // The last picture stays, paler, while the next one is on its way: nothing jumps.
  const bool stale = is_stale(state, *lens);
  if (stale) ImGui::PushStyleVar(ImGuiStyleVar_Alpha, ImGui::GetStyle().Alpha * 0.6f);
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float gap = em() * 0.6f, left = std::floor((room.x - gap) * 0.6f);
  grid(context, *lens, sides, ImVec2(left, room.y));
  ImGui::SameLine(0, gap);
  plot(context, *lens, sides, ImVec2(room.x - left - gap, room.y));
  if (stale) ImGui::PopStyleVar();
}

}  // namespace headscope
