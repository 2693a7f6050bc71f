#include "app/views/status_bar.h"

#include <imgui_internal.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "core/base/units.h"
#include "core/engine/outlook.h"

namespace headscope {
namespace {

std::string with_unit(std::int64_t count) {
  char buffer[32];
  if (count >= 1'000'000'000) {
    std::snprintf(buffer, sizeof buffer, "%.1f B", static_cast<double>(count) / 1e9);
  } else if (count >= 1'000'000) {
    std::snprintf(buffer, sizeof buffer, "%.1f M", static_cast<double>(count) / 1e6);
  } else {
    std::snprintf(buffer, sizeof buffer, "%.0f k", static_cast<double>(count) / 1e3);
  }
  return buffer;
}

std::string model_line(const ModelInfo& model) {
  return model.model_type + "   " + std::to_string(model.layers) + " layers x " +
         std::to_string(model.heads) + " heads   " + with_unit(model.parameters) + "   " +
         model.dtype + "   " + model.device;
}

// Where the model and what belongs to it came from.
void sources_tooltip(const ModelInfo& model) {
  if (!ImGui::IsItemHovered()) return;
  const auto or_none = [](const std::string& text) { return text.empty() ? "none" : text.c_str(); };
  ImGui::SetTooltip(
      "%s\n%d key/value heads, head_dim %d, %lld words\nfocus directions: %s\nhead ranking: %s",
      model.path.c_str(), model.kv_heads, model.head_dim, static_cast<long long>(model.vocab_size),
      or_none(model.directions_source),
      model.known_source.empty() ? "this run's contextual score" : model.known_source.c_str());
}

// Green where cached and fused computation agree with plain computation, amber where they do not,
// muted where nobody looked.
void show_parity(ViewContext& context, const ParityReport& parity) {
  text_colored(!parity.checked() ? context.theme.muted
               : parity.good()   ? context.theme.good
                                 : context.theme.bad,
               parity_badge(parity));
  if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s", parity_text(parity).c_str());
}

constexpr const char* kCapturePopup = "capture";
constexpr float kProgressWidth = 24;  // of activity, bar and Cancel, in font heights

// One line of the table of what can be kept: a choice, its memory and time, and whether it fits.
void policy_row(ViewContext& context, const char* label, const char* note,
                const PolicyEstimate& estimate, KeepAttention policy) {
  Request& request = context.state.request;
  const RunOutlook& outlook = *context.state.snapshot->outlook;
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  if (ImGui::RadioButton(label, request.keep == policy)) request.keep = policy;
  ImGui::SetItemTooltip("%s", note);
  ImGui::TableNextColumn();
  ImGui::AlignTextToFramePadding();
  text_colored(estimate.fits ? context.theme.text : context.theme.bad, estimate_text(estimate));
  ImGui::TableNextColumn();
  const bool chosen = request.keep == policy ||
                      (request.keep == KeepAttention::automatic && outlook.chosen == policy);
  text_muted(context, !estimate.fits ? "does not fit" : chosen ? "used now" : "");
}

void capture_table(ViewContext& context) {
  Request& request = context.state.request;
  const RunOutlook& outlook = *context.state.snapshot->outlook;
  text_bold(context, "What a run keeps of attention");
  text_muted(context, std::to_string(outlook.prompt_tokens) + " prompt tokens, up to " +
                          std::to_string(outlook.new_tokens) + " new; " +
                          memory_text(outlook.free_bytes) + " free");
  ImGui::Spacing();
  if (ImGui::RadioButton("Automatic", request.keep == KeepAttention::automatic))
    request.keep = KeepAttention::automatic;
  ImGui::SetItemTooltip("Rows where they fit, else span sums");
  if (!ImGui::BeginTable("policies", 3, ImGuiTableFlags_SizingFixedFit)) return;
  policy_row(context, "Span sums",
             "Mass per document and on the sink: scores, rankings and bars. Little memory at any "
             "length.",
             outlook.spans, KeepAttention::spans);
  policy_row(context, "Rows",
             "Every weight of the response rows too: their maps, and the live preview.",
             outlook.rows, KeepAttention::rows);
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  ImGui::AlignTextToFramePadding();
  const float after_button = ImGui::GetFrameHeight() + ImGui::GetStyle().ItemInnerSpacing.x;
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() + after_button);
  ImGui::TextUnformatted("Full map of one head");
  ImGui::TableNextColumn();
  text_colored(outlook.full_map.fits ? context.theme.text : context.theme.bad,
               estimate_text(outlook.full_map));
  ImGui::TableNextColumn();
  text_muted(context, outlook.full_map.fits ? "on demand" : "does not fit");
  ImGui::EndTable();
  const std::string advice = long_run_advice(outlook.of_run());
  if (advice.empty()) return;
  ImGui::PushTextWrapPos(em() * 26);
  text_muted(context, advice);
  ImGui::PopTextWrapPos();
}

// What a run takes and keeps; a click opens the choice.
void outlook(ViewContext& context) {
  const Snapshot& snapshot = *context.state.snapshot;
  if (!snapshot.outlook) return;
  const PolicyEstimate& run = snapshot.outlook->of_run();
  ImGui::SameLine(0, em() * 1.2f);
  // Progress and Cancel come first where room is scarce; the commands of the menu remain.
  const float room = ImGui::GetContentRegionAvail().x - em() * kProgressWidth;
  std::string text = "keeps " + keep_name(snapshot.outlook->chosen) + ": " + estimate_text(run);
  if (ImGui::CalcTextSize(text.c_str()).x > room) text = estimate_text(run);
  if (ImGui::CalcTextSize(text.c_str()).x > room) return;
  ImGui::PushStyleColor(ImGuiCol_Text, run.fits ? context.theme.muted : context.theme.bad);
  ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, ImVec2(em() * 0.4f, 0));
  ImGui::PushStyleColor(ImGuiCol_Button, 0);
  if (ImGui::Button((text + "###outlook").c_str())) ImGui::OpenPopup(kCapturePopup);
  ImGui::PopStyleColor(2);
  ImGui::PopStyleVar();
  ImGui::SetItemTooltip(
      "Memory beside the model's weights, and time of the longest answer.\nClick to choose what is "
      "kept");
  if (!ImGui::BeginPopup(kCapturePopup)) return;
  capture_table(context);
  ImGui::EndPopup();
}

