// links: headscope_engine
// Automatic strength: shares under a bias against numpy, the choice, the guess of a document, and
// the scan on an engine's baseline against its own preview.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "core/analysis/auto_alpha.h"
#include "core/analysis/likely_document.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/engine/alpha_scan.h"
#include "core/engine/preview.h"
#include "tests/engine_fixture.h"
#include "tests/resources.h"

using namespace headscope;

namespace {

Json golden() {
  const auto json = read_json_file(test::source_folder() / "tests/goldens/alpha_scan.json");
  REQUIRE(json);
  return *json;
}

TokenRange range(const Json& pair) {
  return {pair[0].get<std::int64_t>(), pair[1].get<std::int64_t>()};
}

AlphaPoint point(double alpha, double sink, double relevant, double context) {
  return {alpha, {sink, relevant, context}};
}

/// Sink to context 3, 1.5, 0.9, 0.25; relevant shares 0.2, 0.2, 0.25, 0.1.
std::vector<AlphaPoint> draining() {
  return {point(0, 0.6, 0.04, 0.2), point(0.2, 0.45, 0.06, 0.3), point(0.4, 0.36, 0.1, 0.4),
          point(0.8, 0.15, 0.06, 0.6)};
}

}  // namespace

TEST_CASE("shares under a bias are those of softmax(scores + alpha bias)") {
  const Json file = golden();
  ContextSets sets;
  for (const Json& document : file["documents"]) sets.documents.push_back(range(document));
  sets.gold = {file["gold"].get<int>()};
  sets.sink = range(file["sink"]);
  const auto weights = file["weights"].get<std::vector<std::vector<float>>>();
  const auto bias = file["bias"].get<std::vector<std::vector<float>>>();
  std::vector<HeadRows> heads;
  for (std::size_t i = 0; i < weights.size(); ++i) heads.push_back({weights[i], bias[i]});
  for (const Json& expected : file["points"]) {
    const auto shares = shares_under(heads, sets, expected["alpha"].get<double>());
    CAPTURE(expected["alpha"].get<double>());
    CHECK(shares.sink == doctest::Approx(expected["sink"].get<double>()).epsilon(1e-5));
    CHECK(shares.relevant == doctest::Approx(expected["relevant"].get<double>()).epsilon(1e-5));
    CHECK(shares.context == doctest::Approx(expected["context"].get<double>()).epsilon(1e-5));
  }
  sets.gold.clear();
  CHECK(std::isnan(shares_under(heads, sets, 0.3).relevant));
  CHECK(std::isnan(shares_under({}, sets, 0.3).sink));
}

TEST_CASE("alpha brings the ratio to the middle of its band") {
  const auto choice = choose_alpha(draining());
  CHECK(choice.verdict == AlphaVerdict::in_band);
  CHECK(choice.target == AlphaTarget::sink);
  CHECK(choice.band_low == doctest::Approx(0.9));
  CHECK(choice.band_high == doctest::Approx(1.95));
  CHECK(choice.alpha == 0.2);  // 1.5 is nearest to sqrt(0.9 * 1.95) = 1.32
  CHECK(explain(choice).find("alpha 0.20") != std::string::npos);

  AutoAlphaOptions absolute;
  absolute.relative = false;
  absolute.band_low = 0.2;
  absolute.band_high = 0.3;
  CHECK(choose_alpha(draining(), absolute).alpha == 0.8);
  absolute.band_low = 5;
  absolute.band_high = 6;
  CHECK(choose_alpha(draining(), absolute).verdict == AlphaVerdict::below_band);
  absolute.band_low = 0.01;
  absolute.band_high = 0.02;
  const auto far = choose_alpha(draining(), absolute);
  CHECK(far.verdict == AlphaVerdict::out_of_reach);
  CHECK(far.alpha == 0.8);
}

