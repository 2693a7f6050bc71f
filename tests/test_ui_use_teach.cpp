// links: headscope_app_testing
// labels: ui
// timeout: 300
// Teach: a lesson from the menu, a question predicted and revealed, presented on a projector.
#include <imgui.h>

#include <algorithm>
#include <string>

#include "tests/gallery.h"
#include "tests/skip.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

void script_lesson(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  test->MenuClick("//##MainMenuBar/Lessons/Distraction");
  s.settle(test);
  LessonPanel& lessons = s.app->lessons();
  IM_CHECK(lessons.is_open());
  IM_CHECK(s.snapshot().baseline->matches_answer);  // unlike names: no distraction yet
  test->KeyPress(ImGuiKey_PageDown);
  s.settle(test);
  IM_CHECK_EQ(lessons.step(), static_cast<std::size_t>(1));
  IM_CHECK(!s.snapshot().baseline->matches_answer);
  test::rest(test);
  test::shoot(test, "teach-1-question");
}

// The class says "astronomy"; the model says algebra. By keyboard alone.
void script_reveal(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->KeyPress(ImGuiKey_R);  // nobody has chosen yet
  IM_CHECK(!s.app->lessons().revealed());
  test->KeyPress(ImGuiKey_1);
  IM_CHECK_EQ(s.app->lessons().chosen(), 0);
  test->KeyPress(ImGuiKey_2);
  IM_CHECK_EQ(s.app->lessons().chosen(), 1);
  test->KeyPress(ImGuiKey_9);  // there is no ninth answer
  IM_CHECK_EQ(s.app->lessons().chosen(), 1);
  test->KeyPress(ImGuiKey_R);
  IM_CHECK(s.app->lessons().revealed());
  s.settle(test);
  for (int i = 0; i < 2; ++i) {
    test->KeyPress(ImGuiKey_PageDown);
    s.settle(test);
  }
  IM_CHECK((s.state().request.selected == HeadId{2, 1}));  // the head that went astray
  test::rest(test);
  test::shoot(test, "teach-2-astray");
}

void script_present(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->KeyPress(ImGuiKey_F5);
  s.settle(test);
  IM_CHECK(s.app->presenting());
  test::rest(test);
  test::shoot(test, "teach-3-presented");
  test->KeyPress(ImGuiKey_PageDown);  // the answer first, then the next step
  s.settle(test);
  IM_CHECK(s.app->lessons().revealed());
  const std::size_t step = s.app->lessons().step();
  test->KeyPress(ImGuiKey_PageDown);
  s.settle(test);
  IM_CHECK_EQ(s.app->lessons().step(), step + 1);
  test->KeyPress(ImGuiKey_Escape);
  s.settle(test);
  IM_CHECK(!s.app->presenting());
}

// The class makes up people of its own: words of the model are taken, others are not there.
void script_own_people(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->MenuClick("//##MainMenuBar/Prompt/People and facts of your own ...");
  test->Yield(6);
  test->SetRef(test->WindowInfo("//Own people/people").Window);
  test->ItemClick("$$0/##first");
  test->Yield(2);
  test->KeyCharsReplace("Anna");  // typed into the list: no such word
  test->Yield(2);
  test->KeyPress(ImGuiKey_Enter);
  test->KeyPress(ImGuiKey_Escape);
  test->Yield(2);
  test->SetRef(test->WindowInfo("//Own people/people").Window);
  test->ItemClick("$$0/##first");
  test->Yield(2);
  test->KeyCharsReplaceEnter("lodor");
  test->Yield(2);
  test->ItemClick("//Own people/Read these documents");
  s.settle(test);
  IM_CHECK(s.snapshot().prompt->text.find("Question: What does Lodor Fengard play?") !=
           std::string::npos);
  IM_CHECK(s.snapshot().prompt->unknown_words.empty());
  IM_CHECK_STR_EQ(s.snapshot().prompt->answers.at(0).c_str(), "violin");
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), 0);
  IM_CHECK(s.snapshot().baseline->matches_answer);
  test->ItemClick("//Own people/Reset");
  for (const bool right : {true, true, false}) {  // as the lesson says
    test->ItemClick("//Own people/+ 5 namesakes");
    test->ItemClick("//Own people/Read these documents");
    s.settle(test);
    IM_CHECK_EQ(s.snapshot().baseline->matches_answer, right);
  }
  IM_CHECK_EQ(s.snapshot().prompt->documents.size(), static_cast<std::size_t>(17));
  test::rest(test);
  test::shoot(test, "teach-4-own-people");
}

}  // namespace

TEST_CASE("teach") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST(test::no_embedded_model);
  const auto stage = test::newcomers_stage();
  stage->run("a lesson", script_lesson);
  stage->run("predict and reveal", script_reveal);
  stage->run("present", script_present);
  stage->run("own people", script_own_people);
}
