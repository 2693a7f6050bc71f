// links: headscope_app_testing
// labels: ui
// timeout: 240
// Typing and pasting a prompt: nothing that was typed is lost, undo leads back, and the expected
// answers are of the prompt that stands there.
#include <memory>
#include <string>

#include "app/views/expected_answers.h"
#include "tests/engine_fixture.h"
#include "tests/skip.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::fake_stage;
using test::Stage;
using test::stage_of;

namespace {

// Longer than what a text field of ImGui takes back by itself.
std::string pasted_prompt() {
  std::string text;
  for (int i = 1; i <= 40; ++i)
    text += "Document [" + std::to_string(i) + "](Title: Shelf " + std::to_string(i) +
            ") The books of shelf " + std::to_string(i) + " are about ships and harbours.\n";
  return text + "\nQuestion: What are the books about?\nAnswer:";
}

std::string text_of(Stage& s) {
  return s.state().request.prompt.text;
}

void paste_over(ImGuiTestContext* test, const char* field, const std::string& text) {
  test->ItemClick(field);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_A);
  ImGui::SetClipboardText(text.c_str());
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_V);
  test->Yield(2);
}

void script_escape(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  const std::string before = text_of(s);
  test->ItemClick("//Prompt/mode/Edit text");
  test->Yield(2);
  paste_over(test, "//Prompt/##text", pasted_prompt());
  IM_CHECK(text_of(s) == pasted_prompt());
  IM_CHECK(s.state().request.prompt.answers.empty());  // they were of the other prompt
  IM_CHECK_EQ(s.state().request.prompt.gold_document, -1);
  test->KeyPress(ImGuiKey_Escape);
  test->Yield(2);
  IM_CHECK(ImGui::GetActiveID() == 0);  // the field was left
  IM_CHECK(text_of(s) == pasted_prompt());
  s.settle(test);
  IM_CHECK(s.snapshot().prompt->text == pasted_prompt());
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK(text_of(s) == before);
  IM_CHECK_STR_EQ(s.state().request.prompt.answers.at(0).c_str(), "emerald green");
  IM_CHECK_EQ(s.state().request.prompt.gold_document, 4);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK(text_of(s) == pasted_prompt());
}

// Undo within the field, whatever the length of what was replaced.
void script_undo_within(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Prompt/##text");
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_End);
  test->KeyChars(" Ships");
  s.settle(test);  // a pause
  test->KeyChars(" and sails");
  test->Yield(2);
  IM_CHECK(text_of(s).ends_with("Answer: Ships and sails"));
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  test->Yield(2);
  IM_CHECK(text_of(s).ends_with("Answer: Ships"));
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  test->Yield(2);
  IM_CHECK(text_of(s) == pasted_prompt());
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_Z);
  test->Yield(2);
  IM_CHECK(text_of(s).ends_with("Answer: Ships"));
  test->KeyChars("!");  // goes on from what is shown
  test->Yield(2);
  IM_CHECK(text_of(s).ends_with("Answer: Ships!"));
  test->KeyPress(ImGuiKey_Escape);
  s.settle(test);
  IM_CHECK(text_of(s).ends_with("Answer: Ships!"));
}

// Emptied first, then pasted into: nothing of the prompt before is left.
void script_emptied(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().request = test::engine_request();
  s.settle(test);
  IM_CHECK(!s.state().request.prompt.answers.empty());
  test->ItemClick("//Prompt/##text");
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_A);
  test->KeyPress(ImGuiKey_Delete);
  test->Yield(2);
  IM_CHECK(text_of(s).empty());
  ImGui::SetClipboardText(pasted_prompt().c_str());
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_V);
  test->Yield(2);
  IM_CHECK(text_of(s) == pasted_prompt());
  IM_CHECK(s.state().request.prompt.answers.empty());
  // The same documents with another question, all of it replaced: another prompt as well.
  s.state().request.prompt.answers = {"ships"};
  std::string other = pasted_prompt();
  other.replace(other.find("What are"), 8, "Why are");
  paste_over(test, "//Prompt/##text", other);
  IM_CHECK(text_of(s) == other);
  IM_CHECK(s.state().request.prompt.answers.empty());
  test->KeyPress(ImGuiKey_Escape);
  s.settle(test);
}

void script_answers(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Prompt/mode/Documents");
  test->Yield(2);
  const auto& answers = s.state().request.prompt.answers;
  test->ItemClick("//Prompt/##answers");
  test->KeyChars("nothing of it | cats");
  test->KeyPress(ImGuiKey_Escape);  // keeps it
  s.settle(test);
  IM_CHECK(answers == (std::vector<std::string>{"nothing of it", "cats"}));
  IM_CHECK(s.snapshot().prompt->answers == answers);
  IM_CHECK(!s.snapshot().baseline->matches_answer);
  IM_CHECK(s.state().runs.entries().back().graded);
  // What the model says counts as right; a list is pasted a line each.
  const std::string said = s.snapshot().baseline->response_text;
  paste_over(test, "//Prompt/##answers", "cats\r\n" + said + "\n\n");
  test->KeyPress(ImGuiKey_Enter);
  s.settle(test);
  IM_CHECK_EQ(answers.size(), static_cast<std::size_t>(2));
  IM_CHECK_STR_EQ(answers.at(0).c_str(), "cats");
  IM_CHECK(s.snapshot().baseline->matches_answer);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK(answers == (std::vector<std::string>{"nothing of it", "cats"}));
}

}  // namespace

TEST_CASE("expected answers on one line, and back") {
  using Answers = std::vector<std::string>;
  CHECK(answers_as_line({}).empty());
  CHECK(answers_as_line({"a", "b c"}) == "a | b c");
  CHECK(answers_from_line("").empty());
  CHECK(answers_from_line(" | |  ").empty());
  CHECK(answers_from_line("a | b c") == Answers{"a", "b c"});
  CHECK(answers_from_line(" a \r\n b |\n| c\n") == Answers{"a", "b", "c"});
  CHECK(answers_from_line("a | b | a") == Answers{"a", "b"});
  CHECK(answers_from_line("|x| = 3") == Answers{"|x| = 3"});  // bars that belong to an answer
  CHECK(answers_from_line("a |") == Answers{"a"});
}

TEST_CASE("typing and pasting lose nothing, and a pasted prompt has answers of its own") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = fake_stage();
  stage->run("escape keeps what was pasted", script_escape);
  stage->run("undo within the text", script_undo_within);
  stage->run("emptied and pasted into", script_emptied);
  stage->run("expected answers", script_answers);
  stage->save_picture("prompt_answers.png");
}
