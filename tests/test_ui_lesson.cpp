// links: headscope_app_testing
// labels: ui
// timeout: 240
// Lessons in the window: every step of those that ship, a question answered, presenter mode, and
// keys of a step that nobody knows.
#include <doctest/doctest.h>
#include <imgui.h>
#include <imgui_te_context.h>
#include <imgui_te_engine.h>

#include <fstream>
#include <memory>
#include <string>

#include "tests/engine_fixture.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

// Six documents whatever is wished for; the question tells which wish it was.
Result<QaSample> numbered_sample(const SampleWish& wish) {
  QaSample sample;
  sample.question = "What colour is gate " + std::to_string(wish.seed) + "?";
  sample.answers = {"violet"};
  for (int i = 0; i < wish.documents; ++i) {
    const std::string name = "Gate " + std::to_string(i);
    sample.documents.push_back({name, name + " is violet.", i == 1, i == 1});
  }
  return sample;
}

std::unique_ptr<Stage> lesson_stage(const std::filesystem::path& folder) {
  auto stage = Stage::open(fake_runner_factory(), numbered_sample);
  stage->state().request = test::engine_request();
  stage->app->configure_lessons({folder});
  return stage;
}

std::filesystem::path shipped() {
  return test::source_folder() / "assets" / "lessons";
}

// Opens every lesson through its command and walks it with the keys, answering each question.
void script_walk(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  LessonPanel& lessons = s.app->lessons();
  s.settle(test);
  IM_CHECK_GE(lessons.entries().size(), static_cast<std::size_t>(6));
  for (const LessonPanel::Entry& entry : lessons.entries()) {
    IM_CHECK_STR_EQ(entry.problem.c_str(), "");
    IM_CHECK(s.app->commands().run("lesson.open." + entry.name()));
    test->Yield(6);
    IM_CHECK(lessons.is_open());
    const std::size_t steps = entry.lesson.steps.size();
    for (std::size_t i = 0; i < steps; ++i) {
      IM_CHECK_EQ(lessons.step(), i);
      s.settle(test);
      if (entry.lesson.steps[i].question() != nullptr) {
        test->ItemClick("//Lesson/**/$$0/##choice");
        test->ItemClick("//Lesson/**/Reveal");
        IM_CHECK(lessons.revealed());
        s.settle(test);
      }
      const LessonScene& wanted = entry.scenes[i].revealed;
      IM_CHECK(s.state().request.intervention == wanted.intervention);
      if (wanted.selected) IM_CHECK(s.state().request.selected == *wanted.selected);
      IM_CHECK_EQ(s.state().request.want_full_map, wanted.full_map);
      IM_CHECK_EQ(s.state().notices.size(), static_cast<std::size_t>(0));
      test->KeyPress(ImGuiKey_PageDown);
    }
    IM_CHECK_EQ(lessons.step(), steps - 1);  // the last step stays
    test->KeyPress(ImGuiKey_PageUp);
    IM_CHECK_EQ(lessons.step(), steps - 2);
  }
}

// What a step sets can be changed, undone and reset.
void script_undo(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  LessonPanel& lessons = s.app->lessons();
  IM_CHECK(s.app->open_lesson("split-softmax").has_value());
  s.settle(test);
  const Request entered = s.state().request;
  IM_CHECK(entered.prompt.text.find("gate 13?") != std::string::npos);
  lessons.show_step(s.state(), 3);
  s.settle(test);
  IM_CHECK_EQ(s.state().request.intervention.tau, 0.1);
  test->ItemInputValue("//Intervention/##tau", 0.6f);
  s.settle(test);
  test->ItemClick("//Lesson/Reset step");
  s.settle(test);
  IM_CHECK_EQ(s.state().request.intervention.tau, 0.1);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK_EQ(s.state().request.intervention.tau, 0.6);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK(s.state().request.intervention == entered.intervention);
}

