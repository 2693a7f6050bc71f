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

// The class says "astronomy"; the model says algebra.
void script_reveal(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Lesson/**/$$1/##choice");
  test->ItemClick("//Lesson/**/Reveal");
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
  test->KeyPress(ImGuiKey_Escape);
  s.settle(test);
  IM_CHECK(!s.app->presenting());
}

}  // namespace

TEST_CASE("teach") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST("no libheadscope_torch.so in this build");
  const auto stage = test::newcomers_stage();
  stage->run("a lesson", script_lesson);
  stage->run("predict and reveal", script_reveal);
  stage->run("present", script_present);
}
