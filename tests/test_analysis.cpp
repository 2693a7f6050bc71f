// links: headscope_analysis
// Metrics and statistics against plain Python (tests/goldens/make_metric_goldens.py).
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/analysis/compare_heads.h"
#include "core/analysis/metrics.h"
#include "core/analysis/statistics.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "tests/resources.h"

using namespace headscope;

namespace {

const Json& goldens() {
  static const auto read = read_json_file(test::source_folder() / "tests/goldens/metrics.json");
  REQUIRE(read);
  return *read;
}

}  // namespace

TEST_CASE("normalize_answer equals Python's") {
  const auto& cases = goldens()["normalize"];
  REQUIRE(cases.size() > 300);
  for (const auto& entry : cases) {
    CAPTURE(entry[0].dump());
    CHECK(normalize_answer(entry[0].get<std::string>()) == entry[1].get<std::string>());
  }
}

TEST_CASE("best_subspan_em equals Python's") {
  for (const auto& entry : goldens()["em"]) {
    CAPTURE(entry.dump());
    CHECK(best_subspan_em(entry[0].get<std::string>(), entry[1].get<std::vector<std::string>>()) ==
          entry[2].get<bool>());
  }
  CHECK_FALSE(best_subspan_em("\xff\xfe", {"x"}));
}

TEST_CASE("Wilson's interval") {
  for (const auto& entry : goldens()["wilson"]) {
    const auto interval = wilson_interval(entry[0], entry[1], entry[2]);
    CHECK(interval.low == doctest::Approx(entry[3].get<double>()).epsilon(1e-9));
    CHECK(interval.high == doctest::Approx(entry[4].get<double>()).epsilon(1e-9));
  }
  CHECK(wilson_interval(0, 10).low == 0);
  CHECK(wilson_interval(0, 10).high == doctest::Approx(0.27753).epsilon(1e-4));
  CHECK(wilson_interval(10, 10).high == 1);
  CHECK(std::isnan(wilson_interval(0, 0).low));
  CHECK(std::isnan(wilson_interval(3, 2).low));
}

TEST_CASE("McNemar's exact test") {
  for (const auto& entry : goldens()["mcnemar"]) {
    const double expected = entry[2];
    CHECK(mcnemar_exact(entry[0], entry[1]) == doctest::Approx(expected).epsilon(1e-9));
    CHECK(mcnemar_exact(entry[1], entry[0]) == doctest::Approx(expected).epsilon(1e-9));
  }
  CHECK(mcnemar_exact(0, 0) == 1);
  CHECK(std::isnan(mcnemar_exact(-1, 2)));
}

TEST_CASE("Kendall and Spearman, with ties") {
  REQUIRE(goldens()["correlations"].size() >= 4);
  for (const auto& entry : goldens()["correlations"]) {
    const auto x = entry[0].get<std::vector<double>>(), y = entry[1].get<std::vector<double>>();
    CHECK(kendall_tau(x, y) == doctest::Approx(entry[2].get<double>()).epsilon(1e-12));
    CHECK(spearman(x, y) == doctest::Approx(entry[3].get<double>()).epsilon(1e-12));
  }
  const std::vector<double> up = {1, 2, 3}, down = {3, 2, 1}, flat = {1, 1, 1};
  CHECK(kendall_tau(up, up) == 1);
  CHECK(kendall_tau(up, down) == -1);
  CHECK(spearman(up, down) == doctest::Approx(-1));
  CHECK(std::isnan(kendall_tau(up, flat)));
  CHECK(std::isnan(spearman(flat, up)));
  CHECK(std::isnan(kendall_tau(up, std::vector<double>{1, 2})));
  CHECK(std::isnan(kendall_tau(up, std::vector<double>{1, NAN, 2})));
}

TEST_CASE("quantiles and means") {
  const auto& golden = goldens()["quantiles"];
  const auto values = golden["values"].get<std::vector<double>>();
  for (std::size_t i = 0; i < golden["fractions"].size(); ++i)
    CHECK(quantile(values, golden["fractions"][i]) ==
          doctest::Approx(golden["expected"][i].get<double>()).epsilon(1e-12));
  CHECK(quantile(std::vector<double>{2, 1}, 0) == 1);
  CHECK(quantile(std::vector<double>{2, 1}, 1) == 2);
  CHECK(std::isnan(quantile({}, 0.5)));
  CHECK(mean(std::vector<double>{1, 2, 6}) == 3);
  CHECK(std::isnan(mean({})));
}

