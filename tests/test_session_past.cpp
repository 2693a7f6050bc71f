// links: headscope_app_testing
// labels: window
// What a session keeps of how the work came to be: undo, the list of runs, the place in a lesson.
#include <doctest/doctest.h>
#include <imgui.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "app/shell/app.h"
#include "app/shell/session_past.h"
#include "app/shell/user_files.h"
#include "core/base/file.h"
#include "tests/engine_fixture.h"
#include "tests/null_window.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::NullWindow;

namespace {

constexpr ImVec2 kNormal(1280, 800);

std::size_t count_of(const std::string& text, const std::string& words) {
  std::size_t count = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++count;
  return count;
}

RunEntry entry_of(std::uint64_t number, const PromptRequest& prompt) {
  RunEntry entry;
  entry.number = number;
  entry.when = 1700000000 + static_cast<std::time_t>(number);
  entry.request = test::with_tau(test::engine_request(), 0.01 * static_cast<double>(number));
  entry.request.prompt = {};
  entry.prompt = std::make_shared<const PromptRequest>(prompt);
  entry.answer = "answer " + std::to_string(number);
  entry.graded = entry.right = true;
  entry.seconds = 0.25;
  entry.touched = 5;
  entry.gold = 0.5f;
  entry.others = 0.25f;
  entry.sink = 0.125f;
  entry.rest = 0.125f;
  entry.bars = {0.5f, 0.25f};
  entry.gold_bar = 0;
  entry.cells = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f};
  entry.cell_rows = 2;
  entry.cell_columns = 3;
  return entry;
}

PromptRequest other_prompt() {
  PromptRequest prompt;
  prompt.text = "Question: Who painted the harbour?\nAnswer:";
  prompt.answers = {"nobody"};
  return prompt;
}

TabPast some_past() {
  TabPast past;
  past.undo = {test::with_tau(test::engine_request(), 0.7),
               test::with_tau(test::engine_request(), 0.8)};
  past.undo[0].prompt = other_prompt();
  past.redo = {test::with_alpha(test::engine_request(), 0.4)};
  past.runs = {entry_of(3, other_prompt()), entry_of(4, test::engine_prompt())};
  past.pinned_run = 3;
  return past;
}

Result<TabPast> read_back(const Json& json, const PromptRequest& own = test::engine_prompt()) {
  const auto object = JsonObject::open(json, "work.json");
  return past_from_json(*object, own);
}

struct Homes {
  test::TemporaryFolder folder;
  Homes() {
    setenv("XDG_CONFIG_HOME", (folder / "config").c_str(), 1);
    setenv("XDG_STATE_HOME", (folder / "state").c_str(), 1);
  }
};

// A window with the fake model and a lesson; one after the other, as starts of the program.
struct Desk {
  NullWindow window;
  Engine engine{fake_runner_factory(), {}};
  App app{&engine};

  explicit Desk(const std::filesystem::path& lessons) {
    app.configure_lessons({lessons});
    app.state().request = test::with_tau(test::engine_request(), 0.1);
  }
  AppState& state() { return app.state(); }
  void settle() {
    window.draw(app, kNormal, 2);
    CHECK(test::eventually([&] {
      window.draw(app, kNormal, 1);
      return app.settled();
    }));
    window.draw(app, kNormal, 2);
  }
  bool begin() {
    std::vector<std::string> problems, notes;
    const bool restored = app.session().begin(problems, notes);
    for (const std::string& problem : problems) MESSAGE(problem);
    return restored;
  }
};

constexpr const char* kLesson = R"(---
title: The sink
summary: How much rests on the first token.
minutes: 3
---
## First
Look.

## Second
```question
How much does it hold?
- [ ] little
- [x] much
> It holds much.
```
)";