TEST_CASE("where the sink holds nothing, alpha stays 0 and says so") {
  auto scan = draining();
  for (auto& at : scan) at.shares.sink *= 0.05;
  AutoAlphaOptions options;
  options.target = AlphaTarget::sink;
  const auto choice = choose_alpha(scan, options);
  CHECK(choice.verdict == AlphaVerdict::nothing_to_drain);
  CHECK(choice.alpha == 0);
  CHECK(explain(choice).find("Nothing to drain") != std::string::npos);
  options.least_sink = 0;
  CHECK(choose_alpha(scan, options).verdict == AlphaVerdict::in_band);

  // With a mark the share of the marked document decides instead, when that is left to us.
  const auto marked = choose_alpha(scan);
  CHECK(marked.target == AlphaTarget::focus);
  CHECK(marked.verdict == AlphaVerdict::largest);
  CHECK(marked.alpha == 0.4);
  for (auto& at : scan) at.shares.relevant = NAN;
  CHECK(choose_alpha(scan).verdict == AlphaVerdict::nothing_to_drain);
  options.target = AlphaTarget::relevant;
  CHECK(choose_alpha(scan, options).verdict == AlphaVerdict::no_mark);
}

TEST_CASE("a scan without alpha 0 chooses nothing") {
  CHECK(choose_alpha({}).alpha == 0);
  CHECK(choose_alpha({point(0.5, 0.5, 0.1, 0.3)}).alpha == 0);
}

TEST_CASE("scans are averaged point by point") {
  const auto mean = mean_scan({{point(0, 0.2, 0.1, 0.5)}, {point(0, 0.4, 0.3, 0.1)}});
  REQUIRE(mean.size() == 1);
  CHECK(mean[0].shares.sink == doctest::Approx(0.3));
  CHECK(mean[0].shares.relevant == doctest::Approx(0.2));
  CHECK(mean[0].shares.context == doctest::Approx(0.3));
  CHECK(mean_scan({{point(0, 1, 1, 1)}, {point(0.1, 1, 1, 1)}}).empty());
}

TEST_CASE("the likely document leads by its share of the documents' mass") {
  const std::vector<double> masses = {0.1, 0.3, 0.1};
  const auto likely = likely_document(masses);
  CHECK(likely.index == 1);
  CHECK(likely.share == doctest::Approx(0.6));
  CHECK(likely.margin == doctest::Approx(0.4));
  CHECK(likely.is_clear());
  CHECK(gold_auc(masses, 1) == 1);
  CHECK(gold_auc(masses, 0) == doctest::Approx(0.25));
  CHECK(likely_document({}).index == -1);
  CHECK(likely_document(std::vector<double>{0, 0}).index == -1);
  CHECK(likely_document(std::vector<double>{0.2}).margin == 1);
  CHECK(likely_document(std::vector<double>{0.2, 0.2}).index == 0);
  CHECK(!likely_document(std::vector<double>{0.2, 0.2}).is_clear());
  CHECK(std::isnan(gold_auc(std::vector<double>{0.2}, 0)));
}

TEST_CASE("a scan on the baseline is what the live preview shows") {
  test::EngineFixture fixture;
  const auto shown = fixture.answer(test::engine_request());
  REQUIRE(shown->baseline);
  REQUIRE(shown->preview_inputs);
  const auto& prompt = *shown->prompt;
  const std::vector<HeadId> heads = {{5, 0}, {5, 1}, {6, 2}};
  const auto scan =
      scan_alpha(prompt, *shown->baseline, *shown->preview_inputs, heads, {0, 0.3, 0.9});
  REQUIRE(scan.size() == 3);
  const auto unedited = shares_of(prompt, *shown->baseline, heads);
  REQUIRE(unedited);
  CHECK(scan[0].shares.sink == doctest::Approx(unedited->sink).epsilon(1e-4));
  CHECK(scan[0].shares.relevant == doctest::Approx(unedited->relevant).epsilon(1e-4));
  for (const auto& at : scan) {
    InterventionSettings settings;
    settings.alpha = at.alpha;
    const auto preview =
        preview_run(prompt, *shown->baseline, shown->preview_inputs.get(), settings, heads);
    REQUIRE(preview);
    const auto shares = shares_of(prompt, *preview, heads);
    REQUIRE(shares);
    CHECK(at.shares.sink == doctest::Approx(shares->sink).epsilon(1e-3));
    CHECK(at.shares.relevant == doctest::Approx(shares->relevant).epsilon(1e-3));
    CHECK(at.shares.context == doctest::Approx(shares->context).epsilon(1e-3));
  }
  CHECK(scan_alpha(prompt, *shown->baseline, {}, heads, {0}).empty());
  CHECK(scan_alpha(prompt, *shown->baseline, *shown->preview_inputs, heads, {0}, [] {
          return true;
        }).empty());
  CHECK(!shares_of(prompt, *shown->baseline, {}));
}
