#include "app/views/documents_view.h"

#include <implot.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace headscope {
namespace {

struct Comparison {
  std::optional<DocumentMass> baseline, intervened;
  int gold = -1;
};

float sum(const std::vector<float>& values) {
  float total = 0;
  for (const float v : values) total += v;
  return total;
}

// Where all of the attention goes, in one line of parts that add up to one.
void composition(const ViewContext& context, const char* name, ImU32 color,
                 const DocumentMass& mass, int gold, float label_width) {
  const Theme& theme = context.theme;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float height = em() * 1.3f, width = ImGui::GetContentRegionAvail().x - label_width;
  list.AddRectFilled(ImVec2(at.x, at.y + em() * 0.25f),
                     ImVec2(at.x + em() * 0.3f, at.y + height - em() * 0.2f), color, em() * 0.1f);
  list.AddText(ImVec2(at.x + em() * 0.6f, at.y + (height - em()) * 0.5f - 1), theme.text, name);
  const float gold_mass = gold >= 0 && gold < static_cast<int>(mass.documents.size())
                              ? mass.documents[static_cast<std::size_t>(gold)]
                              : 0;
  const struct {
    const char* label;
    float share;
    ImU32 fill, ink;
  } parts[] = {{"gold", gold_mass, theme.gold, theme.page},
               {"other documents", sum(mass.documents) - gold_mass, theme.line, theme.text},
               {"sink", mass.sink, theme.sink, theme.text},
               {"rest", mass.rest, theme.card_hover, theme.muted}};
  float x = at.x + label_width;
  ImGui::InvisibleButton(name, ImVec2(label_width + width, height));
  const bool hovered = ImGui::IsItemHovered();
  for (const auto& part : parts) {
    const float w = std::max(0.0f, part.share) * width;
    if (w >= 1)
      list.AddRectFilled(ImVec2(x, at.y), ImVec2(x + w - 1, at.y + height), part.fill,
                         em() * 0.12f);
    const std::string number = format_mass(part.share),
                      both = std::string(part.label) + " " + number;
    const std::string& text =
        ImGui::CalcTextSize(both.c_str()).x + em() * 0.6f <= w ? both : number;
    const float text_width = ImGui::CalcTextSize(text.c_str()).x;
    if (text_width + em() * 0.3f <= w) {
      list.AddText(ImVec2(x + (w - text_width) * 0.5f, at.y + (height - em()) * 0.5f - 1), part.ink,
                   text.c_str());
    }
    x += w;
  }
  if (!hovered) return;
  ImGui::BeginTooltip();
  for (const auto& part : parts) ImGui::Text("%s  %s", format_mass(part.share).c_str(), part.label);
  ImGui::EndTooltip();
}

// What the parts of a composition are.
void legend(const ViewContext& context, float label_width) {
  const Theme& theme = context.theme;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  ImVec2 at = ImGui::GetCursorScreenPos();
  at.x += label_width;
  const float square = em() * 0.65f;
  for (const auto& [label, fill] :
       {std::pair{"gold", theme.gold}, std::pair{"other documents", theme.line},
        std::pair{"sink", theme.sink}, std::pair{"rest", theme.card_hover}}) {
    list.AddRectFilled(ImVec2(at.x, at.y + em() * 0.25f),
                       ImVec2(at.x + square, at.y + em() * 0.25f + square), fill, em() * 0.1f);
    list.AddText(ImVec2(at.x + square + em() * 0.35f, at.y), theme.muted, label);
    at.x += square + em() * 1.25f + ImGui::CalcTextSize(label).x;
  }
  ImGui::Dummy(ImVec2(1, em() * 1.3f));
}

void gold_band(const ViewContext& context, const Comparison& comparison) {
  if (comparison.gold < 0) return;
  const ImPlotRect limits = ImPlot::GetPlotLimits();
  const ImVec2 a = ImPlot::PlotToPixels(comparison.gold + 0.5, limits.Y.Max),
               b = ImPlot::PlotToPixels(comparison.gold + 1.5, limits.Y.Min);
  ImPlot::PushPlotClipRect();
  ImPlot::GetPlotDrawList()->AddRectFilled(a, b, context.theme.gold_soft);
  ImPlot::PopPlotClipRect();
}

void bars(const char* name, const DocumentMass& mass, double shift, ImU32 color) {
  std::vector<double> xs, ys;
  for (std::size_t i = 0; i < mass.documents.size(); ++i) {
    xs.push_back(static_cast<double>(i + 1) + shift);
    ys.push_back(mass.documents[i]);
  }
  ImPlotSpec spec;
  spec.FillColor = ImGui::ColorConvertU32ToFloat4(color);
  spec.LineWeight = 0;
  ImPlot::PlotBars(name, xs.data(), ys.data(), static_cast<int>(xs.size()), 0.38, spec);
}

void hover(const ViewContext& context, const Comparison& comparison) {
  if (!ImPlot::IsPlotHovered()) return;
  const int index = static_cast<int>(ImPlot::GetPlotMousePos().x - 0.5);
  const PromptView& prompt = *context.state.snapshot->prompt;
  if (index < 0 || index >= static_cast<int>(prompt.documents.size())) return;
  const auto slot = static_cast<std::size_t>(index);
  const DocumentView& document = prompt.documents[slot];
  ImGui::BeginTooltip();
  text_bold(context, std::to_string(document.number) + "  " + document.title +
                         (document.gold ? "  (gold)" : ""));
  const auto line = [&](const char* label, const std::optional<DocumentMass>& mass) {
    if (mass && slot < mass->documents.size())
      ImGui::Text("%s  %s", format_mass(mass->documents[slot]).c_str(), label);
  };
  line("baseline", comparison.baseline);
  line("intervened", comparison.intervened);
  ImGui::EndTooltip();
}

void tick_labels(const PromptView& prompt, float room) {
  std::vector<double> places;
  std::vector<std::string> labels;
  std::vector<const char*> pointers;
  const auto fitting = static_cast<std::size_t>(std::max(1.0f, room / (em() * 1.7f)));
  const std::size_t step = (prompt.documents.size() + fitting - 1) / fitting;
  for (std::size_t i = 0; i < prompt.documents.size(); i += step) {
    places.push_back(static_cast<double>(i + 1));
    labels.push_back(std::to_string(prompt.documents[i].number));
  }
  for (const std::string& label : labels) pointers.push_back(label.c_str());
  if (!places.empty())
    ImPlot::SetupAxisTicks(ImAxis_X1, places.data(), static_cast<int>(places.size()),
                           pointers.data());
}

int format_axis(double value, char* buffer, int size, void*) {
  return std::snprintf(buffer, static_cast<std::size_t>(size), "%g", value);
}

void plot(const ViewContext& context, const Comparison& comparison) {
  const PromptView& prompt = *context.state.snapshot->prompt;
  float top = 0.01f;
  for (const auto* mass : {&comparison.baseline, &comparison.intervened}) {
    if (*mass) top = std::max(top, largest_magnitude((*mass)->documents, 0.01f));
  }
  ImPlot::PushStyleVar(ImPlotStyleVar_PlotPadding, ImVec2(em() * 0.2f, em() * 0.3f));
  ImPlot::PushStyleVar(ImPlotStyleVar_LabelPadding, ImVec2(em() * 0.3f, em() * 0.2f));
  ImPlot::PushStyleVar(ImPlotStyleVar_PlotMinSize, ImVec2(em() * 6, em() * 4));
  const float room = ImGui::GetContentRegionAvail().x - em() * 3;
  if (ImPlot::BeginPlot("##documents", ImVec2(-1, -1),
                        ImPlotFlags_CanvasOnly | ImPlotFlags_NoInputs)) {
    ImPlot::SetupAxes(nullptr, nullptr, ImPlotAxisFlags_NoGridLines, 0);
    ImPlot::SetupAxisLimits(ImAxis_X1, 0.4, static_cast<double>(prompt.documents.size()) + 0.6,
                            ImPlotCond_Always);
    ImPlot::SetupAxisLimits(ImAxis_Y1, 0, top * 1.08, ImPlotCond_Always);
    ImPlot::SetupAxisFormat(ImAxis_Y1, format_axis);
    tick_labels(prompt, room);
    ImPlot::SetupFinish();
    gold_band(context, comparison);
    const bool two = comparison.intervened.has_value();
    if (comparison.baseline)
      bars("baseline", *comparison.baseline, two ? -0.2 : 0, context.theme.baseline);
    if (two) bars("intervened", *comparison.intervened, 0.2, context.theme.accent);
    hover(context, comparison);
    ImPlot::EndPlot();
  }
  ImPlot::PopStyleVar(3);
}

}  // namespace

