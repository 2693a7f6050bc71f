// links: headscope_engine
// What the token overlay paints, against naive loops; the worker that pools large selections.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "core/base/rng.h"
#include "core/engine/latest_worker.h"
#include "core/engine/overlay.h"
#include "core/engine/preview.h"
#include "tests/engine_fixture.h"

using namespace headscope;

namespace {

// A run of `rows` response rows over keys = tokens + rows, with random weights.
RunResult random_run(std::int64_t tokens, std::int64_t rows, std::uint64_t seed) {
  RunResult run;
  run.layers = 3;
  run.heads = 4;
  run.rows = {tokens, tokens + rows};
  run.keys = tokens + rows;
  Rng rng(seed);
  for (int head = 0; head < run.layers * run.heads; ++head) {
    std::vector<float> block;
    for (std::int64_t i = 0; i < rows * run.keys; ++i)
      block.push_back(static_cast<float>(rng.uniform()));
    run.weights.push_back(std::make_shared<const std::vector<float>>(std::move(block)));
  }
  return run;
}

double naive(const RunResult& run, const OverlaySelection& s, std::int64_t token) {
  double sum = 0, largest = 0;
  for (const HeadId head : s.heads) {
    for (const std::int64_t row : s.rows) {
      const auto& block =
          *run.weights[static_cast<std::size_t>(head.layer * run.heads + head.head)];
      const double weight = double{block[static_cast<std::size_t>(row * run.keys + token)]};
      sum += weight;
      largest = std::max(largest, weight);
    }
  }
  if (s.pooling == Pooling::max) return largest;
  return s.pooling == Pooling::sum ? sum : sum / double(s.heads.size() * s.rows.size());
}

}  // namespace

TEST_CASE("tokens are pooled over rows and heads as a naive loop does it") {
  const std::int64_t tokens = 37;
  const RunResult run = random_run(tokens, 5, 1), baseline = random_run(tokens, 4, 2);
  for (const Pooling pooling : {Pooling::mean, Pooling::sum, Pooling::max}) {
    const OverlaySelection selection{{{0, 1}, {2, 3}, {1, 0}}, {0, 2, 3}, pooling};
    const auto masses = pool_tokens(run, nullptr, selection, tokens);
    REQUIRE(masses);
    REQUIRE(masses->values.size() == static_cast<std::size_t>(tokens));
    const auto change = pool_tokens(run, &baseline, selection, tokens);
    REQUIRE(change);
    double largest = 0, largest_change = 0;
    for (std::int64_t j = 0; j < tokens; ++j) {
      const auto at = static_cast<std::size_t>(j);
      const double expected = naive(run, selection, j);
      CHECK(double{masses->values[at]} == doctest::Approx(expected).epsilon(1e-6));
      const double difference = expected - naive(baseline, selection, j);
      CHECK(std::abs(double{change->values[at]} - difference) < 1e-5);
      largest = std::max(largest, j < 2 ? 0.0 : expected);
      largest_change = std::max(largest_change, std::abs(difference));
    }
    CHECK(double{masses->largest_text} == doctest::Approx(largest).epsilon(1e-6));
    CHECK(double{change->largest} == doctest::Approx(largest_change).epsilon(1e-4));
    const float a = masses->values[0], b = masses->values[1];
    CHECK(masses->sink == doctest::Approx(pooling == Pooling::max ? std::max(a, b) : a + b));
    CHECK(masses->largest == *std::max_element(masses->values.begin(), masses->values.end()));
  }
}

TEST_CASE("the way back: every row's weight on one token, pooled over heads alone") {
  const std::int64_t tokens = 11;
  const RunResult run = random_run(tokens, 6, 3), baseline = random_run(tokens, 4, 4);
  for (const Pooling pooling : {Pooling::mean, Pooling::sum, Pooling::max}) {
    OverlaySelection selection{{{2, 0}, {0, 3}}, {}, pooling};
    const auto rows = pool_rows(run, nullptr, selection, {9, 10});
    const auto change = pool_rows(run, &baseline, selection, {9, 10});
    REQUIRE(rows.size() == 6);
    REQUIRE(change.size() == 4);  // rows that both have
    for (std::size_t row = 0; row < rows.size(); ++row) {
      selection.rows = {static_cast<std::int64_t>(row)};
      CHECK(double{rows[row]} == doctest::Approx(naive(run, selection, 9)).epsilon(1e-6));
      if (row >= change.size()) continue;
      const double difference = naive(run, selection, 9) - naive(baseline, selection, 9);
      CHECK(std::abs(double{change[row]} - difference) < 1e-6);
    }
  }
}

