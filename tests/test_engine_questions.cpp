// links: headscope_engine
// Auto alpha and the causal check through the engine: asked for once, computed once, cancelled,
// failed, and gone with the prompt they belong to.
#include <doctest/doctest.h>

#include <cmath>

#include "core/engine/causal_view.h"
#include "core/engine/steps.h"
#include "tests/engine_fixture.h"

using namespace headscope;
using namespace headscope::test;

namespace {

Request asking_for_check(Request request = engine_request()) {
  request.questions.causal = true;
  return request;
}

Request asking_for_alpha(Request request = engine_request()) {
  request.questions.auto_alpha = true;
  return request;
}

}  // namespace

TEST_CASE("the causal check puts drops beside masses") {
  EngineFixture fixture;
  const auto plain = fixture.answer(engine_request());
  CHECK_FALSE(plain->causal);
  CHECK(fixture.control->count(FakeCall::causal) == 0);
  const auto shown = fixture.answer(asking_for_check());
  REQUIRE(shown->causal);
  CHECK(shown->baseline == plain->baseline);
  const CausalCheck& check = *shown->causal;
  CHECK(check.tokens == static_cast<std::int64_t>(shown->baseline->response.size()));
  REQUIRE(check.documents.size() == 6);
  CHECK(check.documents[4].gold);
  CHECK(check.documents[4].number == 5);
  CHECK(check.mass_document == 4);
  CHECK(check.most_needed() == 4);
  REQUIRE(check.heads.size() == 5);  // the first five of the ranking
  const auto heads = looked_at_heads(asking_for_check(), *shown->model, shown->baseline.get());
  const auto masses = masses_of(*shown->prompt, *shown->baseline, heads);
  for (std::size_t i = 0; i < 6; ++i) CHECK(check.documents[i].mass == masses[i]);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(check.heads[i].head == heads[i]);
    const float relevant =
        shown->baseline->scores.relevant[shown->baseline->index(check.heads[i].head)];
    CHECK(check.heads[i].mass == doctest::Approx(static_cast<double>(relevant)));
    CHECK(check.heads[i].drop == doctest::Approx(static_cast<double>(relevant)));
  }
  CHECK(check.head_agreement().spearman == doctest::Approx(1));
}

TEST_CASE("what a check knows is not measured again") {
  EngineFixture fixture;
  fixture.answer(asking_for_check());
  CHECK(fixture.control->count(FakeCall::causal) == 1);
  SUBCASE("another strength") {
    CHECK(fixture.answer(asking_for_check(with_tau(engine_request(), 0.1)))->causal);
    CHECK(fixture.control->count(FakeCall::causal) == 1);
  }
  SUBCASE("put away and asked for again") {
    CHECK_FALSE(fixture.answer(engine_request())->causal);
    CHECK(fixture.answer(asking_for_check())->causal);
    CHECK(fixture.control->count(FakeCall::causal) == 1);
  }
  SUBCASE("more heads: only those are ablated") {
    auto request = asking_for_check();
    request.intervention.top_k = 7;
    const int before = fixture.control->steps();
    CHECK(fixture.answer(request)->causal->heads.size() == 7);
    CHECK(fixture.control->steps() - before == 2);
  }
  SUBCASE("another gold document: the same drops") {
    auto request = asking_for_check();
    request.prompt.gold_document = 2;
    const auto shown = fixture.answer(request);
    REQUIRE(shown->causal);
    CHECK(shown->causal->mass_document == 2);
    CHECK(shown->causal->documents[2].gold);
    CHECK(fixture.control->count(FakeCall::causal) == 1);
  }
}

TEST_CASE("without a gold mark the likely document stands in") {
  EngineFixture fixture;
  auto request = asking_for_check();
  request.prompt.gold_document = -1;
  const auto shown = fixture.answer(request);
  REQUIRE(shown->causal);
  const auto heads = looked_at_heads(request, *shown->model, shown->baseline.get());
  const auto likely = likely_document_of(*shown->prompt, *shown->baseline, heads);
  CHECK(likely.index == 4);  // what the fake's heads look at
  CHECK(shown->causal->mass_document == likely.index);
  CHECK(shown->causal->heads.size() == 5);
}

TEST_CASE("a check goes with its prompt") {
  EngineFixture fixture;
  fixture.answer(asking_for_check(asking_for_alpha()));
  CHECK(fixture.engine.snapshot()->causal);
  CHECK(fixture.engine.snapshot()->auto_alpha);
  auto request = engine_request();
  request.prompt.text += " It is";
  const auto shown = fixture.answer(request);
  CHECK_FALSE(shown->causal);
  CHECK_FALSE(shown->auto_alpha);
}

TEST_CASE("a check is cancelled, fails, and leaves the results before it") {
  EngineFixture fixture;
  const auto before = fixture.answer(engine_request());
  SUBCASE("cancelled") {
    fixture.control->hold(FakeCall::causal);
    fixture.engine.submit(asking_for_check());
    REQUIRE(fixture.control->wait_held());
    CHECK(fixture.engine.snapshot()->status.activity == "causal check");
    fixture.engine.cancel();
    REQUIRE(fixture.wait_idle());
    CHECK(fixture.control->cancelled() == 1);
  }
  SUBCASE("overtaken by a request that does not want it") {
    fixture.control->hold(FakeCall::causal);
    fixture.engine.submit(asking_for_check());
    REQUIRE(fixture.control->wait_held());
    fixture.engine.submit(engine_request());
    REQUIRE(fixture.wait_idle());
    CHECK(fixture.control->cancelled() == 1);
  }
  SUBCASE("fails") {
    fixture.control->fail(FakeCall::causal, {ErrorKind::out_of_memory, "no room"});
    const auto shown = fixture.answer(asking_for_check());
    REQUIRE(shown->status.error);
    CHECK(shown->status.error->message == "no room");
  }
  CHECK_FALSE(fixture.engine.snapshot()->causal);
  CHECK(fixture.engine.snapshot()->baseline == before->baseline);
  fixture.control->release();
  CHECK(fixture.answer(asking_for_check())->causal);
}