void script_present(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  LessonPanel& lessons = s.app->lessons();
  const float zoom = s.app->zoom();
  const ThemeKind theme = s.app->theme();
  IM_CHECK(s.app->open_lesson("attention").has_value());
  s.settle(test);
  test->KeyPress(ImGuiKey_F5);
  s.settle(test);
  IM_CHECK(s.app->presenting());
  IM_CHECK_GT(s.app->zoom(), zoom);
  IM_CHECK(s.app->theme() == ThemeKind::contrast);
  IM_CHECK(test->WindowInfo("//Lesson##presenting").Window != nullptr);
  test->KeyPress(ImGuiKey_RightArrow);
  IM_CHECK_EQ(lessons.step(), static_cast<std::size_t>(1));
  test->KeyPress(ImGuiKey_LeftArrow);
  IM_CHECK_EQ(lessons.step(), static_cast<std::size_t>(0));
  test->ItemClick("//Lesson##presenting/Next");  // nothing lies over it
  IM_CHECK_EQ(lessons.step(), static_cast<std::size_t>(1));
  IM_CHECK(test->WindowInfo("//Attention map##presenting").Window != nullptr);
  test->KeyPress(ImGuiKey_Escape);
  s.settle(test);
  IM_CHECK(!s.app->presenting());
  IM_CHECK_EQ(s.app->zoom(), zoom);
  IM_CHECK(s.app->theme() == theme);
  // The layout is as it was.
  IM_CHECK(test->WindowInfo("//Lesson").Window->DockIsActive);
  IM_CHECK(test->WindowInfo("//Heads").Window->DockIsActive);
  IM_CHECK_EQ(test->WindowInfo("//Lesson").Window->DockId,
              test->WindowInfo("//Prompt").Window->DockId);
}

}  // namespace

TEST_CASE("lessons in the window") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = lesson_stage(shipped());
  stage->run("walk all lessons", script_walk);
  stage->save_picture("lesson.png");
  stage->run("undo and reset", script_undo);
  stage->run("present", script_present);
  stage->app->present(true);
  stage->save_picture("lesson_presented.png");
  stage->app->commands().run("lesson.close");
  stage->save_picture("lesson_list.png");
  CHECK_FALSE(stage->app->presenting());
}

TEST_CASE("a step that cannot be understood is named with file and line") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const test::TemporaryFolder folder;
  const auto problem_of = [&](const std::string& keys) {
    std::ofstream(folder.path() / "own.md")
        << "---\ntitle: T\nsummary: S\nminutes: 1\n---\n## A\ntext\n```window\n"
        << keys << "\n```\n";
    LessonPanel panel;
    panel.configure({folder.path()});
    REQUIRE(panel.entries().size() == 1);
    AppState state;
    const Result<> opened = panel.open(state, "own");
    CHECK(opened.has_value() == panel.entries()[0].problem.empty());
    const std::string problem = panel.entries()[0].problem;
    if (!problem.empty()) CHECK(problem.find("own.md line 8") != std::string::npos);
    return problem;
  };
  CHECK(problem_of("\"selected\": [1, 2]").empty());
  CHECK(problem_of("\"prompt\": {\"text\": \"Question: Who?\"}").empty());
  for (const auto& [keys, word] : std::initializer_list<std::pair<const char*, const char*>>{
           {"\"slected\": [1, 2]", "slected"},
           {"\"selected\": [1]", "selected"},
           {"\"sample\": {\"kind\": \"odd\", \"seed\": 1}", "kind"},
           {"\"sample\": {\"documents\": 5}", "seed"},
           {"\"sample\": {\"seed\": 1, \"documents\": 99}", "documents"},
           {"\"sample\": {\"seed\": 1, \"sed\": 2}", "sed"},
           {"\"intervention\": {\"tau\": 3}", "tau"},
           {"\"intervention\": {\"tauu\": 0.3}", "tauu"},
           {"\"head_score\": \"odd\"", "head_score"},
           {"\"look_at\": [\"Haeds\"]", "look_at"}}) {
    const std::string problem = problem_of(keys);
    INFO(problem);
    CHECK(problem.find(word) != std::string::npos);
  }
}

TEST_CASE("there is no such lesson") {
  LessonPanel panel;
  panel.configure({shipped()});
  AppState state;
  const Result<> opened = panel.open(state, "nonsense");
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == ErrorKind::bad_input);
  CHECK(opened.error().message.find("distraction") != std::string::npos);
}