TEST_CASE("the mean over all rows and heads agrees with the span sums") {
  const Request request = test::with_tau(test::engine_request(), 0.1);
  FakeRunner runner;
  (void)runner.load(request, {});
  const auto prompt = runner.prepare(request.prompt).value();
  const auto run = runner.run(*prompt, {}, {}, request, {}).value();
  OverlaySelection selection;
  for (int i = 0; i < run->layers * run->heads; ++i)
    selection.heads.push_back({i / run->heads, i % run->heads});
  selection.rows.resize(static_cast<std::size_t>(run->rows.size()));
  std::iota(selection.rows.begin(), selection.rows.end(), 0);
  const auto masses = pool_tokens(*run, nullptr, selection, prompt->prompt_tokens());
  REQUIRE(masses);
  for (int set = 0; set < run->sets; ++set) {
    double expected = 0, painted = 0;
    for (const HeadId head : selection.heads) {
      for (const std::int64_t row : selection.rows)
        expected += double{run->span_sum(head, row, set)};
    }
    expected /= double(selection.heads.size() * selection.rows.size());
    const bool sink = set + 1 == run->sets;
    const TokenRange tokens =
        sink ? TokenRange{0, 2} : prompt->documents[static_cast<std::size_t>(set)].tokens;
    for (auto t = tokens.begin; t < tokens.end; ++t)
      painted += double{masses->values[static_cast<std::size_t>(t)]};
    CHECK(painted == doctest::Approx(expected).epsilon(1e-4));
  }
}

TEST_CASE("what cannot be pooled gives nothing") {
  const std::int64_t tokens = 8;
  RunResult run = random_run(tokens, 3, 5);
  const OverlaySelection good{{{0, 0}}, {0, 1, 2, 99, -1}, Pooling::mean};
  CHECK(pool_tokens(run, nullptr, good, tokens));  // rows that are not there are left out
  CHECK(pool_tokens(run, nullptr, good, tokens)->values ==
        pool_tokens(run, nullptr, {{{0, 0}}, {0, 1, 2}, Pooling::mean}, tokens)->values);
  CHECK_FALSE(pool_tokens(run, nullptr, {{}, {0}, Pooling::mean}, tokens));
  CHECK_FALSE(pool_tokens(run, nullptr, {{{0, 0}}, {}, Pooling::mean}, tokens));
  CHECK_FALSE(pool_tokens(run, nullptr, {{{3, 0}}, {0}, Pooling::mean}, tokens));
  CHECK_FALSE(pool_tokens(run, nullptr, {{{0, -1}}, {0}, Pooling::mean}, tokens));
  CHECK_FALSE(pool_tokens(run, nullptr, good, 0));
  CHECK_FALSE(pool_tokens(run, nullptr, good, tokens, [] { return true; }));
  CHECK(pool_rows(run, nullptr, good, {run.keys - 1, run.keys + 1}).empty());
  CHECK(pool_rows(run, nullptr, good, {-1, 2}).empty());
  run.weights[0] = nullptr;
  CHECK_FALSE(pool_tokens(run, nullptr, good, tokens));
  run.weights.clear();
  CHECK_FALSE(pool_tokens(run, nullptr, good, tokens));
}

TEST_CASE("documents: their masses both ways, against loops and the run's own sums") {
  Request request = test::engine_request();
  FakeRunner runner;
  (void)runner.load(request, {});
  const auto prompt = runner.prepare(request.prompt).value();
  const auto run = runner.run(*prompt, {}, {}, request, {}).value();
  const OverlaySelection selection{{{3, 1}, {4, 2}}, {0, 2}, Pooling::mean};
  auto masses = *pool_tokens(*run, nullptr, selection, prompt->prompt_tokens());
  add_documents(*prompt, selection.pooling, masses);
  REQUIRE(masses.documents.size() == prompt->documents.size());
  for (std::size_t d = 0; d < masses.documents.size(); ++d) {
    double expected = 0;
    for (const HeadId head : selection.heads)
      for (const std::int64_t row : selection.rows)
        expected += double{run->span_sum(head, row, static_cast<int>(d))} / 4;
    CHECK(double{masses.documents[d]} == doctest::Approx(expected).epsilon(1e-4));
    CHECK(std::abs(masses.documents[d]) <= masses.largest_document);
    const auto back = pool_rows(*run, nullptr, selection, prompt->documents[d].tokens);
    REQUIRE(std::ssize(back) == run->rows.size());
    for (std::int64_t row = 0; row < run->rows.size(); ++row) {
      const double mean = (double{run->span_sum({3, 1}, row, static_cast<int>(d))} +
                           double{run->span_sum({4, 2}, row, static_cast<int>(d))}) /
                          2;
      CHECK(double{back[static_cast<std::size_t>(row)]} == doctest::Approx(mean).epsilon(1e-4));
    }
  }
  auto largest =
      *pool_tokens(*run, nullptr, {selection.heads, {1}, Pooling::max}, prompt->prompt_tokens());
  add_documents(*prompt, Pooling::max, largest);
  const TokenRange tokens = prompt->documents[2].tokens;
  float most = 0;
  for (auto t = tokens.begin; t < tokens.end; ++t)
    most = std::max(most, largest.values[static_cast<std::size_t>(t)]);
  CHECK(largest.documents[2] == most);
}