TEST_CASE("auto alpha scans the baseline and gives its reason") {
  EngineFixture fixture;
  const auto shown = fixture.answer(asking_for_alpha());
  REQUIRE(shown->auto_alpha);
  CHECK(shown->auto_alpha->scan.size() == default_alphas().size());
  CHECK(shown->auto_alpha->verdict != AlphaVerdict::not_cached);
  CHECK(shown->auto_alpha->before.context > 0);
  CHECK_FALSE(explain(*shown->auto_alpha).empty());
  CHECK(fixture.runs() == 1);
  SUBCASE("again is another answer, so that the window sees it") {
    fixture.answer(engine_request());
    CHECK(fixture.answer(asking_for_alpha())->auto_alpha != shown->auto_alpha);
  }
  SUBCASE("without kept weights it says so") {
    auto request = asking_for_alpha();
    request.prompt.text += " The";
    request.keep = KeepAttention::spans;
    const auto sums = fixture.answer(request);
    REQUIRE(sums->auto_alpha);
    CHECK(sums->auto_alpha->verdict == AlphaVerdict::not_cached);
    CHECK(sums->auto_alpha->alpha == 0);
  }
}

TEST_CASE("what the answer loses without each head, all of them") {
  EngineFixture fixture;
  CHECK_FALSE(fixture.answer(engine_request())->head_drops);
  SUBCASE("the causal check brings those it measures") {
    const auto shown = fixture.answer(asking_for_check());
    REQUIRE(shown->head_drops);
    CHECK(shown->head_drops->measured == 5);
    for (const HeadEffect& effect : shown->causal->heads) {
      CHECK(shown->head_drops->drop[shown->baseline->index(effect.head)] ==
            static_cast<float>(effect.drop));
    }
    SUBCASE("and the rest only is ablated") {
      auto request = asking_for_check();
      request.questions.head_drops = true;
      const int before = fixture.control->steps();
      const auto all = fixture.answer(request);
      const auto heads = static_cast<std::int64_t>(all->model->layers) * all->model->heads;
      CHECK(all->head_drops->measured == heads);
      CHECK(fixture.control->steps() - before == heads - 5);
    }
  }
  auto request = engine_request();
  request.questions.head_drops = true;
  const auto shown = fixture.answer(request);
  REQUIRE(shown->head_drops);
  const HeadDrops& drops = *shown->head_drops;
  CHECK(drops.measured == std::ssize(drops.drop));
  CHECK(drops.drop == shown->baseline->scores.relevant);  // what the fake says
  const int calls = fixture.control->count(FakeCall::causal);
  SUBCASE("they stay when no longer asked for, and under another strength") {
    CHECK(fixture.answer(with_tau(engine_request(), 0.1))->head_drops);
    CHECK(fixture.control->count(FakeCall::causal) == calls);
  }
  SUBCASE("another gold document: the same drops") {
    request.prompt.gold_document = 2;
    CHECK(fixture.answer(request)->head_drops->measured == drops.measured);
    CHECK(fixture.control->count(FakeCall::causal) == calls);
  }
  SUBCASE("another prompt: gone") {
    request = engine_request();
    request.prompt.text += " It is";
    CHECK_FALSE(fixture.answer(request)->head_drops);
  }
}

TEST_CASE("ablating every head is cancelled and goes on where it stopped") {
  EngineFixture fixture;
  fixture.answer(engine_request());
  auto request = engine_request();
  request.questions.head_drops = true;
  fixture.control->set_step_delay_ms(4);
  fixture.engine.submit(request);
  REQUIRE(eventually([&] {
    const auto now = fixture.engine.snapshot();
    return now->head_drops && now->head_drops->measured >= 8;
  }));
  CHECK(fixture.engine.snapshot()->status.activity == "ablating every head");
  fixture.engine.cancel();
  REQUIRE(fixture.wait_idle());
  const auto stopped = fixture.engine.snapshot();
  REQUIRE(stopped->head_drops);
  const auto measured = stopped->head_drops->measured;
  CHECK(measured >= 8);
  fixture.control->set_step_delay_ms(0);
  const int before = fixture.control->steps();
  const auto shown = fixture.answer(request);
  CHECK(shown->head_drops->measured == std::ssize(shown->head_drops->drop));
  CHECK(fixture.control->steps() - before == shown->head_drops->measured - measured);
}

TEST_CASE("a slider does not wait until every head is ablated") {
  EngineFixture fixture;
  fixture.answer(engine_request());
  auto request = engine_request();
  request.questions.head_drops = true;
  fixture.control->hold(FakeCall::causal);
  fixture.engine.submit(request);
  REQUIRE(fixture.control->wait_held());
  auto moved = with_tau(request, 0.1);
  fixture.engine.submit(moved);
  // The edited answer is there while the ablation, begun anew, is held again.
  REQUIRE(eventually([&] {
    const auto now = fixture.engine.snapshot();
    return now->intervened && now->intervened->quality == Quality::exact &&
           now->intervened->settings.tau == 0.1;
  }));
  CHECK(fixture.control->cancelled() >= 1);
  CHECK_FALSE(fixture.engine.snapshot()->head_drops);
  fixture.control->release();
  REQUIRE(fixture.wait_idle());
  CHECK(fixture.engine.snapshot()->head_drops->measured == 64);
}
