// links: headscope_engine
// Latest wins, cancellation, previews against exact results: meant to run under ThreadSanitizer
// too.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/engine_fixture.h"

using namespace headscope;
using namespace headscope::test;

TEST_CASE("a newer request stops the stale run where it is, and only that") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  fixture.answer(engine_request());
  const int finished = control.finished(FakeCall::run);

  const int before_alone = control.steps();
  fixture.answer(with_tau(engine_request(), 0.3));
  const int steps_of_a_run = control.steps() - before_alone;

  control.hold(FakeCall::run);
  fixture.engine.submit(with_tau(engine_request(), 0.1));
  REQUIRE(control.wait_held());
  const int steps = control.steps();
  const auto id = fixture.engine.submit(with_tau(engine_request(), 0.2));
  control.release();
  REQUIRE(fixture.wait_idle());
  CHECK(control.cancelled() == 1);
  CHECK(control.finished(FakeCall::run) == finished + 2);
  // Not one step of the stale run after the newer request was submitted.
  CHECK(control.steps() - steps == steps_of_a_run);
  CHECK(fixture.engine.snapshot()->request_id == id);
  CHECK(fixture.engine.snapshot()->intervened->settings.tau == 0.2);
}

TEST_CASE("a slider move does not throw away the running baseline") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  control.hold(FakeCall::run);
  fixture.engine.submit(engine_request());
  REQUIRE(control.wait_held());
  for (const double tau : {0.9, 0.5, 0.1}) fixture.engine.submit(with_tau(engine_request(), tau));
  control.release();
  REQUIRE(fixture.wait_idle());
  CHECK(control.cancelled() == 0);
  CHECK(control.count(FakeCall::run) == 2);
  CHECK(fixture.engine.snapshot()->intervened->settings.tau == 0.1);
  CHECK(fixture.engine.snapshot()->intervened->quality == Quality::exact);
}

TEST_CASE("another selected head does not throw away the running intervened run") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  auto request = with_tau(engine_request(), 0.1);
  request.want_full_map = true;
  fixture.answer(with_tau(request, 1));
  control.hold(FakeCall::run);
  fixture.engine.submit(request);
  REQUIRE(control.wait_held());
  request.selected = {2, 2};
  fixture.engine.submit(request);
  control.release();
  REQUIRE(fixture.wait_idle());
  CHECK(control.cancelled() == 0);
  CHECK(fixture.engine.snapshot()->full_map->head == HeadId{2, 2});
}

TEST_CASE("another gold mark stops a run whose heads come from the gold mark's scores") {
  FakeOptions options;
  SUBCASE("heads from the known ranking: goes on") {}
  SUBCASE("heads from the scores: stops") {
    options.has_ranking = false;
  }
  EngineFixture fixture(options);
  auto& control = *fixture.control;
  auto request = with_alpha(engine_request(), 0.3);
  fixture.answer(with_alpha(request, 0));
  control.hold(FakeCall::run);
  fixture.engine.submit(request);
  REQUIRE(control.wait_held());
  request.prompt.gold_document = 0;
  fixture.engine.submit(request);
  control.release();
  REQUIRE(fixture.wait_idle());
  CHECK(control.cancelled() == (options.has_ranking ? 0 : 1));
  CHECK(fixture.engine.snapshot()->prompt->gold_document() == 0);
  const auto snapshot = fixture.engine.snapshot();
  const auto ranking = rank_heads(snapshot->baseline->scores.relevant, 8, 8);
  const auto heads = chosen_heads(
      request.intervention, options.has_ranking ? snapshot->model->known_ranking : ranking, 8, 8);
  CHECK(std::set<HeadId>(snapshot->intervened->touched.begin(),
                         snapshot->intervened->touched.end()) ==
        std::set<HeadId>(heads.begin(), heads.end()));
}

TEST_CASE("a request that changes no settings never shows a preview in place of the exact result") {
  std::atomic<Engine*> engine{nullptr};
  std::atomic<int> previews{0};
  Engine owner(fake_runner_factory(), [&] {
    if (engine == nullptr) return;
    const auto snapshot = engine.load()->snapshot();
    previews += snapshot->intervened && snapshot->intervened->quality == Quality::preview ? 1 : 0;
  });
  auto request = with_tau(engine_request(), 0.1);
  request.want_full_map = true;
  owner.submit(request);
  REQUIRE(eventually([&] { return owner.idle(); }));
  engine = &owner;
  for (int i = 0; i < 40; ++i) {
    request.selected = {i % 8, i / 8};
    owner.submit(request);
    REQUIRE(eventually([&] { return owner.idle(); }));
  }
  CHECK(previews == 0);
}