// How often results were there already, under "ready".
void reuse_tooltip(const ReuseCounts& counts) {
  if (counts.hits + counts.misses == 0 || !ImGui::IsItemHovered()) return;
  std::string text =
      std::to_string(counts.hits) + " of " + std::to_string(counts.hits + counts.misses) +
      " runs and maps were seen before (" + memory_text(static_cast<double>(counts.seen_bytes)) +
      " kept), " + std::to_string(counts.neighbour_hits) + " of them computed ahead";
  if (counts.neighbours > 0)
    text += "\nnext positions of the sliders that are ready: " + std::to_string(counts.neighbours);
  ImGui::SetTooltip("%s", text.c_str());
}

void progress(ViewContext& context) {
  const EngineStatus& status = context.state.snapshot->status;
  const bool busy = status.state == EngineStatus::State::running ||
                    status.state == EngineStatus::State::loading_model ||
                    status.state == EngineStatus::State::starting;
  if (!busy) {
    const char* text = status.state == EngineStatus::State::failed ? "failed" : "ready";
    same_line_right(ImGui::CalcTextSize(text).x);
    text_colored(
        status.state == EngineStatus::State::failed ? context.theme.bad : context.theme.muted,
        text);
    reuse_tooltip(context.state.snapshot->reuse);
    return;
  }
  const std::string what = !status.activity.empty() ? status.activity
                           : status.state == EngineStatus::State::loading_model
                               ? "loading the model"
                               : "starting";
  const float bar = em() * 9, cancel = ImGui::CalcTextSize("Cancel").x + em() * 1.2f;
  same_line_right(ImGui::CalcTextSize(what.c_str()).x + bar + cancel + em() * 1.5f);
  text_muted(context, what);
  ImGui::SameLine(0, em() * 0.6f);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float height = em() * 0.5f, y = at.y + (ImGui::GetTextLineHeight() - height) * 0.5f;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(ImVec2(at.x, y), ImVec2(at.x + bar, y + height), context.theme.card_hover,
                     height * 0.5f);
  const double total = status.progress.total;
  const float share =
      total > 0 ? static_cast<float>(std::clamp(status.progress.done / total, 0.0, 1.0)) : 0.15f;
  list.AddRectFilled(ImVec2(at.x, y), ImVec2(at.x + std::max(bar * share, height), y + height),
                     context.theme.accent, height * 0.5f);
  ImGui::Dummy(ImVec2(bar, ImGui::GetTextLineHeight()));
  ImGui::SameLine(0, em() * 0.6f);
  ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, ImVec2(em() * 0.5f, 0));
  command_button(context, "run.cancel", "Cancel");
  ImGui::PopStyleVar();
}

}  // namespace

