#include "app/views/prompt_panel.h"

#include <imgui_stdlib.h>

#include <algorithm>
#include <functional>
#include <string>

namespace headscope {
namespace {

constexpr int kFoldedLines = 4;

std::string_view slice(const std::string& text, ByteSpan span) {
  if (span.begin >= text.size() || span.empty()) return {};
  return std::string_view(text).substr(span.begin, span.end - span.begin);
}

// The document's text without "Document [3](Title: T) ".
ByteSpan body_of(const std::string& text, const DocumentSpan& document) {
  std::size_t begin =
      document.relevant.begin + std::string_view("(Title: ").size() + document.title.size() + 1;
  while (begin < document.relevant.end && text[begin] == ' ') ++begin;
  return {std::min(begin, document.relevant.end), document.relevant.end};
}

}  // namespace

void PromptPanel::draw(ViewContext& context) {
  AppState& state = context.state;
  const std::size_t hash = std::hash<std::string>{}(state.request.prompt.text);
  if (hash != text_hash_) {
    text_hash_ = hash;
    heights_.clear();
    show_gold_ = ImGui::GetTime() >= state.quiet_until;  // not while somebody types
  }
  sample_controls(context);
  data_pager(context);
  int mode = state.view.edit_text ? 1 : 0;
  if (segmented(context, "mode", {"Documents", "Edit text"}, mode))
    state.view.edit_text = mode == 1;
  chat_switch(context);
  if (state.prompt_is_current()) {
    const std::string tokens = std::to_string(state.snapshot->prompt->prompt_tokens()) + " tokens";
    same_line_right(ImGui::CalcTextSize(tokens.c_str()).x);
    text_muted(context, tokens);
  }
  unknown_words(context);
  if (state.view.edit_text) {
    std::string text = state.request.prompt.text;
    if (ImGui::InputTextMultiline("##text", &text, ImVec2(-FLT_MIN, -FLT_MIN),
                                  ImGuiInputTextFlags_WordWrap)) {
      state.edit_text(std::move(text));
    }
    return;
  }
  question_field(context);
  cards(context);
}

void PromptPanel::chat_switch(ViewContext& context) {
  AppState& state = context.state;
  const ModelInfo* model = state.snapshot->model.get();
  const bool has_template = model != nullptr && model->has_chat_template;
  ImGui::SameLine();
  ImGui::BeginDisabled(!has_template);
  // Off where there is no template, without forgetting the choice for a model that has one.
  bool chat = has_template && state.request.prompt.chat;
  if (ImGui::Checkbox("Chat", &chat)) state.request.prompt.chat = chat;
  ImGui::EndDisabled();
  if (!ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) return;
  ImGui::SetTooltip("%s", has_template
                              ? "The prompt is the single user message of the model's chat template"
                              : "This model has no chat template: the prompt is read as it is");
}

void PromptPanel::sample_controls(ViewContext& context) {
  AppState& state = context.state;
  command_button(context, "prompt.new_sample", "New sample");
  ImGui::SameLine();
  int kind = static_cast<int>(state.wish.kind);
  const float documents_width = em() * 5.6f;
  ImGui::SetNextItemWidth(std::max(em() * 4, ImGui::GetContentRegionAvail().x - documents_width -
                                                 ImGui::GetStyle().ItemSpacing.x));
  if (ImGui::Combo("##kind", &kind, "similar\0neutral\0mixed\0own people ...\0")) {
    if (kind < 3) {
      state.wish.kind = static_cast<SampleKind>(kind);
    } else {
      context.commands.run("prompt.own_people");
    }
  }
  ImGui::SetItemTooltip(
      "Distractors: similar = shared names and the same relations;\nneutral = unlike names; mixed "
      "= some of both;\nown people = a form for people and facts of your own");
  ImGui::SameLine();
  ImGui::SetNextItemWidth(documents_width);
  ImGui::DragInt("##documents", &state.wish.documents, 0.1f, 1, 20, "%d docs",
                 ImGuiSliderFlags_AlwaysClamp);
  ImGui::SetItemTooltip("Documents of a new sample: drag, or double-click to type");
}

void PromptPanel::data_pager(ViewContext& context) {
  AppState& state = context.state;
  if (state.book.loading.valid()) {
    text_muted(context, "Reading the data file ...");
    return;
  }
  if (state.book.samples.empty()) return;
  command_button(context, "data.previous", "<");
  ImGui::SameLine(0, 2);
  command_button(context, "data.next", ">");
  ImGui::SameLine();
  const std::string place = std::to_string(state.book.current + 1) + " / " +
                            std::to_string(state.book.samples.size()) + "  " + state.book.name;
  draw_fitted_text(*ImGui::GetWindowDrawList(),
                   ImVec2(ImGui::GetCursorScreenPos().x,
                          ImGui::GetCursorScreenPos().y + ImGui::GetStyle().FramePadding.y),
                   ImGui::GetContentRegionAvail().x, context.theme.muted, place);
  ImGui::Dummy(ImVec2(0, ImGui::GetFrameHeight()));
}

void PromptPanel::unknown_words(ViewContext& context) {
  const AppState& state = context.state;
  if (!state.prompt_is_current() || state.snapshot->prompt->unknown_words.empty()) return;
  const PromptView& prompt = *state.snapshot->prompt;
  constexpr std::size_t kShown = 6;
  std::string line = std::to_string(prompt.unknown_words.size()) +
                     (prompt.unknown_words.size() == 1 ? " word the model does not know: "
                                                       : " words the model does not know: ");
  std::vector<std::string_view> shown;
  for (const ByteSpan span : prompt.unknown_words) {
    std::string_view word = slice(prompt.text, span);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    if (std::find(shown.begin(), shown.end(), word) != shown.end()) continue;
    if (shown.size() == kShown) {
      line += " ...";
      break;
    }
    if (!shown.empty()) line += ", ";
    line += word;
    shown.push_back(word);
  }
  ImGui::PushTextWrapPos(0);
  text_colored(context.theme.bad, line);
  ImGui::PopTextWrapPos();
  ImGui::SetItemTooltip("The model reads an \"unknown\" token in their place.");
}

void PromptPanel::question_field(ViewContext& context) {
  AppState& state = context.state;
  const ByteSpan at = state.layout().question;
  if (at.empty()) return;
  std::string question(slice(state.request.prompt.text, at));
  ImGui::SetNextItemWidth(-FLT_MIN);
  if (ImGui::InputTextWithHint("##question", "Question", &question) &&
      question.find('\n') == std::string::npos && !question.empty()) {
    state.edit_question(question);
  }
  ImGui::SetItemTooltip("Question");
}

void PromptPanel::cards(ViewContext& context) {
  const std::vector<DocumentSpan>& documents = context.state.layout().documents;
  if (documents.empty()) {
    const bool blank = context.state.request.prompt.text.empty();
    empty_note(
        context, blank ? "No prompt yet" : "No documents found in this text",
        blank ? "New sample makes one; a data file or a text file can be dropped here."
              : "Documents begin with \"Document [1](Title: ...)\". Use Edit text to see it all.");
    return;
  }
  heights_.resize(documents.size(), 0.0f);
  expanded_.resize(documents.size(), false);
  ImGui::BeginChild("cards", ImVec2(0, 0), ImGuiChildFlags_None);
  const float width = ImGui::GetContentRegionAvail().x;
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, em() * 0.35f));
  for (int i = 0; i < static_cast<int>(documents.size()); ++i) {
    float& height = heights_[static_cast<std::size_t>(i)];
    if (height > 0 && !ImGui::IsRectVisible(ImVec2(width, height))) {
      ImGui::Dummy(ImVec2(width, height));
      continue;
    }
    const float before = ImGui::GetCursorPosY();
    card(context, i, documents[static_cast<std::size_t>(i)], width);
    height = ImGui::GetCursorPosY() - before - ImGui::GetStyle().ItemSpacing.y;
    if (show_gold_ && i == context.state.request.prompt.gold_document) {
      ImGui::SetScrollHereY(0.35f);
      show_gold_ = false;
    }
  }
  ImGui::PopStyleVar();
  ImGui::EndChild();
}

