// links: headscope_app_testing
// labels: ui
// timeout: 240
// What hands do: files dropped onto the window, a prompt's tab dragged to another place, a shortcut
// pressed in the preferences.
#include <GLFW/glfw3.h>
#include <imgui_internal.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "app/shell/layout.h"
#include "core/base/file.h"
#include "core/session/directions_file.h"
#include "tests/engine_fixture.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::fake_stage;
using test::Stage;
using test::stage_of;

namespace {

std::filesystem::path* folder_now = nullptr;  // of the running case: scripts are plain functions

// As GLFW does it once the desktop has told it: the window's own callback.
void drop(ImGuiTestContext* test, std::initializer_list<std::filesystem::path> files) {
  auto* window = static_cast<GLFWwindow*>(ImGui::GetMainViewport()->PlatformHandle);
  const GLFWdropfun callback = glfwSetDropCallback(window, nullptr);
  glfwSetDropCallback(window, callback);
  IM_CHECK(callback != nullptr);
  std::vector<std::string> names;
  std::vector<const char*> paths;
  for (const auto& file : files) names.push_back(file.string());
  for (const std::string& name : names) paths.push_back(name.c_str());
  callback(window, static_cast<int>(paths.size()), paths.data());
  test->Yield(3);
}

bool mentions(Stage& s, Notice::Kind kind, const std::string& words) {
  const auto& notices = s.state().notices;
  return std::any_of(notices.begin(), notices.end(), [&](const Notice& notice) {
    return notice.kind == kind && notice.text.find(words) != std::string::npos;
  });
}

void script_drop(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  const auto prompt = *folder_now / "prompt.txt";
  IM_CHECK(write_file_atomically(prompt, "Question: Who keeps the gate?\nAnswer:").has_value());
  drop(test, {prompt});
  s.settle(test);
  IM_CHECK(s.snapshot().prompt->text.find("Who keeps the gate?") != std::string::npos);
  IM_CHECK(mentions(s, Notice::Kind::info, "prompt.txt: opened as the text of a prompt"));
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK(s.snapshot().prompt->text == test::engine_prompt().text);
  // Two at once, one of which is nothing that can be opened.
  s.state().notices.clear();
  const auto heads = *folder_now / "some heads.json", picture = *folder_now / "picture.png";
  IM_CHECK(write_file_atomically(heads, "[[0, 1], [2, 3]]").has_value());
  IM_CHECK(write_file_atomically(picture, std::string("\x89PNG\0\0", 6)).has_value());
  drop(test, {picture, heads});
  s.settle(test);
  IM_CHECK(mentions(s, Notice::Kind::error, "picture.png"));
  IM_CHECK(mentions(s, Notice::Kind::info, "some heads.json"));
  IM_CHECK(s.state().chosen() == (std::vector<HeadId>{{0, 1}, {2, 3}}));
  s.state().notices.clear();
}

Directions directions_of(int layers, int heads, int head_dim) {
  const auto size = static_cast<std::size_t>(layers * heads * head_dim);
  return {layers, heads, head_dim, std::vector<float>(size, 0.5f), {}};
}

void script_directions(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const ModelInfo model = *s.snapshot().model;
  const auto small = *folder_now / "small.safetensors", mine = *folder_now / "mine.safetensors";
  IM_CHECK(write_directions(small, directions_of(1, 2, 4), new_passport()).has_value());
  IM_CHECK(write_directions(mine, directions_of(model.layers, model.heads, model.head_dim),
                            new_passport())
               .has_value());
  const auto& settings = s.state().request.intervention;
  drop(test, {small});
  IM_CHECK(settings.directions.empty());
  IM_CHECK(mentions(s, Notice::Kind::error, "small.safetensors"));
  IM_CHECK(mentions(s, Notice::Kind::error, "this model needs"));
  s.state().notices.clear();
  drop(test, {mine});
  s.settle(test);
  IM_CHECK(settings.directions == mine.string());
  IM_CHECK(s.snapshot().model->directions_source == "mine.safetensors");
  IM_CHECK(mentions(s, Notice::Kind::info, "mine.safetensors: focus directions in use"));
  test->WindowFocus("//Intervention");
  test->Yield(2);
  IM_CHECK(write_png(test::picture_folder() / "hands_directions.png", s.capture(test)).has_value());
  // They are part of what is undone, kept in sessions, and there is a way back to the model's own.
  const auto record = s.app->prompt_tabs().record();
  const auto again = session_from_json(session_to_json(record), "session");
  IM_CHECK(again.has_value());
  IM_CHECK(again->tabs[0].request.intervention == settings);
  test->ItemClick("//Intervention/Own");
  s.settle(test);
  IM_CHECK(settings.directions.empty());
  IM_CHECK(s.snapshot().model->directions_source == model.directions_source);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK(settings.directions == mine.string());
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK(settings.directions.empty());
}

std::string order_of(Stage& s) {
  std::string order;
  const PromptTabs& tabs = s.app->prompt_tabs();
  for (std::size_t i = 0; i < tabs.size(); ++i) order += tabs.title(i) + " ";
  return order;
}

// The place on screen of a prompt's tab, as ImGui has laid it out.
ImRect place_of_tab(std::uint64_t key) {
  ImGuiContext& imgui = *ImGui::GetCurrentContext();
  const std::string ending = "###" + std::to_string(key);
  for (int i = 0; i < imgui.TabBars.GetMapSize(); ++i) {
    ImGuiTabBar* bar = imgui.TabBars.TryGetMapData(i);
    if (bar == nullptr || bar->CurrFrameVisible < imgui.FrameCount - 1) continue;
    for (ImGuiTabItem& tab : bar->Tabs) {
      if (!std::string(ImGui::TabBarGetTabName(bar, &tab)).ends_with(ending)) continue;
      const float left = bar->BarRect.Min.x + tab.Offset;
      return {left, bar->BarRect.Min.y, left + tab.Width, bar->BarRect.Max.y};
    }
  }
  return {};
}

void script_drag_tab(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  PromptTabs& tabs = s.app->prompt_tabs();
  tabs.rename(0, "one");
  for (const char* name : {"two", "three"}) {
    IM_CHECK(tabs.open());
    tabs.rename(tabs.active(), name);
  }
  test->Yield(5);
  IM_CHECK_STR_EQ(order_of(s).c_str(), "one two three ");
  const std::uint64_t one = tabs.key(0), three = tabs.key(2);
  const ImRect from = place_of_tab(one), to = place_of_tab(three);
  IM_CHECK(from.GetWidth() > 0 && to.GetWidth() > 0);
  test->MouseMoveToPos(from.GetCenter());
  test->MouseDown();
  for (int i = 1; i <= 8; ++i) {  // by hand, not in one jump
    const float share = static_cast<float>(i) / 8;
    test->MouseMoveToPos(ImVec2(from.GetCenter().x + share * (to.Max.x - 4 - from.GetCenter().x),
                                from.GetCenter().y));
  }
  test->MouseUp();
  test->Yield(3);
  IM_CHECK_STR_EQ(order_of(s).c_str(), "two three one ");
  IM_CHECK_EQ(tabs.key(2), one);
  IM_CHECK_EQ(tabs.key(tabs.active()), one);  // what is dragged is in front
  // The order is the session's.
  IM_CHECK_STR_EQ(tabs.record().tabs[0].name.c_str(), "two");
  while (tabs.size() > 1) tabs.close(0);
  s.settle(test);
}

void script_shortcut(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().notices.clear();  // they would lie over the table
  s.state().view_to_show = titles::preferences;
  test->Yield(5);
  test->ItemClick("//Preferences/##filter");
  test->KeyCharsReplace("reset the intervention");
  test->Yield(3);
  const auto button = [&] {
    ImGuiTestItemList items;
    test->GatherItems(&items, test->WindowInfo("//Preferences/shortcuts").ID);
    for (int i = 0; i < items.GetSize(); ++i) {
      if (std::string(items.GetByIndex(i)->DebugLabel).find("###shortcut") != std::string::npos)
        return items.GetByIndex(i)->ID;
    }
    return ImGuiID{0};
  };
  IM_CHECK(button() != 0);
  test->ItemClick(button());
  test->Yield(2);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_F8);
  test->Yield(3);
  const Command* command = s.app->commands().find("settings.reset");
  IM_CHECK_STR_EQ(Commands::shortcut_text(*command).c_str(), "Ctrl+Shift+F8");
  // It does what it says, the old one does nothing any more.
  s.state().request.intervention.tau = 0.3;
  s.settle(test);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_R);
  s.settle(test);
  IM_CHECK_EQ(s.state().request.intervention.tau, 0.3);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_F8);
  s.settle(test);
  IM_CHECK_EQ(s.state().request.intervention.tau, 1.0);
  // Escape leaves a shortcut as it is, also while one is waited for.
  test->ItemClick(button());
  test->KeyPress(ImGuiKey_Escape);
  test->Yield(2);
  IM_CHECK_STR_EQ(Commands::shortcut_text(*command).c_str(), "Ctrl+Shift+F8");
  test->ItemClick("//Preferences/Reset all shortcuts");
  test->Yield(2);
  IM_CHECK_STR_EQ(Commands::shortcut_text(*command).c_str(), "Ctrl+R");
}

}  // namespace

TEST_CASE("dropping files, dragging a tab, pressing a new shortcut") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const test::TemporaryFolder folder;
  auto path = folder.path();
  folder_now = &path;
  const auto stage = fake_stage();
  stage->state().head_sets.configure(folder / "head sets");
  stage->run("files dropped", script_drop);
  stage->run("focus directions dropped", script_directions);
  stage->run("a tab dragged", script_drag_tab);
  stage->run("a shortcut", script_shortcut);
  folder_now = nullptr;
}
