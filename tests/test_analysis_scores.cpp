// links: headscope_analysis
// Contextual scores of one sample and over samples, by hand.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/analysis/score_summary.h"
#include "core/base/rng.h"

using namespace headscope;

namespace {

constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

/// One layer with two heads.
HeadScores two_heads(float relevant_0, float relevant_1) {
  HeadScores scores;
  scores.layers = 1;
  scores.heads = 2;
  scores.relevant = {relevant_0, relevant_1};
  scores.sink = {0.5f, 0.25f};
  scores.irrelevant_sum = {0.2f, 0.4f};
  scores.irrelevant_max = {0.1f, 0.3f};
  return scores;
}

}  // namespace

TEST_CASE("scores from span sums by hand") {
  // One layer, two heads, three rows, sets: document 0, document 1 (gold), document 2, sink.
  const std::vector<float> sums = {
      0.1f, 0.2f, 0.4f, 0.3f,  //
      0.3f, 0.4f, 0.0f, 0.1f,  //
      0.9f, 0.9f, 0.9f, 0.9f,  // not used
      0.0f, 0.6f, 0.2f, 0.1f,  //
      0.2f, 0.2f, 0.0f, 0.5f,  //
      0.9f, 0.9f, 0.9f, 0.9f,
  };
  const auto scores = scores_from_span_sums(sums, 1, 2, 3, {0, 2}, {3, {1}});
  CHECK(scores.relevant[0] == doctest::Approx(0.3));
  CHECK(scores.sink[0] == doctest::Approx(0.2));
  CHECK(scores.irrelevant_sum[0] == doctest::Approx(0.4));
  // The largest document after averaging rows (0.2 and 0.2), not the mean of row maxima (0.35).
  CHECK(scores.irrelevant_max[0] == doctest::Approx(0.2));
  CHECK(scores.relevant[1] == doctest::Approx(0.4));
  CHECK(scores.irrelevant_sum[1] == doctest::Approx(0.2));
  CHECK(scores.irrelevant_max[1] == doctest::Approx(0.1));
  CHECK(scores.sink[1] == doctest::Approx(0.3));

  const auto one_row = scores_from_span_sums(sums, 1, 2, 3, {1, 2}, {3, {0}});
  CHECK(one_row.relevant[0] == doctest::Approx(0.3));
  CHECK(one_row.irrelevant_max[0] == doctest::Approx(0.4));
}

TEST_CASE("scores without gold mark, rows or documents") {
  const std::vector<float> sums = {0.1f, 0.2f, 0.3f, 0.4f};
  const auto unmarked = scores_from_span_sums(sums, 1, 1, 2, {0, 2}, {1, {}});
  CHECK(std::isnan(unmarked.relevant[0]));
  CHECK(std::isnan(unmarked.irrelevant_sum[0]));
  CHECK(std::isnan(unmarked.irrelevant_max[0]));
  CHECK(unmarked.sink[0] == doctest::Approx(0.3));
  const auto empty = scores_from_span_sums({}, 1, 1, 0, {0, 0}, {1, {0}});
  CHECK(std::isnan(empty.sink[0]));
  CHECK(empty.relevant.size() == 1);
  const auto alone = scores_from_span_sums(sums, 1, 1, 2, {0, 2}, {1, {0}});
  CHECK(alone.relevant[0] == doctest::Approx(0.2));
  CHECK(alone.irrelevant_sum[0] == 0);
  CHECK(alone.irrelevant_max[0] == 0);
  const auto wrong_size = scores_from_span_sums({0.1f}, 1, 1, 2, {0, 2}, {1, {0}});
  CHECK(std::isnan(wrong_size.sink[0]));
}

TEST_CASE("ranking: descending, ties by layer and head, unknown last") {
  const auto ranking = rank_heads({0.1f, nan_value, 0.3f, 0.1f, 0.3f, -1.0f}, 2, 3);
  CHECK(ranking == std::vector<HeadId>{{0, 2}, {1, 1}, {0, 0}, {1, 0}, {1, 2}, {0, 1}});
  CHECK(rank_heads({}, 1, 2) == std::vector<HeadId>{{0, 0}, {0, 1}});
}

TEST_CASE("summary over samples by hand") {
  ScoreAccumulator accumulator(1, 2);
  const auto gold_only = two_heads(0.8f, 0.6f);
  CHECK(accumulator.add(two_heads(0.3f, 0.05f), &gold_only, true));
  CHECK(accumulator.add(two_heads(0.1f, 0.15f), &gold_only, false));
  CHECK(accumulator.add(two_heads(0.5f, 0.04f), &gold_only, true));
  SummaryOptions options;
  options.top_k = 1;
  const auto summary = accumulator.summary(options);
  CHECK(summary.samples == 3);
  CHECK(summary.relevant[0] == doctest::Approx(0.3));
  CHECK(summary.relevant[1] == doctest::Approx(0.08));
  CHECK(summary.sink[1] == doctest::Approx(0.25));
  CHECK(summary.irrelevant_sum[0] == doctest::Approx(0.2));
  CHECK(summary.irrelevant_max[1] == doctest::Approx(0.3));
  CHECK(summary.gold_only_relevant[0] == doctest::Approx(0.8));
  CHECK(summary.gold_only_sink[1] == doctest::Approx(0.25));
  CHECK(summary.ranking == std::vector<HeadId>{{0, 0}, {0, 1}});
  CHECK(summary.above_01 == 1);
  CHECK(summary.above_02 == 1);
  // The contextual head (0,0) on right answers 0.3 and 0.5, on the wrong one 0.1.
  CHECK(summary.outcome.right_n == 2);
  CHECK(summary.outcome.wrong_n == 1);
  CHECK(summary.outcome.right_relevant == doctest::Approx(0.4));
  CHECK(summary.outcome.wrong_relevant == doctest::Approx(0.1));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(summary.relevant_low[i] < summary.relevant[i]);
    CHECK(summary.relevant_high[i] > summary.relevant[i]);
  }
  CHECK(summary.relevant_low[0] >= 0.1f);
  CHECK(summary.relevant_high[0] <= 0.5f);
  // Head (0,1) leads only if all three draws are the second sample: 1/27 of the draws.
  const double p = 1.0 / 27;
  CHECK(summary.stability == doctest::Approx(p * p + (1 - p) * (1 - p)).epsilon(0.04));
  const auto again = accumulator.summary(options);
  CHECK(again.relevant_low == summary.relevant_low);
  CHECK(again.stability == summary.stability);
}

