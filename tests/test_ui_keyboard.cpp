// links: headscope_app_testing
// labels: ui
// timeout: 200
// Without a mouse: every item of every view is come to, views are gone through, and heads, ranking
// and documents obey the keys that a person tries first.
#include <imgui.h>
#include <imgui_internal.h>
#include <implot.h>
#include <implot_internal.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/shell/layout.h"
#include "tests/skip.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

ImGuiContext& imgui() {
  return *ImGui::GetCurrentContext();
}

void press(ImGuiTestContext* test, ImGuiKeyChord key, int times = 1) {
  for (int i = 0; i < times; ++i) {
    test->KeyPress(key);
    test->Yield();
  }
}

// The scrolled part of a window that has the focus as an item, if it is one.
ImGuiWindow* part_in_focus() {
  for (ImGuiWindow* window : imgui().Windows) {
    if (window->ChildId == imgui().NavId && window->WasActive && imgui().NavId != 0) return window;
  }
  return nullptr;
}

// Presses Tab until the focus has come round. A part that scrolls is one stop, which Enter goes
// into and Escape out of.
void tab_round(ImGuiTestContext* test, std::set<ImGuiID>& reached, int depth = 0) {
  constexpr int kMost = 400;
  std::set<ImGuiID> here;
  for (int i = 0; i < kMost; ++i) {
    press(test, ImGuiKey_Tab);
    const ImGuiID at = imgui().NavId;
    if (!here.insert(at).second) return;
    reached.insert(at);
    ImGuiWindow* part = part_in_focus();
    if (part == nullptr || depth > 2) continue;
    press(test, ImGuiKey_Enter);
    if (imgui().NavWindow != part) continue;  // nothing in it can be come to
    reached.insert(imgui().NavId);
    tab_round(test, reached, depth + 1);
    press(test, ImGuiKey_Escape);
    if (imgui().NavId != at) press(test, ImGuiKey_Escape);  // the first one left a field
  }
}

// Lines between columns, and what ImPlot lays over its curves, have no keys of their own: a narrow
// column hides nothing, and the curves' numbers stand beside them.
bool is_for_mouse_alone(const ImGuiTestItemInfo& item) {
  if (item.DebugLabel[0] != 0) return false;
  if ((item.ItemFlags & ImGuiItemFlags_NoNav) != 0) return true;
  auto& plots = ImPlot::GetCurrentContext()->Plots;
  for (int i = 0; i < plots.GetBufSize(); ++i) {
    if (plots.GetByIndex(i)->FrameRect.Contains(item.RectFull.GetCenter())) return true;
  }
  return false;
}

void script_every_item(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  for (const char* title : titles::all) {
    s.state().view_to_show = title;
    s.settle(test);
    const std::string path = std::string("//") + title;
    ImGuiTestItemList items;
    test->GatherItems(&items, path.c_str(), -1);
    std::set<ImGuiID> reached;
    tab_round(test, reached);
    for (const ImGuiTestItemInfo& item : items) {
      const bool off = (item.ItemFlags & ImGuiItemFlags_Disabled) != 0;
      if (off || item.Window == nullptr || is_for_mouse_alone(item)) continue;
      CHECK_MESSAGE(reached.count(item.ID) == 1, title << ": Tab does not come to "
                                                       << item.DebugLabel << " of "
                                                       << std::string(item.Window->Name));
    }
  }
}

// An item that keys do not come to is found: the check can fail.
void script_unreachable(ImGuiTestContext* test) {
  test->WindowFocus("//Mouse only");
  std::set<ImGuiID> reached;
  tab_round(test, reached);
  IM_CHECK(reached.count(test->ItemInfo("//Mouse only/by keys").ID) == 1);
  IM_CHECK(reached.count(test->ItemInfo("//Mouse only/by mouse").ID) == 0);
}

