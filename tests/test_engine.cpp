// links: headscope_engine
// What the engine computes, and what it does not compute again.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "core/engine/byte_cache.h"
#include "core/engine/steps.h"
#include "tests/engine_fixture.h"

using namespace headscope;
using namespace headscope::test;

namespace {

FakeOptions without_ranking() {
  FakeOptions options;
  options.has_ranking = false;
  return options;
}

}  // namespace

TEST_CASE("a first request is answered completely") {
  EngineFixture fixture;
  CHECK(fixture.engine.snapshot() != nullptr);
  CHECK(fixture.engine.idle());
  auto request = with_tau(engine_request(), 0.1);
  request.want_full_map = true;
  request.selected = FakeWorld({}).ranking()[0];
  const auto id = fixture.engine.submit(request);
  REQUIRE(fixture.wait_idle());
  const auto snapshot = fixture.engine.snapshot();
  CHECK(snapshot->request_id == id);
  CHECK(snapshot->request == request);
  CHECK(snapshot->status.state == EngineStatus::State::idle);
  CHECK_FALSE(snapshot->status.error);
  REQUIRE(snapshot->model);
  REQUIRE(snapshot->prompt);
  REQUIRE(snapshot->baseline);
  REQUIRE(snapshot->intervened);
  REQUIRE(snapshot->full_map);
  REQUIRE(snapshot->full_map_baseline);
  REQUIRE(snapshot->preview_inputs);
  CHECK(snapshot->prompt->documents.size() == 6);
  CHECK(snapshot->prompt->gold_document() == 4);
  CHECK(snapshot->baseline->settings.is_identity());
  CHECK(snapshot->intervened->settings == request.intervention);
  CHECK(snapshot->intervened->quality == Quality::exact);
  CHECK(snapshot->intervened->touched.size() == 5);
  CHECK(snapshot->full_map->head == request.selected);
  CHECK(*snapshot->full_map->weights != *snapshot->full_map_baseline->weights);
  CHECK(snapshot->streaming_text.empty());
  CHECK(snapshot->preview_error);
  CHECK(fixture.updates > 0);
  CHECK(fixture.runs() == 2);
}

TEST_CASE("identity shows the baseline and runs once") {
  EngineFixture fixture;
  const auto snapshot = fixture.answer(engine_request());
  CHECK(snapshot->baseline);
  CHECK(snapshot->intervened == snapshot->baseline);
  CHECK_FALSE(snapshot->preview_error);
  CHECK(fixture.runs() == 1);
  SUBCASE("no marked document") {
    auto request = with_tau(engine_request(), 0.1);
    request.prompt.gold_document = -1;
    const auto unmarked = fixture.answer(request);
    CHECK(unmarked->intervened == unmarked->baseline);
  }
  SUBCASE("no heads") {
    auto request = with_tau(engine_request(), 0.1);
    request.intervention.top_k = 0;
    CHECK(fixture.answer(request)->intervened == snapshot->baseline);
  }
  CHECK(fixture.runs() == 1);
}