TEST_CASE("where an intervention acts on the text") {
  Request request = test::with_tau(test::engine_request(), 0.1);
  FakeRunner runner;
  (void)runner.load(request, {});
  const auto prompt = runner.prepare(request.prompt).value();
  const auto run_with = [&](const InterventionSettings& settings) {
    return touched_tokens(*runner.run(*prompt, settings, {{4, 1}}, request, {}).value(), *prompt);
  };
  InterventionSettings settings = request.intervention;
  const auto split = run_with(settings);
  CHECK(split.keys == std::vector<TokenRange>{prompt->documents[4].tokens});
  CHECK(split.marks(prompt->documents[4].tokens.begin));
  CHECK_FALSE(split.marks(prompt->documents[4].tokens.end));
  CHECK(split.edits_row(0));
  settings.rows.kind = RowSelection::Kind::response;
  CHECK_FALSE(run_with(settings).edits_row(prompt->prompt_tokens() - 2));
  CHECK(run_with(settings).edits_row(prompt->prompt_tokens() - 1));
  settings.tau = 1;
  settings.alpha = 0.3;  // directions mark no key
  CHECK(run_with(settings).keys.size() == 0);
  CHECK(run_with(settings).edits_row(prompt->prompt_tokens()));
  settings.also = "pasta";
  CHECK(run_with(settings).keys.size() > 0);
  const auto none = touched_tokens(*runner.run(*prompt, {}, {}, request, {}).value(), *prompt);
  CHECK_FALSE(none.edits_row(1 << 20));
  CHECK(none.keys.size() == 0);
}

TEST_CASE("the newest job wins, and a stale one hears of it") {
  std::atomic<int> stale{0}, done{0};
  NewestResult<int, int> result([&](const int& job, const auto& is_stale) -> std::optional<int> {
    if (job < 0) throw std::bad_alloc();
    if (job != 1) return 10 * job;
    while (!is_stale()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++stale;
    return std::nullopt;
  });
  const auto count = [&] { ++done; };
  CHECK(result.newest() == nullptr);
  result.ask(1, false, count);
  REQUIRE(test::eventually([&] { return result.busy(); }));
  result.ask(2, false, count);
  REQUIRE(test::eventually([&] { return !result.busy(); }));
  REQUIRE(result.newest() != nullptr);
  CHECK(result.newest()->first == 2);
  CHECK(result.newest()->second == 20);
  CHECK(stale <= 1);  // the first may have been replaced before it began
  result.ask(2, false, count);
  CHECK_FALSE(result.busy());  // nothing new

  result.ask(3, false, count);  // overtaken by a cheap one: its result is not taken any more
  result.ask(4, true, count);
  CHECK(result.newest()->second == 40);
  REQUIRE(test::eventually([&] { return !result.busy(); }));
  CHECK(result.newest()->second == 40);

  result.ask(-1, false, count);  // out of memory: what is shown stays
  REQUIRE(test::eventually([&] { return !result.busy(); }));
  CHECK(result.newest()->second == 40);
  CHECK(test::eventually([&] { return done >= 3; }));
}

TEST_CASE("the fake keeps candidates, and a preview has none") {
  test::EngineFixture fixture;
  const Request request = test::with_tau(test::engine_request(), 0.1);
  const auto snapshot = fixture.answer(request);
  REQUIRE(snapshot->baseline);
  for (const auto& run : {snapshot->baseline, snapshot->intervened}) {
    REQUIRE(run->candidates.size() == run->response.size());
    for (std::size_t i = 0; i < run->response.size(); ++i) {
      const auto& candidates = run->candidates[i];
      REQUIRE(candidates.size() == kept_candidates);
      CHECK(candidates.front().id == run->response[i].id);
      float sum = 0;
      for (std::size_t k = 0; k < candidates.size(); ++k) {
        sum += candidates[k].probability;
        if (k > 0) CHECK(candidates[k].probability <= candidates[k - 1].probability);
      }
      CHECK(sum <= 1.0001f);
    }
  }
  const auto preview = preview_run(*snapshot->prompt, *snapshot->baseline, nullptr,
                                   request.intervention, snapshot->intervened->touched, {});
  REQUIRE(preview);
  CHECK(preview->candidates.empty());
}
