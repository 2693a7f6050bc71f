// links: headscope_engine
// The logit lens and the parts of a row's scores through the engine, on the fake runner.
#include <doctest/doctest.h>

#include <cmath>

#include "core/engine/explain.h"
#include "tests/engine_fixture.h"

using namespace headscope;

namespace {

Request asking(Request request, std::int64_t token, std::int64_t row) {
  request.questions.lens = {true, token};
  request.questions.scores = {true, row};
  request.selected = {4, 1};
  return request;
}

}  // namespace

TEST_CASE("the lens follows what was chosen and what is expected, in both runs") {
  test::EngineFixture fixture;
  const Request edited = test::with_tau(test::engine_request(), 0.1);
  const auto first = fixture.answer(edited);
  CHECK(first->lens == nullptr);
  CHECK(fixture.control->count(FakeCall::lens) == 0);
  const auto snapshot = fixture.answer(asking(edited, 3, 200));
  REQUIRE(snapshot->lens);
  const LogitLens& lens = *snapshot->lens;
  CHECK(lens.token == 3);
  CHECK(lens.before == snapshot->baseline);
  CHECK(lens.after == snapshot->intervened);
  REQUIRE(lens.baseline);
  REQUIRE(lens.intervened);
  CHECK(lens.baseline->layers.size() == 8);
  for (const auto* run : {lens.baseline.get(), lens.intervened.get()}) {
    for (const LensLayer& layer : run->layers) {
      CHECK(layer.top.size() == lens_candidates);
      CHECK(layer.probability.size() == lens.followed.size());
      CHECK(layer.rank.size() == lens.followed.size());
    }
  }
  int baseline = 0, intervened = 0, expected = 0;
  for (const FollowedToken& token : lens.followed) {
    baseline += token.baseline;
    intervened += token.intervened;
    expected += token.expected;
    if (token.baseline) CHECK(token.id == snapshot->baseline->response[3].id);
    if (token.intervened) CHECK(token.id == snapshot->intervened->response[3].id);
    if (token.expected) CHECK(token.text == " emerald");
  }
  CHECK(baseline == 1);
  CHECK(intervened == 1);
  CHECK(expected == 1);
}

TEST_CASE("nothing is asked twice, and nothing of another prompt is shown") {
  test::EngineFixture fixture;
  const auto request = asking(test::with_tau(test::engine_request(), 0.1), 1, 100);
  (void)fixture.answer(request);
  CHECK(fixture.control->count(FakeCall::lens) == 2);
  CHECK(fixture.control->count(FakeCall::row_scores) == 2);
  auto other = request;
  other.questions.lens.token = 2;
  (void)fixture.answer(other);
  CHECK(fixture.control->count(FakeCall::lens) == 4);
  CHECK(fixture.control->count(FakeCall::row_scores) == 2);
  (void)fixture.answer(request);  // back again
  CHECK(fixture.control->count(FakeCall::lens) == 4);
  auto stronger = request;
  stronger.intervention.tau = 0.5;  // the baseline stays
  const auto changed = fixture.answer(stronger);
  CHECK(changed->lens->after == changed->intervened);
  CHECK(fixture.control->count(FakeCall::lens) == 5);
  CHECK(fixture.control->count(FakeCall::row_scores) == 3);
  auto nobody = request;
  nobody.questions = {};
  CHECK(fixture.answer(nobody)->lens == nullptr);
  CHECK(fixture.answer(nobody)->scores == nullptr);
  auto identity = request;
  identity.intervention.tau = 1;
  const auto same = fixture.answer(identity);
  CHECK(same->lens->baseline == same->lens->intervened);
  auto beyond = request;
  beyond.questions = {};
  beyond.questions.lens = {true, 5000};
  const auto none = fixture.answer(beyond);
  REQUIRE(none->lens);
  CHECK(none->lens->baseline == nullptr);
  CHECK_FALSE(none->status.error);
  auto text = request;
  text.prompt.text += " ";
  fixture.control->hold(FakeCall::lens);
  fixture.engine.submit(text);
  REQUIRE(fixture.control->wait_held());
  CHECK(fixture.engine.snapshot()->lens == nullptr);
  fixture.engine.cancel();
  CHECK(fixture.wait_idle());
  fixture.control->release();
}

TEST_CASE("the parts of a row give its weights, with every kind of edit") {
  test::EngineFixture fixture;
  auto request = asking(test::with_alpha(test::engine_request(), 0.6), 1, 0);
  request.intervention.top_k = 64;  // the selected head is among them
  request.intervention.tau = 0.3;
  (void)fixture.answer(request);
  request.questions.scores.row = fixture.engine.snapshot()->prompt->prompt_tokens() + 1;
  const auto snapshot = fixture.answer(request);
  REQUIRE(snapshot->scores);
  REQUIRE(snapshot->scores->intervened);
  CHECK(snapshot->scores->head == HeadId{4, 1});
  const RowScores& row = *snapshot->scores->intervened;
  REQUIRE(row.end() == request.questions.scores.row + 1);
  double sum = 0, total = 0;
  for (std::size_t j = 0; j < row.base.size(); ++j)
    sum += std::exp(double{row.base[j]} + double{row.focus[j]});
  bool moved = false, focused = false;
  for (std::size_t j = 0; j < row.base.size(); ++j) {
    const double parts = double{row.base[j]} + double{row.focus[j]} + double{row.log_factor[j]};
    CHECK(std::exp(parts) / sum == doctest::Approx(double{row.weights[j]}).epsilon(1e-4));
    total += double{row.weights[j]};
    moved |= std::abs(row.log_factor[j]) > 0.1f;
    focused |= std::abs(row.focus[j]) > 0.1f;
  }
  CHECK(total == doctest::Approx(1));
  CHECK(moved);
  CHECK(focused);
  const auto shifts = key_shifts(*snapshot->scores->baseline, row);
  REQUIRE(shifts.size() == row.base.size());
  for (std::size_t i = 1; i < shifts.size(); ++i) {
    CHECK(std::max(shifts[i].before, shifts[i].after) <=
          std::max(shifts[i - 1].before, shifts[i - 1].after));
  }
  const KeyShift& top = shifts.front();
  const auto at = static_cast<std::size_t>(top.key);
  CHECK(top.after == row.weights[at]);
  CHECK(top.before == snapshot->scores->baseline->weights[at]);
  CHECK(top.moved_base == row.base[at] - snapshot->scores->baseline->base[at]);
}

TEST_CASE("keys that only one row sees are left out") {
  const RowScores a{2, {0, 1, 2}, {0, 0, 0}, {0, 0, 0}, {0.1f, 0.3f, 0.6f}};
  const RowScores b{3, {1, 2, 3}, {0.5f, 0, 0}, {0, 0, -1}, {0.2f, 0.1f, 0.7f}};
  const auto shifts = key_shifts(a, b);
  REQUIRE(shifts.size() == 2);
  CHECK(shifts[0].key == 4);
  CHECK(shifts[0].before == 0.6f);
  CHECK(shifts[0].after == 0.1f);
  CHECK(shifts[1].focus == 0.5f);
}
