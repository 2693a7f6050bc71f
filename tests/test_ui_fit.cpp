// links: headscope_app_testing
// labels: ui
// timeout: 300
// Nothing is cut off at 1280x800: every view of every layout, at every density, and every step of
// every lesson while it is presented. And the keyboard reaches what the mouse does.
#include <imgui.h>
#include <imgui_internal.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/shell/layout.h"
#include "tests/engine_fixture.h"
#include "tests/skip.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

// As many documents as wished for, with a long title among them.
Result<QaSample> gates(const SampleWish& wish) {
  QaSample sample;
  sample.question = "What colour is gate 3?";
  sample.answers = {"violet"};
  for (int i = 0; i < wish.documents; ++i) {
    const std::string name = "Gate " + std::to_string(i);
    sample.documents.push_back({name, name + " is violet.", i == 3, i == 3});
  }
  return sample;
}

std::unique_ptr<Stage> gate_stage(float scale) {
  auto stage = Stage::open(fake_runner_factory(), gates, scale);
  stage->state().request.intervention.tau = 0.1;
  stage->state().new_sample();
  stage->app->configure_lessons({test::source_folder() / "assets" / "lessons"});
  return stage;
}

// Drawn, and not a tooltip, popup or host of others.
bool is_view(const ImGuiWindow& window) {
  constexpr ImGuiWindowFlags kOther =
      ImGuiWindowFlags_Tooltip | ImGuiWindowFlags_Popup | ImGuiWindowFlags_DockNodeHost;
  return window.WasActive && !window.Hidden && (window.Flags & kOther) == 0 &&
         !std::string(window.Name).starts_with("##");
}

// What stands beyond the edge of a window that cannot be scrolled that way. Text and items alike:
// both move the cursor.
std::vector<std::string> overflowing() {
  std::vector<std::string> found;
  for (const ImGuiWindow* window : ImGui::GetCurrentContext()->Windows) {
    if (!is_view(*window)) continue;
    // Up to where drawing is clipped: half of the padding at the edge is still seen.
    const float right =
        window->ContentSize.x - window->WorkRect.GetWidth() - window->WindowPadding.x * 0.5f - 1;
    if (right > 0 && (window->Flags & ImGuiWindowFlags_HorizontalScrollbar) == 0)
      found.push_back(std::string(window->Name) + ": " + std::to_string(static_cast<int>(right)) +
                      " pixels beyond the right edge");
    const bool scrolls = (window->Flags & ImGuiWindowFlags_NoScrollbar) == 0;
    if (!scrolls && window->ScrollMax.y > 1)
      found.push_back(std::string(window->Name) + ": " +
                      std::to_string(static_cast<int>(window->ScrollMax.y)) +
                      " pixels below the lower edge");
  }
  return found;
}

// Items whose full width is not seen.
void cut_items(ImGuiTestContext* test, const ImGuiWindow& window, std::vector<std::string>& found) {
  ImGuiTestItemList items;
  test->GatherItems(&items, ImGuiTestRef(window.ID), 1);
  for (const ImGuiTestItemInfo& item : items) {
    if (item.Window == nullptr || item.ID == window.ID) continue;
    const float cut = item.RectFull.GetWidth() - item.RectClipped.GetWidth();
    const bool visible = item.RectClipped.GetHeight() > 1;
    const bool scrolls = (item.Window->Flags & ImGuiWindowFlags_HorizontalScrollbar) != 0;
    if (visible && cut > 1.5f && !scrolls && item.DebugLabel[0] != '#')
      found.push_back(std::string(window.Name) + "/" + item.DebugLabel + ": " +
                      std::to_string(static_cast<int>(cut)) + " pixels of its width are cut off");
  }
}

// Everything that is too wide anywhere, and the cut items of these windows.
std::vector<std::string> cut_off(ImGuiTestContext* test, const std::vector<std::string>& windows) {
  std::vector<std::string> found = overflowing();
  for (const std::string& name : windows) {
    if (const ImGuiWindow* window = ImGui::FindWindowByName(name.c_str()))
      cut_items(test, *window, found);
  }
  return found;
}

