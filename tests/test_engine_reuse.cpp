// links: headscope_engine
// Settings seen before are answered from a bounded memory, and the sliders' next positions are
// computed at rest: meant to run under ThreadSanitizer too.
#include <doctest/doctest.h>

#include <cmath>

#include "core/engine/neighbours.h"
#include "core/engine/seen_results.h"
#include "tests/engine_fixture.h"

using namespace headscope;
using namespace headscope::test;

namespace {

using std::chrono::milliseconds;

ReuseOptions ahead_at_once() {
  ReuseOptions options;
  options.neighbours = true;
  options.rest = milliseconds(0);
  return options;
}

ReuseCounts counts_of(EngineFixture& fixture) {
  return fixture.engine.snapshot()->reuse;
}

/// Waits until the neighbours of what is shown are there.
bool ready(EngineFixture& fixture, int neighbours) {
  return eventually([&] { return counts_of(fixture).neighbours == neighbours; });
}

/// The numbers of two runs, the time they took and their labels apart.
void check_same_run(const RunResult& a, const RunResult& b) {
  CHECK(a.response_text == b.response_text);
  CHECK(a.touched == b.touched);
  CHECK(a.span_sums == b.span_sums);
  CHECK(a.scores.relevant == b.scores.relevant);
  REQUIRE(a.weights.size() == b.weights.size());
  for (std::size_t i = 0; i < a.weights.size(); ++i) CHECK(*a.weights[i] == *b.weights[i]);
}

std::shared_ptr<const Snapshot> fresh(const Request& request) {
  EngineFixture alone;
  return alone.answer(request);
}

}  // namespace

TEST_CASE("a slider moved back is answered from memory, as the model would answer") {
  EngineFixture fixture;
  auto request = with_tau(engine_request(), 0.1);
  request.want_full_map = true;
  fixture.answer(request);
  CHECK(counts_of(fixture).hits == 0);
  CHECK(counts_of(fixture).misses == 4);  // two runs, two maps
  fixture.answer(with_tau(request, 0.2));
  CHECK(counts_of(fixture).misses == 6);
  const int steps = fixture.control->steps();
  const auto back = fixture.answer(request);
  CHECK(fixture.control->steps() == steps);  // the model did nothing
  CHECK(back->reuse.hits == 2);
  CHECK(back->reuse.misses == 6);
  CHECK(back->reuse.neighbour_hits == 0);
  const auto expected = fresh(request);
  check_same_run(*back->intervened, *expected->intervened);
  CHECK(back->preview_error == expected->preview_error);
  CHECK(*back->full_map->weights == *expected->full_map->weights);
  // Looking at what is shown asks for nothing.
  request.selected = {3, 3};
  fixture.answer(request);
  CHECK(counts_of(fixture).hits == 2);
}

TEST_CASE("results seen before never take more than they may") {
  EngineFixture fixture;
  const auto run = fixture.answer(with_tau(engine_request(), 0.5))->intervened;
  const auto each = bytes_of(*run);
  ReuseOptions options;
  options.seen_bytes = 3 * each + each / 2;
  fixture.engine.set_reuse(options);
  for (int i = 1; i < 10; ++i) {
    fixture.answer(with_tau(engine_request(), 0.1 * i));
    CHECK(counts_of(fixture).seen_bytes <= options.seen_bytes);
  }
  CHECK(counts_of(fixture).seen_bytes > 2 * each);
  const int runs = fixture.runs();
  fixture.answer(with_tau(engine_request(), 0.1 * 8));
  CHECK(fixture.runs() == runs);
  fixture.answer(with_tau(engine_request(), 0.1 * 2));  // long gone
  CHECK(fixture.runs() == runs + 1);

  options.seen_bytes = 0;  // takes effect without a request
  fixture.engine.set_reuse(options);
  fixture.answer(with_tau(engine_request(), 0.1 * 3));
  CHECK(counts_of(fixture).seen_bytes == 0);
  CHECK(fixture.engine.snapshot()->intervened->settings.tau == 0.1 * 3);
}

TEST_CASE("the next positions of sliders that are in use, the likely ones first") {
  InterventionSettings before, now;
  CHECK(neighbours_of(now, before, 64).empty());
  now.alpha = before.alpha = 0.3;
  before.top_k = 4;
  auto next = neighbours_of(now, before, 64);
  REQUIRE(next.size() == 4);  // tau is off
  CHECK(next[0].top_k == 6);
  CHECK(next[1].top_k == 4);
  CHECK(next[2].alpha == 0.32);
  CHECK(next[3].alpha == 0.28);
  for (const auto& settings : next) {
    CHECK((settings.alpha == 0.3) != (settings.top_k == 5));
    CHECK(settings.tau == 1);
  }
  // Downwards, and at the ends.
  before = now;
  before.tau = 0.5;
  now.tau = 0.01;
  now.alpha = -1;
  now.top_k = 64;
  next = neighbours_of(now, now, 64);
  CHECK(next.size() == 4);
  next = neighbours_of(now, before, 64);
  REQUIRE(next.size() == 4);
  CHECK(next[0].tau == 0);
  CHECK(next[1].tau == 0.02);
  CHECK(next[2].alpha == -0.98);  // it moved too
  CHECK(next[3].top_k == 63);
  now.choice = HeadChoice::picked;
  now.picked = {{1, 1}};
  CHECK(neighbours_of(now, before, 64).size() == 3);
  // However a position is reached, it is the same number.
  CHECK(slider_position(0.29F) == 0.29);
  CHECK(slider_position(0.28 + 0.02) == 0.3);
  CHECK_FALSE(std::signbit(slider_position(-0.001)));
}

