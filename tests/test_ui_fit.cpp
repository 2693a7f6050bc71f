// links: headscope_app_testing
// labels: ui
// timeout: 300
// Nothing is cut off: every view of every layout, at every density and in windows of several sizes,
// and every step of every lesson while it is presented. And nothing jumps.
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
#include "tests/cut_text.h"
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

struct Format {
  float scale;
  int width, height;  ///< in units at scale 1
  ThemeKind theme;
};

std::unique_ptr<Stage> gate_stage(const Format& format) {
  auto stage = Stage::open(fake_runner_factory(), gates, format.scale, format.width, format.height);
  stage->draws = false;
  stage->state().request.intervention.tau = 0.1;
  stage->state().new_sample();
  stage->app->set_theme(format.theme);
  stage->app->configure_lessons({test::source_folder() / "assets" / "lessons"});
  return stage;
}

constexpr Format kUsual{1, 1280, 800, ThemeKind::dark};

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

using Items = std::vector<ImGuiTestItemInfo>;

Items items_of(ImGuiTestContext* test, const ImGuiWindow& window) {
  ImGuiTestItemList list;
  test->GatherItems(&list, ImGuiTestRef(window.ID), -1);
  Items items;
  for (const ImGuiTestItemInfo& item : list) {
    if (item.Window != nullptr && item.ID != window.ID) items.push_back(item);
  }
  return items;
}

bool scrolls_sideways(const ImGuiWindow& window) {
  return (window.Flags & ImGuiWindowFlags_HorizontalScrollbar) != 0 && window.ScrollMax.x > 0;
}

// Items whose full width is not seen.
void cut_items(const ImGuiWindow& window, const Items& items, std::vector<std::string>& found) {
  for (const ImGuiTestItemInfo& item : items) {
    const float cut = item.RectFull.GetWidth() - item.RectClipped.GetWidth();
    const bool visible = item.RectClipped.GetHeight() > 1;
    if (visible && cut > 1.5f && !scrolls_sideways(*item.Window))
      found.push_back(std::string(window.Name) + "/" + item.DebugLabel + ": " +
                      std::to_string(static_cast<int>(cut)) + " pixels of its width are cut off");
  }
}

// Tabs that have no room scroll, once more views are open than a layout opens.
bool in_scrolling_tabs(const ImRect& glyph) {
  for (const ImGuiWindow* window : ImGui::GetCurrentContext()->Windows) {
    const ImGuiTabBar* bar = window->DockNode != nullptr ? window->DockNode->TabBar : nullptr;
    if (bar == nullptr || bar->WidthAllTabs <= bar->BarRect.GetWidth()) continue;
    ImRect around = bar->BarRect;  // and what has gone out of it, before it is clipped
    around.Expand(ImVec2(8 * ImGui::GetFontSize(), 1));
    if (around.Contains(glyph.GetCenter())) return true;
  }
  return false;
}

// What scrolls shows a part of its text, and so does a field that is typed into.
bool may_be_cut(const test::CutGlyph& glyph, const Items& items) {
  if (in_scrolling_tabs(glyph.drawn)) return true;
  const ImGuiWindow* window = glyph.window;
  const bool down = glyph.below > 1.01f, aside = glyph.beside > 1.01f;
  if (window != nullptr && (!down || window->ScrollMax.y > 0) &&
      (!aside || scrolls_sideways(*window)))
    return true;
  return std::any_of(items.begin(), items.end(), [&](const ImGuiTestItemInfo& item) {
    return (item.ItemFlags & ImGuiItemFlags_Inputable) != 0 &&
           item.RectFull.Contains(glyph.drawn.GetCenter());
  });
}

// Text of a window, and of what belongs to no view: menus, tabs, the status bar.
void cut_text(const ImGuiWindow& window, const Items& items, const std::vector<test::CutGlyph>& cut,
              std::vector<std::string>& found) {
  for (const test::CutGlyph& glyph : cut) {
    const ImGuiWindow* root = glyph.window != nullptr ? glyph.window->RootWindow : nullptr;
    const bool of_another = root != nullptr && root != &window && is_view(*root);
    if (of_another || may_be_cut(glyph, items)) continue;
    found.push_back(std::string(window.Name) + ": text \"" + glyph.text + "\" at " +
                    std::to_string(static_cast<int>(glyph.drawn.Min.x)) + ", " +
                    std::to_string(static_cast<int>(glyph.drawn.Min.y)) + " is cut off, " +
                    std::to_string(static_cast<int>(std::round(glyph.beside))) +
                    " pixels beside, " + std::to_string(static_cast<int>(std::round(glyph.below))) +
                    " below");
  }
}

// Everything that is too wide anywhere, and what is cut off in these windows.
std::vector<std::string> cut_off(ImGuiTestContext* test, const std::vector<std::string>& windows) {
  Stage& s = stage_of(test);
  std::vector<test::CutGlyph> cut;
  s.on_frame = [&] { cut = test::CutText::of_frame(); };
  test->Yield();
  s.on_frame = nullptr;
  std::vector<std::string> found = overflowing();
  for (const std::string& name : windows) {
    const ImGuiWindow* window = ImGui::FindWindowByName(name.c_str());
    if (window == nullptr) continue;
    const Items items = items_of(test, *window);
    cut_items(*window, items, found);
    cut_text(*window, items, cut, found);
  }
  return found;
}

void expect_nothing_cut(ImGuiTestContext* test, const std::string& where,
                        const std::vector<std::string>& windows) {
  std::set<std::string> said;
  for (const std::string& what : cut_off(test, windows)) {
    if (said.insert(what).second) FAIL_CHECK(where << ": " << what);
  }
}