void expect_nothing_cut(ImGuiTestContext* test, const std::string& where,
                        const std::vector<std::string>& windows) {
  for (const std::string& what : cut_off(test, windows)) FAIL_CHECK(where << ": " << what);
}

void script_views(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  for (const Arrangement& arrangement : arrangements()) {
    // At other densities everything is larger alike: one layout tells.
    if (ImGui::GetStyle().FontScaleDpi > 1.1f && &arrangement != &arrangements().front()) return;
    IM_CHECK(s.app->commands().run(std::string("layout.") + arrangement.id));
    test->Yield(8);
    std::vector<std::string> titles;
    for (const View& view : s.app->view_table().all()) titles.push_back(view.title);
    for (const std::string& title : titles) {
      s.state().view_to_show = title;
      test->Yield(6);
      IM_CHECK(test->WindowInfo(("//" + title).c_str()).Window->DockTabIsVisible);
      expect_nothing_cut(test, arrangement.id + std::string(", ") + title, {title});
    }
  }
}

void script_presented(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  LessonPanel& lessons = s.app->lessons();
  for (const LessonPanel::Entry& entry : lessons.entries()) {
    IM_CHECK(s.app->open_lesson(entry.path.string()).has_value());
    s.app->present(true);
    for (std::size_t step = 0; step < entry.lesson.steps.size(); ++step) {
      lessons.show_step(s.state(), step);
      lessons.choose(0);
      lessons.reveal(s.state());
      s.settle(test);
      test->Yield(2);
      std::vector<std::string> panes = {std::string(titles::lesson) + "##presenting"};
      for (const std::string& title : lessons.look_at()) panes.push_back(title + "##presenting");
      expect_nothing_cut(test, entry.name() + ", step " + std::to_string(step + 1), panes);
    }
    s.app->present(false);
    test->Yield(4);
  }
}

// A button wider than its window is found: the check can fail.
void script_too_wide(ImGuiTestContext* test) {
  test->Yield(2);
  const auto found = cut_off(test, {"Narrow"});
  IM_CHECK(std::any_of(found.begin(), found.end(), [](const std::string& what) {
    return what.find("Narrow") != std::string::npos;
  }));
}

struct Keys {
  const char* window;
  std::vector<const char*> items;
};

// What a person without a mouse has to reach.
const std::vector<Keys>& must_reach() {
  static const std::vector<Keys> all = {
      {titles::prompt, {"New sample", "##kind", "##documents", "mode/Documents", "##question"}},
      {titles::controls,
       {"##tau", "##alpha", "##also", "choice/Contextual", "choice/Random", "##top_k", "rows/All",
        "Reset"}},
      {titles::heads, {"##score"}},
      {titles::documents, {"of/Mean of chosen heads", "of/Selected head", "Causal check"}},
  };
  return all;
}

// Every item that Tab and the arrows come to.
std::set<ImGuiID> walk(ImGuiTestContext* test) {
  constexpr ImGuiKey kSteps[] = {ImGuiKey_Tab,       ImGuiKey_RightArrow, ImGuiKey_RightArrow,
                                 ImGuiKey_DownArrow, ImGuiKey_LeftArrow,  ImGuiKey_Tab};
  std::set<ImGuiID> reached;
  for (int i = 0; i < 72; ++i) {
    test->KeyPress(kSteps[i % 6]);
    test->Yield();
    reached.insert(ImGui::GetCurrentContext()->NavId);
  }
  return reached;
}

void script_keyboard(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.app->commands().run("layout.explore");
  test->Yield(8);
  s.state().view_to_show = titles::prompt;
  test->Yield(6);
  for (const Keys& keys : must_reach()) {
    test->WindowFocus(("//" + std::string(keys.window)).c_str());
    const std::set<ImGuiID> reached = walk(test);
    for (const char* item : keys.items) {
      const std::string path = std::string("//") + keys.window + "/" + item;
      const ImGuiTestItemInfo info = test->ItemInfo(path.c_str(), ImGuiTestOpFlags_NoError);
      CHECK_MESSAGE(info.ID != 0, path << " is not there");
      CHECK_MESSAGE(reached.count(info.ID) == 1, path << " is not reached by Tab and arrows");
    }
  }
}

