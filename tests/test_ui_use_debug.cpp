// links: headscope_app_testing
// labels: ui
// timeout: 300
// Debug distraction: a prompt of one's own is pasted, the answer is wrong, and the window says
// which document took the attention.
#include <imgui.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <thread>

#include "app/shell/layout.h"
#include "core/text/prompt.h"
#include "tests/gallery.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

constexpr int kRight = 8;  // document 9 says "rivers"

// What somebody has in the clipboard: twenty namesakes, no document marked.
std::string prompt_to_paste() {
  SampleWish wish;
  wish.seed = 13;
  return build_prompt(demo_sample_source()(wish).value()).text;
}

void script_paste(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  const std::string pasted = prompt_to_paste();
  ImGui::SetClipboardText(pasted.c_str());
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_E);
  test->ItemClick("//Prompt/**/##text");
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_A);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_V);
  s.settle(test);
  IM_CHECK_STR_EQ(s.snapshot().prompt->text.c_str(), pasted.c_str());
  IM_CHECK_EQ(s.snapshot().prompt->documents.size(), static_cast<std::size_t>(20));
  test->ItemClick("//Prompt/mode/Documents");
  test->Yield(3);
  IM_CHECK(!s.state().view.edit_text);
  // The mark was of the prompt before: it is taken away.
  if (s.state().request.prompt.gold_document >= 0)
    s.state().mark_gold(s.state().request.prompt.gold_document);
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), -1);
  IM_CHECK_STR_EQ(s.snapshot().prompt->text.c_str(), pasted.c_str());
}

// With no mark, masses per document and the likely one are there all the same.
void script_unmarked(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const std::string& said = s.snapshot().baseline->response_text;
  IM_CHECK(said.find("rivers") == std::string::npos);
  IM_CHECK_GE(s.state().likely().index, 0);
  const auto mass = document_mass(*s.snapshot().baseline, s.state().chosen());
  IM_CHECK(mass.has_value());
  const auto most = std::max_element(mass->documents.begin(), mass->documents.end());
  IM_CHECK_EQ(static_cast<int>(most - mass->documents.begin()), s.state().likely().index);
  test::rest(test);
  test::shoot(test, "debug-1-pasted");
}

// Is the answer where the attention is? Every document is hidden once.
void script_check(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->MenuClick("//##MainMenuBar/Prompt/Causal check of the baseline's answer");
  s.settle(test);
  IM_CHECK(s.snapshot().causal != nullptr);
  IM_CHECK_EQ(s.snapshot().causal->documents.size(), static_cast<std::size_t>(20));
  test::rest(test);
  test::shoot(test, "debug-2-causal-check");
  s.state().ask_causal(false);
  s.settle(test);
}

// The right document is marked by a click on its card, and the heads that should have read it are
// moved onto it.
void script_mark(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  ImGuiWindow* cards = test->WindowInfo("//Prompt/cards").Window;
  test->SetRef(cards);
  test->MouseMoveToPos(cards->InnerRect.GetCenter());
  for (int i = 0; i < 60 && cards->Scroll.y > 0; ++i) test->MouseWheelY(3);
  for (int i = 0; i < 60 && !test->ItemExists("$$8/gold"); ++i) test->MouseWheelY(-1);
  test->MouseWheelY(-2);
  test->ItemClick("$$8/gold");
  s.state().request.prompt.answers = {"rivers"};
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), kRight);
  IM_CHECK(!s.snapshot().baseline->matches_answer);
  IM_CHECK(s.snapshot().intervened->matches_answer);  // tau is still 0.1
  const auto before = document_mass(*s.snapshot().baseline, s.state().chosen());
  const auto after = document_mass(*s.snapshot().intervened, s.state().chosen());
  IM_CHECK_GT(after->documents.at(kRight), 2 * before->documents.at(kRight));
  s.app->commands().run("view.difference");
  test->Yield(3);
  test::rest(test);
  test::shoot(test, "debug-3-marked");
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_C);
  test->Yield(2);
  IM_CHECK(std::string(ImGui::GetClipboardText()).find("rivers") != std::string::npos);
}

// Where would the model find it? The right document at every place of the prompt, by headscope-cli
// beside the window.
void script_positions(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  IM_CHECK(s.app->commands().run("test.0"));
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (s.app->tests().result(s.state(), PromptTest::positions) == nullptr &&
         std::chrono::steady_clock::now() < limit) {
    test->Yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  IM_CHECK(s.app->tests().result(s.state(), PromptTest::positions) != nullptr);
  IM_CHECK(s.state().notices.empty());
  test::rest(test);
  test::shoot(test, "debug-4-positions");
}

}  // namespace

TEST_CASE("debug distraction") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST(test::no_embedded_model);
  const test::TemporaryFolder folder;
  const auto stage = test::newcomers_stage();
  stage->app->tests().configure(test::build_folder() / "headscope-cli", folder.path());
  stage->run("paste a prompt", script_paste);
  stage->run("no mark", script_unmarked);
  stage->run("causal check", script_check);
  stage->run("mark the right document", script_mark);
  stage->run("test of the prompt", script_positions);
}
