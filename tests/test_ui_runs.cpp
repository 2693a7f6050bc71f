// links: headscope_app_testing
// labels: window
// Run history, shortcuts, own layouts and the model picker.
#include <doctest/doctest.h>
#include <imgui.h>
#include <imgui_internal.h>

#include <cmath>
#include <memory>
#include <set>
#include <string>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "app/shell/user_files.h"
#include "core/base/file.h"
#include "core/base/platform.h"
#include "tests/engine_fixture.h"
#include "tests/null_window.h"
#include "tests/temporary_folder.h"
#include "tests/ui_fixture.h"

using namespace headscope;
using test::NullWindow;

namespace {

constexpr ImVec2 kNormal(1280, 800);

Request request_with(double tau) {
  return test::with_tau(test::engine_request(), tau);
}

}  // namespace

TEST_CASE("every exact run is listed once with its answer and masses, and leads back") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  app.commands().run("view.runs");
  window.draw(app, kNormal, 3);
  for (const double tau : {0.1, 0.5, 0.1}) {
    state.request = request_with(tau);
    state.take(test::snapshot_of(state.request));
    window.draw(app, kNormal, 3);
  }
  const RunLog& log = state.runs;
  REQUIRE(log.entries().size() == 3);  // baseline, 0.1, 0.5; 0.1 again is no new run
  CHECK(log.entries()[0].is_baseline);
  CHECK(log.current() == log.entries()[1].number);
  const RunEntry& entry = log.entries()[2];
  const auto snapshot = test::snapshot_of(request_with(0.5));
  CHECK(entry.answer == snapshot->intervened->response_text);
  CHECK(entry.right == snapshot->intervened->matches_answer);
  CHECK(entry.graded);
  CHECK(describe_settings(entry.request.intervention) == "tau 0.50, 5 contextual heads");
  // Masses against the run itself: mean over the heads acted on and the rows.
  const RunResult& run = *snapshot->intervened;
  double gold = 0;
  for (const HeadId head : run.touched) {
    for (std::int64_t row = 0; row < run.rows.size(); ++row) gold += run.span_sum(head, row, 4);
  }
  gold /= static_cast<double>(run.touched.size()) * static_cast<double>(run.rows.size());
  CHECK(entry.gold == doctest::Approx(gold).epsilon(1e-5));
  CHECK(entry.gold + entry.others + entry.sink + entry.rest == doctest::Approx(1).epsilon(1e-4));
  REQUIRE(entry.bars.size() == 6);
  CHECK(entry.gold_bar == 4);
  CHECK(entry.bars[4] == doctest::Approx(gold).epsilon(1e-5));

  CHECK(log.entries()[0].prompt == entry.prompt);  // one copy of the text
  state.runs.pinned = 1;
  window.draw(app, kNormal, 3);
  CHECK(log.find(log.pinned)->is_baseline);
  state.runs.clear();
  window.draw(app, kNormal, 2);
  CHECK(log.entries().empty());
}

TEST_CASE("the list of runs is bounded and keeps the pinned one; previews are not in it") {
  RunLog log;
  auto snapshot = test::snapshot_of(request_with(0.5));
  log.observe(*snapshot, {});
  log.pinned = 1;
  for (int i = 0; i < 300; ++i) {
    auto next = std::make_shared<Snapshot>(*snapshot);
    auto run = std::make_shared<RunResult>(*snapshot->intervened);
    run->settings.tau = 0.001 * i;
    next->intervened = run;
    log.observe(*next, {});
  }
  CHECK(log.entries().size() == RunLog::most);
  CHECK(log.find(1) != nullptr);
  CHECK(log.find(log.current()) != nullptr);
  auto preview = std::make_shared<RunResult>(*snapshot->intervened);
  preview->quality = Quality::preview;
  preview->settings.tau = 0.77;
  auto next = std::make_shared<Snapshot>(*snapshot);
  next->intervened = preview;
  const std::uint64_t before = log.current();
  log.observe(*next, {});
  CHECK(log.current() == before);
}

TEST_CASE("shortcuts: each command has its own, each can be changed, kept and reset") {
  NullWindow window;
  App app(nullptr);
  window.draw(app, kNormal, 2);
  for (const Command& command : app.commands().all()) {
    CAPTURE(command.id);
    CHECK(app.commands().in_conflict_with(command) == nullptr);
    if (command.shortcut == 0) continue;
    const auto again = Commands::chord_from_text(Commands::shortcut_text(command));
    REQUIRE(again.has_value());
    CHECK(*again == command.shortcut);
  }
  CHECK_FALSE(Commands::chord_from_text("Ctrl+Nothing").has_value());
  CHECK(*Commands::chord_from_text("") == 0);

  Preferences preferences;
  preferences.shortcuts = {{"edit.undo", "Ctrl+U"}, {"edit.redo", ""}, {"view.overlay", "Ctrl+?!"}};
  preferences.kept_mebibytes = 64;
  preferences.seen_mebibytes = 96;
  preferences.neighbours = false;
  preferences.model_folders = {"/models"};
  app.set_preferences(preferences, 1);
  REQUIRE(app.state().notices.size() == 1);
  CHECK(app.state().notices[0].text.find("view.overlay") != std::string::npos);
  CHECK(Commands::shortcut_text(*app.commands().find("edit.undo")) == "Ctrl+U");
  CHECK(app.commands().find("edit.redo")->shortcut == 0);
  const auto kept = preferences_from_json(preferences_to_json(app.preferences()), "p.json");
  REQUIRE(kept.has_value());
  CHECK(kept->shortcuts ==
        std::map<std::string, std::string>{{"edit.undo", "Ctrl+U"}, {"edit.redo", ""}});
  CHECK(kept->kept_mebibytes == 64);
  CHECK(kept->seen_mebibytes == 96);
  CHECK_FALSE(kept->neighbours);
  CHECK(kept->model_folders == preferences.model_folders);

  Commands commands;
  commands.add({"a", "A", "Edit", ImGuiMod_Ctrl | ImGuiKey_A, [] {}, {}, {}});
  commands.add({"b", "B", "Edit", ImGuiMod_Ctrl | ImGuiKey_B, [] {}, {}, {}});
  commands.set_shortcut("b", ImGuiMod_Ctrl | ImGuiKey_A);
  CHECK(commands.in_conflict_with(commands.all()[0])->id == "b");
  commands.set_shortcut("later", ImGuiKey_F7);
  commands.add({"later", "Later", "Edit", 0, [] {}, {}, {}});
  CHECK(commands.all()[2].shortcut == ImGuiKey_F7);
  commands.reset_shortcuts();
  CHECK(commands.all()[1].shortcut == (ImGuiMod_Ctrl | ImGuiKey_B));
  CHECK(commands.all()[2].shortcut == 0);
  CHECK(commands.changed_shortcuts().empty());
}