TEST_CASE("only what changed is computed") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  auto request = with_tau(engine_request(), 0.1);
  request.want_full_map = true;
  const auto first = fixture.answer(request);
  REQUIRE(control.count(FakeCall::load) == 1);
  REQUIRE(control.count(FakeCall::prepare) == 1);
  REQUIRE(fixture.runs() == 2);
  REQUIRE(control.count(FakeCall::full_map) == 2);
  REQUIRE(control.count(FakeCall::preview_inputs) == 1);

  SUBCASE("settings: the intervened run and its map") {
    const auto snapshot = fixture.answer(with_tau(request, 0.2));
    CHECK(fixture.runs() == 3);
    CHECK(control.count(FakeCall::prepare) == 1);
    CHECK(control.count(FakeCall::full_map) == 3);
    CHECK(snapshot->baseline == first->baseline);
    CHECK(snapshot->intervened != first->intervened);
  }
  SUBCASE("selected head: maps") {
    request.selected = {1, 1};
    const auto snapshot = fixture.answer(request);
    CHECK(fixture.runs() == 2);
    CHECK(control.count(FakeCall::full_map) == 4);
    CHECK(snapshot->intervened == first->intervened);
    CHECK(snapshot->preview_error == first->preview_error);
    CHECK(snapshot->full_map->head == HeadId{1, 1});
  }
  SUBCASE("the part of a map that shall be exact: maps") {
    request.map_region = {{0, 4}, {0, 4}};
    fixture.answer(request);
    CHECK(fixture.runs() == 2);
    CHECK(control.count(FakeCall::full_map) == 4);
    request.map_region = {};  // seen before
    const auto snapshot = fixture.answer(request);
    CHECK(control.count(FakeCall::full_map) == 4);
    CHECK(snapshot->full_map == first->full_map);
  }
  SUBCASE("prompt: everything but the model") {
    request.prompt.text += " quickly";
    const auto snapshot = fixture.answer(request);
    CHECK(control.count(FakeCall::load) == 1);
    CHECK(control.count(FakeCall::prepare) == 2);
    CHECK(fixture.runs() == 4);
    CHECK(snapshot->prompt->text == request.prompt.text);
  }
  SUBCASE("model: everything") {
    request.model = "another";
    const auto snapshot = fixture.answer(request);
    CHECK(control.count(FakeCall::load) == 2);
    CHECK(control.count(FakeCall::prepare) == 2);
    CHECK(fixture.runs() == 4);
    CHECK(snapshot->model->name == "another");
  }
  SUBCASE("gold mark with focus directions: scores only") {
    request.intervention.tau = 1;
    request.intervention.alpha = 0.3;
    REQUIRE(fixture.answer(request)->intervened);
    const auto before = fixture.engine.snapshot();
    const int runs = fixture.runs();
    request.prompt.gold_document = 0;
    const auto after = fixture.answer(request);
    CHECK(fixture.runs() == runs);
    CHECK(after->prompt->gold_document() == 0);
    // The old gold document is now one of the others, and the other way round.
    const auto i = before->baseline->scores.index({4, 4});
    const HeadScores &old_scores = before->baseline->scores, &scores = after->baseline->scores;
    CHECK(old_scores.relevant[i] != scores.relevant[i]);
    CHECK(old_scores.relevant[i] + old_scores.irrelevant_sum[i] ==
          doctest::Approx(scores.relevant[i] + scores.irrelevant_sum[i]));
    CHECK(after->intervened->scores.relevant != before->intervened->scores.relevant);
    CHECK(after->intervened->weights == before->intervened->weights);
  }
  SUBCASE("answers: correctness only") {
    CHECK(first->intervened->matches_answer);
    request.prompt.answers = {"something else"};
    CHECK_FALSE(fixture.answer(request)->intervened->matches_answer);
    CHECK(fixture.runs() == 2);
  }
  SUBCASE("the same request: nothing") {
    const int steps = control.steps();
    fixture.answer(request);
    CHECK(control.steps() == steps);
  }
}

TEST_CASE("settings seen before come from the cache, with the request's own settings on them") {
  EngineFixture fixture;
  const auto request = engine_request();
  const auto first = fixture.answer(with_tau(request, 0.1));
  fixture.answer(with_tau(request, 0.2));
  REQUIRE(fixture.runs() == 3);
  const auto again = fixture.answer(with_tau(request, 0.1));
  CHECK(fixture.runs() == 3);
  CHECK(again->intervened == first->intervened);
  CHECK(again->preview_error == first->preview_error);

  auto picked = with_tau(request, 0.2);
  picked.intervention.choice = HeadChoice::picked;
  picked.intervention.picked = first->intervened->touched;
  const auto same_heads = fixture.answer(picked);
  CHECK(fixture.runs() == 3);
  CHECK(same_heads->intervened->settings == picked.intervention);

  SUBCASE("back to an old prompt too") {
    auto other = request;
    other.prompt.text += " now";
    fixture.answer(other);
    const int runs = fixture.runs();
    const auto back = fixture.answer(with_tau(request, 0.1));
    CHECK(fixture.runs() == runs);
    CHECK(back->baseline->response_text == first->baseline->response_text);
    CHECK(back->prompt->text == request.prompt.text);
  }
}

TEST_CASE("without a known ranking heads come from the baseline's scores") {
  EngineFixture fixture(without_ranking());
  const auto snapshot = fixture.answer(with_tau(engine_request(), 0.1));
  const auto ranking = rank_heads(snapshot->baseline->scores.relevant, snapshot->model->layers,
                                  snapshot->model->heads);
  const std::set<HeadId> expected(ranking.begin(), ranking.begin() + 5);
  const auto& touched = snapshot->intervened->touched;
  CHECK(std::set<HeadId>(touched.begin(), touched.end()) == expected);
  SUBCASE("and without a gold mark there is none") {
    auto request = with_alpha(engine_request(), 0.5);
    request.prompt.gold_document = -1;
    const auto none = fixture.answer(request);
    CHECK(none->intervened == none->baseline);
  }
}

