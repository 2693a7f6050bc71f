// links: headscope_app_testing
// labels: window
// The window's logic without a window: undo, picking, masses, zoom, files, commands.
#include <doctest/doctest.h>
#include <imgui.h>

#include <cmath>
#include <set>

#include "app/shell/app.h"
#include "app/shell/session_file.h"
#include "app/shell/user_files.h"
#include "app/views/answer_view.h"
#include "core/base/file.h"
#include "tests/engine_fixture.h"
#include "tests/temporary_folder.h"
#include "tests/ui_fixture.h"

using namespace headscope;

TEST_CASE("undo goes back through settings, one step per finished change") {
  History history;
  Request r = test::engine_request();
  history.observe(r, false);
  for (const double tau : {0.9, 0.7, 0.5}) {  // one drag
    r.intervention.tau = tau;
    history.observe(r, true);
  }
  history.observe(r, false);
  r.intervention.top_k = 9;
  history.observe(r, false);
  r.selected = {1, 2};  // navigation
  history.observe(r, false);

  CHECK(history.undo(r));
  CHECK(r.intervention.top_k == 5);
  CHECK(r.intervention.tau == 0.5);
  CHECK(r.selected == HeadId{1, 2});
  history.observe(r, false);
  CHECK(history.undo(r));
  CHECK(r.intervention.tau == 1.0);
  CHECK_FALSE(history.undo(r));
  CHECK(history.redo(r));
  CHECK(history.redo(r));
  CHECK(r.intervention.top_k == 9);
  CHECK_FALSE(history.redo(r));
  CHECK(history.undo(r));
  r.intervention.alpha = 0.3;  // a new change forgets what was undone
  history.observe(r, false);
  CHECK_FALSE(history.can_redo());
}

TEST_CASE("picking by hand begins with the heads acted on") {
  AppState state;
  state.request = test::with_tau(test::engine_request(), 0.1);
  state.take(test::snapshot_of(state.request));
  const std::vector<HeadId> before = state.chosen();
  REQUIRE(before.size() == 5);
  state.toggle_pick(before[0]);
  CHECK(state.request.intervention.choice == HeadChoice::picked);
  CHECK(state.request.intervention.picked.size() == 4);
  state.toggle_pick(before[0]);
  const std::set<HeadId> again(state.request.intervention.picked.begin(),
                               state.request.intervention.picked.end());
  CHECK(again == std::set<HeadId>(before.begin(), before.end()));
}

TEST_CASE("the first of the ranking is selected until somebody selects another") {
  AppState state;
  state.request = test::engine_request();
  state.take(test::snapshot_of(state.request));
  CHECK(state.request.selected == state.ranking().front());
  state.select_rank(2);
  CHECK(state.request.selected == state.ranking()[2]);
  state.take(test::snapshot_of(state.request));
  CHECK(state.request.selected == state.ranking()[2]);
}

TEST_CASE("masses per document are means over rows and heads and add up to one") {
  RunResult run;
  run.layers = 1;
  run.heads = 2;
  run.rows = {10, 12};
  run.sets = 3;
  run.span_sums = {0.1f, 0.2f, 0.3f, 0.3f, 0.4f, 0.1f,   // head 0: two rows of doc 1, doc 2, sink
                   0.0f, 0.5f, 0.5f, 0.2f, 0.2f, 0.2f};  // head 1
  const std::vector<HeadId> both = {{0, 0}, {0, 1}};
  const auto mass = document_mass(run, both);
  REQUIRE(mass.has_value());
  CHECK(mass->documents[0] == doctest::Approx(0.15));
  CHECK(mass->documents[1] == doctest::Approx(0.325));
  CHECK(mass->sink == doctest::Approx(0.275));
  CHECK(mass->rest == doctest::Approx(0.25));
  CHECK_FALSE(document_mass(run, {}).has_value());
  const std::vector<HeadId> missing = {{3, 0}};
  CHECK_FALSE(document_mass(run, missing).has_value());
}

TEST_CASE("masses are kept, and follow the run and the heads") {
  AppState state;
  const Request request = test::with_tau(test::engine_request(), 0.1);
  const auto snapshot = test::snapshot_of(request);
  for (int round = 0; round < 2; ++round) {
    for (const auto& run : {snapshot->baseline, snapshot->intervened}) {
      for (const std::vector<HeadId>& heads :
           {std::vector<HeadId>{{5, 0}}, std::vector<HeadId>{{5, 0}, {2, 3}},
            std::vector<HeadId>{}}) {
        const auto kept = state.mass_of(run, heads), fresh = document_mass(*run, heads);
        REQUIRE(kept.has_value() == fresh.has_value());
        if (!fresh) continue;
        CHECK(kept->documents == fresh->documents);
        CHECK(kept->sink == fresh->sink);
      }
    }
  }
}