TEST_CASE("a layout of one's own is saved under a name, listed, taken over and forgotten") {
  const test::TemporaryFolder folder;
  NullWindow window;
  App app(nullptr);
  app.configure_layouts(folder / "layouts");
  window.draw(app, kNormal, 3);
  app.commands().run("panel.Ranking");
  window.draw(app, kNormal, 3);
  app.save_own_layout("without ranking");
  window.draw(app, kNormal, 2);
  app.commands().run("layout.explore");
  window.draw(app, kNormal, 3);
  CHECK(app.view_table().find(titles::ranking)->open);
  REQUIRE(app.commands().run("layout.own.without ranking"));
  window.draw(app, kNormal, 4);
  CHECK_FALSE(app.view_table().find(titles::ranking)->open);
  CHECK(app.view_table().find(titles::heads)->open);
  CHECK(ImGui::FindWindowByName(titles::heads)->DockId != 0);
  REQUIRE(app.commands().run("layout.forget.without ranking"));
  window.draw(app, kNormal, 2);
  CHECK(app.commands().find("layout.own.without ranking") == nullptr);
  app.save_own_layout("../escape");
  CHECK(app.state().notices.size() == 1);
}

TEST_CASE("views of preferences and models are drawn in every state") {
  NullWindow window;
  App app(nullptr);
  for (const char* title : {titles::preferences, titles::models, titles::runs}) {
    CAPTURE(title);
    app.state().view_to_show = title;
    CHECK(window.draw(app, kNormal, 6) > 0);
    CHECK_FALSE(ImGui::FindWindowByName(title)->Hidden);
  }
  app.state().view_to_show = titles::models;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->status.state = EngineStatus::State::loading_model;
  snapshot->status.progress = {"tensors", 3, 7};
  app.state().take(snapshot);
  CHECK(window.draw(app, kNormal, 3) > 0);
  snapshot = std::make_shared<Snapshot>();
  snapshot->status.error = Error{ErrorKind::out_of_memory, "needs 40 GiB"};
  app.state().take(snapshot);
  CHECK(window.draw(app, kNormal, 3) > 0);
}

TEST_CASE("models are found in folders, and what headscope-cli says of them is understood") {
  const test::TemporaryFolder folder;
  const auto put = [&](const std::string& name) {
    std::filesystem::create_directories((folder / name).parent_path());
    REQUIRE(write_file_atomically(folder / name, "{}").has_value());
  };
  put("a/config.json");
  put("a/model.safetensors");
  put("a/inner/config.json");  // of the model itself
  put("a/inner/model.safetensors");
  put("b/c/tiny.gguf");
  put("d/config.json");  // no weights
  const auto found = models_in(folder.path(), 10);
  CHECK(found ==
        std::vector<std::string>{(folder / "a").string(), (folder / "b/c/tiny.gguf").string()});
  CHECK(models_in(folder.path(), 1).size() == 1);
  CHECK(models_in(folder / "a", 10) == std::vector<std::string>{(folder / "a").string()});
  CHECK(models_in(folder / "missing", 10).empty());

  const auto json = parse_json(
      R"({"supported":true,"model_type":"llama","layers":28,"heads":24,"parameters":3000,
          "dtype":"bfloat16","auto_dtype":"float32","context_length":4096,"notes":[],
          "weights_bytes":{"float32":12000,"bfloat16":6000,"int8":3000}})",
      "info");
  const auto model = found_from_json(*json, "/models/x");
  REQUIRE_MESSAGE(model.has_value(), (model ? "" : model.error().message));
  CHECK(model->layers == 28);
  CHECK(model->bytes_as("auto") == 12000);
  CHECK(model->bytes_as("int8") == 3000);
  const auto refused =
      parse_json(R"({"supported":false,"notes":["unknown model_type 'new'"]})", "info");
  CHECK(found_from_json(*refused, "/models/y")->problem == "unknown model_type 'new'");
  CHECK_FALSE(found_from_json(*parse_json("[]", "info"), "/models/z").has_value());
  CHECK(platform::available_memory() > 1'000'000);
}