TEST_CASE("what cannot be scored is skipped and counted with the reason") {
  ScoreAccumulator accumulator(1, 2);
  auto no_response = two_heads(nan_value, nan_value);
  no_response.sink = {nan_value, nan_value};
  CHECK_FALSE(accumulator.add(no_response, nullptr, false));
  CHECK_FALSE(accumulator.add(two_heads(nan_value, nan_value), nullptr, false));
  const auto bad_gold_only = two_heads(nan_value, 0.1f);
  CHECK_FALSE(accumulator.add(two_heads(0.1f, 0.2f), &bad_gold_only, false));
  CHECK_FALSE(accumulator.add(HeadScores{}, nullptr, true));
  accumulator.skip("prompt longer than the context", 3);
  const auto summary = accumulator.summary();
  CHECK(summary.samples == 0);
  CHECK(summary.relevant.empty());
  CHECK(summary.ranking.empty());
  CHECK(std::isnan(summary.stability));
  const std::map<std::string, std::int64_t> expected = {
      {"empty response", 1},
      {"no gold document", 1},
      {"empty response to the gold-only prompt", 1},
      {"scores of another shape", 1},
      {"prompt longer than the context", 3}};
  CHECK(summary.skipped == expected);
}

TEST_CASE("one sample, and a stable ranking") {
  ScoreAccumulator one(1, 2);
  one.add(two_heads(0.3f, 0.1f), nullptr, true);
  const auto single = one.summary();
  CHECK(single.relevant_low == single.relevant);
  CHECK(std::isnan(single.stability));
  CHECK(single.gold_only_relevant.empty());
  CHECK(std::isnan(single.outcome.wrong_relevant));

  ScoreAccumulator many(1, 2);
  Rng rng(3);
  for (int i = 0; i < 50; ++i)
    many.add(two_heads(static_cast<float>(0.5 + 0.1 * rng.uniform()), 0.1f), nullptr, true);
  SummaryOptions options;
  options.top_k = 1;
  CHECK(many.summary(options).stability == 1);
}

TEST_CASE("stability of the top-k against n: draws of n samples beside all") {
  ScoreAccumulator accumulator(1, 2);
  accumulator.add(two_heads(0.3f, 0.05f), nullptr, true);
  accumulator.add(two_heads(0.1f, 0.15f), nullptr, false);
  accumulator.add(two_heads(0.5f, 0.04f), nullptr, true);
  SummaryOptions options;
  options.top_k = 1;
  options.curve_draws = 4000;
  const auto curve = accumulator.summary(options).stability_curve;
  REQUIRE(curve.size() == 3);
  CHECK(curve[0].n == 1);
  CHECK(curve[1].n == 2);
  CHECK(curve[2].n == 3);
  // Head (0,1) leads only where every sample drawn is the second: 1/3, 1/9, 1/27 of the draws.
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(curve[i].jaccard == doctest::Approx(1 - std::pow(1.0 / 3, i + 1)).epsilon(0.03));
  CHECK(curve[0].low == 0);
  CHECK(curve[0].high == 1);
  CHECK(curve[2].low == 0);  // 1/27 is more than 2.5 %
}

TEST_CASE("right against wrong: labels drawn at random give an interval around 0") {
  SummaryOptions options;
  options.top_k = 1;
  options.draws = 400;
  options.curve_draws = 0;
  int covered = 0;
  constexpr int trials = 200;
  for (int trial = 0; trial < trials; ++trial) {
    Rng rng(static_cast<std::uint64_t>(trial));
    ScoreAccumulator accumulator(1, 2);
    for (int i = 0; i < 60; ++i) {
      const auto mass = static_cast<float>(0.3 + 0.1 * rng.normal());
      accumulator.add(two_heads(mass, 0), nullptr, rng.chance(0.5));
    }
    const auto outcome = accumulator.summary(options).outcome;
    CHECK(outcome.difference == doctest::Approx(outcome.right_relevant - outcome.wrong_relevant));
    covered += outcome.low <= 0 && outcome.high >= 0 ? 1 : 0;
  }
  CHECK(covered >= trials * 88 / 100);  // 95 % in theory
  CHECK(covered < trials);              // an interval that is never wrong says nothing

  ScoreAccumulator real(1, 2), one_sided(1, 2);
  Rng rng(5);
  for (int i = 0; i < 60; ++i) {
    const bool right = rng.chance(0.5);
    const double mass = (right ? 0.4 : 0.2) + 0.1 * rng.normal();
    real.add(two_heads(static_cast<float>(mass), 0), nullptr, right);
    one_sided.add(two_heads(static_cast<float>(mass), 0), nullptr, true);
  }
  const auto outcome = real.summary(options).outcome;
  CHECK(outcome.low > 0);
  CHECK(outcome.low < 0.2);
  CHECK(outcome.high > outcome.difference);
  CHECK(std::isnan(one_sided.summary(options).outcome.low));
}
