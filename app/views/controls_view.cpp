#include "app/views/controls_view.h"

#include <algorithm>
#include <cfloat>
#include <filesystem>
#include <string>

#include "core/engine/neighbours.h"
#include "core/intervention/method.h"

namespace headscope {
namespace {

float label_width() {
  return em() * 6.6f;
}

// A label on the left; what follows fills the rest of the line.
void label(const char* text, const char* note) {
  ImGui::AlignTextToFramePadding();
  const float left = ImGui::GetCursorPosX();
  ImGui::TextUnformatted(text);
  if (note != nullptr) ImGui::SetItemTooltip("%s", note);
  ImGui::SameLine(left + label_width());
}

void strengths(ViewContext& context) {
  InterventionSettings& settings = context.state.request.intervention;
  auto tau = static_cast<float>(settings.tau), alpha = static_cast<float>(settings.alpha);
  label("Split, tau",
        "Split-softmax: the marked document's share p of a head's attention becomes p^tau.\n1 = "
        "off; smaller is stronger. "
        "It needs to know which document is gold.");
  const bool unmarked =
      settings.span == SpanChoice::gold && context.state.request.prompt.gold_document < 0;
  if (value_slider(context, "##tau", tau, 0.0f, 1.0f, "%.2f",
                   settings.tau == 1.0 ? "off"
                   : unmarked          ? "mark?"
                                       : nullptr)) {
    settings.tau = slider_position(tau);
  }
  const ModelInfo* model = context.state.snapshot->model.get();
  const bool no_directions = model != nullptr && !model->has_directions;
  label("Focus, alpha",
        "Focus directions: alpha times a trained vector is added to the head's queries.\n0 = off; "
        "negative = less focus. "
        "It needs no gold mark.");
  ImGui::BeginDisabled(no_directions);
  const float button = ImGui::CalcTextSize("Auto").x + em() * 1.8f;
  if (value_slider(context, "##alpha", alpha, -1.0f, 1.0f, "%+.2f",
                   settings.alpha == 0.0 ? "off" : nullptr, button)) {
    settings.alpha = slider_position(alpha);
  }
  ImGui::EndDisabled();
  if (no_directions && ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) {
    ImGui::SetTooltip(
        "This model has no trained focus directions:\ndrop a file of them onto the "
        "window, or train some with headscope-cli train-directions.");
  }
  ImGui::SameLine();
  command_button(context, "settings.auto_alpha", "Auto");
}

/// What the combo offers: methods that have no slider of their own.
bool is_other(const InterventionMethod& method) {
  return &method != &split_softmax_method && !method.adds_directions;
}

void choose_other(InterventionSettings& settings, const InterventionMethod* current) {
  const char* shown = current != nullptr ? current->label : "none";
  ImGui::SetNextItemWidth(em() * 7.2f);
  if (!ImGui::BeginCombo("##also", shown)) return;
  if (ImGui::Selectable("none", current == nullptr)) settings.also.clear();
  for (const InterventionMethod* method : intervention_methods()) {
    if (!is_other(*method)) continue;
    if (ImGui::Selectable(method->label, method == current) && method != current) {
      settings.also = method->name;
      const MethodValues values = standard_values(*method);
      settings.also_strength = values.empty() ? 0 : values[0];
    }
    ImGui::SetItemTooltip("%s", method->summary);
  }
  ImGui::EndCombo();
}

void other_strength(ViewContext& context, const MethodParameter& parameter) {
  double& strength = context.state.request.intervention.also_strength;
  ImGui::SameLine();
  if (parameter.kind == MethodParameter::Kind::choice) {
    int place = static_cast<int>(strength);
    ImGui::SetNextItemWidth(-FLT_MIN);
    const auto text = [](void* data, int i) {
      return static_cast<const MethodParameter*>(data)->choices[static_cast<std::size_t>(i)];
    };
    if (ImGui::Combo("##also_strength", &place, text, const_cast<MethodParameter*>(&parameter),
                     static_cast<int>(parameter.choices.size())))
      strength = place;
  } else {
    auto value = static_cast<float>(strength);
    const double end = parameter.slider_end > 0 ? parameter.slider_end : parameter.high;
    if (value_slider(context, "##also_strength", value, static_cast<float>(parameter.low),
                     static_cast<float>(end), "%.2f"))
      strength = std::clamp(slider_position(value), parameter.low, parameter.high);
  }
  ImGui::SetItemTooltip("%s: %s", parameter.name, parameter.meaning);
}

/// One more method, on the same heads and rows.
void other(ViewContext& context) {
  InterventionSettings& settings = context.state.request.intervention;
  const InterventionMethod* current = find_method(settings.also);
  label("Also",
        "One more intervention on the same heads and rows: biases on the marked document,\nor "
        "heads switched off. Computed exactly, without preview.");
  choose_other(settings, current);
  if (current != nullptr && !current->parameters.empty())
    other_strength(context, current->parameters[0]);
}

void heads(ViewContext& context) {
  AppState& state = context.state;
  InterventionSettings& settings = state.request.intervention;
  int choice = static_cast<int>(settings.choice);
  label("Heads",
        "contextual = first of the ranking; random = outside it, as a control;\npicked = "
        "ctrl-click in the map or the table");
  if (segmented(context, "choice", {"Contextual", "Random", "Picked"}, choice)) {
    const auto wanted = static_cast<HeadChoice>(choice);
    if (wanted == HeadChoice::picked && settings.picked.empty()) settings.picked = state.chosen();
    settings.choice = wanted;
  }
  if (settings.choice == HeadChoice::picked) {
    label("Picked", "Ctrl-click a head to add or remove it");
    text_muted(context, std::to_string(settings.picked.size()) + " heads");
    ImGui::SameLine();
    command_button(context, "heads.clear_picks", "Clear");
    return;
  }
  const ModelInfo* model = state.snapshot->model.get();
  const int most = model != nullptr ? std::max(1, std::min(model->layers * model->heads, 100)) : 20;
  label("Top k", "How many heads are acted on");
  const bool random = settings.choice == HeadChoice::random;
  const float redraw = random ? ImGui::CalcTextSize("Redraw").x + em() * 1.8f : 0;
  value_slider(context, "##top_k", settings.top_k, 0, most, redraw);
  if (random) {
    ImGui::SameLine();
    command_button(context, "heads.redraw", "Redraw");
  }
}

/// Which focus directions are in use, where they are not the model's own, and the way back.
void opened_directions(ViewContext& context) {
  const InterventionSettings& settings = context.state.request.intervention;
  const ModelInfo* model = context.state.snapshot->model.get();
  const bool bad = model != nullptr && !model->directions_problem.empty();
  const std::string name = std::filesystem::path(settings.directions).filename().string();
  const float button = ImGui::CalcTextSize("Own").x + em() * 1.6f;
  const float width = std::max(em() * 3, ImGui::GetContentRegionAvail().x - button);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  draw_fitted_text(*ImGui::GetWindowDrawList(),
                   ImVec2(at.x, at.y + ImGui::GetStyle().FramePadding.y), width,
                   bad ? context.theme.bad : context.theme.text, (bad ? "unused: " : "of ") + name);
  ImGui::Dummy(ImVec2(width, ImGui::GetFrameHeight()));
  ImGui::SetItemTooltip("Focus directions in use: %s\nSHA-256 %.12s%s%s",
                        settings.directions.c_str(), settings.directions_hash.c_str(),
                        bad ? "\nThey are not in use: " : "",
                        bad ? model->directions_problem.c_str() : "");
  ImGui::SameLine();
  command_button(context, "directions.own", "Own");
  ImGui::SetItemTooltip("Back to the model's own focus directions");
}

void key_part(ViewContext& context) {
  InterventionSettings& settings = context.state.request.intervention;
  constexpr const char* why =
      "Changes nothing, and that can be watched here:\nq'.(k + alpha d_k) = q'.k + alpha q'.d_k, "
      "and the second term is the\n"
      "same for every key, so the softmax cancels it (method, section 3).";
  label("Key part", why);
  ImGui::BeginDisabled(settings.alpha == 0.0);
  ImGui::Checkbox("alpha d_k", &settings.use_key_directions);
  ImGui::EndDisabled();
  ImGui::SameLine(0, em() * 0.6f);
  if (!settings.directions.empty()) return opened_directions(context);
  text_muted(context, "no effect: why?");
  ImGui::SetItemTooltip("%s", why);
}

void rows(ViewContext& context) {
  InterventionSettings& settings = context.state.request.intervention;
  int kind = settings.rows.kind == RowSelection::Kind::response ? 1 : 0;
  label("Rows",
        "all = while the prompt is read, too;\nresponse = only from the last prompt token on");
  if (segmented(context, "rows", {"All", "Response"}, kind)) {
    settings.rows = {kind == 1 ? RowSelection::Kind::response : RowSelection::Kind::all, 0};
  }
  key_part(context);
}

std::string state_line(const AppState& state) {
  const RunResult* run = state.intervened();
  if (run == nullptr) return {};
  std::string line = "last run " + format_seconds(run->seconds);
  if (state.snapshot->preview_error)
    line += "   preview error " + format_weight(static_cast<float>(*state.snapshot->preview_error));
  return line;
}

void footer(ViewContext& context) {
  const AppState& state = context.state;
  const RunResult* run = state.intervened();
  command_button(context, "settings.reset", "Reset");
  ImGui::SameLine();
  command_button(context, "experiment.sweep_this", "Sweep");
  ImGui::SameLine();
  ImGui::AlignTextToFramePadding();
  if (run != nullptr) {
    const bool preview = run->quality == Quality::preview;
    const char* quality = run->quality == Quality::growing ? "so far" : "exact";
    badge(preview ? "preview" : quality,
          preview ? context.theme.gold_soft : context.theme.accent_soft, context.theme.text);
    ImGui::SetItemTooltip("%s", preview ? "Estimated from cached attention: exact for the first "
                                          "touched layer with these tokens,\n"
                                          "an estimate above it. The exact run follows."
                                        : "Computed by the model with these settings.");
    ImGui::SameLine();
    ImGui::AlignTextToFramePadding();
  }
  std::string line = state_line(state);
  if (ImGui::CalcTextSize(line.c_str()).x > ImGui::GetContentRegionAvail().x)
    line.resize(std::min(line.find("   "), line.size()));  // the run's time alone
  text_muted(context, line);
  ImGui::SetItemTooltip(
      "Preview error: largest difference between preview and exact run\nover the rows of the heads "
      "acted on.");
}

}  // namespace

void controls_view(ViewContext& context) {
  strengths(context);
  other(context);
  heads(context);
  rows(context);
  ImGui::Dummy(ImVec2(0, em() * 0.1f));
  footer(context);
}

}  // namespace headscope
