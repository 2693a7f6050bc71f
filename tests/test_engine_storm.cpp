// Everything at once, as an impatient person does it: sliders, other heads and maps, other models,
// cancelling, other memory, exports of what is shown. Meant to run under ThreadSanitizer too.
//
// HEADSCOPE_STORM: how many actions (600); HEADSCOPE_SEED: which.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <string>

#include "core/base/rng.h"
#include "core/base/run_trace.h"
#include "core/exhibit/views.h"
#include "tests/engine_fixture.h"

using namespace headscope;
using namespace headscope::test;

namespace {

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

/// A change of what is asked for; most are moves of a slider.
void change(Request& request, Rng& rng) {
  auto& settings = request.intervention;
  switch (rng.below(12)) {
    case 0:
      request.model = rng.chance(0.5) ? "demo" : "other";
      break;
    case 1:
      request.model = rng.chance(0.2) ? "missing" : "demo";  // it cannot be loaded
      break;
    case 2:
      request.want_full_map = !request.want_full_map;
      break;
    case 3:
      request.selected = {static_cast<int>(rng.below(6)), static_cast<int>(rng.below(4))};
      break;
    case 4:
      settings.top_k = static_cast<int>(rng.below(20));
      break;
    case 5:
      request.prompt.gold_document = static_cast<int>(rng.below(6));
      break;
    case 6:
      request.questions.causal = rng.chance(0.3);
      request.questions.auto_alpha = rng.chance(0.3);
      break;
    case 7:
      request.questions.lens = {rng.chance(0.5), static_cast<std::int64_t>(rng.below(3))};
      request.questions.scores = {rng.chance(0.5), static_cast<std::int64_t>(rng.below(30))};
      break;
    case 8:
      settings.alpha = rng.chance(0.5) ? 0 : rng.uniform(-1, 1);
      break;
    default:
      settings.tau = rng.uniform(0.01, 1);
  }
}

/// What an export reads of a snapshot, on another thread than everything else. (No picture:
/// Pango, which measures its text, is not instrumented.)
bool exported(const std::shared_ptr<const Snapshot>& snapshot) {
  const auto runs = runs_of(*snapshot);
  if (!runs) return true;
  HeadScoreChoice choice;
  choice.baseline = runs->baseline->scores.relevant;
  const auto exhibit = head_map_exhibit(*runs, choice);
  return exhibit && table_as_csv(exhibit->table).has_value();
}

bool same_numbers(const Snapshot& a, const Snapshot& b) {
  const auto same = [](const std::shared_ptr<const RunResult>& x,
                       const std::shared_ptr<const RunResult>& y) {
    return (x == nullptr) == (y == nullptr) &&
           (x == nullptr || (x->response_text == y->response_text && x->span_sums == y->span_sums &&
                             x->scores.relevant == y->scores.relevant));
  };
  return same(a.baseline, b.baseline) && same(a.intervened, b.intervened);
}

}  // namespace

TEST_CASE("a storm of actions ends with the numbers of the last one alone") {
  const auto seed = number("HEADSCOPE_SEED", 8);
  CAPTURE(seed);
  Rng rng(seed);
  EngineFixture fixture;
  fixture.control->set_step_delay_ms(0);
  Request request = with_tau(engine_request(), 0.1);
  std::vector<std::future<bool>> exports;
  const auto actions = number("HEADSCOPE_STORM", 600);
  for (std::uint64_t i = 0; i < actions; ++i) {
    change(request, rng);
    fixture.engine.submit(request);
    if (rng.chance(0.1)) fixture.engine.cancel();
    if (rng.chance(0.05)) {
      ReuseOptions reuse;
      reuse.neighbours = rng.chance(0.5);
      reuse.seen_bytes = rng.chance(0.5) ? 0 : ReuseOptions::standard_seen_bytes;
      fixture.engine.set_reuse(reuse);
    }
    if (rng.chance(0.05)) fixture.engine.trace().record(rng.chance(0.5));
    if (rng.chance(0.1))
      exports.push_back(std::async(std::launch::async, exported, fixture.engine.snapshot()));
    if (rng.chance(0.1)) REQUIRE(fixture.wait_idle());
    if (rng.chance(0.3)) std::this_thread::sleep_for(std::chrono::microseconds(rng.below(3000)));
  }
  CHECK(std::all_of(exports.begin(), exports.end(), [](auto& one) { return one.get(); }));

  request.model = "demo";
  const auto last = fixture.answer(request);
  EngineFixture alone;
  const auto expected = alone.answer(request);
  CHECK(!last->status.error);
  CHECK(last->request == request);
  CHECK(same_numbers(*last, *expected));
}
