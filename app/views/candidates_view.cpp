#include "app/views/candidates_view.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

namespace headscope {
namespace {

constexpr const char* kPopup = "candidates";
constexpr float kTokenWidth = 7.5f, kBarWidth = 5.5f, kNumberWidth = 3.6f;  // font heights

void candidate_line(const ViewContext& context, const CandidateView& candidate, bool chosen,
                    ImU32 color) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float height = ImGui::GetTextLineHeight();
  const Theme& theme = context.theme;
  ImGui::PushFont(chosen ? context.fonts.bold : nullptr, 0.0f);
  draw_fitted_text(list, at, em() * (kTokenWidth - 0.5f), chosen ? theme.text : theme.muted,
                   shown_token(candidate.text));
  ImGui::PopFont();
  const float left = at.x + em() * kTokenWidth, room = em() * kBarWidth;
  const float bar = room * std::clamp(candidate.probability, 0.0f, 1.0f);
  list.AddRectFilled(ImVec2(left, at.y + height * 0.2f), ImVec2(left + room, at.y + height * 0.85f),
                     theme.card);
  list.AddRectFilled(ImVec2(left, at.y + height * 0.2f), ImVec2(left + bar, at.y + height * 0.85f),
                     chosen ? color : with_alpha(color, 0.55f));
  const std::string number = format_probability(candidate.probability);
  const float right = left + room + em() * kNumberWidth;
  list.AddText(ImVec2(right - ImGui::CalcTextSize(number.c_str()).x, at.y), theme.text,
               number.c_str());
  ImGui::Dummy(ImVec2(right - at.x, height));
}

void candidates_column(const ViewContext& context, const RunResult& run, const char* title,
                       ImU32 color, std::size_t index) {
  ImGui::TableNextColumn();
  text_colored(color, title);
  const float width = em() * (kTokenWidth + kBarWidth + kNumberWidth);
  ImGui::Dummy(ImVec2(width, 0));
  if (index >= run.response.size()) return text_muted(context, "has ended");
  if (run.quality == Quality::preview) return text_muted(context, "with the exact run");
  if (run.quality == Quality::growing) return text_muted(context, "with the whole answer");
  if (index >= run.candidates.size()) return text_muted(context, "not kept");
  for (const CandidateView& candidate : run.candidates[index])
    candidate_line(context, candidate, candidate.id == run.response[index].id, color);
}

void divergence_note(const ViewContext& context, std::size_t index) {
  const Snapshot& snapshot = *context.state.snapshot;
  if (!snapshot.baseline || !snapshot.intervened) return;
  const auto at = first_difference(*snapshot.baseline, *snapshot.intervened);
  if (!at || index < *at) return;
  ImGui::SameLine(0, em() * 0.8f);
  if (index == *at) {
    badge("first divergence", context.theme.accent_soft, context.theme.text);
  } else {
    text_muted(context, "after the first divergence: the texts before differ");
  }
}

}  // namespace

std::string format_probability(float probability) {
  if (probability > 0 && probability < 0.0005f) return "< 0.1 %";
  char text[32];
  std::snprintf(text, sizeof text, probability >= 0.9995f ? "%.0f %%" : "%.1f %%",
                static_cast<double>(probability) * 100);
  return text;
}

std::string shown_token(std::string_view token) {
  std::string text;
  for (const char c : token) text += c == '\n' ? "\\n" : std::string(1, c);
  return text.empty() ? "(empty)" : text;
}

std::size_t response_tokens_of(const Snapshot& snapshot) {
  std::size_t count = snapshot.baseline ? snapshot.baseline->response.size() : 0;
  if (snapshot.intervened) count = std::max(count, snapshot.intervened->response.size());
  return count;
}

void candidates_table(const ViewContext& context, std::size_t index) {
  const Snapshot& snapshot = *context.state.snapshot;
  if (!snapshot.baseline) return;
  text_bold(context, "Next token " + std::to_string(index + 1) + " of " +
                         std::to_string(response_tokens_of(snapshot)));
  divergence_note(context, index);
  const bool both = snapshot.intervened && snapshot.intervened != snapshot.baseline;
  const ImGuiTableFlags flags = ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_BordersInnerV;
  if (!ImGui::BeginTable("runs", both ? 2 : 1, flags)) return;
  candidates_column(context, *snapshot.baseline, "Baseline", context.theme.baseline, index);
  if (both) {
    candidates_column(context, *snapshot.intervened, "Intervened", context.theme.accent, index);
  }
  ImGui::EndTable();
}

void token_stepper(ViewContext& context) {
  AppState& state = context.state;
  const std::size_t token = state.candidates.token, count = response_tokens_of(*state.snapshot);
  // Pressed again and again, a button must not lose the keyboard's focus: it is not disabled.
  if (ImGui::ArrowButton("previous token", ImGuiDir_Left) && token > 0) state.step_token(-1);
  ImGui::SetItemTooltip("Previous response token ([)");
  ImGui::SameLine(0, 2);
  if (ImGui::ArrowButton("next token", ImGuiDir_Right) && token + 1 < count) state.step_token(1);
  ImGui::SetItemTooltip("Next response token (])");
  if (state.intervened() == nullptr || state.intervened() == state.baseline()) return;
  const auto at = state.divergence();
  ImGui::SameLine();
  ImGui::BeginDisabled(!at);
  if (ImGui::Button("First divergence") && at) state.choose_token(false, *at);
  ImGui::EndDisabled();
}

void candidates_popup(ViewContext& context) {
  AppState& state = context.state;
  if (std::exchange(state.candidates.open, false)) ImGui::OpenPopup(kPopup);
  const ImVec2 corner = ImGui::GetWindowPos();  // below the answers
  ImGui::SetNextWindowPos(ImVec2(corner.x, corner.y + ImGui::GetWindowHeight()),
                          ImGuiCond_Appearing);
  if (!ImGui::BeginPopup(kPopup)) return;
  const Snapshot& snapshot = *state.snapshot;
  const std::size_t count = response_tokens_of(snapshot);
  std::size_t& token = state.candidates.token;
  if (count == 0 || !snapshot.baseline) {
    text_muted(context, "There is no response yet.");
    ImGui::EndPopup();
    return;
  }
  token = std::min(token, count - 1);
  token_stepper(context);
  candidates_table(context, token);
  text_muted(context, "[ and ]: previous and next token");
  ImGui::EndPopup();
}

}  // namespace headscope