// The names of the views that a layout opens stand in their tabs in full.
void expect_whole_tabs(const std::string& where) {
  std::set<const ImGuiTabBar*> bars;
  for (const ImGuiWindow* window : ImGui::GetCurrentContext()->Windows) {
    if (window->DockNode != nullptr && window->DockNode->TabBar != nullptr)
      bars.insert(window->DockNode->TabBar);
  }
  for (const ImGuiTabBar* bar : bars) {
    for (const ImGuiTabItem& tab : bar->Tabs) {
      if (tab.Window == nullptr) continue;  // the mark of the export menu
      CHECK_MESSAGE(tab.Width + 0.5f >= tab.ContentWidth,
                    where << ": the tab of " << std::string(tab.Window->Name) << " is "
                          << tab.ContentWidth - tab.Width << " pixels too narrow");
    }
    CHECK_MESSAGE(bar->WidthAllTabs <= bar->BarRect.GetWidth() + 0.5f,
                  where << ": tabs are out of sight");
  }
}

void script_views(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  for (const Arrangement& arrangement : arrangements()) {
    IM_CHECK(s.app->commands().run(std::string("layout.") + arrangement.id));
    test->Yield(8);
    if (ImGui::GetMainViewport()->Size.x > 80 * ImGui::GetFontSize())
      expect_whole_tabs(arrangement.id);
    for (const char* title : titles::all) {
      View& view = *s.app->view_table().find(title);
      const bool was_open = view.open;
      s.state().view_to_show = title;
      test->Yield(6);
      IM_CHECK(test->WindowInfo((std::string("//") + title).c_str()).Window->DockTabIsVisible);
      expect_nothing_cut(test, arrangement.id + std::string(", ") + title, {title});
      if (!was_open) view.open = false;  // its tab shall not make the others narrower
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

// What a window of a script draws too wide, too low, or past the room of a field of its own.
void draw_too_much() {
  ImGui::SetNextWindowSize(ImVec2(150, 90));
  ImGui::Begin("Narrow", nullptr, ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoScrollbar);
  ImGui::Button("A button that is far too wide for this");
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 at = ImGui::GetWindowPos();
  list.AddText(ImVec2(at.x + 100, at.y + 55), IM_COL32_WHITE, "aside too far");
  list.AddText(ImVec2(at.x + 10, at.y + 83), IM_COL32_WHITE, "below the edge");
  list.AddText(ImVec2(at.x + 10, at.y + 65), IM_COL32_WHITE, "whole");
  ImGui::RenderTextClipped(ImVec2(at.x + 10, at.y + 40), ImVec2(at.x + 33, at.y + 60), "in a frame",
                           nullptr, nullptr);
  ImGui::End();
}

// The check can fail: items, text that nobody measures, text that ImGui clips by itself.
void script_too_wide(ImGuiTestContext* test) {
  test->Yield(2);
  const auto found = cut_off(test, {"Narrow"});
  const auto says = [&](const char* what) {
    return std::any_of(found.begin(), found.end(), [&](const std::string& one) {
      return one.starts_with("Narrow") && one.find(what) != std::string::npos;
    });
  };
  IM_CHECK(says("beyond the right edge"));
  IM_CHECK(says("pixels of its width"));
  IM_CHECK(says("\"aside"));
  IM_CHECK(says("\"below"));
  IM_CHECK(says("\"in "));
  IM_CHECK(!says("whole"));
}

// Controls of every kind, in several views.
constexpr const char* kControls[] = {
    "//Prompt/New sample",
    "//Prompt/##kind",
    "//Prompt/##documents",
    "//Prompt/mode/Documents",
    "//Prompt/##question",
    "//Intervention/##tau",
    "//Intervention/##alpha",
    "//Intervention/##also",
    "//Intervention/choice/Contextual",
    "//Intervention/choice/Random",
    "//Intervention/##top_k",
    "//Intervention/rows/All",
    "//Intervention/Reset",
    "//Heads/##score",
    "//Attention per document/of/Mean of chosen heads",
    "//Attention per document/of/Selected head",
    "//Attention per document/Causal check",
};

// Where the controls stand.
std::map<std::string, ImVec2> places_of_controls(ImGuiTestContext* test) {
  std::map<std::string, ImVec2> places;
  for (const char* path : kControls) {
    const ImGuiTestItemInfo info = test->ItemInfo(path, ImGuiTestOpFlags_NoError);
    if (info.ID != 0) places[path] = info.RectFull.Min;
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
  for (const Format& format :
       {kUsual, Format{1, 1600, 1000, ThemeKind::light},
        Format{1.5f, 1280, 800, ThemeKind::contrast}, Format{1.5f, 1600, 1000, ThemeKind::dark},
        Format{2, 1280, 800, ThemeKind::light}, Format{2, 1600, 1000, ThemeKind::contrast},
        Format{1, 800, 600, ThemeKind::dark}}) {
    CAPTURE(format.scale);
    CAPTURE(format.width);
    const auto stage = gate_stage(format);
    stage->run("views", script_views);
  }
}

TEST_CASE("nothing is cut off while a lesson is presented") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = gate_stage(kUsual);
  stage->run("presented", script_presented);
}

TEST_CASE("what is cut off would be found") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = gate_stage(kUsual);
  ImGuiTest* test =
      ImGuiTestEngine_RegisterTest(stage->tests, "window", "too wide", __FILE__, __LINE__);
  test->UserData = stage.get();
  test->GuiFunc = [](ImGuiTestContext*) { draw_too_much(); };
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
