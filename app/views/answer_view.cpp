#include "app/views/answer_view.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/views/candidates_view.h"

namespace headscope {
namespace {

constexpr float kAnswerScale = 1.12f;  // the answers are what one reads first

// One column: a run, or what there is of it so far.
struct Column {
  const char* title;
  ImU32 color;
  const RunResult* run;
  bool streaming;
  const char* stale;  // why the answer is not the current one; null when it is
  const char* note;   // stands where there is no run
};

void status_of(const ViewContext& context, const Column& column, bool has_answers) {
  const RunResult& run = *column.run;
  if (has_answers && !column.stale) {
    ImGui::SameLine(0, em() * 0.8f);
    answer_mark(context, run.matches_answer);
  }
  const char* label = column.stale                      ? column.stale
                      : run.quality == Quality::preview ? "preview"
                      : run.quality == Quality::growing ? "so far"
                                                        : nullptr;
  if (label == nullptr) return;
  ImGui::SameLine(0, em() * 0.8f);
  badge(label, context.theme.card_hover, context.theme.muted);
}

// Token of the response at a place of its drawn text.
std::optional<std::size_t> token_at(const RunResult& run, float width, ImVec2 offset) {
  const auto byte = wrapped_text_at(run.response_text, width, offset);
  if (!byte) return std::nullopt;
  const auto spans = token_spans(run);
  const auto found = std::find_if(spans.begin(), spans.end(), [&](const ByteSpan& span) {
    return *byte >= span.begin && *byte < span.end;
  });
  if (found == spans.end()) return std::nullopt;
  return static_cast<std::size_t>(found - spans.begin());
}

// What is marked in a response: the token under the mouse, the one that is looked at, the first
// divergence, and what the other response does not have.
std::vector<TextMark> marks_of(const ViewContext& context, const Column& column,
                               std::optional<std::size_t> pointed) {
  const AppState& state = context.state;
  const bool of_baseline = column.run == state.baseline();
  const auto spans = token_spans(*column.run);
  std::vector<TextMark> marks;
  const auto mark = [&](std::size_t token, ImU32 background, ImU32 underline) {
    if (token < spans.size() && !spans[token].empty())
      marks.push_back({spans[token], background, underline});
  };
  if (pointed) mark(*pointed, context.theme.card_hover, 0);
  // The token that is looked at, once somebody has chosen one.
  if (!state.view.overlay.rows.empty())
    mark(state.candidates.token, with_alpha(context.theme.selection, 0.24f), 0);
  if (state.baseline() == state.intervened()) return marks;
  for (const AlignedPair& pair : state.aligned().pairs()) {
    const std::int64_t token = of_baseline ? pair.before : pair.after;
    if (token < 0 || pair.kind == EditKind::kept) continue;
    const bool replaced = pair.kind == EditKind::replaced;
    mark(static_cast<std::size_t>(token), replaced ? with_alpha(column.color, 0.16f) : 0,
         column.color);
  }
  if (const auto at = state.divergence()) mark(*at, with_alpha(column.color, 0.38f), 0);
  return marks;
}

// Text of a run with its marks; candidates at the token under the mouse.
void response_text(ViewContext& context, const Column& column, float width) {
  const std::string& text = column.run->response_text;
  const ImVec2 origin = ImGui::GetCursorScreenPos(), mouse = ImGui::GetIO().MousePos;
  std::optional<std::size_t> pointed;
  if (ImGui::IsWindowHovered(
          ImGuiHoveredFlags_AllowWhenBlockedByActiveItem))  // while it is clicked
    pointed = token_at(*column.run, width, ImVec2(mouse.x - origin.x, mouse.y - origin.y));
  const std::vector<TextMark> marks = marks_of(context, column, pointed);
  wrapped_text(text, marks, column.stale ? context.theme.muted : context.theme.text, width);
  const ImVec2 size = ImGui::GetItemRectSize();
  ImGui::SetCursorScreenPos(origin);
  if (ImGui::InvisibleButton(column.title, size, ImGuiButtonFlags_EnableNav)) {
    if (pointed) context.state.choose_token(column.run == context.state.baseline(), *pointed);
    context.state.show_candidates(pointed);
  }
  if (!pointed || !ImGui::BeginItemTooltip()) return;
  ImGui::PushFont(nullptr, ImGui::GetStyle().FontSizeBase);
  candidates_table(context, *pointed);
  text_muted(context, "Click to keep this open; overlay, lens and scores follow.");
  ImGui::PopFont();
  ImGui::EndTooltip();
}

void answer_text(ViewContext& context, const Column& column, float width) {
  const Snapshot& snapshot = *context.state.snapshot;
  if (column.streaming) {
    const std::string text = snapshot.streaming_text + " |";
    wrapped_text(text, {}, context.theme.text, width);
    return;
  }
  if (column.run->response_text.empty()) {
    text_muted(context, "(empty response)");
  } else {
    response_text(context, column, width);
  }
}

void answer_column(ViewContext& context, const Column& column, bool has_answers) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x;
  list.AddRectFilled(ImVec2(at.x, at.y + em() * 0.1f),
                     ImVec2(at.x + em() * 0.3f, at.y + em() * 1.1f), column.color, em() * 0.1f);
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() + em() * 0.6f);
  text_bold(context, column.title);
  if (column.run != nullptr && !column.streaming) status_of(context, column, has_answers);
  if (column.run == nullptr && !column.streaming) {
    ImGui::PushTextWrapPos(0);
    text_muted(context, column.note);
    ImGui::PopTextWrapPos();
    return;
  }
  ImGui::PushFont(nullptr, ImGui::GetStyle().FontSizeBase * kAnswerScale);
  answer_text(context, column, width);
  ImGui::PopFont();
}