TEST_CASE("another prompt stops the baseline, another model stops loading") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  auto other = engine_request();
  FakeCall held = FakeCall::run;
  SUBCASE("prompt") {
    other.prompt.text += " today";
  }
  SUBCASE("model") {
    held = FakeCall::load;
    other.model = "another";
  }
  control.hold(held);
  fixture.engine.submit(engine_request());
  REQUIRE(control.wait_held());
  fixture.engine.submit(other);
  control.release();
  REQUIRE(fixture.wait_idle());
  CHECK(control.cancelled() == 1);
  const auto snapshot = fixture.engine.snapshot();
  CHECK(snapshot->model->name == other.model);
  CHECK(snapshot->prompt->text == other.prompt.text);
  CHECK(snapshot->baseline);
  CHECK(control.finished(FakeCall::run) == 1);
}

TEST_CASE("the user cancels: results so far stay, the same request goes on later") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  fixture.engine.cancel();  // nothing to cancel
  const auto base = fixture.answer(engine_request());
  CHECK_FALSE(base->status.error);
  control.hold(FakeCall::run);
  fixture.engine.submit(with_tau(engine_request(), 0.1));
  REQUIRE(control.wait_held());
  fixture.engine.cancel();
  REQUIRE(fixture.wait_idle());
  const auto stopped = fixture.engine.snapshot();
  CHECK(control.cancelled() == 1);
  CHECK(stopped->status.state == EngineStatus::State::idle);
  REQUIRE(stopped->status.error);
  CHECK(stopped->status.error->kind == ErrorKind::cancelled);
  CHECK(stopped->baseline == base->baseline);
  control.release();
  const auto done = fixture.answer(with_tau(engine_request(), 0.1));
  CHECK_FALSE(done->status.error);
  CHECK(done->intervened->quality == Quality::exact);
  CHECK(done->intervened->settings.tau == 0.1);
  fixture.engine.cancel();
  CHECK(fixture.engine.idle());
  CHECK_FALSE(fixture.engine.snapshot()->status.error);
}

TEST_CASE("a runner that says cancelled without being asked fails instead of running for ever") {
  EngineFixture fixture;
  fixture.control->fail(FakeCall::run, {ErrorKind::cancelled, "by itself"});
  const auto snapshot = fixture.answer(engine_request());
  CHECK(snapshot->status.state == EngineStatus::State::failed);
}

TEST_CASE("the preview shows while the exact run goes on, and gives way to it") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  const auto base = fixture.answer(engine_request());
  control.hold(FakeCall::run);
  Request request;
  SUBCASE("tau") {
    request = with_tau(engine_request(), 0.1);
  }
  SUBCASE("alpha") {
    request = with_alpha(engine_request(), 0.3);
  }
  SUBCASE("both") {
    request = with_tau(with_alpha(engine_request(), -0.2), 0.4);
  }
  const auto id = fixture.engine.submit(request);
  REQUIRE(eventually([&] { return fixture.engine.snapshot()->intervened != base->baseline; }));
  const auto preview = fixture.engine.snapshot();
  CHECK(preview->intervened->quality == Quality::preview);
  CHECK(preview->intervened->settings == request.intervention);
  CHECK(preview->request_id == id);
  CHECK_FALSE(preview->preview_error);
  control.release();
  REQUIRE(fixture.wait_idle());
  const auto exact = fixture.engine.snapshot();
  CHECK(exact->intervened->quality == Quality::exact);
  REQUIRE(exact->preview_error);
  CHECK(*exact->preview_error < 1);
}

TEST_CASE("back to identity shows the baseline while the stale run is still stopping") {
  EngineFixture fixture;
  auto& control = *fixture.control;
  const auto base = fixture.answer(engine_request());
  control.hold(FakeCall::run);
  fixture.engine.submit(with_tau(engine_request(), 0.1));
  REQUIRE(control.wait_held());
  fixture.engine.submit(engine_request());
  REQUIRE(fixture.wait_idle());
  CHECK(fixture.engine.snapshot()->intervened == base->baseline);
  control.release();
}

TEST_CASE("a published snapshot never changes") {
  EngineFixture fixture;
  auto request = with_tau(engine_request(), 0.1);
  request.want_full_map = true;
  const auto kept = fixture.answer(request);
  const Snapshot copy = *kept;
  const RunResult intervened = *kept->intervened;
  std::vector<std::vector<float>> blocks;
  for (const auto& block : intervened.weights) blocks.push_back(*block);
  const std::vector<float> weights = *kept->full_map->weights;
  for (const double tau : {0.2, 0.3, 1.0}) fixture.answer(with_tau(request, tau));
  request.prompt.text += " indeed";
  request.model = "another";
  fixture.answer(with_alpha(request, 0.2));
  CHECK(kept->intervened == copy.intervened);
  CHECK(kept->request == copy.request);
  CHECK(kept->prompt == copy.prompt);
  CHECK(kept->intervened->response_text == intervened.response_text);
  CHECK(kept->intervened->span_sums == intervened.span_sums);
  CHECK(*kept->full_map->weights == weights);
  for (std::size_t i = 0; i < blocks.size(); ++i) CHECK(*kept->intervened->weights[i] == blocks[i]);
}

