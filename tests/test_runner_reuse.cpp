// The engine over the embedded model: whatever it reuses, kept or computed ahead, is what a runner
// that knows nothing yet computes, to the last bit.
// links: headscope_runner headscope_demo_world
// timeout: 300
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "core/engine/engine.h"
#include "core/engine/steps.h"
#include "core/runner/model_runner.h"
#include "core/text/prompt.h"
#include "tests/random_demo_model.h"

using namespace headscope;

namespace {

Request demo_request() {
  Request request;
  const QaSample sample = test::demo_test_sample(7, 12);
  request.prompt.text = build_prompt(sample).text;
  request.prompt.gold_document = static_cast<int>(*sample.gold_position());
  request.prompt.answers = sample.answers;
  request.threads = 1;
  request.max_new_tokens = 8;
  request.keep = KeepAttention::rows;
  return request;
}

template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 12000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

std::shared_ptr<const RunResult> fresh_run(const Request& request) {
  ModelRunner runner;
  const auto model = runner.load(request, {});
  REQUIRE(model);
  const auto prompt = runner.prepare(request.prompt);
  REQUIRE(prompt);
  const auto heads = chosen_heads(request.intervention, (*model)->known_ranking, (*model)->layers,
                                  (*model)->heads);
  REQUIRE_FALSE(heads.empty());
  const auto run = runner.run(**prompt, request.intervention, heads, request, {});
  REQUIRE(run);
  return *run;
}

void check_same(const RunResult& a, const RunResult& b) {
  CHECK((a.settings == b.settings));
  CHECK((a.touched == b.touched));
  CHECK(a.response_text == b.response_text);
  CHECK(a.span_sums == b.span_sums);
  CHECK(a.scores.relevant == b.scores.relevant);
  REQUIRE(a.candidates.size() == b.candidates.size());
  for (std::size_t i = 0; i < a.candidates.size(); ++i) {
    REQUIRE(a.candidates[i].size() == b.candidates[i].size());
    for (std::size_t c = 0; c < a.candidates[i].size(); ++c) {
      CHECK(a.candidates[i][c].id == b.candidates[i][c].id);
      CHECK(a.candidates[i][c].probability == b.candidates[i][c].probability);
    }
  }
  REQUIRE_FALSE(a.weights.empty());
  REQUIRE(a.weights.size() == b.weights.size());
  for (std::size_t i = 0; i < a.weights.size(); ++i) CHECK(*a.weights[i] == *b.weights[i]);
}

}  // namespace

TEST_CASE("every reused result is the one of a run from nothing") {
  Engine engine([]() -> Result<std::unique_ptr<Runner>> { return std::make_unique<ModelRunner>(); },
                {});
  const auto answer = [&](const Request& request) {
    engine.submit(request);
    REQUIRE(eventually([&] { return engine.idle(); }));
    const auto snapshot = engine.snapshot();
    REQUIRE_FALSE(snapshot->status.error);
    return snapshot;
  };
  auto request = demo_request();
  const auto moved = [&](double tau, double alpha, int k) {
    auto other = request;
    other.intervention.tau = tau;
    other.intervention.alpha = alpha;
    other.intervention.top_k = k;
    return other;
  };
  // In this order queries, attention and whole results are taken over, each from the one before.
  for (const auto& next : {moved(0.3, 0, 5), moved(0.1, 0, 5), moved(0.1, 0.3, 5), moved(1, 0.3, 5),
                           moved(0.1, 0, 5), moved(0.6, 0.3, 5), moved(0.2, 0.3, 5)}) {
    check_same(*answer(next)->intervened, *fresh_run(next));
  }
  CHECK(engine.snapshot()->reuse.hits == 1);

  ReuseOptions ahead;
  ahead.neighbours = true;
  ahead.rest = std::chrono::milliseconds(0);
  engine.set_reuse(ahead);
  REQUIRE(eventually([&] { return engine.snapshot()->reuse.neighbours == 6; }));
  const auto misses = engine.snapshot()->reuse.misses;
  engine.set_reuse({});
  for (const auto& next : {moved(0.21, 0.3, 5), moved(0.19, 0.3, 5), moved(0.2, 0.32, 5),
                           moved(0.2, 0.28, 5), moved(0.2, 0.3, 6), moved(0.2, 0.3, 4)}) {
    check_same(*answer(next)->intervened, *fresh_run(next));
  }
  CHECK(engine.snapshot()->reuse.misses == misses);
  CHECK(engine.snapshot()->reuse.neighbour_hits == 6);
}

TEST_CASE(
    "maps, scores and preview inputs that begin at the store are those of a run from nothing") {
  auto request = demo_request();
  request.intervention.tau = 0.2;
  request.intervention.alpha = 0.3;
  ModelRunner used, fresh, bare;
  const auto model = used.load(request, {});
  REQUIRE(model);
  REQUIRE(fresh.load(request, {}));
  REQUIRE(bare.load(request, {}));
  const auto prompt = used.prepare(request.prompt);
  REQUIRE(prompt);
  const auto heads = chosen_heads(request.intervention, (*model)->known_ranking, (*model)->layers,
                                  (*model)->heads);
  const auto baseline = used.run(**prompt, {}, {}, request, {});
  REQUIRE(baseline);
  const auto inputs = used.preview_inputs(**prompt, **baseline, {});
  const auto alone = fresh.preview_inputs(**prompt, **baseline, {});
  REQUIRE((inputs && alone));
  REQUIRE_FALSE((*inputs)->focus_bias.empty());
  CHECK((*inputs)->focus_bias == (*alone)->focus_bias);
  const auto edited = used.run(**prompt, request.intervention, heads, request, {});
  REQUIRE(edited);
  for (const auto& run : {*baseline, *edited}) {
    for (int layer = 0; layer < (*model)->layers; ++layer) {
      CAPTURE(layer);
      // Maps leave nothing in the store.
      const auto map = used.full_map(**prompt, *run, {layer, 1}, {}, {});
      const auto same = bare.full_map(**prompt, *run, {layer, 1}, {}, {});
      REQUIRE((map && same));
      CHECK(*(*map)->weights == *(*same)->weights);
      const auto row = used.row_scores(**prompt, *run, {layer, 2}, run->rows.begin, {});
      const auto same_row = bare.row_scores(**prompt, *run, {layer, 2}, run->rows.begin, {});
      REQUIRE((row && same_row));
      CHECK((*row)->weights == (*same_row)->weights);
    }
  }
}