void PromptPanel::card(ViewContext& context, int index, const DocumentSpan& document, float width) {
  AppState& state = context.state;
  const Theme& theme = context.theme;
  const std::string& text = state.request.prompt.text;
  const bool gold = state.request.prompt.gold_document == index;
  const float pad = em() * 0.5f;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  ImGui::PushID(index);
  list.ChannelsSplit(2);
  list.ChannelsSetCurrent(1);
  ImGui::BeginGroup();
  const ImVec2 top = ImGui::GetCursorScreenPos();

  // Header: number, title, gold mark. Clicking it marks the document as gold.
  const float header = em() * 1.25f + pad;
  ImGui::SetNextItemAllowOverlap();
  if (ImGui::InvisibleButton("gold", ImVec2(width, header))) state.mark_gold(index);
  const bool hovered = ImGui::IsItemHovered();
  if (hovered)
    ImGui::SetTooltip(gold ? "The gold document. Click to unmark it"
                           : "Click to mark this document as gold");
  const float line_y = top.y + pad * 0.8f;
  const std::string number = std::to_string(document.number);
  list.AddText(ImVec2(top.x + pad + em() * 0.3f, line_y), gold ? theme.gold : theme.muted,
               number.c_str());
  const bool likely = state.likely().index == index;
  const char* likely_tag = state.likely().is_clear() ? "likely" : "likely?";
  const char* tag = gold ? "gold" : hovered ? "mark gold" : likely ? likely_tag : "";
  const float tag_width = *tag ? ImGui::CalcTextSize(tag).x + pad : 0;
  ImGui::PushFont(context.fonts.bold, 0.0f);
  draw_fitted_text(list, ImVec2(top.x + pad + em() * 1.9f, line_y),
                   width - em() * 1.9f - 2 * pad - tag_width, theme.text, document.title);
  ImGui::PopFont();
  if (*tag)
    list.AddText(ImVec2(top.x + width - tag_width, line_y), gold ? theme.gold : theme.muted, tag);

  // Body, with the words that the model does not know underlined.
  const ByteSpan body = body_of(text, document);
  std::vector<TextMark> marks;
  if (state.prompt_is_current()) {
    for (const ByteSpan word : state.snapshot->prompt->unknown_words) {
      if (word.overlaps(body))
        marks.push_back({{word.begin - body.begin, word.end - body.begin}, 0, theme.bad});
    }
  }
  ImGui::SetCursorScreenPos(ImVec2(top.x + pad + em() * 0.3f, top.y + header));
  const std::size_t slot = static_cast<std::size_t>(index);
  const bool all = wrapped_text(slice(text, body), marks, theme.text, width - 2 * pad - em() * 0.3f,
                                expanded_[slot] ? 0 : kFoldedLines);
  if (!all || expanded_[slot]) {
    ImGui::SetCursorScreenPos(
        ImVec2(top.x + pad + em() * 0.3f, ImGui::GetCursorScreenPos().y - em() * 0.35f));
    if (ImGui::TextLink(expanded_[slot] ? "less" : "more")) {
      expanded_[slot] = !expanded_[slot];
    }
  }
  ImGui::EndGroup();
  const float bottom = ImGui::GetItemRectMax().y + pad * 0.4f;
  list.ChannelsSetCurrent(0);
  const float rounding = em() * 0.3f;
  list.AddRectFilled(top, ImVec2(top.x + width, bottom),
                     gold      ? theme.gold_soft
                     : hovered ? theme.card_hover
                               : theme.card,
                     rounding);
  if (gold)
    list.AddRectFilled(top, ImVec2(top.x + em() * 0.22f, bottom), theme.gold, rounding,
                       ImDrawFlags_RoundCornersLeft);
  list.ChannelsMerge();
  ImGui::SetCursorScreenPos(top);
  ImGui::Dummy(ImVec2(width, bottom - top.y));
  ImGui::PopID();
}

}  // namespace headscope