// Where the controls stand.
std::map<std::string, ImVec2> places_of_controls(ImGuiTestContext* test) {
  std::map<std::string, ImVec2> places;
  for (const Keys& keys : must_reach()) {
    for (const char* item : keys.items) {
      const std::string path = std::string("//") + keys.window + "/" + item;
      const ImGuiTestItemInfo info = test->ItemInfo(path.c_str(), ImGuiTestOpFlags_NoError);
      if (info.ID != 0) places[path] = info.RectFull.Min;
    }
  }
  return places;
}

void expect_same_places(const std::map<std::string, ImVec2>& before,
                        const std::map<std::string, ImVec2>& now, const char* when) {
  for (const auto& [path, at] : before) {
    const auto found = now.find(path);
    CHECK_MESSAGE(found != now.end(), path << " is gone " << when);
    if (found == now.end()) continue;
    CHECK_MESSAGE(std::abs(found->second.x - at.x) < 1.5f, path << " moves sideways " << when);
    CHECK_MESSAGE(std::abs(found->second.y - at.y) < 1.5f, path << " moves " << when);
  }
}

// Another prompt, a slider: what can be clicked stays where it is while the model works and when
// its results arrive.
void script_no_jumps(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  const auto before = places_of_controls(test);
  IM_CHECK_GT(before.size(), static_cast<std::size_t>(12));
  const auto disturb = [&](const char* what, auto change) {
    s.control->hold(FakeCall::run);
    change();
    test->Yield(12);
    expect_same_places(before, places_of_controls(test), what);
    s.control->release();
    s.settle(test);
    expect_same_places(before, places_of_controls(test), what);
  };
  disturb("with another prompt", [&] { s.state().new_sample(); });
  disturb("with another strength", [&] { s.state().request.intervention.tau = 0.4; });
  disturb("with another head", [&] { s.state().select({1, 2}); });
}

}  // namespace

TEST_CASE("nothing is cut off in any view of any layout") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  for (const float scale : {1.0f, 2.0f}) {
    CAPTURE(scale);
    const auto stage = gate_stage(scale);
    stage->run("views", script_views);
  }
}

TEST_CASE("nothing is cut off while a lesson is presented") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = gate_stage(1);
  stage->run("presented", script_presented);
}

TEST_CASE("what is cut off would be found") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = gate_stage(1);
  ImGuiTest* test =
      ImGuiTestEngine_RegisterTest(stage->tests, "window", "too wide", __FILE__, __LINE__);
  test->UserData = stage.get();
  test->GuiFunc = [](ImGuiTestContext*) {
    ImGui::SetNextWindowSize(ImVec2(120, 90));
    ImGui::Begin("Narrow", nullptr, ImGuiWindowFlags_NoSavedSettings);
    ImGui::Button("A button that is far too wide for this");
    ImGui::End();
  };
  test->TestFunc = script_too_wide;
  ImGuiTestEngine_QueueTest(stage->tests, test);
  while (!ImGuiTestEngine_IsTestQueueEmpty(stage->tests)) stage->frame();
  CHECK(test->Output.Status == ImGuiTestStatus_Success);
}

TEST_CASE("controls stay where they are while results arrive") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto control = std::make_shared<FakeControl>();
  auto stage = Stage::open(fake_runner_factory({}, control), gates);
  stage->control = control;
  stage->state().request.intervention.tau = 0.1;
  stage->state().new_sample();
  stage->run("no jumps", script_no_jumps);
}

TEST_CASE("the keyboard reaches the controls") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = gate_stage(1);
  stage->run("keyboard", script_keyboard);
}
