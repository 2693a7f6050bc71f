// links: headscope_app_testing
// labels: window
// Every view for some frames on the null back end: empty, loading, failed, large and odd snapshots.
#include <doctest/doctest.h>
#include <imgui.h>

#include <string>

#include "app/shell/app.h"
#include "tests/engine_fixture.h"
#include "tests/null_window.h"
#include "tests/ui_fixture.h"

using namespace headscope;
using test::NullWindow;

namespace {

constexpr ImVec2 kNormal(1280, 800);

// Twelve hundred documents, each longer than a card shows.
Request huge_request() {
  Request request = test::edited_request();
  std::string text = "Instruction.\n\n";
  for (int i = 1; i <= 1200; ++i) {
    text += "Document [" + std::to_string(i) + "](Title: Title number " + std::to_string(i) + ") ";
    for (int w = 0; w < 8; ++w) text += "Some words that fill the line of the card. ";
    text += "\n";
  }
  request.prompt.text = text + "\nQuestion: Where?\nAnswer:";
  request.prompt.gold_document = 700;
  return request;
}

}  // namespace

TEST_CASE("views stand every state of the engine") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();

  SUBCASE("nothing yet") {
    CHECK(window.draw(app, kNormal, 4) > 0);
  }
  SUBCASE("loading") {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->status.state = EngineStatus::State::loading_model;
    snapshot->status.progress = {"tensors", 3, 7};
    state.take(snapshot);
    CHECK(window.draw(app, kNormal, 4) > 0);
    CHECK(app.heatmaps().pictures() == 0);
  }
  SUBCASE("failed, with a notice that goes away when the error does") {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->status.state = EngineStatus::State::failed;
    snapshot->status.error =
        Error{ErrorKind::bad_input, "config.json: field 'hidden_size' expected a number"};
    state.take(snapshot);
    window.draw(app, kNormal, 4);
    REQUIRE(state.notices.size() == 1);
    CHECK(state.notices[0].text.find("hidden_size") != std::string::npos);
    state.take(std::make_shared<Snapshot>());
    window.draw(app, kNormal, 2);
    CHECK(state.notices.empty());
  }
  SUBCASE("a cancelled run is no error") {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->status.state = EngineStatus::State::failed;
    snapshot->status.error = Error{ErrorKind::cancelled, "cancelled"};
    state.take(snapshot);
    window.draw(app, kNormal, 2);
    CHECK(state.notices.empty());
  }
  SUBCASE("baseline is there, the intervened answer is being generated") {
    state.request = test::edited_request();
    auto snapshot = test::snapshot_of(state.request);
    snapshot->intervened = nullptr;
    snapshot->streaming_text = "The answer is";
    snapshot->status.state = EngineStatus::State::running;
    state.take(snapshot);
    CHECK(window.draw(app, kNormal, 4) > 0);
  }
  SUBCASE("prompt without documents, without gold, without answers") {
    state.request = test::edited_request();
    state.request.prompt = {};
    state.request.prompt.text = "Question: Who?\nAnswer:";
    state.take(test::snapshot_of(state.request));
    CHECK(window.draw(app, kNormal, 4) > 0);
  }
  SUBCASE("results without weights: over the memory budget") {
    FakeOptions options;
    options.weights_budget = 0;
    state.request = test::edited_request();
    state.take(test::snapshot_of(state.request, options));
    CHECK(window.draw(app, kNormal, 4) > 0);
    CHECK(app.heatmaps().pictures() == 1);  // the head map alone
  }
}

TEST_CASE("a complete result is drawn as two pictures, whatever its size") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  FakeOptions options;
  SUBCASE("embedded size") {}
  SUBCASE("28 layers x 24 heads") {
    options.layers = 28;
    options.heads = 24;
    options.kv_heads = 8;
  }
  state.request = test::edited_request();
  SUBCASE("response rows") {}
  SUBCASE("full map") {
    state.request.want_full_map = true;
  }
  std::size_t pictures = 2;
  SUBCASE("full map of a long prompt: the overview, and a part of it exactly") {
    state.request.want_full_map = true;
    options.map_level = 3;
    state.request.map_region = {{8, 24}, {0, 24}};
    pictures = 3;
  }
  SUBCASE("difference, linear") {
    state.view.map_source = state.view.score_source = MapSource::difference;
    state.view.map_logarithmic = false;
  }
  SUBCASE("text being edited") {
    state.view.edit_text = true;
  }
  SUBCASE("random heads") {
    state.request.intervention.choice = HeadChoice::random;
  }
  SUBCASE("picked heads, one that does not exist") {
    state.request.intervention.choice = HeadChoice::picked;
    state.request.intervention.picked = {{0, 1}, {5, 2}, {400, 3}};
  }
  state.take(test::snapshot_of(state.request, options));
  state.select(state.request.selected);
  for (const ThemeKind theme : {ThemeKind::dark, ThemeKind::light, ThemeKind::contrast}) {
    app.set_theme(theme);
    window.draw(app, kNormal, 3);
    CHECK(app.heatmaps().pictures() == pictures);
  }
  app.set_scale(2, 1);
  window.draw(app, ImVec2(2560, 1600), 3);
  CHECK(app.heatmaps().pictures() == pictures);
  // Too small for anything: nothing may divide by zero or turn inside out.
  window.draw(app, ImVec2(320, 200), 3);
  window.draw(app, ImVec2(40, 40), 3);
}

TEST_CASE("the mouse may rest anywhere") {
  NullWindow window;
  App app(nullptr);
  app.state().request = test::edited_request();
  app.state().take(test::snapshot_of(app.state().request));
  window.draw(app, kNormal, 3);
  for (float x = 20; x < 1280; x += 90) {
    for (float y = 10; y < 800; y += 70) window.draw(app, kNormal, 1, ImVec2(x, y));
  }
}

TEST_CASE("a huge prompt costs no more than what is on screen") {
  NullWindow window;
  App app(nullptr);
  FakeOptions options;
  options.layers = 2;
  options.heads = 2;
  options.kv_heads = 2;
  options.context_length = 1 << 20;
  app.state().request = huge_request();
  app.state().request.selected = {};
  app.state().take(test::snapshot_of(app.state().request, options));
  const int vertices = window.draw(app, kNormal, 6);
  CHECK(app.heatmaps().pictures() == 2);
  CHECK(vertices < 120000);  // 1200 cards would take a million; cells as rectangles even more
}

TEST_CASE("every command runs in every state without a snapshot and with one") {
  for (const bool complete : {false, true}) {
    NullWindow window;
    App app(nullptr);
    if (complete) {
      app.state().request = test::edited_request();
      app.state().take(test::snapshot_of(app.state().request));
    }
    window.draw(app, kNormal, 2);
    for (const Command& command : app.commands().all()) {
      app.commands().run(command.id);
      window.draw(app, kNormal, 2);
    }
    CHECK(app.quit_requested());
  }
}
