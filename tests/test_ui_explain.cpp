// links: headscope_app_testing
// labels: window
// Difference, logit lens, score split and the response token they share, without a window.
#include <doctest/doctest.h>
#include <imgui.h>

#include <algorithm>
#include <string>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "app/views/difference_view.h"
#include "core/engine/explain.h"
#include "tests/engine_fixture.h"
#include "tests/null_window.h"
#include "tests/ui_fixture.h"

using namespace headscope;
using test::NullWindow;

namespace {

constexpr ImVec2 kSmall(1280, 800);

Request edited_request() {
  Request request = test::with_tau(test::engine_request(), 0.1);
  request.selected = {4, 1};
  return request;
}

// What an engine publishes when lens and scores are asked for.
std::shared_ptr<const Snapshot> asked(const Request& request) {
  test::EngineFixture fixture;
  Request asking = request;
  asking.questions.lens = {true, 2};
  (void)fixture.answer(asking);
  asking.questions.scores = {true, fixture.engine.snapshot()->baseline->rows.begin + 2};
  return fixture.answer(asking);
}

int draw(NullWindow& window, App& app, const char* view, ImVec2 size = kSmall) {
  window.draw(app, size, 2);
  ImGui::SetWindowFocus(view);
  return window.draw(app, size, 4);
}

RunResult response_of(const std::vector<std::int32_t>& ids) {
  RunResult run;
  for (const auto id : ids) {
    run.response.emplace_back();
    run.response.back().id = id;
    run.response.back().text = " t" + std::to_string(id);
    run.response_text += run.response.back().text;
  }
  run.rows = {10, 10 + std::ssize(run.response)};
  run.keys = run.rows.end;
  return run;
}

}  // namespace

TEST_CASE("a token of one response finds its partner in the other") {
  AppState state;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->baseline = std::make_shared<RunResult>(response_of({1, 2, 3, 4}));
  snapshot->intervened = std::make_shared<RunResult>(response_of({1, 9, 8, 3, 4, 5}));
  state.snapshot = snapshot;
  const AlignedResponses& aligned = state.aligned();
  CHECK(aligned.summary() == "3 kept, 1 replaced, 2 inserted");
  CHECK(aligned.first_change() == 1);
  CHECK(state.divergence() == 1);
  CHECK(aligned.pair_of(true, 2)->after == 3);
  CHECK(aligned.pair_of(false, 5)->before == -1);
  CHECK(aligned.pair_of(true, 9) == nullptr);
  CHECK(aligned.explain(*aligned.pair_of(true, 1)) == "\" t9\" in place of \" t2\"");
  CHECK(&state.aligned() == &aligned);

  OverlayOptions& overlay = state.view.overlay;
  overlay.source = MapSource::intervened;
  state.choose_token(true, 2);  // token 3 of the baseline is the fourth of the other
  CHECK(state.candidates.token == 2);
  CHECK(overlay.rows == std::vector<std::int64_t>{3});
  CHECK(overlay.source == MapSource::intervened);
  overlay.source = MapSource::baseline;
  state.choose_token(false, 5);  // the baseline has nothing there: the overlay changes sides
  CHECK(overlay.source == MapSource::intervened);
  CHECK(overlay.rows == std::vector<std::int64_t>{5});
  state.step_token(1);
  CHECK(state.candidates.token == 5);
  state.step_token(-2);
  CHECK(state.candidates.token == 3);
  CHECK(overlay.rows == std::vector<std::int64_t>{3});
  state.step_token(-100);
  CHECK(state.candidates.token == 0);
}

TEST_CASE("documents by the change of their attention") {
  const auto snapshot = test::snapshot_of(edited_request());
  const std::vector<HeadId> heads = {{4, 1}, {3, 0}};
  const auto before = *document_mass(*snapshot->baseline, heads);
  const auto after = *document_mass(*snapshot->intervened, heads);
  const auto lines = document_changes(*snapshot->prompt, before, after);
  REQUIRE(lines.size() == snapshot->prompt->documents.size() + 2);
  float sum = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    sum += lines[i].change();
    if (lines[i].document < 0) continue;
    const auto d = static_cast<std::size_t>(lines[i].document);
    CHECK(lines[i].after == after.documents[d]);
    CHECK(lines[i].gold == snapshot->prompt->documents[d].gold);
    if (i > 0) CHECK(lines[i].change() <= lines[i - 1].change());
  }
  CHECK(lines[lines.size() - 2].label == "sink");
  CHECK(std::abs(sum) < 1e-4f);  // attention goes somewhere
}

TEST_CASE("the views stand every state") {
  for (const char* view : {titles::difference, titles::lens, titles::scores}) {
    CAPTURE(std::string(view));
    NullWindow window;
    App app(nullptr);
    AppState& state = app.state();
    CHECK(draw(window, app, view) > 0);  // nothing yet
    state.request = edited_request();
    state.take(test::snapshot_of(state.request));
    draw(window, app, view);
    CHECK(state.request.questions.lens.wanted == (view == titles::lens));
    CHECK(state.request.questions.scores.wanted == (view == titles::scores));
    const auto whole = asked(state.request);
    state.take(whole);
    for (const std::size_t token : {2, 0, 4000}) {
      state.candidates.token = token;
      draw(window, app, view);
    }
    state.view.lens.ranks = true;
    draw(window, app, view, ImVec2(700, 420));
    const auto alone = std::make_shared<Snapshot>(*whole);  // the baseline alone
    alone->intervened = alone->baseline;
    const auto waiting = std::make_shared<Snapshot>(*whole);
    waiting->intervened = nullptr;
    const auto silent = std::make_shared<Snapshot>(*whole);
    auto empty = std::make_shared<RunResult>(*whole->baseline);
    empty->response.clear();
    empty->candidates.clear();
    empty->rows.end = empty->rows.begin;
    silent->baseline = silent->intervened = empty;
    Request unmarked = state.request;
    unmarked.prompt.gold_document = -1;
    for (const std::shared_ptr<const Snapshot>& snapshot :
         {std::shared_ptr<const Snapshot>(alone), std::shared_ptr<const Snapshot>(waiting),
          std::shared_ptr<const Snapshot>(silent), asked(unmarked), whole}) {
      state.take(snapshot);
      CHECK(draw(window, app, view) > 0);
    }
    for (float x = 330; x < 900; x += 95) {  // the mouse may rest anywhere
      for (float y = 430; y < 780; y += 70) window.draw(app, kSmall, 1, ImVec2(x, y));
    }
    ImGui::SetWindowFocus(titles::attention);
    window.draw(app, kSmall, 3);  // out of sight, nothing is asked for
    CHECK_FALSE(state.request.questions.lens.wanted);
    CHECK_FALSE(state.request.questions.scores.wanted);
  }
}

TEST_CASE("the difference view lists every head, and the scores every key") {
  NullWindow window;
  App app(nullptr);
  app.state().request = edited_request();
  const auto snapshot = asked(edited_request());
  app.state().take(snapshot);
  app.state().candidates.token = 2;
  draw(window, app, titles::difference);
  CHECK(app.difference().moves().size() == 64);
  draw(window, app, titles::scores);
  const auto& keys = app.scores().keys();
  CHECK(std::ssize(keys) == snapshot->baseline->rows.begin + 3);
  CHECK(std::is_sorted(keys.begin(), keys.end(),
                       [](const KeyShift& a, const KeyShift& b) { return a.after > b.after; }));
}