// The next start finds everything, also by way of a session file.
void go_on_from_crash(const Homes& homes, const std::filesystem::path& lessons, std::size_t runs) {
  Desk desk(lessons);
  CHECK(desk.begin());
  REQUIRE(desk.app.lessons().is_open());
  CHECK(desk.app.lessons().step() == 1);
  CHECK(desk.app.lessons().chosen() == 1);
  CHECK_FALSE(desk.app.lessons().revealed());
  desk.settle();
  const RunLog& log = desk.state().runs;
  CHECK(log.entries().size() == runs);  // the run that was made again is no new one
  CHECK(log.find(log.current())->request.intervention.tau == 0.3);
  CHECK(log.pinned == 1);
  CHECK(desk.state().request.intervention.tau == 0.3);
  REQUIRE(desk.app.commands().run("edit.undo"));
  CHECK(desk.state().request.intervention.tau == 0.1);
  REQUIRE(desk.app.commands().run("edit.redo"));
  CHECK(desk.state().request.intervention.tau == 0.3);

  // The same by a session file; how the work came to be is no change of it.
  const std::string path = (homes.folder / "work.headscope.json").string();
  REQUIRE(desk.app.session().save_as(path).has_value());
  desk.app.commands().run("session.new");
  desk.app.lessons().close();
  desk.settle();
  CHECK(desk.state().runs.entries().size() < runs);
  desk.app.open_path(path);
  CHECK(desk.app.lessons().step() == 1);
  desk.settle();
  CHECK(desk.state().runs.entries().size() == runs);
  CHECK(desk.app.commands().run("edit.undo"));
  CHECK(desk.app.commands().run("edit.redo"));
  desk.settle();
  CHECK_FALSE(desk.app.session().changed());
  REQUIRE(desk.app.session().end().has_value());
}

}  // namespace

TEST_CASE("steps and runs survive being written, and no prompt is written twice") {
  const TabPast past = some_past();
  Json json = {{"prompt", prompt_to_json(test::engine_prompt())}};
  add_past(json, past, test::engine_prompt(), most_past_bytes);
  const std::string text = dump_json(json);
  CHECK(count_of(text, "Ships rest in the harbour") == 1);
  CHECK(count_of(text, "Who painted the harbour") == 1);
  const auto read = read_back(json);
  REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().message));
  CHECK(read->undo == past.undo);
  CHECK(read->redo == past.redo);
  CHECK(read->pinned_run == 3);
  REQUIRE(read->runs.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const RunEntry &a = past.runs[i], &b = read->runs[i];
    CHECK(a.number == b.number);
    CHECK(a.when == b.when);
    CHECK(a.request == b.request);
    CHECK(*a.prompt == *b.prompt);
    CHECK(a.answer == b.answer);
    CHECK(b.graded);
    CHECK(b.right);
    CHECK(a.gold == b.gold);
    CHECK(a.rest == b.rest);
    CHECK(a.bars == b.bars);
    CHECK(a.cell_columns == b.cell_columns);
    REQUIRE(b.cells.size() == 6);
    CHECK(b.cells[5] == doctest::Approx(0.6f));
  }
  CHECK(read_back(Json::object())->runs.empty());  // an older file
}

TEST_CASE(
    "the prompt's text is one for all that the window keeps of it, so that none is compared") {
  const test::TemporaryFolder folder;
  Desk desk(folder.path());
  desk.settle();
  desk.state().request.intervention.tau = 0.4;
  desk.settle();
  const SharedText& text = desk.state().request.prompt.text;
  CHECK(desk.state().history.undo_steps().back().prompt.text.is(text));
  CHECK(desk.state().snapshot->request.prompt.text.is(text));
  CHECK(desk.app.prompt_tabs().record().tabs[0].request.prompt.text.is(text));
  CHECK(desk.state().runs.entries().back().prompt->text.is(text));
  // Steps are forgotten beyond a bound of text, not of number alone.
  History history;
  Request request = test::engine_request();
  for (int i = 0; i < 12; ++i) {
    request.prompt.text = std::string(History::most_text_bytes / 4, static_cast<char>('a' + i));
    history.observe(request, false);
  }
  CHECK(history.undo_steps().size() == 4);
  CHECK(history.undo_steps().back().prompt.text.data()[0] == 'k');
}

