// links: headscope_engine
// Split-softmax and focus bias on rows; the preview against the fake's own formulas.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "core/analysis/split_softmax.h"
#include "core/base/rng.h"
#include "core/engine/preview.h"
#include "core/engine/preview_rows.h"
#include "tests/engine_fixture.h"

using namespace headscope;
using namespace headscope::test;

namespace {

double sum(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// A prompt on the fake, with baseline and everything the preview needs.
struct Scene {
  explicit Scene(FakeOptions options = {}, Request request_ = engine_request())
      : request(std::move(request_)), runner(options) {
    model = *runner.load(request, {});
    prompt = *runner.prepare(request.prompt);
    baseline = *runner.run(*prompt, {}, {}, request, {});
    inputs = *runner.preview_inputs(*prompt, *baseline, {});
  }
  std::shared_ptr<const RunResult> exact(const InterventionSettings& settings,
                                         const std::vector<HeadId>& heads) {
    return *runner.run(*prompt, settings, heads, request, {});
  }
  std::shared_ptr<const RunResult> preview(const InterventionSettings& settings,
                                           const std::vector<HeadId>& heads) {
    return preview_run(*prompt, *baseline, inputs.get(), settings, heads);
  }
  Request request;
  FakeRunner runner;
  std::shared_ptr<const ModelInfo> model;
  std::shared_ptr<const PromptView> prompt;
  std::shared_ptr<const RunResult> baseline;
  std::shared_ptr<const PreviewInputs> inputs;
};

// Split-softmax in place, key by key; S = the keys in `marked`.
void apply_split_softmax(std::span<float> weights, TokenRange marked, double tau) {
  const auto keys = static_cast<std::int64_t>(weights.size());
  const auto begin = std::clamp<std::int64_t>(marked.begin, 0, keys);
  const auto end = std::clamp<std::int64_t>(marked.end, begin, keys);
  double inside = 0, outside = 0;
  for (std::int64_t j = 0; j < keys; ++j) {
    const double weight = static_cast<double>(weights[static_cast<std::size_t>(j)]);
    (j >= begin && j < end ? inside : outside) += weight;
  }
  const auto factors = split_factors(inside, outside, tau);
  for (std::int64_t j = 0; j < keys; ++j) {
    const double factor = j >= begin && j < end ? factors.marked : factors.rest;
    auto& weight = weights[static_cast<std::size_t>(j)];
    weight = static_cast<float>(static_cast<double>(weight) * factor);
  }
}

}  // namespace

TEST_CASE("split-softmax by hand") {
  // p = 0.25, tau = 0.5: p^tau = 0.5.
  const auto factors = split_factors(0.25, 0.75, 0.5);
  CHECK(factors.marked == doctest::Approx(2.0).epsilon(1e-14));
  CHECK(factors.rest == doctest::Approx(0.5 / 0.75).epsilon(1e-14));
  std::vector<float> row = {0.5f, 0.25f, 0.125f, 0.125f};  // S = {2, 3}
  apply_split_softmax(row, {2, 4}, 0.5);
  CHECK(row[2] == doctest::Approx(0.25));
  CHECK(row[3] == doctest::Approx(0.25));
  CHECK(row[0] == doctest::Approx(1.0 / 3));
  CHECK(row[1] == doctest::Approx(1.0 / 6));
}

TEST_CASE("split-softmax: identities and ends") {
  const std::vector<float> row = {0.4f, 0.3f, 0.2f, 0.1f};
  const auto split = [&](TokenRange marked, double tau) {
    auto copy = row;
    apply_split_softmax(copy, marked, tau);
    return copy;
  };
  CHECK(split({1, 3}, 1.0) == row);   // tau = 1, bit for bit
  CHECK(split({0, 4}, 0.1) == row);   // p = 1
  CHECK(split({4, 9}, 0.1) == row);   // S after the row's keys
  CHECK(split({2, 2}, 0.1) == row);   // S empty
  CHECK(split({-3, 0}, 0.1) == row);  // outside
  const auto all = split({1, 3}, 0.0);
  CHECK(all[0] == 0.0f);
  CHECK(all[3] == 0.0f);
  CHECK(all[1] == doctest::Approx(0.6));
  CHECK(all[2] == doctest::Approx(0.4));
  std::vector<float> hidden = {0.5f, 0.5f, 0.0f};
  apply_split_softmax(hidden, {2, 3}, 0.1);
  CHECK(hidden == std::vector<float>{0.5f, 0.5f, 0.0f});

  // The floor: log p = -79.9 acts, -80.1 does not.
  CHECK(split_factors(std::exp(-79.9), 1.0, 0.5).marked > 1);
  CHECK(split_factors(std::exp(-80.1), 1.0, 0.5).marked == 1.0);
  CHECK(split_factors(0.0, 1.0, 0.5).rest == 1.0);
  CHECK(split_factors(1.0, 0.0, 0.5).rest == 1.0);

  for (const double tau : {0.05, 0.1, 0.4, 0.8})
    for (const TokenRange marked : {TokenRange{0, 1}, TokenRange{1, 3}, TokenRange{3, 4}}) {
      const auto after = split(marked, tau);
      CHECK(sum(after) == doctest::Approx(1.0).epsilon(1e-6));
      double before_mass = 0, after_mass = 0;
      for (auto j = static_cast<std::size_t>(marked.begin);
           j < static_cast<std::size_t>(marked.end); ++j) {
        before_mass += static_cast<double>(row[j]);
        after_mass += static_cast<double>(after[j]);
      }
      CHECK(after_mass == doctest::Approx(std::pow(before_mass, tau)).epsilon(1e-6));
    }
}

TEST_CASE("split-softmax keeps its digits where p is almost 1") {
  // rest = e: p^tau = (1 + e)^-tau, so (1 - p^tau) / (1 - p) = tau (1 + e (1 - tau) / 2 + ...).
  for (const double rest : {1e-6, 1e-9, 1e-13, 1e-16}) {
    const double tau = 0.3;
    const double p_rest = rest / (1 + rest);
    CHECK(split_factors(1.0, rest, tau).rest ==
          doctest::Approx(tau * (1 + p_rest * (1 - tau) / 2)).epsilon(1e-11));
  }
}

TEST_CASE("focus bias is a softmax of shifted scores") {
  const std::vector<double> scores = {1.0, -0.5, 2.0, 0.25};
  const std::vector<float> bias = {0.3f, -1.0f, 2.0f, 0.7f};
  const auto softmax = [](std::vector<double> s) {
    double total = 0;
    for (auto& value : s) total += value = std::exp(value);
    std::vector<float> weights;
    for (const double value : s) weights.push_back(static_cast<float>(value / total));
    return weights;
  };
  for (const double alpha : {-0.5, 0.1, 1.0}) {
    auto shifted = scores;
    for (std::size_t j = 0; j < shifted.size(); ++j)
      shifted[j] += alpha * static_cast<double>(bias[j]);
    auto row = softmax(scores);
    apply_focus_bias(row, bias, alpha);
    const auto expected = softmax(shifted);
    for (std::size_t j = 0; j < row.size(); ++j)
      CHECK(row[j] == doctest::Approx(expected[j]).epsilon(1e-6));
  }
  std::vector<float> row = {0.5f, 0.5f, 0.0f};
  apply_focus_bias(row, std::vector<float>{1.0f, 1.0f, 50.0f}, 1.0);
  CHECK(row == std::vector<float>{0.5f, 0.5f, 0.0f});  // the same for all: no change; masked stays
  apply_focus_bias(row, std::vector<float>{9000.0f, -9000.0f, 0.0f}, 1.0);
  CHECK(row == std::vector<float>{1.0f, 0.0f, 0.0f});
  row = {0.25f, 0.75f, 0.0f};
  apply_focus_bias(row, std::vector<float>{5.0f, -2.0f, 1.0f}, 0.0);
  CHECK(row == std::vector<float>{0.25f, 0.75f, 0.0f});
}

TEST_CASE("the fast row edit equals the plain functions") {
  Rng rng(11);
  for (const std::size_t keys : {1u, 7u, 8u, 100u, 1001u})
    for (const double spread : {1.0, 30.0, 3000.0})
      for (const double alpha : {0.0, 0.3, -1.0})
        for (const double tau : {1.0, 0.1}) {
          std::vector<float> row, bias;
          for (std::size_t j = 0; j < keys; ++j) {
            row.push_back(static_cast<float>(rng.uniform() < 0.1 ? 0 : rng.uniform()));
            bias.push_back(static_cast<float>(rng.normal(0, spread)));
          }
          const auto total = static_cast<float>(sum(row));
          if (total == 0) continue;
          for (auto& weight : row) weight /= total;
          // A key whose weight is 0 has the largest bias by far.
          if (keys > 8) row[3] = 0, bias[3] = static_cast<float>(alpha < 0 ? -5000 : 5000);
          const auto n = static_cast<std::int64_t>(keys);
          const TokenRange marked{n / 4, n / 2 + 1};
          auto expected = row;
          apply_focus_bias(expected, bias, alpha);
          if (tau != 1) apply_split_softmax(expected, marked, tau);
          std::vector<float> edited(row.size());
          RowEdit(bias, alpha, {marked}, tau).apply(row, edited.data());
          for (std::size_t j = 0; j < keys; ++j)
            CHECK(std::abs(edited[j] - expected[j]) <= 2e-6f * std::max(expected[j], 0.1f));
        }
}

TEST_CASE("sums in lanes") {
  for (const std::size_t n : {0u, 1u, 7u, 8u, 9u, 64u, 1003u}) {
    std::vector<float> values;
    for (std::size_t i = 0; i < n; ++i) values.push_back(static_cast<float>(i + 1));
    CHECK(sum_of(values) == static_cast<double>(n * (n + 1)) / 2);
  }
}

TEST_CASE("the preview is exact in the first touched layer") {
  Scene scene;
  const std::vector<HeadId> heads = {{3, 1}, {3, 4}, {3, 7}};
  for (const double tau : {1.0, 0.4, 0.1})
    for (const double alpha : {0.0, 0.3, -0.5, 1.0})
      for (const auto rows :
           {RowSelection{}, RowSelection{RowSelection::Kind::response, 0},
            RowSelection{RowSelection::Kind::from, scene.baseline->rows.begin + 2}}) {
        InterventionSettings settings;
        settings.tau = tau;
        settings.alpha = alpha;
        settings.rows = rows;
        if (settings.is_identity()) continue;
        const auto preview = scene.preview(settings, heads);
        REQUIRE(preview);
        const auto exact = scene.exact(settings, heads);
        const auto error = preview_error(*preview, *exact);
        REQUIRE(error);
        CHECK(error->largest < 2e-6);
        CHECK(preview->quality == Quality::preview);
        CHECK(preview->settings == settings);
      }
}

TEST_CASE("the preview is an estimate above the first touched layer") {
  Scene scene;
  InterventionSettings settings;
  settings.tau = 0.1;
  settings.alpha = 0.3;
  const std::vector<HeadId> heads = {{3, 1}, {5, 4}};
  const auto error = preview_error(*scene.preview(settings, heads), *scene.exact(settings, heads));
  REQUIRE(error);
  CHECK(error->largest > 1e-4);  // so that the test above could fail
}

TEST_CASE("the preview with prediction rows edits from row P-1 on") {
  auto request = engine_request();
  request.row_convention = RowConvention::predict;
  Scene scene({}, request);
  InterventionSettings settings;
  settings.tau = 0.2;
  settings.rows.kind = RowSelection::Kind::response;
  CHECK(scene.baseline->rows.begin == scene.prompt->prompt_tokens() - 1);
  const auto error =
      preview_error(*scene.preview(settings, {{4, 4}}), *scene.exact(settings, {{4, 4}}));
  REQUIRE(error);
  CHECK(error->largest < 2e-6);
}

TEST_CASE("rows that are not edited, and heads that are not touched, stay") {
  Scene scene;
  InterventionSettings settings;
  settings.tau = 0.1;
  settings.rows = {RowSelection::Kind::from, scene.baseline->rows.begin + 1};
  const HeadId head{2, 2};
  const auto preview = scene.preview(settings, {head});
  for (int set = 0; set < preview->sets; ++set)
    CHECK(preview->span_sum(head, 0, set) == scene.baseline->span_sum(head, 0, set));
  CHECK(preview->span_sum(head, 1, 4) > scene.baseline->span_sum(head, 1, 4));
  for (int layer = 0; layer < 8; ++layer)
    for (int h = 0; h < 8; ++h) {
      const HeadId id{layer, h};
      const auto i = preview->index(id);
      if (id == head) {
        CHECK(preview->weights[i] != scene.baseline->weights[i]);
        CHECK(preview->scores.relevant[i] > scene.baseline->scores.relevant[i]);
      } else {
        CHECK(preview->weights[i] == scene.baseline->weights[i]);  // the same block, not a copy
        CHECK(preview->scores.relevant[i] == scene.baseline->scores.relevant[i]);
      }
    }
}

TEST_CASE("span sums of the preview are sums of its weights") {
  Scene scene;
  InterventionSettings settings;
  settings.tau = 0.3;
  settings.alpha = 0.4;
  const HeadId head{4, 1};
  const auto preview = scene.preview(settings, {head});
  for (std::int64_t row = 0; row < preview->rows.size(); ++row) {
    const float* weights = preview->row(head, row);
    CHECK(sum({weights, weights + preview->keys}) == doctest::Approx(1.0).epsilon(1e-5));
    for (std::size_t d = 0; d < scene.prompt->documents.size(); ++d) {
      double mass = 0;
      for (auto j = scene.prompt->documents[d].tokens.begin;
           j < scene.prompt->documents[d].tokens.end; ++j)
        mass += static_cast<double>(weights[j]);
      CHECK(preview->span_sum(head, row, static_cast<int>(d)) ==
            doctest::Approx(mass).epsilon(1e-6));
    }
    CHECK(preview->span_sum(head, row, 6) == doctest::Approx(weights[0] + weights[1]));
  }
}

TEST_CASE("without kept weights tau is previewed from span sums, alpha is not") {
  Scene with;
  FakeOptions options;
  options.weights_budget = 0;
  Scene without(options);
  REQUIRE(without.baseline->weights.empty());
  InterventionSettings settings;
  settings.tau = 0.2;
  settings.span = SpanChoice::document;
  settings.marked_document = 2;
  const auto expected = with.preview(settings, {{3, 3}, {4, 4}});
  const auto preview = without.preview(settings, {{3, 3}, {4, 4}});
  REQUIRE(preview);
  for (std::size_t i = 0; i < expected->span_sums.size(); ++i)
    CHECK(preview->span_sums[i] == doctest::Approx(expected->span_sums[i]).epsilon(1e-5));
  settings.alpha = 0.1;
  CHECK_FALSE(without.preview(settings, {{3, 3}}));
}

TEST_CASE("no preview without what it needs") {
  Scene scene;
  InterventionSettings settings;
  settings.alpha = 0.3;
  CHECK_FALSE(preview_run(*scene.prompt, *scene.baseline, nullptr, settings, {{1, 1}}));
  PreviewInputs wrong = *scene.inputs;
  wrong.focus_bias.pop_back();
  CHECK_FALSE(preview_run(*scene.prompt, *scene.baseline, &wrong, settings, {{1, 1}}));
  CHECK_FALSE(preview_run(*scene.prompt, *scene.baseline, scene.inputs.get(), settings, {{8, 0}}));
  CHECK_FALSE(preview_run(*scene.prompt, *scene.baseline, scene.inputs.get(), settings, {{1, 1}},
                          [] { return true; }));
  auto other = *scene.prompt;
  other.documents.pop_back();
  CHECK_FALSE(preview_run(other, *scene.baseline, scene.inputs.get(), settings, {{1, 1}}));
}

TEST_CASE("preview error by hand: rows with the same tokens, touched heads") {
  RunResult exact;
  exact.layers = 1;
  exact.heads = 2;
  exact.touched = {{0, 1}};
  exact.rows = {2, 4};  // two prompt tokens, two response tokens
  exact.keys = 4;
  exact.response = {{5, "a", {}, false, false}, {6, "b", {}, false, false}};
  exact.weights.assign(2, std::make_shared<const std::vector<float>>(
                              std::vector<float>{0.5f, 0.25f, 0.25f, 0, 0.1f, 0.2f, 0.3f, 0.4f}));
  RunResult preview = exact;
  preview.weights[0] = std::make_shared<const std::vector<float>>(8, 1.0f);  // not touched
  preview.weights[1] = std::make_shared<const std::vector<float>>(
      std::vector<float>{0.5f, 0.25f, 0.125f, 0.125f, 0.1f, 0.2f, 0.7f, 0});
  auto error = preview_error(preview, exact);
  REQUIRE(error);
  CHECK(error->largest == doctest::Approx(0.4));
  CHECK(error->mean == doctest::Approx((2 * 0.125 + 2 * 0.4) / 8));
  CHECK(error->rows == 2);
  preview.response[1].id = 7;  // only the first row saw the same tokens
  error = preview_error(preview, exact);
  REQUIRE(error);
  CHECK(error->largest == doctest::Approx(0.125));
  CHECK(error->mean == doctest::Approx(2 * 0.125 / 4));
  CHECK(error->rows == 1);
  preview.response[0].id = 7;
  CHECK_FALSE(preview_error(preview, exact));
}