TEST_CASE("the likely document is named where none is marked and heads are known") {
  AppState state;
  state.request = test::engine_request();
  state.take(test::snapshot_of(state.request));
  CHECK(state.likely().index == -1);  // one is marked
  state.mark_gold(4);
  state.take(test::snapshot_of(state.request));
  CHECK(state.likely().index == 4);
  CHECK(state.likely().share > 0);
  FakeOptions unknown;
  unknown.has_ranking = false;
  state.take(test::snapshot_of(state.request, unknown));
  CHECK(state.likely().index == -1);
}

TEST_CASE("a found strength goes to the slider once, and a check stays with its prompt") {
  AppState state;
  state.request = test::engine_request();
  const auto shown = test::snapshot_of(state.request);
  state.take(shown);
  state.ask_auto_alpha();
  CHECK(state.request.questions.auto_alpha);
  auto answered = std::make_shared<Snapshot>(*shown);
  AutoAlpha found;
  found.alpha = 0.4;
  answered->auto_alpha = std::make_shared<const AutoAlpha>(found);
  state.take(answered);
  CHECK(state.request.intervention.alpha == 0.4);
  CHECK_FALSE(state.request.questions.auto_alpha);
  REQUIRE(state.notices.size() == 1);
  CHECK(state.notices[0].text == explain(found));
  state.request.intervention.alpha = 0.1;
  state.take(std::make_shared<Snapshot>(*answered));
  CHECK(state.request.intervention.alpha == 0.1);

  state.ask_causal(true);
  state.request.intervention.alpha = 0.2;
  state.keep_questions();
  CHECK(state.request.questions.causal);
  state.request.prompt.text += " more";
  state.keep_questions();
  CHECK_FALSE(state.request.questions.causal);
}

TEST_CASE("first differing token and where it stands in the text") {
  RunResult a, b;
  for (const char* word : {" Rusha", " speaks", " Tamil", "."})
    a.response.push_back({static_cast<std::int32_t>(word[2]), word, {}, false, false});
  b = a;
  CHECK_FALSE(first_difference(a, b).has_value());
  b.response[2] = {999, " Turkish", {}, false, false};
  a.response_text = "Rusha speaks Tamil.";
  b.response_text = "Rusha speaks Turkish.";
  REQUIRE(first_difference(a, b) == 2u);
  CHECK(token_spans(a)[2] == ByteSpan{13, 18});
  CHECK(token_spans(b)[2] == ByteSpan{13, 20});
  b.response.resize(2);
  CHECK(first_difference(a, b) == 2u);
}

TEST_CASE("samples, questions and gold marks reach the request") {
  ImGui::CreateContext();
  AppState state;
  QaSample sample;
  sample.question = "who?";
  sample.answers = {"me"};
  sample.documents = {{"A", "first.", false, false}, {"B", "second.", true, true}};
  state.show_sample(sample);
  CHECK(state.request.prompt.gold_document == 1);
  CHECK(state.request.prompt.answers == std::vector<std::string>{"me"});
  REQUIRE(state.layout().documents.size() == 2);
  state.edit_question("who else?");
  CHECK(state.request.prompt.text.find("Question: who else?\nAnswer:") != std::string::npos);
  CHECK(state.quiet_until > ImGui::GetTime());
  state.mark_gold(0);
  CHECK(state.request.prompt.gold_document == 0);
  state.mark_gold(0);
  CHECK(state.request.prompt.gold_document == -1);
  ImGui::DestroyContext();
}

TEST_CASE("zooming keeps the cell under the cursor and stays on the map") {
  MapZoom zoom;
  zoom.fit(100, 100);
  CHECK(zoom.whole());
  zoom.scale(30, 60, 4, 4);
  const HeatmapWindow w = zoom.window;
  CHECK((30 - w.left) / (w.right - w.left) == doctest::Approx(0.3));
  CHECK((60 - w.top) / (w.bottom - w.top) == doctest::Approx(0.6));
  zoom.pan(-1000, 1000);
  CHECK(zoom.window.left == doctest::Approx(0));
  CHECK(zoom.window.bottom == doctest::Approx(100));
  for (int i = 0; i < 50; ++i) zoom.scale(1, 99, 2, 2);
  CHECK(zoom.window.right - zoom.window.left == doctest::Approx(4));
  zoom.fit(103, 100);  // the response grew: the reader keeps the place
  CHECK_FALSE(zoom.whole());
  zoom.fit(50, 50);
  CHECK(zoom.whole());
}

TEST_CASE("numbers have one format") {
  CHECK(format_mass(0.12345f) == "0.123");
  CHECK(format_mass(NAN) == "-");
  CHECK(format_delta(0.0001f) == "0.000");
  CHECK(format_delta(-0.25f) == "-0.250");
  CHECK(format_weight(0.5f) == "0.5000");
  CHECK(format_weight(1.25e-5f) == "1.2e-05");
  CHECK(format_seconds(0.0042) == "4 ms");
  CHECK(format_seconds(3.14159) == "3.14 s");
}

