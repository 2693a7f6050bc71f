#include "app/views/prompt_view.h"

#include <imgui_internal.h>
#include <imgui_stdlib.h>

#include <algorithm>
#include <string>

#include "app/views/expected_answers.h"
#include "core/text/split_edit.h"

namespace headscope {
namespace {

constexpr int kFoldedLines = 4;

std::string_view slice(const std::string& text, ByteSpan span) {
  if (span.begin >= text.size() || span.empty()) return {};
  return std::string_view(text).substr(span.begin, span.end - span.begin);
}

// The document's text without "Document [3](Title: T) ".
ByteSpan body_of(const std::string& text, const DocumentSpan& document) {
  if (!slice(text, document.relevant).starts_with("(Title: ")) return document.relevant;
  std::size_t begin =
      document.relevant.begin + std::string_view("(Title: ").size() + document.title.size() + 1;
  while (begin < document.relevant.end && (text[begin] == ' ' || text[begin] == ':')) ++begin;
  return {std::min(begin, document.relevant.end), document.relevant.end};
}

// Where in `after` that ends in which the two differ.
std::size_t end_of_change(const std::string& before, const std::string& after) {
  const auto differ = std::mismatch(before.rbegin(), before.rend(), after.rbegin(), after.rend());
  return static_cast<std::size_t>(after.rend() - differ.second);
}

// A field of one line makes blanks of a pasted text's line ends: here they separate answers.
int keep_pasted_lines(ImGuiInputTextCallbackData* data) {
  const ImGuiIO& io = ImGui::GetIO();
  const bool pastes = (io.KeyCtrl && ImGui::IsKeyPressed(ImGuiKey_V)) ||
                      (io.KeyShift && ImGui::IsKeyPressed(ImGuiKey_Insert));
  if (!pastes) return 0;
  const char* clipboard = ImGui::GetClipboardText();
  const std::string pasted = clipboard != nullptr ? clipboard : "";
  if (pasted.find('\n') == std::string::npos) return 0;
  std::string flat;
  for (const char c : pasted) {
    if (c == '\n') flat += ' ';
    if (static_cast<unsigned char>(c) >= 0x20) flat += c;
  }
  const auto end = static_cast<std::size_t>(data->CursorPos);
  const std::string_view before(data->Buf, end);
  if (!before.ends_with(flat)) return 0;
  const int begin = static_cast<int>(end - flat.size());
  data->DeleteChars(begin, static_cast<int>(flat.size()));
  data->InsertChars(begin, answers_as_line(answers_from_line(pasted)).c_str());
  return 0;
}

}  // namespace

void PromptPanel::draw(ViewContext& context) {
  AppState& state = context.state;
  if (!drawn_.is(state.request.prompt.text)) {
    drawn_ = state.request.prompt.text;
    heights_.clear();
    show_gold_ = ImGui::GetTime() >= state.quiet_until;  // not while somebody types
  }
  const ModelInfo* model = state.snapshot->model.get();
  // Samples are of the embedded model's world: another model has no use for them.
  if (model != nullptr ? model->is_demo : state.request.model == "demo") sample_controls(context);
  data_pager(context);
  int mode = state.view.edit_text ? 1 : 0;
  if (segmented(context, "mode", {"Documents", "Edit text"}, mode))
    state.view.edit_text = mode == 1;
  chat_switch(context);
  if (state.prompt_is_current()) {
    const std::string tokens = std::to_string(state.snapshot->prompt->prompt_tokens()) + " tok.";
    const float width = ImGui::CalcTextSize(tokens.c_str()).x;
    ImGui::SameLine();
    if (ImGui::GetContentRegionAvail().x < width) {
      ImGui::NewLine();  // the status bar has the number too
    } else {
      same_line_right(width);
      text_muted(context, tokens);
    }
  }
  unknown_words(context);
  split_controls(context);
  if (state.view.edit_text) {
    answers_field(context);
    text_field(context);
    return;
  }
  question_field(context);
  answers_field(context);
  cards(context);
}

void PromptPanel::split_controls(ViewContext& context) {
  AppState& state = context.state;
  const Splitting& now = state.request.prompt.splitting;
  const SplitPrompt& split = state.split();
  std::string shown = split_label(now.method);
  if (now.method == "auto" && split.method != "none") shown += ": " + split_label(split.method);
  ImGui::SetNextItemWidth(-FLT_MIN);
  if (ImGui::BeginCombo("##split", shown.c_str())) {
    const auto choice = [&](const char* method, const char* example) {
      const bool chosen = now.method == method;
      if (ImGui::Selectable(split_label(method).c_str(), chosen)) {
        const bool by_hand = std::string_view(method) == "hand";
        Splitting wanted{method, now.pattern, {}};
        if (by_hand) wanted.by_hand = bounds_of(state.layout().documents);
        state.split_by(std::move(wanted));
      }
      if (example != nullptr) ImGui::SetItemTooltip("%s", example);
    };
    choice("auto", "The first format that the text shows");
    for (const SplitFormat& format : split_formats()) choice(format.name, format.example);
    choice("pattern", "Every match of a regular expression begins a document");
    choice("between", "Matches of a regular expression stand between documents");
    choice("hand", "The documents of now, to be corrected: Edit text, and the cards' menus");
    choice("none", nullptr);
    ImGui::EndCombo();
  }
  ImGui::SetItemTooltip("How documents are found in the text: %s", split.reason.c_str());
  if (now.method == "pattern" || now.method == "between") {
    Splitting changed = now;
    ImGui::SetNextItemWidth(-FLT_MIN);
    if (ImGui::InputTextWithHint("##pattern", "regular expression, such as ^## ",
                                 &changed.pattern)) {
      state.split_by(std::move(changed));
      state.pause();
    }
  }
  const std::string& error = state.split_error();
  ImGui::PushTextWrapPos(0);
  if (!error.empty()) {
    text_colored(context.theme.bad, error);
  } else if (!split.prompt.text.empty() && split.method != "titled") {
    text_muted(context, split.reason);
  }
  ImGui::PopTextWrapPos();
}

// ImGui's own undo forgets what is longer than a thousand characters, so that a pasted prompt could
// not be taken back: here the window's undo serves, a step for each pause in typing.
void PromptPanel::undo_while_typing(ViewContext& context) {
  AppState& state = context.state;
  const auto pressed = [&](const char* id) {
    const Command* command = context.commands.find(id);
    return command != nullptr && command->shortcut != 0 &&
           ImGui::IsKeyChordPressed(command->shortcut);
  };
  if (pressed("edit.undo")) {
    state.history.undo(state.request);
  } else if (pressed("edit.redo")) {
    state.history.redo(state.request);
  }
}

void PromptPanel::text_field(ViewContext& context) {
  AppState& state = context.state;
  const SharedText prompt = state.request.prompt.text;
  const ByteSpan at{std::min(selection_.begin, prompt.size()),
                    std::min(selection_.end, prompt.size())};
  if (ImGui::Button("Split here"))
    state.correct(split_at(prompt, bounds_of(state.layout().documents), at.end));
  ImGui::SetItemTooltip("The document at the cursor becomes two");
  ImGui::BeginDisabled(at.empty());
  ImGui::SameLine();
  if (ImGui::Button("Document")) state.select_document(at, false);
  ImGui::SetItemTooltip("The selected text becomes a document");
  ImGui::SameLine();
  if (ImGui::Button("Relevant")) state.select_document(at, true);
  ImGui::SetItemTooltip(
      "The selected text becomes a document of its own that is marked as relevant,\nbeside others "
      "that are");
  ImGui::EndDisabled();
  const auto follow = [](ImGuiInputTextCallbackData* data) {
    auto& selection = *static_cast<ByteSpan*>(data->UserData);
    const int first = std::min(data->SelectionStart, data->SelectionEnd);
    const int last = std::max(data->SelectionStart, data->SelectionEnd);
    selection = {static_cast<std::size_t>(first), static_cast<std::size_t>(last)};
    if (first == last) selection.begin = selection.end = static_cast<std::size_t>(data->CursorPos);
    return 0;
  };
  const ImGuiID id = ImGui::GetID("##text");
  const bool active = ImGui::GetActiveID() == id;
  if (active) undo_while_typing(context);
  if (!typed_of_.is(state.request.prompt.text)) {
    const std::size_t cursor = end_of_change(typed_, state.request.prompt.text);
    typed_of_ = state.request.prompt.text;
    typed_ = typed_of_.str();
    if (ImGuiInputTextState* field = active ? ImGui::GetInputTextState(id) : nullptr) {
      field->WantReloadUserBuf = true;
      field->ReloadSelectionStart = field->ReloadSelectionEnd = static_cast<int>(cursor);
    }
  }
  const bool all_selected = active && !at.empty() && at.begin == 0 && at.end == prompt.size();
  const bool changed =
      ImGui::InputTextMultiline("##text", &typed_, ImVec2(-FLT_MIN, -FLT_MIN),
                                ImGuiInputTextFlags_WordWrap | ImGuiInputTextFlags_CallbackAlways |
                                    ImGuiInputTextFlags_NoUndoRedo,
                                follow, &selection_);
  if (!changed || typed_of_ == typed_) return;
  state.edit_text(typed_, all_selected);
  typed_of_ = state.request.prompt.text;
}

void PromptPanel::card_menu(ViewContext& context, int index) {
  AppState& state = context.state;
  if (!ImGui::BeginPopup("card menu")) return;
  const std::string text = state.request.prompt.text;
  const auto bounds = bounds_of(state.layout().documents);
  const auto slot = static_cast<std::size_t>(index);
  const bool gold = state.request.prompt.is_gold(index);
  if (ImGui::MenuItem("Relevant", nullptr, gold)) state.mark_gold(index, true);
  ImGui::SetItemTooltip("Beside other documents that are marked");
  if (ImGui::MenuItem("Relevant, and no other")) state.request.prompt.mark({index});
  ImGui::Separator();
  if (ImGui::MenuItem("Merge with the next one", nullptr, false, slot + 1 < bounds.size()))
    state.correct(merge_with_next(bounds, slot));
  if (ImGui::MenuItem("Not a document")) state.correct(without(bounds, slot));
  if (ImGui::MenuItem("Set its bounds in the text ...")) {
    selection_ = {bounds[slot].content, bounds[slot].content_end};
    state.view.edit_text = true;
  }
  ImGui::EndPopup();
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

void PromptPanel::answers_field(ViewContext& context) {
  std::vector<std::string>& answers = context.state.request.prompt.answers;
  std::string line = answers_as_line(answers);
  ImGui::SetNextItemWidth(-FLT_MIN);
  if (ImGui::InputTextWithHint("##answers", "Expected answers: one | another", &line,
                               ImGuiInputTextFlags_CallbackEdit, keep_pasted_lines)) {
    answers = answers_from_line(line);
    context.state.pause();
  }
  ImGui::SetItemTooltip(
      "What counts as right: several answers with \" | \" between them, or pasted one a line.\n"
      "The marks beside the answers, the tests of this prompt and its report go by them.");
}

void PromptPanel::cards(ViewContext& context) {
  const std::vector<DocumentSpan>& documents = context.state.layout().documents;
  if (documents.empty()) {
    const bool blank = context.state.request.prompt.text.empty();
    empty_note(context, blank ? "No prompt yet" : "No documents found in this text",
               blank
                   ? "Edit text: paste any prompt. A text file or a data file can be dropped here."
                   : "Choose above how they are found, or mark them in Edit text.");
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
    int& wanted = context.state.show_document;
    if (wanted == i || (show_gold_ && i == context.state.request.prompt.gold_document)) {
      ImGui::SetScrollHereY(0.35f);
      show_gold_ = false;
      wanted = -1;
    }
  }
  ImGui::PopStyleVar();
  ImGui::EndChild();
}

namespace {

constexpr float kCardIndent = 0.3f;  // em

float card_pad() {
  return em() * 0.5f;
}
float card_header_height() {
  return em() * 1.25f + card_pad();
}

// Number, title and gold mark. A click marks the document as gold, the dots open the menu. True
// under the mouse.
bool card_header(ViewContext& context, int index, const DocumentSpan& document, float width) {
  AppState& state = context.state;
  const Theme& theme = context.theme;
  const bool gold = state.request.prompt.is_gold(index);
  const float pad = card_pad(), header = card_header_height();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 top = ImGui::GetCursorScreenPos();
  const char* dots = "...";
  const float dots_width = ImGui::CalcTextSize(dots).x, menu = dots_width + em() * 0.7f;
  if (ImGui::InvisibleButton("gold", ImVec2(width - menu, header), ImGuiButtonFlags_EnableNav))
    state.mark_gold(index, ImGui::GetIO().KeyCtrl);
  const bool hovered = ImGui::IsItemHovered();
  ImGui::OpenPopupOnItemClick("card menu", ImGuiPopupFlags_MouseButtonRight);
  if (hovered) {
    ImGui::SetTooltip("%s; with Ctrl beside others.\nRight click: merge, take out, set bounds",
                      gold ? "A relevant (gold) document. Click to unmark it"
                           : "Click to mark this document as the relevant (gold) one");
  }
  ImGui::SameLine(0, 0);
  if (ImGui::InvisibleButton("menu", ImVec2(menu, header), ImGuiButtonFlags_EnableNav))
    ImGui::OpenPopup("card menu");
  list.AddText(ImVec2(top.x + width - dots_width - em() * 0.35f, top.y),
               ImGui::IsItemHovered() || ImGui::IsItemFocused() ? theme.text : theme.muted, dots);
  const float line_y = top.y + pad * 0.8f;
  const std::string number = std::to_string(document.number);
  list.AddText(ImVec2(top.x + pad + em() * kCardIndent, line_y), gold ? theme.gold : theme.muted,
               number.c_str());
  const bool likely = state.likely().index == index;
  const char* likely_tag = state.likely().is_clear() ? "likely" : "likely?";
  const char* tag = gold ? "gold" : hovered ? "mark gold" : likely ? likely_tag : "";
  const float tag_width = menu + (*tag ? ImGui::CalcTextSize(tag).x + pad * 0.4f : 0);
  ImGui::PushFont(context.fonts.bold, 0.0f);
  draw_fitted_text(list, ImVec2(top.x + pad + em() * 1.9f, line_y),
                   width - em() * 1.9f - 2 * pad - tag_width, theme.text, document.title);
  ImGui::PopFont();
  if (*tag)
    list.AddText(ImVec2(top.x + width - tag_width, line_y), gold ? theme.gold : theme.muted, tag);
  return hovered;
}

// The text at `top`, with the words that the model does not know underlined; its first lines unless
// it is `expanded`. True when it shall be the other way.
bool card_body(const ViewContext& context, const DocumentSpan& document, ImVec2 top, float width,
               bool expanded) {
  const AppState& state = context.state;
  const std::string& text = state.request.prompt.text;
  const ByteSpan body = body_of(text, document);
  std::vector<TextMark> marks;
  if (state.prompt_is_current()) {
    for (const ByteSpan word : state.snapshot->prompt->unknown_words) {
      if (word.overlaps(body))
        marks.push_back({{word.begin - body.begin, word.end - body.begin}, 0, context.theme.bad});
    }
  }
  const float left = top.x + card_pad() + em() * kCardIndent;
  ImGui::SetCursorScreenPos(ImVec2(left, top.y));
  const float room = width - 2 * card_pad() - em() * kCardIndent;
  const bool all =
      wrapped_text(slice(text, body), marks, context.theme.text, room, expanded ? 0 : kFoldedLines);
  if (all && !expanded) return false;
  ImGui::SetCursorScreenPos(ImVec2(left, ImGui::GetCursorScreenPos().y - em() * 0.35f));
  return ImGui::TextLink(expanded ? "less" : "more");
}

}  // namespace

void PromptPanel::card(ViewContext& context, int index, const DocumentSpan& document, float width) {
  const Theme& theme = context.theme;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  ImGui::PushID(index);
  list.ChannelsSplit(2);
  list.ChannelsSetCurrent(1);
  ImGui::BeginGroup();
  const ImVec2 top = ImGui::GetCursorScreenPos();
  const bool gold = context.state.request.prompt.is_gold(index);
  const bool hovered = card_header(context, index, document, width);
  card_menu(context, index);
  const std::size_t slot = static_cast<std::size_t>(index);
  if (card_body(context, document, ImVec2(top.x, top.y + card_header_height()), width,
                expanded_[slot]))
    expanded_[slot] = !expanded_[slot];
  ImGui::EndGroup();
  const float bottom = ImGui::GetItemRectMax().y + card_pad() * 0.4f;
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