TEST_CASE("at rest the next positions are computed, once, and are there when they are asked for") {
  EngineFixture fixture;
  fixture.engine.set_reuse(ahead_at_once());
  auto request = with_alpha(engine_request(), 0.3);
  fixture.answer(engine_request());
  CHECK(fixture.runs() == 1);  // nothing is acted on: no slider is in use
  fixture.answer(request);
  REQUIRE(ready(fixture, 4));  // alpha and k, up and down
  CHECK(fixture.runs() == 6);
  CHECK(counts_of(fixture).misses == 2);  // nobody asked for the others
  CHECK(fixture.engine.snapshot()->intervened->settings == request.intervention);

  // Asking again, or looking at something else, computes nothing again.
  request.selected = {3, 3};
  fixture.answer(request);
  REQUIRE(ready(fixture, 4));
  CHECK(fixture.runs() == 6);

  fixture.engine.set_reuse({});  // the step itself alone
  fixture.answer(with_alpha(request, 0.32));
  CHECK(fixture.runs() == 6);
  const auto step = fixture.engine.snapshot();
  CHECK(step->reuse.hits == 1);
  CHECK(step->reuse.neighbour_hits == 1);
  const auto expected = fresh(with_alpha(request, 0.32));
  check_same_run(*step->intervened, *expected->intervened);
  CHECK(step->intervened->settings == expected->intervened->settings);
  REQUIRE(step->preview_error);
  CHECK(step->preview_error == expected->preview_error);
}

TEST_CASE("a request drops what is computed ahead, which goes on at the next rest") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  const auto request = with_tau(engine_request(), 0.3);
  fixture.answer(request);
  control.hold(FakeCall::run);
  fixture.engine.set_reuse(ahead_at_once());
  REQUIRE(control.wait_held());
  CHECK(fixture.engine.idle());  // nobody waits for it
  CHECK(fixture.engine.snapshot()->status.state == EngineStatus::State::idle);
  CHECK(fixture.engine.snapshot()->streaming_text.empty());
  auto looks = request;
  SUBCASE("another view of the same settings") {
    looks.selected = {2, 2};
  }
  SUBCASE("other settings") {
    looks.intervention.tau = 0.7;
  }
  fixture.engine.submit(looks);
  REQUIRE(eventually([&] { return control.cancelled() == 1; }));
  control.release();
  REQUIRE(fixture.wait_idle());
  REQUIRE(ready(fixture, 4));
  CHECK(fixture.engine.snapshot()->intervened->settings == looks.intervention);
  CHECK(fixture.engine.snapshot()->request_id == 2);
}

TEST_CASE("switched off, nothing is computed ahead; a failure ahead is nobody's failure") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  fixture.answer(with_tau(engine_request(), 0.3));
  CHECK(fixture.runs() == 2);
  control.fail(FakeCall::run, {ErrorKind::out_of_memory, "no"});
  fixture.engine.set_reuse(ahead_at_once());
  REQUIRE(eventually([&] { return fixture.runs() == 3; }));
  std::this_thread::sleep_for(milliseconds(20));
  CHECK(fixture.runs() == 3);  // memory is short: no other one is tried
  CHECK_FALSE(fixture.engine.snapshot()->status.error);
  const auto asked = fixture.answer(with_tau(engine_request(), 0.31));
  CHECK_FALSE(asked->status.error);
  REQUIRE(ready(fixture, 4));

  auto off = ahead_at_once();
  off.neighbours = false;
  fixture.engine.set_reuse(off);
  const int runs = fixture.runs();
  fixture.answer(with_tau(engine_request(), 0.8));
  std::this_thread::sleep_for(milliseconds(20));
  CHECK(fixture.runs() == runs + 1);
  // No more of them than half of the memory holds.
  off.neighbours = true;
  off.seen_bytes = 4 * bytes_of(*asked->intervened) + 1000;
  off.rest = std::chrono::hours(1);  // those of 0.8 are not begun
  fixture.engine.set_reuse(off);
  fixture.answer(with_tau(engine_request(), 0.9));
  off.rest = ahead_at_once().rest;
  fixture.engine.set_reuse(off);
  REQUIRE(ready(fixture, 2));
  CHECK(fixture.runs() == runs + 4);
  CHECK(counts_of(fixture).seen_bytes <= off.seen_bytes);
}

TEST_CASE("a storm of requests while neighbours are computed ends with the last one answered") {
  EngineFixture fixture;
  auto options = ahead_at_once();
  Request request = engine_request();
  for (int i = 0; i < 400; ++i) {
    request.intervention.tau = 0.05 + 0.9 * (i % 37) / 37.0;
    request.intervention.top_k = 1 + i % 5;
    fixture.engine.submit(request);
    if (i % 7 == 0) std::this_thread::sleep_for(milliseconds(1));
    if (i % 50 == 0) {
      options.neighbours = !options.neighbours;
      fixture.engine.set_reuse(options);
    }
  }
  options.neighbours = true;
  fixture.engine.set_reuse(options);
  REQUIRE(fixture.wait_idle());
  REQUIRE(ready(fixture, 4));
  const auto snapshot = fixture.engine.snapshot();
  CHECK(snapshot->request == request);
  CHECK(snapshot->intervened->settings == request.intervention);
  check_same_run(*snapshot->intervened, *fresh(request)->intervened);
}