TEST_CASE("commands have unique ids and shortcuts, and the palette finds them") {
  ImGui::CreateContext();
  {
    App app(nullptr);
    std::set<std::string> ids;
    std::set<ImGuiKeyChord> shortcuts;
    for (const Command& command : app.commands().all()) {
      CHECK_MESSAGE(ids.insert(command.id).second, command.id);
      CHECK_FALSE(command.name.empty());
      if (command.shortcut != 0)
        CHECK_MESSAGE(shortcuts.insert(command.shortcut).second, command.id);
    }
    CHECK(app.commands().find("edit.undo") != nullptr);
    CHECK_FALSE(app.commands().run("edit.undo"));  // nothing to undo
    CHECK_FALSE(app.commands().run("no such command"));
  }
  ImGui::DestroyContext();
  CHECK(fuzzy_match("ful map", "Full attention map"));
  CHECK(fuzzy_match("", "anything"));
  CHECK_FALSE(fuzzy_match("mapx", "Full attention map"));
}

TEST_CASE("session and preferences survive being written and read") {
  const test::TemporaryFolder folder;
  Request r = test::with_alpha(test::with_tau(test::engine_request(), 0.25), -0.5);
  r.model = "/models/some folder";
  r.intervention.choice = HeadChoice::picked;
  r.intervention.picked = {{1, 2}, {3, 4}};
  r.intervention.rows = {RowSelection::Kind::response, 0};
  r.intervention.random_seed = 77;
  r.intervention.also = "spotlight";
  r.intervention.also_strength = 0.6;
  r.intervention.directions = "/models/mine.safetensors";
  r.intervention.directions_hash = "12ab";
  r.selected = {3, 4};
  r.want_full_map = true;
  TabRecord tab{"a name", r, {}, "questions.jsonl", 3};
  tab.view.overlay.rows = {1, 4};
  tab.view.overlay.pooling = Pooling::max;
  tab.view.bars_of_selected = true;
  const SessionRecord session{{tab, {}}, 1};
  REQUIRE(write_session(folder / "session.json", session).has_value());
  const auto read = read_session(folder / "session.json");
  REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().message));
  CHECK(*read == session);
  CHECK_FALSE(read_autosave(folder / "missing.json")->has_value());
  CHECK_FALSE(read_session(folder / "missing.json").has_value());

  Preferences p;
  p.theme = ThemeKind::light;
  p.zoom = 1.5f;
  p.width = 1600;
  p.view.palette = Palette::cividis;
  p.view.map_source = MapSource::difference;
  p.view.map = {true,  true, TokenGrouping::sentences, Pooling::max, MapRange::manual, 95,
                0.25f, 0.5f};
  p.view.overlay = {
      MapSource::difference, OverlayHeads::layer, Pooling::max, {}, false, false, false};
  p.view.lens.ranks = true;
  p.exports = {ExportFormat::pdf, true, 2, false, folder.path().string()};
  const auto again = preferences_from_json(preferences_to_json(p), "preferences.json");
  REQUIRE(again.has_value());
  CHECK(again->theme == p.theme);
  CHECK(again->zoom == p.zoom);
  CHECK(again->width == 1600);
  CHECK(again->view == p.view);
  CHECK(again->exports == p.exports);
  p.exports.folder = (folder / "gone").string();  // that folder is not there
  CHECK(preferences_from_json(preferences_to_json(p), "p.json")->exports.folder.empty());
}

TEST_CASE("damaged user files are refused with the field named") {
  const auto refused = [](const char* text, const char* field) {
    const auto json = parse_json(text, "session.json");
    REQUIRE(json.has_value());
    const auto session = session_from_json(*json, "session.json");
    REQUIRE_FALSE(session.has_value());
    CHECK_MESSAGE(session.error().message.find(field) != std::string::npos,
                  session.error().message);
  };
  refused(R"({"version":3})", "newer Headscope");
  refused(R"({"version":0})", "version");
  refused(R"({"version":2})", "tabs");
  refused(R"({"version":2,"tabs":[]})", "tabs");
  refused(R"({"version":2,"tabs":[{"prompt":{"text":"x"}},{"prompt":{"text":5}}]})",
          "tabs[1].prompt.text");
  refused(R"({"version":2,"tabs":[{"prompt":{"text":"x"},"view":{"map_source":"both"}}]})",
          "map_source");
  refused(R"({"version":1})", "prompt");
  refused(R"({"version":1,"prompt":{"text":5}})", "text");
  refused(R"({"version":1,"prompt":{"text":"x"},"intervention":{"tau":7}})", "tau");
  refused(R"({"version":1,"prompt":{"text":"x"},"intervention":{"heads":"some"}})", "heads");
  refused(R"({"version":1,"prompt":{"text":"x"},"intervention":{"also":"magic"}})", "also");
  refused(
      R"({"version":1,"prompt":{"text":"x"},"intervention":{"also":"pasta","also_strength":2}})",
      "also_strength");
  refused(R"({"version":1,"prompt":{"text":"x"},"intervention":{"picked":[[1]]}})", "picked");
  refused(R"({"version":1,"prompt":{"text":"x"},"selected":[-1,0]})", "selected");
  refused(R"({"version":1,"prompt":{"text":"x"},"intervention":{"directions":"d"}})",
          "directions_sha256");
}