void script_views(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.app->commands().run("layout.explore");
  test->Yield(8);
  std::set<std::string> open, seen;
  for (const View& view : s.app->view_table().all()) {
    if (view.open) open.insert(view.title);
  }
  test->WindowFocus((std::string("//") + titles::prompt).c_str());
  // Held, Ctrl goes on from view to view; let go, the one that was come to has the focus.
  test->KeyDown(ImGuiMod_Ctrl);
  for (std::size_t i = 0; i < 2 * open.size(); ++i) {
    press(test, ImGuiKey_F6);
    IM_CHECK(imgui().NavWindowingTarget != nullptr);
    seen.insert(imgui().NavWindowingTarget->Name);
  }
  const std::string last = imgui().NavWindowingTarget->Name;
  test->KeyUp(ImGuiMod_Ctrl);
  test->Yield(2);
  IM_CHECK_STR_EQ(imgui().NavWindow->RootWindow->Name, last.c_str());
  for (const std::string& title : open)
    CHECK_MESSAGE(seen.count(title) == 1, title << " is not come to by Ctrl+F6");
  // Pressed alone it goes back to the view before, in either direction.
  test->WindowFocus((std::string("//") + titles::heads).c_str());
  test->WindowFocus((std::string("//") + titles::ranking).c_str());
  press(test, ImGuiMod_Ctrl | ImGuiKey_F6);
  test->Yield(2);
  IM_CHECK_STR_EQ(imgui().NavWindow->RootWindow->Name, titles::heads);
}

// Tab until an item has the focus.
void tab_to(ImGuiTestContext* test, const char* item) {
  const ImGuiID id = test->ItemInfo(item).ID;
  for (int i = 0; i < 60 && imgui().NavId != id; ++i) press(test, ImGuiKey_Tab);
  IM_CHECK_EQ(imgui().NavId, id);
}

bool is_on(const AppState& state, HeadId head) {
  const std::vector<HeadId> on = state.chosen();
  return std::find(on.begin(), on.end(), head) != on.end();
}

void expect_head_keys(ImGuiTestContext* test, HeadId head) {
  AppState& state = stage_of(test).state();
  IM_CHECK(state.request.selected == head);
  const bool on = is_on(state, head);
  press(test, ImGuiKey_Space);
  IM_CHECK_EQ(is_on(state, head), !on);
  press(test, ImGuiKey_Space);
  IM_CHECK_EQ(is_on(state, head), on);
  press(test, ImGuiKey_Enter);
  IM_CHECK(state.view.heads.is_pinned(head));
  press(test, ImGuiKey_Enter);
  IM_CHECK(!state.view.heads.is_pinned(head));
}

void script_head_map(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  const ModelInfo& model = *s.snapshot().model;
  s.state().select({1, 1});
  test->WindowFocus("//Heads");
  tab_to(test, "//Heads/heads");
  IM_CHECK(imgui().NavCursorVisible);  // with its ring
  press(test, ImGuiKey_RightArrow);
  press(test, ImGuiKey_DownArrow);
  expect_head_keys(test, {2, 2});
  press(test, ImGuiKey_LeftArrow, model.heads + 2);  // at the edge it stays in the map
  press(test, ImGuiKey_UpArrow, model.layers + 2);
  IM_CHECK(s.state().request.selected == HeadId{});
  IM_CHECK_EQ(imgui().NavId, test->ItemInfo("//Heads/heads").ID);
  press(test, ImGuiKey_Menu);  // what the right mouse button opens
  test->Yield(2);
  IM_CHECK(imgui().OpenPopupStack.Size == 1);
  press(test, ImGuiKey_Escape);
  press(test, ImGuiMod_Shift | ImGuiKey_Tab);
  IM_CHECK_EQ(imgui().NavId, test->ItemInfo("//Heads/layers").ID);
  press(test, ImGuiKey_DownArrow);
  press(test, ImGuiKey_Space);
  IM_CHECK(s.state().layer_is_on(1));
  press(test, ImGuiKey_Space);
  IM_CHECK(!s.state().layer_is_on(1));
  press(test, ImGuiKey_Tab);
}

// After a click the arrows go on from the head that was clicked.
void script_after_click(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const ImRect map = test->ItemInfo("//Heads/heads").RectFull;
  test->MouseMoveToPos({map.Min.x + 3, map.Min.y + 3});
  test->MouseClick();
  IM_CHECK(s.state().request.selected == HeadId{});
  press(test, ImGuiKey_RightArrow);
  IM_CHECK((s.state().request.selected == HeadId{0, 1}));
  // A command that has the key as its shortcut keeps it.
  const_cast<Commands&>(s.app->commands()).set_shortcut("view.overlay", ImGuiKey_Space);
  const bool on = is_on(s.state(), {0, 1});
  test->Yield(2);
  press(test, ImGuiKey_Space);
  test->Yield(2);
  IM_CHECK_EQ(is_on(s.state(), {0, 1}), on);
  IM_CHECK(test->WindowInfo("//Token overlay").Window->DockTabIsVisible);
  const_cast<Commands&>(s.app->commands()).reset_shortcut("view.overlay");
}

