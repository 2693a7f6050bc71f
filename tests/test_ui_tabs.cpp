// links: headscope_app_testing
// labels: ui
// timeout: 200
// Work with keyboard and mouse: prompts as tabs, layouts, the list of runs, sessions.
#include <memory>
#include <string>

#include "app/shell/layout.h"
#include "tests/skip.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

void script_tabs(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  PromptTabs& tabs = s.app->prompt_tabs();
  s.settle(test);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_T);
  s.settle(test);
  IM_CHECK_EQ(tabs.size(), static_cast<std::size_t>(2));
  IM_CHECK_STR_EQ(s.snapshot().prompt->answers.at(0).c_str(), "violet");
  test->KeyPress(ImGuiKey_F2);
  test->Yield(3);
  test->KeyCharsReplaceEnter("gate");
  test->Yield(2);
  IM_CHECK_STR_EQ(tabs.title(1).c_str(), "gate");
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Tab);
  test->Yield(2);
  IM_CHECK_EQ(tabs.active(), static_cast<std::size_t>(0));
  IM_CHECK(s.snapshot().intervened != nullptr);
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), 4);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_Tab);
  test->Yield(2);
  IM_CHECK_EQ(tabs.active(), static_cast<std::size_t>(1));
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_W);
  test->Yield(2);
  IM_CHECK_EQ(tabs.size(), static_cast<std::size_t>(1));
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_T);
  s.settle(test);
  IM_CHECK_EQ(tabs.size(), static_cast<std::size_t>(2));
  IM_CHECK_STR_EQ(tabs.title(tabs.active()).c_str(), "gate");
}

void script_runs(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  for (const float tau : {0.5f, 0.8f}) {
    s.state().request.intervention.tau = tau;
    s.settle(test);
  }
  s.app->commands().run("layout.explore");
  test->Yield(4);
  s.state().view_to_show = titles::runs;
  test->Yield(4);
  const RunLog& log = s.state().runs;
  IM_CHECK_GE(log.entries().size(), static_cast<std::size_t>(3));
  s.state().runs.pinned = log.entries().front().number;
  test->Yield(3);
}

void script_layouts(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_3);
  test->Yield(5);
  IM_CHECK(s.app->view_table().find(titles::lesson)->open);
  IM_CHECK(!s.app->view_table().find(titles::experiments)->open);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_2);
  test->Yield(5);
  IM_CHECK(!s.app->view_table().find(titles::lesson)->open);
}

}  // namespace

TEST_CASE("prompts as tabs, the list of runs and the layouts, by keyboard") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = test::fake_stage();
  stage->run("tabs", script_tabs);
  stage->run("runs", script_runs);
  stage->save_picture("work_runs.png");
  stage->state().view_to_show = titles::preferences;
  stage->save_picture("work_preferences.png");
  stage->state().view_to_show = titles::models;
  stage->app->set_theme(ThemeKind::light);
  stage->save_picture("work_models.png");
  stage->run("layouts", script_layouts);
  stage->save_picture("work_debug.png");
}