TEST_CASE("bootstrap interval: seeded, and as wide as theory says") {
  Rng rng(5);
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(rng.normal(10, 2));
  const auto interval = bootstrap_mean_interval(values, 1, 4000);
  const auto again = bootstrap_mean_interval(values, 1, 4000);
  CHECK(interval.low == again.low);
  CHECK(interval.high == again.high);
  CHECK(bootstrap_mean_interval(values, 2, 4000).low != interval.low);
  // Half width of the normal interval: 1.96 * 2 / sqrt(400) = 0.196.
  CHECK((interval.high - interval.low) / 2 == doctest::Approx(0.196).epsilon(0.08));
  CHECK((interval.high + interval.low) / 2 == doctest::Approx(mean(values)).epsilon(0.002));
  const auto constant = bootstrap_mean_interval(std::vector<double>(7, 0.5));
  CHECK(constant.low == 0.5);
  CHECK(constant.high == 0.5);
  CHECK(std::isnan(bootstrap_mean_interval({}).low));
}

TEST_CASE("overlap of rankings by hand") {
  const std::vector<HeadId> a = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  const std::vector<HeadId> b = {{0, 1}, {1, 1}, {1, 0}, {0, 0}};
  CHECK(top_k_jaccard(a, b, 1) == 0);
  CHECK(top_k_jaccard(a, b, 2) == doctest::Approx(1.0 / 3));
  CHECK(top_k_jaccard(a, b, 3) == doctest::Approx(0.5));
  CHECK(top_k_jaccard(a, b, 9) == 1);
  CHECK(std::isnan(top_k_jaccard({}, {}, 3)));

  const auto comparison = compare_rankings(a, b);
  REQUIRE(comparison.overlap.size() == 1);  // only k = 1 is reached by both
  CHECK(comparison.overlap[0].k == 1);
  CHECK(comparison.overlap[0].jaccard == 0);
  CHECK(comparison.common == 4);
  // Ranks of a's heads in b: 3 0 2 1; pairs in order: (0,2), (0,1); out of order: the other four.
  CHECK(comparison.kendall == doctest::Approx(-2.0 / 6));
  REQUIRE(comparison.movers.size() == 3);  // (1,0) stays third
  CHECK(comparison.movers[0].head == HeadId{0, 0});
  CHECK(comparison.movers[1].head == HeadId{1, 1});
  CHECK(comparison.movers[2].head == HeadId{0, 1});
  CHECK(comparison.movers[1].rank_a == 3);
  CHECK(comparison.movers[1].rank_b == 1);
  CHECK(compare_rankings(a, b, 0, 1).movers.size() == 1);
  CHECK(compare_rankings(a, a).kendall == 1);
  CHECK(compare_rankings(a, {{5, 5}}).common == 0);
}

TEST_CASE("what unrelated rankings share, against binomials summed in Python") {
  std::vector<HeadId> a, b;
  for (int i = 0; i < 30; ++i) a.push_back({0, i});
  for (int i = 0; i < 30; ++i) b.push_back({0, i < 4 ? 3 - i : 33 - i});
  // The first 10 of a are 0..9, of b 3, 2, 1, 0, 29 ... 24: four of 30 heads in common.
  const auto overlap = overlap_at(a, b, 10, 30);
  CHECK(overlap.common == 4);
  CHECK(overlap.jaccard == doctest::Approx(4.0 / 16));
  CHECK(overlap.expected == doctest::Approx(0.20677846806950087));
  CHECK(overlap.p == doctest::Approx(0.43966058928577667));
  CHECK(overlap_at(a, b, 20, 30).p == doctest::Approx(1.0000000000000002));  // 10 must be in common
  CHECK(overlap_at(a, b, 30, 30).expected == 1);
  CHECK(overlap_at(a, b, 30, 30).p == 1);
  const auto comparison = compare_rankings(a, b, 672);
  CHECK(comparison.universe == 672);
  CHECK(comparison.overlap.back().expected < 0.03);
  CHECK(compare_rankings(a, a).kendall_p < 1e-6);
}
