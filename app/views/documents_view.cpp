#include "app/views/documents_view.h"

#include <implot.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "app/views/item_keys.h"
#include "app/views/token_paint.h"

namespace headscope {
namespace {

struct Comparison {
  std::optional<DocumentMass> baseline, intervened;
  std::vector<int> gold;               ///< relevant ones, ascending
  int likely = -1;                     ///< where none is gold
  const CausalCheck* check = nullptr;  ///< of this prompt; null = not made

  /// Of one run: what is on the relevant documents together.
  float gold_mass(const DocumentMass& mass) const {
    float total = 0;
    for (const int index : gold)
      if (index < static_cast<int>(mass.documents.size()))
        total += mass.documents[static_cast<std::size_t>(index)];
    return total;
  }
};

// A part of the attention, as the gauge draws it.
struct Part {
  std::string label;
  float share = 0;
  ImU32 fill = 0;
};

float sum(const std::vector<float>& values) {
  float total = 0;
  for (const float v : values) total += v;
  return total;
}

// Sink first: what focus directions do is move it to the context.
std::vector<Part> parts_of(const Theme& theme, const DocumentMass& mass, const Comparison& of) {
  std::vector<Part> parts = {{"sink", mass.sink, theme.sink}};
  float others = sum(mass.documents);
  const bool guessed =
      of.gold.empty() && of.likely >= 0 && of.likely < static_cast<int>(mass.documents.size());
  const bool marked = !of.gold.empty() || guessed;
  if (marked) {
    const float share =
        guessed ? mass.documents[static_cast<std::size_t>(of.likely)] : of.gold_mass(mass);
    others -= share;
    parts.push_back(guessed ? Part{"likely", share, theme.gold_soft}
                            : Part{"gold", share, theme.gold});
  }
  parts.push_back({marked ? "others" : "documents", others, theme.line});
  parts.push_back({"rest", mass.rest, theme.card_hover});
  return parts;
}

void gauge_tooltip(const std::vector<Part>& parts, const DocumentMass& mass, const Comparison& of) {
  const float context_mass = sum(mass.documents);
  ImGui::BeginTooltip();
  for (const Part& part : parts)
    ImGui::Text("%s  %s", format_mass(part.share).c_str(), part.label.c_str());
  ImGui::Separator();
  ImGui::Text("%s  sink to context", format_mass(mass.sink / context_mass).c_str());
  if (!of.gold.empty())
    ImGui::Text("%s  gold / all documents", format_mass(of.gold_mass(mass) / context_mass).c_str());
  ImGui::EndTooltip();
}

// The gauge: where all of the attention goes, in one line of parts that add up to one.
void composition(const ViewContext& context, const char* name, ImU32 color,
                 const DocumentMass& mass, const Comparison& of, float label_width) {
  const Theme& theme = context.theme;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float height = em() * 1.3f, width = ImGui::GetContentRegionAvail().x - label_width;
  list.AddRectFilled(ImVec2(at.x, at.y + em() * 0.25f),
                     ImVec2(at.x + em() * 0.3f, at.y + height - em() * 0.2f), color, em() * 0.1f);
  list.AddText(ImVec2(at.x + em() * 0.6f, at.y + (height - em()) * 0.5f - 1), theme.text, name);
  const std::vector<Part> parts = parts_of(theme, mass, of);
  float x = at.x + label_width;
  ImGui::InvisibleButton(name, ImVec2(label_width + width, height), ImGuiButtonFlags_EnableNav);
  const bool hovered = ImGui::IsItemHovered();
  for (const Part& part : parts) {
    const float w = std::max(0.0f, part.share) * width;
    if (w >= 1)
      list.AddRectFilled(ImVec2(x, at.y), ImVec2(x + w - 1, at.y + height), part.fill,
                         em() * 0.12f);
    const std::string number = format_mass(part.share), both = part.label + " " + number;
    const std::string& text =
        ImGui::CalcTextSize(both.c_str()).x + em() * 0.6f <= w ? both : number;
    const float text_width = ImGui::CalcTextSize(text.c_str()).x;
    if (text_width + em() * 0.3f <= w) {
      list.AddText(ImVec2(x + (w - text_width) * 0.5f, at.y + (height - em()) * 0.5f - 1),
                   ink_on(theme, part.fill), text.c_str());
    }
    x += w;
  }
  if (hovered) gauge_tooltip(parts, mass, of);
}

// What the parts of the gauge are.
void legend(const ViewContext& context, const Comparison& comparison, float label_width) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  ImVec2 at = ImGui::GetCursorScreenPos();
  at.x += label_width;
  const float square = em() * 0.65f;
  for (const Part& part : parts_of(context.theme, *comparison.baseline, comparison)) {
    list.AddRectFilled(ImVec2(at.x, at.y + em() * 0.25f),
                       ImVec2(at.x + square, at.y + em() * 0.25f + square), part.fill, em() * 0.1f);
    list.AddText(ImVec2(at.x + square + em() * 0.35f, at.y), context.theme.muted,
                 part.label.c_str());
    at.x += square + em() * 1.25f + ImGui::CalcTextSize(part.label.c_str()).x;
  }
  ImGui::Dummy(ImVec2(1, em() * 1.3f));
}

std::string correlation_text(double value) {
  return format_drop(static_cast<float>(value));
}

void likely_button(ViewContext& context, const PromptView& prompt) {
  const LikelyDocument& likely = context.state.likely();
  if (likely.index < 0 || likely.index >= static_cast<int>(prompt.documents.size())) return;
  const int number = prompt.documents[static_cast<std::size_t>(likely.index)].number;
  ImGui::PushStyleColor(ImGuiCol_Button, context.theme.gold_soft);
  const std::string name =
      "Mark likely: " + std::to_string(number) + (likely.is_clear() ? "" : " ?") + "###accept";
  if (ImGui::Button(name.c_str())) context.state.accept_likely();
  ImGui::PopStyleColor();
  ImGui::SetItemTooltip(
      "Click to mark it as relevant. No document is marked. The model's known contextual heads "
      "look most at this one:\n%s of the "
      "documents' attention, %s more than at the next.%s",
      format_mass(static_cast<float>(likely.share)).c_str(),
      format_mass(static_cast<float>(likely.margin)).c_str(),
      likely.is_clear() ? "" : "\nThat is close: take it as a question.");
  ImGui::SameLine();
}

std::string ratio_text(const Comparison& comparison) {
  const auto ratio = [](const DocumentMass& mass) {
    return format_mass(mass.sink / sum(mass.documents));
  };
  std::string text = "sink : context " + ratio(*comparison.baseline);
  if (comparison.intervened) text += " > " + ratio(*comparison.intervened);
  return text;
}

void agreement_text(const ViewContext& context, const CausalCheck& check) {
  const Agreement documents = check.document_agreement(), heads = check.head_agreement();
  text_muted(context, "rho " + correlation_text(documents.spearman) + ", heads " +
                          correlation_text(heads.spearman));
  ImGui::SetItemTooltip(
      "Spearman's rank correlation of attention mass and drop in log-probability of the\n"
      "baseline's answer (log p = %.2f over %d tokens).\n"
      "Documents, each hidden in turn: rho %s, tau %s, correlation of the values %s\n"
      "Heads, each ablated in turn: rho %s, tau %s, correlation of the values %s",
      check.log_probability, static_cast<int>(check.tokens),
      correlation_text(documents.spearman).c_str(), correlation_text(documents.kendall).c_str(),
      correlation_text(documents.pearson).c_str(), correlation_text(heads.spearman).c_str(),
      correlation_text(heads.kendall).c_str(), correlation_text(heads.pearson).c_str());
}

// What attention is worth as an explanation here, and the button that finds out.
void check_line(ViewContext& context, const Comparison& comparison) {
  const bool asked = context.state.request.questions.causal;
  const char* name = asked ? "Hide check" : "Causal check";
  const float button = ImGui::CalcTextSize(name).x + ImGui::GetStyle().FramePadding.x * 2;
  ImGui::AlignTextToFramePadding();
  if (comparison.gold.empty()) likely_button(context, *context.state.snapshot->prompt);
  if (comparison.check != nullptr) {
    agreement_text(context, *comparison.check);
  } else if (comparison.baseline) {
    const std::string text = ratio_text(comparison);
    // In a narrow column the gauge's tooltip still says it.
    if (ImGui::CalcTextSize(text.c_str()).x + ImGui::GetStyle().ItemSpacing.x + button <=
        ImGui::GetContentRegionAvail().x) {
      text_muted(context, text);
      ImGui::SetItemTooltip("Attention on the first two tokens for each unit on documents%s",
                            comparison.intervened ? ", baseline > intervened" : "");
    }
  }
  same_line_right(button);
  command_button(context, "run.causal", name);
}

void gold_band(const ViewContext& context, const Comparison& comparison) {
  auto marked = comparison.gold;
  if (marked.empty() && comparison.likely >= 0) marked = {comparison.likely};
  const ImPlotRect limits = ImPlot::GetPlotLimits();
  ImPlot::PushPlotClipRect();
  for (const int index : marked) {
    const ImVec2 a = ImPlot::PlotToPixels(index + 0.5, limits.Y.Max),
                 b = ImPlot::PlotToPixels(index + 1.5, limits.Y.Min);
    ImPlot::GetPlotDrawList()->AddRectFilled(a, b, context.theme.gold_soft);
  }
  ImPlot::PopPlotClipRect();
}

// One column of bars: the n-th of `count` beside each other.
struct Column {
  int place = 0, count = 1;
  double width() const { return count == 1 ? 0.38 : 0.76 / count; }
  double shift() const { return (place - (count - 1) * 0.5) * width() * 1.05; }
};

void bars(const char* name, const std::vector<double>& heights, Column column, ImU32 color) {
  std::vector<double> xs;
  for (std::size_t i = 0; i < heights.size(); ++i)
    xs.push_back(static_cast<double>(i + 1) + column.shift());
  ImPlotSpec spec;
  spec.FillColor = ImGui::ColorConvertU32ToFloat4(color);
  spec.LineWeight = 0;
  ImPlot::PlotBars(name, xs.data(), heights.data(), static_cast<int>(xs.size()), column.width(),
                   spec);
}

std::vector<double> heights_of(const DocumentMass& mass) {
  return {mass.documents.begin(), mass.documents.end()};
}

std::vector<double> drops_of(const CausalCheck& check) {
  std::vector<double> drops;
  for (const DocumentEffect& document : check.documents) drops.push_back(document.drop);
  return drops;
}

void document_tooltip(const ViewContext& context, const Comparison& comparison, int index,
                      const char* keys) {
  const auto slot = static_cast<std::size_t>(index);
  const DocumentView& document = context.state.snapshot->prompt->documents[slot];
  ImGui::BeginTooltip();
  text_bold(context, std::to_string(document.number) + "  " + document.title +
                         (document.gold ? "  (gold)" : ""));
  const auto line = [&](const char* label, const std::optional<DocumentMass>& mass) {
    if (mass && slot < mass->documents.size())
      ImGui::Text("%s  %s", format_mass(mass->documents[slot]).c_str(), label);
  };
  line("baseline", comparison.baseline);
  line("intervened", comparison.intervened);
  if (comparison.check != nullptr && slot < comparison.check->documents.size()) {
    ImGui::Text("%s  drop of log p without it (nats)",
                format_drop(static_cast<float>(comparison.check->documents[slot].drop)).c_str());
  }
  text_muted(context, keys);
  ImGui::EndTooltip();
}

void hover(ViewContext& context, const Comparison& comparison) {
  if (!ImPlot::IsPlotHovered()) return;
  const int index = static_cast<int>(ImPlot::GetPlotMousePos().x - 0.5);
  const PromptView& prompt = *context.state.snapshot->prompt;
  if (index < 0 || index >= static_cast<int>(prompt.documents.size())) return;
  document_tooltip(context, comparison, index, "Click: show it in the prompt");
  if (ImGui::IsMouseClicked(ImGuiMouseButton_Left)) show_in_prompt(context.state, index);
}

// Where the bars of a document stand, over the whole height of the plot.
struct BarPlace {
  ImVec2 min, max;
};

BarPlace place_of_bars(int index) {
  const ImVec2 corner = ImPlot::GetPlotPos(), size = ImPlot::GetPlotSize();
  return {ImVec2(ImPlot::PlotToPixels(index + 0.5, 0).x, corner.y),
          ImVec2(ImPlot::PlotToPixels(index + 1.5, 0).x, corner.y + size.y)};
}

// What the mouse does with bars: arrows go from document to document.
void bar_keys(ViewContext& context, const Comparison& comparison, const BarPlace& bar, int& at) {
  const int last = static_cast<int>(context.state.snapshot->prompt->documents.size()) - 1;
  const CellStep step = item_arrows(context);
  at = std::clamp(at + step.right + step.down, 0, last);
  if (item_enter(context)) show_in_prompt(context.state, at);
  if (item_key(context, ImGuiKey_Space)) context.state.mark_gold(at);
  cell_ring(context, bar.min, bar.max);
  if (!pointed_by_keys()) return;
  tooltip_beside(bar.min, bar.max);
  document_tooltip(context, comparison, at, "arrows: go   Enter: show it   Space: mark it");
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

// The drops' own axis, with its zero where that of the masses is.
void drop_axis(const CausalCheck& check, double most_mass) {
  double top = 0.1, bottom = 0;
  for (const double drop : drops_of(check)) {
    top = std::max(top, drop);
    bottom = std::min(bottom, drop);
  }
  // Harmful documents have bars below zero: both axes get the same share of room there.
  const double below = -bottom / top;
  ImPlot::SetupAxisLimits(ImAxis_Y1, -below * most_mass * 1.08, most_mass * 1.08,
                          ImPlotCond_Always);
  ImPlot::SetupAxis(ImAxis_Y2, "drop of log p",
                    ImPlotAxisFlags_AuxDefault | ImPlotAxisFlags_NoGridLines);
  ImPlot::SetupAxisLimits(ImAxis_Y2, bottom * 1.08, top * 1.08, ImPlotCond_Always);
  ImPlot::SetupAxisFormat(ImAxis_Y2, format_axis);
}

void columns(const ViewContext& context, const Comparison& comparison) {
  const int count = 1 + (comparison.intervened ? 1 : 0) + (comparison.check != nullptr ? 1 : 0);
  int place = 0;
  if (comparison.baseline)
    bars("baseline", heights_of(*comparison.baseline), {place++, count}, context.theme.baseline);
  if (comparison.intervened)
    bars("intervened", heights_of(*comparison.intervened), {place++, count}, context.theme.accent);
  if (comparison.check == nullptr) return;
  ImPlot::SetAxes(ImAxis_X1, ImAxis_Y2);
  bars("drop", drops_of(*comparison.check), {place, count}, context.theme.bad);
  ImPlot::SetAxes(ImAxis_X1, ImAxis_Y1);
}

// `at`: the document that keys act on.
void plot(ViewContext& context, const Comparison& comparison, int& at) {
  const PromptView& prompt = *context.state.snapshot->prompt;
  float top = 0.01f;
  for (const auto* mass : {&comparison.baseline, &comparison.intervened}) {
    if (*mass) top = std::max(top, largest_magnitude((*mass)->documents, 0.01f));
  }
  ImPlot::PushStyleVar(ImPlotStyleVar_PlotPadding, ImVec2(em() * 0.2f, em() * 0.3f));
  ImPlot::PushStyleVar(ImPlotStyleVar_LabelPadding, ImVec2(em() * 0.3f, em() * 0.2f));
  ImPlot::PushStyleVar(ImPlotStyleVar_PlotMinSize, ImVec2(em() * 6, em() * 4));
  const float axes = comparison.check != nullptr ? 7 : 3;
  const float room = ImGui::GetContentRegionAvail().x - em() * axes;
  if (ImPlot::BeginPlot("##documents", ImVec2(-1, -1),
                        ImPlotFlags_CanvasOnly | ImPlotFlags_NoInputs)) {
    ImPlot::SetupAxes(nullptr, nullptr, ImPlotAxisFlags_NoGridLines, 0);
    ImPlot::SetupAxisLimits(ImAxis_X1, 0.4, static_cast<double>(prompt.documents.size()) + 0.6,
                            ImPlotCond_Always);
    ImPlot::SetupAxisLimits(ImAxis_Y1, 0, top * 1.08, ImPlotCond_Always);
    ImPlot::SetupAxisFormat(ImAxis_Y1, format_axis);
    tick_labels(prompt, room);
    if (comparison.check != nullptr) drop_axis(*comparison.check, top);
    ImPlot::SetupFinish();
    gold_band(context, comparison);
    columns(context, comparison);
    hover(context, comparison);
    at = std::clamp(at, 0, static_cast<int>(prompt.documents.size()) - 1);
    const BarPlace bar = place_of_bars(at), first = place_of_bars(0),
                   last = place_of_bars(static_cast<int>(prompt.documents.size()) - 1);
    ImPlot::EndPlot();
    key_area("bars", first.min, last.max);
    bar_keys(context, comparison, bar, at);
  }
  ImPlot::PopStyleVar(3);
}

}  // namespace

void DocumentsPanel::draw(ViewContext& context) {
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
  const char* by_token = "By token";
  const float spacing = ImGui::GetStyle().ItemSpacing.x,
              switch_width = ImGui::CalcTextSize(by_token).x + ImGui::GetFrameHeight() +
                             ImGui::GetStyle().ItemInnerSpacing.x;
  const std::string of_heads =
      heads.size() == 1 ? format_head(heads.front()) : std::to_string(heads.size()) + " heads";
  // In a narrow column the bars' tooltips still say it.
  if (ImGui::CalcTextSize(of_heads.c_str()).x + spacing + switch_width <=
      ImGui::GetContentRegionAvail().x)
    text_muted(context, of_heads);
  same_line_right(switch_width);
  ImGui::Checkbox(by_token, &state.view.documents_by_token);
  ImGui::SetItemTooltip("Which document took the attention at each token of the answer");

  Comparison comparison;
  comparison.gold = snapshot.prompt->gold_documents();
  comparison.likely = state.likely().index;
  if (snapshot.causal && snapshot.causal->documents.size() == snapshot.prompt->documents.size())
    comparison.check = snapshot.causal.get();
  comparison.baseline = state.mass_of(snapshot.baseline, heads);
  if (snapshot.intervened && snapshot.intervened != snapshot.baseline) {
    comparison.intervened = state.mass_of(snapshot.intervened, heads);
  }
  if (!comparison.baseline ||
      comparison.baseline->documents.size() != snapshot.prompt->documents.size()) {
    empty_note(context, "No masses for these heads",
               "The response was empty, or the prompt has just changed.");
    return;
  }
  const float label_width = ImGui::CalcTextSize("Intervened").x + em() * 1.2f;
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, em() * 0.25f));
  composition(context, "Baseline", context.theme.baseline, *comparison.baseline, comparison,
              label_width);
  if (comparison.intervened) {
    composition(context, "Intervened", context.theme.accent, *comparison.intervened, comparison,
                label_width);
  }
  legend(context, comparison, label_width);
  ImGui::PopStyleVar();
  if (snapshot.prompt->documents.empty()) {
    empty_note(context, "No documents in this prompt");
    return;
  }
  check_line(context, comparison);
  if (state.view.documents_by_token) {
    strip_.draw(context, heads);
  } else {
    plot(context, comparison, at_);
  }
}

}  // namespace headscope