void script_ranking(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->WindowFocus("//Ranking");
  for (int i = 0; i < 20 && part_in_focus() == nullptr; ++i) press(test, ImGuiKey_Tab);
  IM_CHECK(part_in_focus() != nullptr);
  press(test, ImGuiKey_Enter);
  const auto& order = s.app->ranking().table().order();
  for (int i = 0; i < 40 && s.state().request.selected != order[3]; ++i)
    press(test, ImGuiKey_DownArrow);
  expect_head_keys(test, order[3]);
  press(test, ImGuiKey_UpArrow);
  IM_CHECK(s.state().request.selected == order[2]);
}

void script_documents(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().view_to_show = titles::documents;
  test->Yield(6);
  test->WindowFocus("//Attention per document");
  tab_to(test, "//Attention per document/bars");
  press(test, ImGuiKey_LeftArrow, 9);
  press(test, ImGuiKey_RightArrow, 2);
  press(test, ImGuiKey_Space);
  s.settle(test);
  IM_CHECK_EQ(s.state().request.prompt.gold_document, 2);
  s.state().view_to_show = titles::overlay;
  test->Yield(6);
  test->WindowFocus("//Attention per document");
  tab_to(test, "//Attention per document/bars");
  press(test, ImGuiKey_Enter);
  test->Yield(6);
  IM_CHECK(test->WindowInfo("//Prompt").Window->DockTabIsVisible);
}

// Token by token: a cell for each, and the way to its document.
void script_strip(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().view.documents_by_token = true;
  s.state().view_to_show = titles::overlay;
  s.settle(test);
  test->WindowFocus("//Attention per document");
  tab_to(test, "//Attention per document/strip");
  press(test, ImGuiKey_DownArrow);
  press(test, ImGuiKey_RightArrow);
  press(test, ImGuiKey_Enter);
  test->Yield(6);
  IM_CHECK(test->WindowInfo("//Prompt").Window->DockTabIsVisible);
}

// Keys go to a cell of the map, and zoom about it.
void script_attention_map(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().view_to_show = titles::attention;
  s.settle(test);
  test->WindowFocus("//Attention map");
  tab_to(test, "//Attention map/map");
  press(test, ImGuiKey_RightArrow, 3);
  const MapZoom whole = s.app->attention().zoom();
  press(test, ImGuiKey_Equal, 6);  // the command's key
  const MapZoom near = s.app->attention().zoom();
  IM_CHECK_LT(near.width(), whole.width());
  press(test, ImGuiKey_RightArrow, 60);  // past the edge of what is shown
  IM_CHECK_GT(s.app->attention().zoom().window.left, near.window.left);
  IM_CHECK(std::abs(s.app->attention().zoom().width() - near.width()) < 1e-6);
}

}  // namespace

TEST_CASE("Tab comes to every item of every view") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = test::fake_stage();
  stage->draws = false;
  stage->app->configure_lessons({test::source_folder() / "assets" / "lessons"});
  stage->run("every item", script_every_item);
}

TEST_CASE("what keys do not come to would be found") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = test::fake_stage();
  stage->draws = false;
  ImGuiTest* test =
      ImGuiTestEngine_RegisterTest(stage->tests, "window", "unreachable", __FILE__, __LINE__);
  test->UserData = stage.get();
  test->GuiFunc = [](ImGuiTestContext*) {
    ImGui::Begin("Mouse only", nullptr, ImGuiWindowFlags_NoSavedSettings);
    ImGui::InvisibleButton("by keys", ImVec2(20, 20), ImGuiButtonFlags_EnableNav);
    ImGui::InvisibleButton("by mouse", ImVec2(20, 20));
    ImGui::End();
  };
  test->TestFunc = script_unreachable;
  ImGuiTestEngine_QueueTest(stage->tests, test);
  while (!ImGuiTestEngine_IsTestQueueEmpty(stage->tests)) stage->frame();
  CHECK(test->Output.Status == ImGuiTestStatus_Success);
}

TEST_CASE("Ctrl+F6 goes through the views") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = test::fake_stage();
  stage->draws = false;
  stage->run("views", script_views);
}

TEST_CASE("heads, ranking, documents and the map by keyboard") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = test::fake_stage();
  stage->draws = false;
  stage->run("head map", script_head_map);
  stage->save_picture("keyboard_heads.png");
  stage->run("after a click", script_after_click);
  stage->run("ranking", script_ranking);
  stage->save_picture("keyboard_ranking.png");
  stage->run("documents", script_documents);
  stage->run("strip", script_strip);
  stage->run("attention map", script_attention_map);
  stage->save_picture("keyboard_map.png");
}