TEST_CASE("what is dropped onto the window is recognised") {
  const test::TemporaryFolder folder;
  ImGui::CreateContext();
  {
    App app(nullptr);
    AppState& state = app.state();
    app.open_path(folder.path().string());
    CHECK(state.request.model == "demo");  // nothing in it yet
    REQUIRE(state.notices.size() == 1);
    CHECK(state.notices[0].text.find("config.json") != std::string::npos);
    state.notices.clear();
    REQUIRE(write_file_atomically(folder / "config.json", "{}").has_value());
    app.open_path(folder.path().string());
    CHECK(state.request.model == folder.path().string());

    std::vector<QaSample> samples(3);
    for (int i = 0; i < 3; ++i) {
      samples[static_cast<std::size_t>(i)].question = "question " + std::to_string(i) + "?";
      samples[static_cast<std::size_t>(i)].documents = {{"A", "text.", i == 1, false}};
    }
    REQUIRE(write_dataset(folder / "data.jsonl.gz", samples).has_value());
    app.open_path((folder / "data.jsonl.gz").string());
    CHECK_FALSE(app.settled());
    CHECK(test::eventually([&] {
      state.poll_data();
      return !state.book.loading.valid();
    }));
    CHECK(state.request.prompt.text.find("question 0?") != std::string::npos);
    CHECK(state.request.prompt.gold_document == -1);
    CHECK_FALSE(app.commands().run("data.previous"));
    CHECK(app.commands().run("data.next"));
    CHECK(state.request.prompt.gold_document == 0);
    state.turn_page(99);
    CHECK(state.request.prompt.text.find("question 2?") != std::string::npos);
    CHECK_FALSE(app.commands().run("data.next"));

    REQUIRE(write_file_atomically(folder / "prompt.txt", "Question: Who?\nAnswer:").has_value());
    app.open_path((folder / "prompt.txt").string());
    CHECK(state.request.prompt.text == "Question: Who?\nAnswer:");
    CHECK(state.notices.empty());

    REQUIRE(write_file_atomically(folder / "bad.jsonl", "{\"question\": 3}").has_value());
    for (const char* name : {"missing.txt", "bad.jsonl"}) {
      state.notices.clear();
      app.open_path((folder / name).string());
      test::eventually([&] {
        state.poll_data();
        return !state.book.loading.valid();
      });
      REQUIRE(state.notices.size() == 1);
      CHECK(state.notices[0].text.find(name) != std::string::npos);
    }
    CHECK(state.request.prompt.text == "Question: Who?\nAnswer:");  // what was there stays

    state.notices.clear();
    app.take_dropped((folder / "prompt.txt").string());
    REQUIRE(state.notices.size() == 1);
    CHECK(state.notices[0].text == "prompt.txt: opened as the text of a prompt");
  }
  ImGui::DestroyContext();
}

TEST_CASE("a second head set is compared with when it fits the model") {
  const test::TemporaryFolder folder;
  AppState state;
  const auto put = [&](const char* text) {
    const auto path = folder / "other.json";
    REQUIRE(write_file_atomically(path, text));
    return path.string();
  };
  state.compare_heads(put("[[0, 1]]"));
  CHECK_FALSE(state.other_heads);  // no model yet
  REQUIRE(state.notices.size() == 1);
  auto snapshot = std::make_shared<Snapshot>();
  auto model = std::make_shared<ModelInfo>();
  model->layers = 2;
  model->heads = 3;
  snapshot->model = model;
  state.heads_to_compare = put("[[1, 2], [0, 1]]");
  state.take(snapshot);  // what was asked for on the command line is read now
  REQUIRE(state.other_heads);
  CHECK(state.heads_to_compare.empty());
  CHECK(state.other_heads->name == "other.json");
  CHECK(state.other_heads->rank_of == std::vector<int>{-1, 1, -1, -1, -1, 0});
  CHECK(state.view.score == MapScore::overlap);
  state.compare_heads(put("[[2, 0]]"));  // not in this model: the one before stays
  CHECK(state.other_heads->ranking.size() == 2);
  CHECK(state.notices.back().text.find("other.json") != std::string::npos);
}
