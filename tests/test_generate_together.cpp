// links: headscope_model headscope_intervention headscope_training
// Runs that decode side by side, against each of them alone.
#include <doctest/doctest.h>

#include "tests/prompt_runs.h"

using namespace headscope;
using namespace headscope::test;

namespace {

constexpr float tolerance = 1e-4F;  // of log-probabilities: other matrix kernels, other rounding

/// Sixteen lanes and some more, in every order of their first touched layers.
std::vector<GenerateRequest> requests_for(const GoldenModel& golden, AttentionBackend backend) {
  std::vector<GenerateRequest> all;
  for (const auto& interventions : settings_of(golden.model->config())) {
    all.push_back(request_for(*golden.model, golden.prompt_ids(), backend));
    all.back().interventions = interventions;
  }
  while (all.size() <= 17) all.push_back(all[all.size() / 2]);
  return all;
}

}  // namespace

TEST_CASE("every family, backend, first touched layer and choice of rows: as a run alone") {
  for (const std::string& name : golden_models) {
    CAPTURE(name);
    const GoldenModel golden(name);
    for (const auto backend : {AttentionBackend::fused, AttentionBackend::reference}) {
      PromptStore store;
      auto requests = requests_for(golden, backend);
      for (GenerateRequest& request : requests) request.store = &store;
      const auto together = must(golden.model->generate_together(requests, {}));
      REQUIRE(together.size() == requests.size());
      for (std::size_t i = 0; i < requests.size(); ++i) {
        CAPTURE(i);
        requests[i].store = nullptr;
        const auto alone = must(golden.model->generate(requests[i], {}));
        CHECK(run_difference(together[i], alone) < tolerance);
        CHECK(together[i].stopped_at_eos == alone.stopped_at_eos);
        CHECK(together[i].attention.rows == alone.attention.rows);
        CHECK(together[i].log_probabilities.size() == alone.ids.size());
      }
    }
  }
}

TEST_CASE("the company changes nothing") {
  const GoldenModel golden(golden_models.front());
  const auto requests = requests_for(golden, AttentionBackend::fused);
  const auto together = must(golden.model->generate_together(requests, {}));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    const auto single = must(golden.model->generate_together(std::span(&requests[i], 1), {}));
    CHECK(run_difference(single.front(), together[i]) == 0);
  }
}

TEST_CASE("lanes end when they end: lengths, end of sequence, listeners") {
  const GoldenModel golden("qwen2");  // the one with an end-of-sequence token
  auto requests = requests_for(golden, AttentionBackend::fused);
  for (const int tokens : {0, 1, 12}) {
    for (const bool captured : {false, true}) {
      CAPTURE(tokens);
      std::vector<std::vector<std::int32_t>> heard(requests.size());
      for (std::size_t i = 0; i < requests.size(); ++i) {
        requests[i].max_new_tokens = tokens;
        if (!captured) requests[i].capture.reset();
        requests[i].sampling = {.temperature = 1, .seed = i};  // each its own text
        requests[i].on_token = [&heard, i](std::int32_t id) { heard[i].push_back(id); };
      }
      const auto together = must(golden.model->generate_together(requests, {}));
      std::size_t ended_early = 0;
      for (std::size_t i = 0; i < requests.size(); ++i) {
        CAPTURE(i);
        CHECK(heard[i] == together[i].ids);
        requests[i].on_token = {};
        const auto alone = must(golden.model->generate(requests[i], {}));
        CHECK(together[i].ids == alone.ids);
        CHECK(together[i].stopped_at_eos == alone.stopped_at_eos);
        CHECK(together[i].attention.rows == alone.attention.rows);
        ended_early += alone.stopped_at_eos ? 1 : 0;
      }
      if (tokens == 12) CHECK(ended_early > 0);
      if (tokens == 12) CHECK(ended_early < requests.size());
      requests = requests_for(golden, AttentionBackend::fused);
    }
  }
}

TEST_CASE("what cannot go together is refused, and a cancellation ends all") {
  const GoldenModel golden(golden_models.front());
  const auto refused = [&](const std::function<void(GenerateRequest&)>& change) {
    auto requests = requests_for(golden, AttentionBackend::fused);
    change(requests[3]);
    const auto result = golden.model->generate_together(requests, {});
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::usage);
  };
  refused([](GenerateRequest& request) { request.prompt_ids.pop_back(); });
  refused([](GenerateRequest& request) { request.max_new_tokens = 9; });
  refused([](GenerateRequest& request) { request.backend = AttentionBackend::reference; });
  refused([](GenerateRequest& request) { request.forced_response = {3}; });
  refused([](GenerateRequest& request) { request.use_cache = false; });
  CHECK(must(golden.model->generate_together({}, {})).empty());

  int left = 40;
  RunContext context;
  context.is_cancelled = [&left] { return left-- <= 0; };
  const auto requests = requests_for(golden, AttentionBackend::fused);
  const auto stopped = golden.model->generate_together(requests, context);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == ErrorKind::cancelled);
}