TEST_CASE("errors leave earlier results and are told as status") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  const auto request = with_tau(engine_request(), 0.1);
  const auto good = fixture.answer(request);

  SUBCASE("load") {
    auto bad = request;
    bad.model = "missing";
    const auto snapshot = fixture.answer(bad);
    CHECK(snapshot->status.state == EngineStatus::State::failed);
    REQUIRE(snapshot->status.error);
    CHECK(snapshot->status.error->kind == ErrorKind::bad_input);
    CHECK(snapshot->baseline == good->baseline);
    CHECK(snapshot->model == good->model);
    const int loads = control.count(FakeCall::load);
    CHECK(fixture.answer(with_tau(bad, 0.4))->status.error);
    CHECK(control.count(FakeCall::load) == loads);  // the same failure, not tried again
    fixture.answer(bad);
    fixture.answer(bad);
    CHECK(control.count(FakeCall::load) > loads);  // the very same request: tried again
    const int runs = fixture.runs();
    const int loads_before = control.count(FakeCall::load);
    const auto back = fixture.answer(request);
    CHECK(control.count(FakeCall::load) ==
          loads_before + 1);  // a failed load may have left nothing
    CHECK_FALSE(back->status.error);
    CHECK(back->intervened == good->intervened);
    CHECK(fixture.runs() == runs);
  }
  SUBCASE("load, until it succeeds") {
    control.fail(FakeCall::load, {ErrorKind::internal, "disk"});
    auto other = request;
    other.model = "another";
    CHECK(fixture.answer(other)->status.error);
    CHECK_FALSE(fixture.answer(other)->status.error);
    CHECK_FALSE(fixture.answer(with_tau(other, 0.3))->status.error);
  }
  SUBCASE("prepare") {
    control.fail(FakeCall::prepare, {ErrorKind::bad_input, "too long"});
    auto bad = request;
    bad.prompt.text += " again";
    const auto snapshot = fixture.answer(bad);
    REQUIRE(snapshot->status.error);
    CHECK(snapshot->status.error->message == "too long");
    CHECK(snapshot->prompt == good->prompt);
    CHECK(snapshot->baseline == good->baseline);
    const auto repaired = fixture.answer(bad);
    CHECK_FALSE(repaired->status.error);
    CHECK(repaired->prompt->text == bad.prompt.text);
  }
  SUBCASE("run") {
    control.fail(FakeCall::run, {ErrorKind::internal, "broken"});
    const auto snapshot = fixture.answer(with_tau(request, 0.6));
    REQUIRE(snapshot->status.error);
    CHECK(snapshot->status.error->message == "broken");
    CHECK(snapshot->baseline == good->baseline);
    // A success clears the failure: the next differing request is not stopped by it.
    CHECK_FALSE(fixture.answer(with_tau(request, 0.6))->status.error);
    CHECK_FALSE(fixture.answer(with_tau(request, 0.5))->status.error);
  }
  SUBCASE("full map") {
    control.fail(FakeCall::full_map, {ErrorKind::out_of_memory, "map too large"}, -1);
    auto with_map = request;
    with_map.want_full_map = true;
    const auto snapshot = fixture.answer(with_map);
    REQUIRE(snapshot->status.error);
    CHECK(snapshot->status.error->kind == ErrorKind::out_of_memory);
    CHECK(snapshot->intervened == good->intervened);
    CHECK_FALSE(snapshot->full_map);
  }
  SUBCASE("preview inputs are not needed") {
    control.fail(FakeCall::preview_inputs, {ErrorKind::internal, "none"});
    auto other = with_alpha(request, 0.2);
    other.prompt.text += " please";
    const auto snapshot = fixture.answer(other);
    CHECK_FALSE(snapshot->status.error);
    CHECK(snapshot->intervened->quality == Quality::exact);
    CHECK_FALSE(snapshot->preview_inputs);
    CHECK_FALSE(snapshot->preview_error);
  }
}

TEST_CASE("out of memory: caches are dropped and the run tried once more") {
  EngineFixture fixture;
  const auto request = engine_request();
  fixture.answer(with_tau(request, 0.1));
  SUBCASE("that was enough") {
    fixture.control->fail(FakeCall::run, {ErrorKind::out_of_memory, "no"}, 1);
    const auto snapshot = fixture.answer(with_tau(request, 0.2));
    CHECK_FALSE(snapshot->status.error);
    CHECK(fixture.runs() == 4);
    fixture.answer(with_tau(request, 0.1));
    CHECK(fixture.runs() == 5);  // no longer in the cache
  }
  SUBCASE("it was not") {
    fixture.control->fail(FakeCall::run, {ErrorKind::out_of_memory, "no"}, -1);
    const auto snapshot = fixture.answer(with_tau(request, 0.2));
    REQUIRE(snapshot->status.error);
    CHECK(snapshot->status.error->kind == ErrorKind::out_of_memory);
    CHECK(fixture.runs() == 4);
    CHECK(snapshot->baseline);
  }
}

