// links: headscope_app_testing
// labels: window
// Several prompts in one window, and sessions: kept, saved, brought back after a crash.
#include <doctest/doctest.h>
#include <imgui.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "app/shell/app.h"
#include "app/shell/user_files.h"
#include "core/base/file.h"
#include "tests/engine_fixture.h"
#include "tests/null_window.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::NullWindow;

namespace {

constexpr ImVec2 kNormal(1280, 800);

// A window with the fake model; one after the other, as starts of the program.
struct Desk {
  std::shared_ptr<FakeControl> control = std::make_shared<FakeControl>();
  NullWindow window;
  Engine engine;
  App app;

  Desk() : engine(fake_runner_factory({}, control), {}), app(&engine) {
    app.state().request = test::with_tau(test::engine_request(), 0.1);
  }
  AppState& state() { return app.state(); }
  PromptTabs& tabs() { return app.prompt_tabs(); }
  void frames(int n = 2) { window.draw(app, kNormal, n); }
  void settle() {
    frames();
    CHECK(test::eventually([&] {
      frames(1);
      return app.settled();
    }));
    frames();
  }
  int runs() const { return control->count(FakeCall::run); }
};

Request other_request() {
  Request request = test::with_tau(test::engine_request(), 0.4);
  request.prompt.text =
      "Document [1](Title: Gate) The gate of Orlen is violet.\n\n"
      "Question: What colour is the gate of Orlen?\nAnswer:";
  request.prompt.gold_document = 0;
  request.prompt.answers = {"violet"};
  return request;
}

struct Homes {
  test::TemporaryFolder folder;
  Homes() {
    setenv("XDG_CONFIG_HOME", (folder / "config").c_str(), 1);
    setenv("XDG_STATE_HOME", (folder / "state").c_str(), 1);
  }
};

bool mentions(const AppState& state, const std::string& words) {
  for (const Notice& notice : state.notices) {
    if (notice.text.find(words) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("each tab has its own request, history and results; going back costs no run") {
  Desk desk;
  desk.settle();
  const auto first = desk.state().snapshot;
  REQUIRE(first->intervened != nullptr);
  desk.state().request.intervention.tau = 0.2;
  desk.settle();
  const auto changed = desk.state().snapshot;

  REQUIRE(desk.app.commands().run("tab.open"));
  CHECK(desk.tabs().size() == 2);
  CHECK(desk.tabs().active() == 1);
  CHECK(desk.state().snapshot->baseline == nullptr);
  CHECK(desk.state().snapshot->model != nullptr);  // the head map keeps its shape
  CHECK_FALSE(desk.state().history.can_undo());
  desk.settle();
  CHECK(desk.state().snapshot->baseline == nullptr);  // an empty prompt shows nobody else's results
  desk.state().request = other_request();
  desk.settle();
  REQUIRE(desk.state().snapshot->baseline != nullptr);
  CHECK(desk.state().snapshot->prompt->text == other_request().prompt.text);
  CHECK(desk.tabs().title(0).find("Which colour has the northern") == 0);
  CHECK(desk.tabs().title(1).find("What colour is the gate") == 0);

  const int runs = desk.runs();
  desk.app.commands().run("tab.previous");
  CHECK(desk.state().snapshot == changed);  // at once
  CHECK(desk.app.settled());
  desk.settle();
  CHECK(desk.runs() == runs);
  CHECK(desk.state().request.intervention.tau == 0.2);
  CHECK(desk.app.commands().run("edit.undo"));
  CHECK(desk.state().request.intervention.tau == 0.1);
  desk.settle();
  CHECK(desk.state().snapshot->intervened->settings.tau == 0.1);
  CHECK(desk.state().snapshot->prompt->text == test::engine_prompt().text);
}

TEST_CASE("what a tab shows stays in sight while the engine works it out again") {
  Desk desk;
  desk.settle();
  desk.app.commands().run("tab.open");
  desk.state().request = other_request();
  desk.settle();
  desk.app.commands().run("tab.next");
  desk.control->hold(FakeCall::run);
  desk.state().request.intervention.tau = 0.7;
  desk.frames();
  CHECK(desk.control->wait_held());
  desk.frames();
  CHECK(desk.state().snapshot->baseline != nullptr);
  CHECK(desk.state().snapshot->prompt->text == test::engine_prompt().text);
  CHECK(desk.state().snapshot->status.state == EngineStatus::State::running);
  desk.control->release();
  desk.settle();
  CHECK(desk.state().snapshot->intervened->settings.tau == 0.7);
}

TEST_CASE("a tab that computes goes on behind another one, and gets its own results") {
  Desk desk;
  desk.settle();
  desk.app.commands().run("tab.open");
  desk.state().request = other_request();
  desk.settle();
  desk.control->hold(FakeCall::run);
  desk.state().request.intervention.tau = 0.6;
  desk.frames();
  CHECK(desk.control->wait_held());
  const auto before = desk.state().snapshot;
  desk.app.commands().run("tab.next");  // its results are at hand: nothing is asked
  desk.frames();
  const auto shown = desk.state().snapshot;
  CHECK(shown->prompt->text == test::engine_prompt().text);
  desk.control->release();
  CHECK(test::eventually([&] { return desk.engine.idle(); }));
  desk.frames(3);
  CHECK(desk.state().snapshot == shown);
  const int runs = desk.runs();
  desk.app.commands().run("tab.next");
  desk.frames();
  CHECK(desk.state().snapshot != before);
  REQUIRE(desk.state().snapshot->intervened != nullptr);
  CHECK(desk.state().snapshot->intervened->settings.tau == 0.6);
  desk.settle();
  CHECK(desk.runs() == runs);
}

TEST_CASE(
    "tabs close with a way back, are renamed, moved, copied; results are kept within a bound") {
  Desk desk;
  desk.settle();
  desk.app.commands().run("tab.open");
  desk.state().request = other_request();
  desk.settle();
  desk.tabs().rename(1, "gate");
  desk.app.commands().run("tab.duplicate");
  desk.frames();
  CHECK(desk.tabs().title(2) == "gate (copy)");
  CHECK(desk.state().request.prompt == other_request().prompt);
  CHECK(desk.state().snapshot->baseline != nullptr);
  desk.app.commands().run("tab.close");
  CHECK(desk.tabs().active() == 1);
  CHECK(desk.tabs().title(1) == "gate");

  desk.app.commands().run("tab.move_left");
  CHECK(desk.tabs().title(0) == "gate");
  CHECK(desk.tabs().active() == 0);
  desk.tabs().close(0);
  CHECK(desk.tabs().size() == 1);
  CHECK(desk.state().request.prompt == test::engine_prompt());
  CHECK_FALSE(desk.app.commands().run("tab.close"));  // the last one stays
  const int runs = desk.runs();
  desk.app.commands().run("tab.reopen");
  desk.settle();
  CHECK(desk.tabs().title(desk.tabs().active()) == "gate");
  CHECK(desk.state().request.prompt == other_request().prompt);
  CHECK(desk.runs() == runs);

  desk.tabs().set_kept_bytes(0);
  desk.app.commands().run("tab.next");
  desk.settle();
  desk.app.commands().run("tab.next");
  CHECK(desk.state().snapshot->baseline == nullptr);  // was given up
  desk.settle();
  CHECK(desk.state().snapshot->baseline != nullptr);
}

TEST_CASE("a session is saved whole, opened again, and says when it has changed") {
  const Homes homes;
  Desk desk;
  std::vector<std::string> problems, notes;
  CHECK_FALSE(desk.app.session().begin(problems, notes));
  CHECK(problems.empty());
  desk.settle();
  desk.app.commands().run("tab.open");
  desk.state().request = other_request();
  desk.state().view.map_source = MapSource::difference;
  desk.tabs().rename(1, "gate");
  desk.settle();
  CHECK(desk.app.window_title() == "Headscope");
  const std::string path = (homes.folder / "work.headscope.json").string();
  REQUIRE(desk.app.session().save_as(path).has_value());
  CHECK(desk.app.window_title() == "work - Headscope");
  const SessionRecord saved = desk.tabs().record();
  CHECK(*read_session(path) == saved);

  desk.state().select({2, 3});  // looking around is no change
  desk.settle();
  CHECK_FALSE(desk.app.session().changed());
  desk.state().request.intervention.alpha = 0.5;
  desk.settle();
  CHECK(desk.app.session().changed());
  CHECK(desk.app.window_title() == "work* - Headscope");

  desk.app.commands().run("session.new");
  desk.settle();
  CHECK(desk.tabs().size() == 1);
  CHECK(desk.app.session().file().empty());
  desk.app.commands().run("session.back");  // nothing was lost
  desk.settle();
  CHECK(desk.app.session().changed());
  CHECK(desk.state().request.intervention.alpha == 0.5);

  desk.app.open_path(path);
  desk.settle();
  CHECK_FALSE(desk.app.session().changed());
  CHECK(same_work(desk.tabs().record(), saved));
  CHECK(desk.tabs().title(1) == "gate");
  CHECK(desk.state().view.map_source == MapSource::difference);

  const auto now = desk.tabs().record();
  for (const char* text : {R"({"headscope":"session","version":9,"tabs":[]})",
                           R"({"headscope":"session","version":2,"tabs":[{"prompt":{"text":1}}]})",
                           R"({"headscope":"session","version":2,)"}) {
    desk.state().notices.clear();
    REQUIRE(write_file_atomically(homes.folder / "bad.json", text).has_value());
    desk.app.open_path((homes.folder / "bad.json").string());
    CHECK(mentions(desk.state(), "bad.json"));
    CHECK(desk.tabs().record() == now);
    CHECK(desk.app.session().file() == path);
  }
}

TEST_CASE("a session whose model is gone keeps the work and says what to do") {
  const Homes homes;
  TabRecord tab{"", other_request(), {}, "", 0};
  tab.request.model = (homes.folder / "gone").string();
  REQUIRE(write_session(homes.folder / "work.json", {{tab}, 0}).has_value());
  Desk desk;
  desk.app.open_path((homes.folder / "work.json").string());
  CHECK(mentions(desk.state(), "not there any more"));
  CHECK(desk.state().request.prompt == other_request().prompt);
}

TEST_CASE("after a crash the work is back; a second window has its own") {
  const Homes homes;
  const auto begin = [](Desk& desk, std::vector<std::string>& notes) {
    std::vector<std::string> problems;
    const bool restored = desk.app.session().begin(problems, notes);
    for (const std::string& problem : problems) MESSAGE(problem);
    return restored;
  };
  SessionRecord before;
  {
    Desk desk;
    std::vector<std::string> notes;
    CHECK_FALSE(begin(desk, notes));
    desk.app.set_autosave(0.01);
    desk.app.commands().run("tab.open");
    desk.state().request = other_request();
    desk.settle();
    before = desk.tabs().record();
    CHECK(test::eventually([&] {
      desk.frames(1);
      const auto kept = read_autosave(session_path());
      return kept && *kept && same_work((*kept)->session, before);
    }));
  }  // no end(): as if it had been killed
  {
    Desk desk;
    std::vector<std::string> notes;
    CHECK(begin(desk, notes));
    REQUIRE(notes.size() == 1);
    CHECK(same_work(desk.tabs().record(), before));
    desk.settle();
    CHECK(desk.state().snapshot->prompt->text == other_request().prompt.text);
    AppState elsewhere;
    PromptTabs tabs(elsewhere, nullptr);
    SessionKeeper second(tabs);
    std::vector<std::string> problems;
    CHECK_FALSE(second.begin(problems, notes));
    CHECK(second.end().has_value());
    CHECK(read_autosave(session_path(2))->has_value());
    CHECK(desk.app.session().end().has_value());
  }
  CHECK((*read_autosave(session_path()))->ended);
  // What cannot be read is put aside, never written over.
  REQUIRE(write_file_atomically(session_path(), "{\"version\": 99}").has_value());
  Desk desk;
  std::vector<std::string> problems, notes;
  CHECK_FALSE(desk.app.session().begin(problems, notes));
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find("put aside as") != std::string::npos);
  CHECK(std::filesystem::exists(state_folder() / "session.unreadable-1.json"));
}