TEST_CASE("what is too much leaves out the oldest") {
  TabPast past;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    past.runs.push_back(entry_of(i, test::engine_prompt()));
    past.undo.push_back(test::with_tau(test::engine_request(), 0.01 * static_cast<double>(i)));
    past.undo.back().prompt.text = std::string(i == 45 ? 400'000 : 2000, 'x') + std::to_string(i);
  }
  for (const std::size_t most : {std::size_t{0}, std::size_t{40} << 10, std::size_t{200} << 10}) {
    Json json = Json::object();
    add_past(json, past, test::engine_prompt(), most);
    CHECK(dump_json(json).size() <= most + 200);
    const auto read = read_back(json);
    REQUIRE(read.has_value());
    if (most == 0) CHECK(read->runs.empty());
    if (most > 0) CHECK(read->runs.back().number == 50);
    // Those steps that are there follow each other up to the newest.
    const auto missing = past.undo.size() - read->undo.size();
    for (std::size_t i = 0; i < read->undo.size(); ++i)
      CHECK(read->undo[i] == past.undo[missing + i]);
    if (most == std::size_t{200} << 10) CHECK(read->undo.size() == 5);  // up to the long one
  }
}

TEST_CASE("damaged steps and runs are refused with the field named") {
  const auto refused = [](const char* pointer, const Json& value, const char* words) {
    Json json = Json::object();
    add_past(json, some_past(), test::engine_prompt(), most_past_bytes);
    json[Json::json_pointer(pointer)] = value;
    const auto read = read_back(json);
    REQUIRE_FALSE(read.has_value());
    CHECK_MESSAGE(read.error().message.find(words) != std::string::npos, read.error().message);
  };
  refused("/undo/0/prompt_number", 7, "undo[0].prompt_number");
  refused("/undo/1/intervention/tau", 3, "tau");
  refused("/runs/0/number", 0, "runs[0].number");
  refused("/runs/0/cells", {1, 2}, "cells");
  refused("/runs/0/cell_rows", 5000, "cell_rows");
  refused("/runs/1/masses", {1}, "masses");
  refused("/runs/1/bars", "many", "bars");
  refused("/redo", 5, "redo");
}

TEST_CASE("after a crash undo, the list of runs and the lesson are back") {
  const Homes homes;
  const auto lessons = homes.folder / "lessons";
  REQUIRE(create_folders(lessons).has_value());
  REQUIRE(write_file_atomically(lessons / "01-sink.md", kLesson).has_value());
  std::size_t runs = 0;
  {
    Desk desk(lessons);
    CHECK_FALSE(desk.begin());
    desk.app.set_autosave(0.01);
    const Result<> opened = desk.app.open_lesson("sink");
    REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
    desk.app.lessons().move(desk.state(), 1);
    desk.app.lessons().choose(1);
    for (const double tau : {1.0, 0.1, 0.3}) {
      desk.state().request.intervention.tau = tau;
      desk.settle();
    }
    desk.state().runs.pinned = 1;
    runs = desk.state().runs.entries().size();
    CHECK(runs == 3);  // baseline, 0.1, 0.3
    CHECK(test::eventually([&] {
      desk.window.draw(desk.app, kNormal, 1);
      const auto kept = read_autosave(session_path());
      return kept && *kept && (*kept)->session.lesson == desk.app.lessons().place() &&
             (*kept)->session.tabs[0].past.runs.size() == runs &&
             (*kept)->session.tabs[0].past.pinned_run == 1;
    }));
  }  // no end(): as if it had been killed
  go_on_from_crash(homes, lessons, runs);
  // A lesson that is gone is said; the work is there.
  std::filesystem::remove(lessons / "01-sink.md");
  Desk later(lessons);
  CHECK(later.begin());
  later.settle();
  CHECK_FALSE(later.app.lessons().is_open());
  CHECK(later.state().runs.entries().size() == runs);
  CHECK(std::any_of(later.state().notices.begin(), later.state().notices.end(),
                    [](const Notice& n) { return n.text.find("sink") != std::string::npos; }));
}
