// links: headscope_app_testing
// labels: ui
// timeout: 300
// Intervene: sliders, heads by click, the control, two interventions at once, and the way back.
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "app/shell/layout.h"
#include "tests/gallery.h"
#include "tests/skip.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

double gold_mass(const RunResult& run, HeadId head) {
  return double{run.scores.relevant[run.scores.index(head)]};
}

// tau is dragged from off to strong; the mass on the gold document and the answer follow.
void script_tau(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  const HeadId first = s.state().ranking().front();
  test->ItemInputValue("//Intervention/##tau", 1.0f);
  s.settle(test);
  IM_CHECK(s.snapshot().intervened == s.snapshot().baseline);
  double last = gold_mass(*s.snapshot().baseline, first);
  for (const float tau : {0.8f, 0.4f, 0.1f}) {
    test->ItemInputValue("//Intervention/##tau", tau);
    s.settle(test);
    const double now = gold_mass(*s.snapshot().intervened, first);
    IM_CHECK_GT(now, last);
    last = now;
  }
  IM_CHECK(s.snapshot().intervened->matches_answer);
  s.app->commands().run("view.difference");
  test::rest(test);
  test::shoot(test, "intervene-1-difference");
  s.state().view_to_show = titles::difference;
  test->Yield(6);
  s.settle(test);
  test::rest(test);
  test::shoot(test, "intervene-2-aligned");
  s.state().view_to_show = titles::attention;
  test->Yield(4);
  s.app->commands().run("view.intervened");
}

// Other heads, picked by ctrl-click on the head map: the answer stays wrong. Undo takes them back.
void script_pick(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const auto contextual = s.state().chosen();
  const HeadId others[] = {{0, 2}, {0, 5}, {1, 6}, {2, 4}, {3, 7}};
  test->KeyDown(ImGuiMod_Ctrl);
  for (const HeadId head : contextual) test::click_head(test, head);
  for (const HeadId head : others) test::click_head(test, head);
  test->KeyUp(ImGuiMod_Ctrl);
  s.settle(test);
  IM_CHECK(s.state().request.intervention.choice == HeadChoice::picked);
  IM_CHECK(s.state().chosen() == std::vector<HeadId>(std::begin(others), std::end(others)));
  IM_CHECK(!s.snapshot().intervened->matches_answer);
  test::rest(test);
  test::shoot(test, "intervene-3-other-heads");
  for (int i = 0; i < 12 && s.state().request.intervention.choice == HeadChoice::picked; ++i) {
    test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
    test->Yield(2);
  }
  s.settle(test);
  IM_CHECK(s.state().chosen() == contextual);
  IM_CHECK(s.snapshot().intervened->matches_answer);
}

// Focus directions need no mark; with them InstABoost, and rows of the response alone.
void script_two(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemInputValue("//Intervention/##tau", 1.0f);
  test->ItemInputValue("//Intervention/##alpha", 0.5f);
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().intervened->settings.alpha, 0.5);
  const auto alone = s.snapshot().intervened;
  test->SetRef("Intervention");
  test->ComboClick("##also/InstABoost");
  s.settle(test);
  const auto both = s.snapshot().intervened;
  IM_CHECK_STR_EQ(both->settings.also.c_str(), "instaboost");
  const HeadId first = s.state().ranking().front();
  IM_CHECK_GT(gold_mass(*both, first), gold_mass(*alone, first));
  s.app->commands().run("rows.response");
  s.settle(test);
  IM_CHECK(s.snapshot().intervened->settings.rows.kind == RowSelection::Kind::response);
  test::rest(test);
  test::shoot(test, "intervene-4-two-at-once");
}

// The way back: everything off, by its shortcut.
void script_reset(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_R);
  s.settle(test);
  IM_CHECK(s.state().request.intervention.is_identity());
  IM_CHECK(s.snapshot().intervened == s.snapshot().baseline);
  test->MenuClick("//##MainMenuBar/View/Light theme");
  test::rest(test);
  test::shoot(test, "intervene-5-off-light");
}

}  // namespace

TEST_CASE("intervene") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST(test::no_embedded_model);
  const auto stage = test::newcomers_stage();
  stage->run("tau", script_tau);
  stage->run("pick heads", script_pick);
  stage->run("two at once", script_two);
  stage->run("reset", script_reset);
}
