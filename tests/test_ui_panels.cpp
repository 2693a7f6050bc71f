// links: headscope_app_testing
// labels: window
// Views open and close, stand where a layout says, and are found again.
#include <doctest/doctest.h>
#include <imgui.h>
#include <imgui_internal.h>

#include <set>
#include <string>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "app/views/lesson_state.h"
#include "tests/null_window.h"

using namespace headscope;
using test::NullWindow;

namespace {

constexpr ImVec2 kNormal(1280, 800);

ImGuiID node_of(const char* title) {
  const ImGuiWindow* window = ImGui::FindWindowByName(title);
  return window != nullptr ? window->DockId : 0;
}

bool is_shown(const char* title) {
  const ImGuiWindow* window = ImGui::FindWindowByName(title);
  return window != nullptr && window->Active && !window->Hidden;
}

}  // namespace

TEST_CASE("a view closes, opens by its command where it was, and comes to the front") {
  NullWindow window;
  App app(nullptr);
  window.draw(app, kNormal, 6);
  CHECK(is_shown(titles::attention));
  CHECK(!is_shown(titles::experiments));  // behind the map
  const ImGuiID place = node_of(titles::experiments);
  app.commands().run("panel.Experiments");
  CHECK(!app.view_table().find(titles::experiments)->open);
  window.draw(app, kNormal, 3);
  app.commands().run("panel.Experiments");
  window.draw(app, kNormal, 6);
  CHECK(is_shown(titles::experiments));
  CHECK(!is_shown(titles::attention));
  CHECK(node_of(titles::experiments) == place);
  app.state().view_to_show = titles::attention;  // as a view asks for another one
  window.draw(app, kNormal, 3);
  CHECK(is_shown(titles::attention));
  app.state().view_to_show = "No such view";
  window.draw(app, kNormal, 2);
  CHECK(app.state().view_to_show.empty());
}

TEST_CASE("a new window shows the tabs that its layout puts in front") {
  NullWindow window;
  App app(nullptr);
  app.state().view_to_show = titles::preferences;  // before there was a layout
  window.draw(app, kNormal, 8);
  CHECK(is_shown(titles::prompt));
  CHECK(is_shown(titles::documents));
  CHECK(is_shown(titles::ranking));
  CHECK(is_shown(titles::preferences));
}

TEST_CASE("every layout gives every view a place, and shows what its use needs") {
  NullWindow window;
  App app(nullptr);
  window.draw(app, kNormal, 4);
  for (const Arrangement& arrangement : arrangements()) {
    CAPTURE(arrangement.id);
    REQUIRE(app.commands().run(std::string("layout.") + arrangement.id));
    window.draw(app, kNormal, 6);
    std::set<ImGuiID> shown;
    for (const View& view : app.view_table().all()) {
      CAPTURE(view.title);
      if (!view.open) continue;
      CHECK(node_of(view.title) != 0);
      if (is_shown(view.title)) shown.insert(node_of(view.title));
      const ImGuiWindow* found = ImGui::FindWindowByName(view.title);
      REQUIRE(found != nullptr);
      CHECK(found->Size.x > 100);
      CHECK(found->Size.y > 90);
    }
    CHECK(shown.size() >= 6);
    CHECK(is_shown(titles::answer));
    CHECK(is_shown(titles::controls));
    CHECK(is_shown(titles::heads));
    const bool teach = std::string(arrangement.id) == "teach";
    CHECK(is_shown(titles::lesson) == teach);
    CHECK(is_shown(titles::prompt));
  }
}

TEST_CASE("a lesson may speak of every view") {
  NullWindow window;
  App app(nullptr);
  std::string titles;
  for (const View& view : app.view_table().all())
    titles += std::string(titles.empty() ? "" : ", ") + "\"" + view.title + "\"";
  const auto lesson = parse_lesson(
      "---\ntitle: All\nsummary: Every view.\nminutes: 1\n---\n## "
      "Step\nText.\n```window\n\"look_at\": [" +
          titles + "]\n```\n",
      "all");
  REQUIRE_MESSAGE(lesson.has_value(), (lesson ? "" : lesson.error().message));
  const auto scenes = scenes_of(*lesson);
  REQUIRE_MESSAGE(scenes.has_value(), (scenes ? "" : scenes.error().message));
  CHECK(scenes->front().entered.look_at.size() == app.view_table().all().size());
}

TEST_CASE("the layout file holds which views are open; unknown ones do no harm") {
  std::string text;
  {
    NullWindow window;
    App app(nullptr);
    window.draw(app, kNormal, 4);
    app.commands().run("panel.Ranking");
    window.draw(app, kNormal, 3);
    text = save_layout(app.view_table());
  }
  NullWindow window;
  App app(nullptr);
  load_layout(text + "A view of the future=1\n", app.view_table());
  window.draw(app, kNormal, 4);
  CHECK(!app.view_table().find(titles::ranking)->open);
  CHECK(app.view_table().find(titles::heads)->open);
  CHECK(!is_shown(titles::ranking));
  CHECK(is_shown(titles::attention));
  CHECK(save_layout(app.view_table()).find("A view of the future") == std::string::npos);
}

TEST_CASE("a view that the layout does not know opens as a tab of its region") {
  std::string text;
  {
    NullWindow window;
    App app(nullptr);
    window.draw(app, kNormal, 4);
    text = save_layout(app.view_table());
  }
  NullWindow window;
  App app(nullptr);
  app.view_table().add("New view", Place::attention, true, [](ViewContext&) {});
  load_layout(text, app.view_table());
  window.draw(app, kNormal, 4);
  CHECK(node_of("New view") == node_of(titles::attention));
  CHECK(node_of("New view") != 0);
}