void documents_view(ViewContext& context) {
  AppState& state = context.state;
  const Snapshot& snapshot = *state.snapshot;
  if (!snapshot.prompt || !snapshot.baseline) {
    empty_note(context, "Attention per document", "Bars appear after the first run.");
    return;
  }
  int of = state.view.bars_of_selected ? 1 : 0;
  if (segmented(context, "of", {"Mean of chosen heads", "Selected head"}, of))
    state.view.bars_of_selected = of == 1;
  std::vector<HeadId> heads =
      state.view.bars_of_selected ? std::vector<HeadId>{state.request.selected} : state.chosen();
  ImGui::SameLine();
  ImGui::AlignTextToFramePadding();
  if (heads.empty()) heads = {state.request.selected};
  text_muted(context, heads.size() == 1 ? format_head(heads.front())
                                        : std::to_string(heads.size()) + " heads");

  Comparison comparison;
  comparison.gold = snapshot.prompt->gold_document();
  comparison.baseline = document_mass(*snapshot.baseline, heads);
  if (snapshot.intervened && snapshot.intervened != snapshot.baseline) {
    comparison.intervened = document_mass(*snapshot.intervened, heads);
  }
  if (!comparison.baseline ||
      comparison.baseline->documents.size() != snapshot.prompt->documents.size()) {
    empty_note(context, "No masses for these heads",
               "The response was empty, or the prompt has just changed.");
    return;
  }
  const float label_width = ImGui::CalcTextSize("Intervened").x + em() * 1.2f;
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, em() * 0.25f));
  composition(context, "Baseline", context.theme.baseline, *comparison.baseline, comparison.gold,
              label_width);
  if (comparison.intervened) {
    composition(context, "Intervened", context.theme.accent, *comparison.intervened,
                comparison.gold, label_width);
  }
  legend(context, label_width);
  ImGui::PopStyleVar();
  if (snapshot.prompt->documents.empty()) {
    empty_note(context, "No documents in this prompt");
    return;
  }
  plot(context, comparison);
}

}  // namespace headscope