TEST_CASE("no runner, and a runner that throws") {
  const auto check_failed = [](Engine::RunnerFactory factory) {
    Engine engine(std::move(factory), {});
    engine.submit(engine_request());
    REQUIRE(eventually([&] { return engine.idle(); }));
    CHECK(engine.snapshot()->status.state == EngineStatus::State::failed);
    CHECK(engine.snapshot()->status.error->message.find("libtorch") != std::string::npos);
  };
  check_failed(
      []() -> Result<std::unique_ptr<Runner>> { return bad_input("libtorch is missing"); });
  check_failed([]() -> Result<std::unique_ptr<Runner>> { throw std::runtime_error("libtorch"); });
}

TEST_CASE("an empty prompt is no error") {
  EngineFixture fixture;
  const auto snapshot = fixture.answer(Request{});
  CHECK(snapshot->status.state == EngineStatus::State::idle);
  CHECK(snapshot->model);
  CHECK_FALSE(snapshot->prompt);
  CHECK(fixture.control->count(FakeCall::prepare) == 0);
}

TEST_CASE("chosen heads") {
  const std::vector<HeadId> ranking = FakeWorld({}).ranking();
  InterventionSettings settings;
  settings.top_k = 3;
  CHECK(chosen_heads(settings, ranking, 8, 8) ==
        std::vector<HeadId>(ranking.begin(), ranking.begin() + 3));
  settings.top_k = 0;
  CHECK(chosen_heads(settings, ranking, 8, 8).empty());
  settings.top_k = 1000;
  CHECK(chosen_heads(settings, ranking, 8, 8).size() == 64);
  CHECK(chosen_heads(settings, {{1, 1}, {9, 1}, {1, 1}, {0, -1}}, 8, 8) ==
        std::vector<HeadId>{{1, 1}});

  settings.choice = HeadChoice::picked;
  settings.picked = {{2, 3}, {2, 3}, {8, 0}, {0, 7}};
  CHECK(chosen_heads(settings, ranking, 8, 8) == std::vector<HeadId>{{2, 3}, {0, 7}});

  settings.choice = HeadChoice::random;
  std::set<std::vector<HeadId>> draws;
  for (const int k : {1, 5, 10, 30, 50, 64}) {
    // A tenth of 64 heads counts as contextual also for k = 1.
    const int excluded = std::max(k, 6);
    const std::set<HeadId> contextual(ranking.begin(), ranking.begin() + excluded);
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      settings.top_k = k;
      settings.random_seed = seed;
      const auto heads = chosen_heads(settings, ranking, 8, 8);
      CHECK(heads == chosen_heads(settings, ranking, 8, 8));
      CHECK(std::set<HeadId>(heads.begin(), heads.end()).size() == heads.size());
      CHECK(static_cast<int>(heads.size()) == std::min(k, 64 - excluded));
      for (const auto head : heads) CHECK_FALSE(contextual.contains(head));
      if (k == 5) draws.insert(heads);
    }
  }
  CHECK(draws.size() == 60);
}

TEST_CASE("work: settings that differ in name only are one run") {
  EngineFixture fixture;
  const auto snapshot = fixture.answer(engine_request());
  const auto applied = [&](const Request& request) {
    return applied_settings(request, *snapshot->model, *snapshot->prompt, snapshot->baseline.get());
  };
  auto request = with_tau(engine_request(), 0.1);
  const auto reference = applied(request);
  CHECK(reference.marked == std::vector<int>{4});
  CHECK(reference.heads.size() == 5);
  auto same = request;
  same.intervention.random_seed = 9;
  same.intervention.use_key_directions = true;  // alpha = 0
  same.intervention.span = SpanChoice::document;
  same.intervention.marked_document = 4;
  CHECK(applied(same) == reference);
  auto other = request;
  other.intervention.rows.kind = RowSelection::Kind::response;
  CHECK_FALSE(applied(other) == reference);
  other = request;
  other.intervention.marked_document = 2;
  CHECK(applied(other) == reference);  // not used while the gold document is marked
  other.intervention.span = SpanChoice::document;
  CHECK_FALSE(applied(other) == reference);
}

TEST_CASE("byte cache forgets the least recently used") {
  ByteCache<int, int> cache(100);
  cache.put(1, 10, 40);
  cache.put(2, 20, 40);
  CHECK(cache.find(1) == 10);
  cache.put(3, 30, 40);  // 2 goes, 1 was used
  CHECK(cache.find(1) == 10);
  CHECK_FALSE(cache.find(2));
  CHECK(cache.find(3) == 30);
  cache.put(4, 40, 101);  // larger than the budget
  CHECK_FALSE(cache.find(4));
  CHECK(cache.bytes() == 80);
  cache.put(1, 11, 10);
  CHECK(cache.find(1) == 11);
  CHECK(cache.bytes() == 50);
  cache.put(5, 50, 100);
  CHECK(cache.size() == 1);
  cache.clear();
  CHECK(cache.bytes() == 0);
}