bool is_running(const Snapshot& snapshot) {
  return snapshot.status.state == EngineStatus::State::running;
}

const char* missing_note(const Snapshot& snapshot) {
  return snapshot.status.state == EngineStatus::State::failed ? "No answer." : "...";
}

Column baseline_column(const ViewContext& context) {
  const Snapshot& snapshot = *context.state.snapshot;
  const bool streaming = is_running(snapshot) && !snapshot.streaming_text.empty();
  return {"Baseline",
          context.theme.baseline,
          snapshot.baseline.get(),
          streaming && snapshot.streaming_is_baseline,
          context.state.prompt_is_current() ? nullptr : "updating",
          missing_note(snapshot)};
}

Column intervened_column(const ViewContext& context) {
  const AppState& state = context.state;
  const Snapshot& snapshot = *state.snapshot;
  const bool running = is_running(snapshot);
  const bool streaming = running && !snapshot.streaming_text.empty();
  Column column{"Intervened",
                context.theme.accent,
                snapshot.intervened.get(),
                streaming && !snapshot.streaming_is_baseline,
                nullptr,
                missing_note(snapshot)};
  if (!snapshot.intervened) return column;
  if (snapshot.intervened == snapshot.baseline) {
    column.run = nullptr;
    if (state.request.intervention.is_identity()) {
      column.note = "Off: no strength is set, or no head is chosen.";
    } else if (!running) {
      column.note = "Nothing to act on: mark a gold document, or choose heads.";
    }
    return column;
  }
  const bool other_settings = snapshot.intervened->settings != state.request.intervention;
  if (!state.prompt_is_current() || (other_settings && running)) column.stale = "updating";
  return column;
}

// What is marked, where anything is.
std::string marks_note(const AppState& state) {
  const AlignedResponses& aligned = state.aligned();
  if (state.baseline() == state.intervened() || !aligned.first_change()) return {};
  return aligned.summary();
}

std::string expected_line(const PromptView& prompt) {
  std::string line = "Expected: ";
  for (std::size_t i = 0; i < prompt.answers.size(); ++i)
    line += (i ? "  |  " : "") + prompt.answers[i];
  return line;
}

}  // namespace

std::vector<ByteSpan> token_spans(const RunResult& run) {
  std::vector<ByteSpan> spans;
  std::size_t at = 0;
  for (const TokenView& view : run.response) {
    std::string_view token = view.text;
    while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
    while (!token.empty() && token.back() == ' ') token.remove_suffix(1);
    const std::size_t found = run.response_text.find(token, at);
    if (token.empty() || found == std::string::npos) {
      spans.push_back({});
      continue;
    }
    at = found + token.size();
    spans.push_back({found, at});
  }
  return spans;
}

void answer_view(ViewContext& context) {
  const Snapshot& snapshot = *context.state.snapshot;
  if (!snapshot.prompt) {
    const bool failed = snapshot.status.state == EngineStatus::State::failed;
    empty_note(context, failed ? "No answer" : "The answer appears here",
               failed ? "The notice below says why." : "Baseline and intervened run side by side.");
    return;
  }
  const bool has_answers = !snapshot.prompt->answers.empty();
  const float footer = ImGui::GetTextLineHeightWithSpacing();
  // A title and whole lines, so that no line of a long answer is cut in two.
  const float line = std::round(em() * kAnswerScale) * 1.25f;
  const float title = ImGui::GetTextLineHeightWithSpacing() + em() * 0.3f;
  const float lines = std::floor((ImGui::GetContentRegionAvail().y - footer - title) / line);
  const float height = title + line * std::max(lines, 1.0f);
  const ImGuiTableFlags flags = ImGuiTableFlags_SizingStretchSame | ImGuiTableFlags_ScrollY;
  if (ImGui::BeginTable("answers", 2, flags, ImVec2(0, height))) {
    ImGui::TableNextColumn();
    answer_column(context, baseline_column(context), has_answers);
    ImGui::TableNextColumn();
    answer_column(context, intervened_column(context), has_answers);
    ImGui::EndTable();
  }
  candidates_popup(context);
  const ImVec2 cursor = ImGui::GetCursorScreenPos();
  const float bottom = cursor.y + ImGui::GetContentRegionAvail().y - ImGui::GetTextLineHeight();
  const ImVec2 at(cursor.x, std::max(cursor.y, bottom));
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float width = ImGui::GetContentRegionAvail().x;
  const std::string note = marks_note(context.state);
  const float note_width = ImGui::CalcTextSize(note.c_str()).x;
  const float left = note.empty() ? width : std::max(width * 0.5f, width - note_width - em());
  draw_fitted_text(list, at, left, context.theme.muted,
                   has_answers ? expected_line(*snapshot.prompt)
                               : "No expected answer: right and wrong are not marked.");
  if (!note.empty()) {
    draw_fitted_text(list, ImVec2(at.x + left + em(), at.y), width - left - em(),
                     context.theme.muted, note);
  }
}

}  // namespace headscope