TEST_CASE("a storm of slider moves ends with the last one answered") {
  EngineFixture fixture;
  std::atomic<bool> done{false};
  std::atomic<int> broken{0};
  std::thread observer([&] {
    std::uint64_t exact_id = 0, last_id = 0;
    while (!done) {
      const auto snapshot = fixture.engine.snapshot();
      broken += snapshot->request_id < last_id ? 1 : 0;
      last_id = snapshot->request_id;
      if (!snapshot->intervened) continue;
      const bool answers = snapshot->intervened->settings == snapshot->request.intervention;
      const bool exact = snapshot->intervened->quality == Quality::exact;
      // Once a request's exact result was shown, no preview of that request follows.
      broken += !exact && snapshot->request_id == exact_id ? 1 : 0;
      if (exact && answers) exact_id = snapshot->request_id;
      broken += snapshot->baseline == nullptr ? 1 : 0;
    }
  });
  std::uint64_t id = 0;
  Request request = engine_request();
  for (int i = 0; i < 1000; ++i) {
    request.intervention.tau = 0.05 + 0.9 * (i % 97) / 97.0;
    request.intervention.alpha = i % 3 == 0 ? 0.3 : 0.0;
    request.intervention.top_k = 1 + i % 7;
    id = fixture.engine.submit(request);
    if (i % 100 == 99) fixture.engine.cancel();
    if (i % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  id = fixture.engine.submit(request);
  REQUIRE(fixture.wait_idle());
  done = true;
  observer.join();
  const auto snapshot = fixture.engine.snapshot();
  CHECK(broken == 0);
  CHECK(snapshot->request_id == id);
  CHECK(snapshot->request == request);
  CHECK(snapshot->intervened->settings == request.intervention);
  CHECK(snapshot->intervened->quality == Quality::exact);
  CHECK_FALSE(snapshot->status.error);
  CHECK(fixture.control->count(FakeCall::load) == 1);
  CHECK(fixture.control->count(FakeCall::prepare) == 1);
}

TEST_CASE("the destructor stops what runs") {
  for (const auto held :
       {FakeCall::load, FakeCall::run, FakeCall::full_map, FakeCall::preview_inputs}) {
    const auto control = std::make_shared<FakeControl>();
    control->hold(held);
    auto request = with_tau(engine_request(), 0.1);
    request.want_full_map = true;
    {
      Engine engine(fake_runner_factory({}, control), {});
      engine.submit(request);
      REQUIRE(control->wait_held());
    }
    CHECK(control->cancelled() == 1);
  }
  Engine unused(fake_runner_factory(), {});
}

TEST_CASE("the response streams while it is generated") {
  const auto control = std::make_shared<FakeControl>();
  std::atomic<Engine*> engine{nullptr};
  std::mutex mutex;
  std::vector<std::string> baseline_texts, intervened_texts;
  std::vector<std::shared_ptr<const RunResult>> growing;
  Engine owner(fake_runner_factory({}, control), [&] {
    if (engine == nullptr) return;
    const auto snapshot = engine.load()->snapshot();
    const std::lock_guard lock(mutex);
    if (snapshot->baseline && snapshot->baseline->quality == Quality::growing)
      growing.push_back(snapshot->baseline);
    if (snapshot->streaming_text.empty()) return;
    (snapshot->streaming_is_baseline ? baseline_texts : intervened_texts)
        .push_back(snapshot->streaming_text);
  });
  engine = &owner;
  owner.submit(with_tau(engine_request(), 0.1));
  REQUIRE(eventually([&] { return owner.idle(); }));
  const auto snapshot = owner.snapshot();
  const std::lock_guard lock(mutex);
  const auto check = [](const std::vector<std::string>& texts, const RunResult& run) {
    CHECK(std::set<std::string>(texts.begin(), texts.end()).size() >= run.response.size());
    for (const auto& text : texts) CHECK(run.response_text.starts_with(text));
  };
  check(baseline_texts, *snapshot->baseline);
  check(intervened_texts, *snapshot->intervened);
  CHECK(snapshot->baseline->quality == Quality::exact);
  std::set<std::size_t> lengths;
  const HeadId selected = snapshot->request.selected;
  for (const auto& run : growing) {
    lengths.insert(run->response.size());
    REQUIRE(run->has_weights(selected));
    CHECK(std::count(run->weights.begin(), run->weights.end(), nullptr) ==
          std::ssize(run->weights) - 1);
  }
  CHECK(lengths.size() == snapshot->baseline->response.size());
}