float status_bar_height() {
  return em() * 1.9f;
}

void status_bar(ViewContext& context) {
  const Snapshot& snapshot = *context.state.snapshot;
  // In large type, as in presenter mode, the name and the state have to do.
  const bool roomy = ImGui::GetContentRegionAvail().x > em() * 75;
  if (snapshot.model) {
    text_bold(context, snapshot.model->is_demo ? "embedded model" : snapshot.model->name);
    sources_tooltip(*snapshot.model);
    ImGui::SameLine(0, em() * 0.8f);
    if (roomy) {
      text_muted(context, model_line(*snapshot.model));
      sources_tooltip(*snapshot.model);
      ImGui::SameLine(0, em() * 0.8f);
    }
    show_parity(context, snapshot.model->parity);
  } else {
    text_muted(context, "no model loaded");
  }
  if (snapshot.prompt) {
    ImGui::SameLine(0, em() * 1.2f);
    const std::int64_t response =
        snapshot.baseline ? static_cast<std::int64_t>(snapshot.baseline->response.size()) : 0;
    std::string tokens =
        std::to_string(snapshot.prompt->prompt_tokens()) + " + " + std::to_string(response);
    if (snapshot.model && snapshot.model->context_length > 0)
      tokens += " of " + std::to_string(snapshot.model->context_length);
    text_muted(context, tokens + " tokens");
  }
  outlook(context);
  progress(context);
}

void notices(ViewContext& context) {
  std::vector<Notice>& all = context.state.notices;
  if (all.empty()) return;
  const ImGuiViewport* viewport = ImGui::GetMainViewport();
  const float width = std::min(em() * 44, viewport->WorkSize.x - em() * 2);
  ImGui::SetNextWindowPos(
      ImVec2(viewport->WorkPos.x + viewport->WorkSize.x * 0.5f,
             viewport->WorkPos.y + viewport->WorkSize.y - status_bar_height() - em() * 0.6f),
      ImGuiCond_Always, ImVec2(0.5f, 1.0f));
  ImGui::SetNextWindowSize(ImVec2(width, 0));
  ImGui::PushStyleColor(ImGuiCol_WindowBg, context.theme.card);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1.0f);
  const ImGuiWindowFlags flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                                 ImGuiWindowFlags_NoSavedSettings |
                                 ImGuiWindowFlags_NoFocusOnAppearing | ImGuiWindowFlags_NoNav |
                                 ImGuiWindowFlags_NoDocking | ImGuiWindowFlags_AlwaysAutoResize;
  std::size_t dismissed = all.size();
  if (ImGui::Begin("##notices", nullptr, flags)) {
    const float button = ImGui::CalcTextSize("Dismiss").x + em() * 1.6f;
    for (std::size_t i = 0; i < all.size(); ++i) {
      ImGui::PushID(static_cast<int>(i));
      const bool error = all[i].kind == Notice::Kind::error;
      text_colored(error ? context.theme.bad : context.theme.accent, error ? "Error" : "Note");
      ImGui::SameLine(em() * 4.2f);
      ImGui::PushTextWrapPos(width - button - em() * 1.2f);
      ImGui::TextUnformatted(all[i].text.c_str());
      ImGui::PopTextWrapPos();
      ImGui::SameLine(width - button - em() * 0.6f);
      if (ImGui::Button("Dismiss")) dismissed = i;
      ImGui::PopID();
    }
    ImGui::BringWindowToDisplayFront(ImGui::GetCurrentWindow());
  }
  ImGui::End();
  ImGui::PopStyleVar();
  ImGui::PopStyleColor();
  if (dismissed < all.size()) all.erase(all.begin() + static_cast<std::ptrdiff_t>(dismissed));
}

}  // namespace headscope
