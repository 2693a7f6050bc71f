// links: headscope_engine
// Entropy, distance and likeness of heads against numpy and scipy on Hugging Face's attention, and
// the small pictures of a layer against naive loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/base/safetensors.h"
#include "core/engine/head_metrics.h"
#include "core/engine/layer_maps.h"
#include "tests/engine_fixture.h"
#include "tests/resources.h"

using namespace headscope;

namespace {

// The response rows of a golden attention [L, H, T, T] as a run.
RunResult run_of(const std::vector<float>& attention, int layers, int heads, std::int64_t first) {
  RunResult run;
  run.layers = layers;
  run.heads = heads;
  const auto square = attention.size() / static_cast<std::size_t>(layers * heads);
  run.keys = std::llround(std::sqrt(static_cast<double>(square)));
  run.rows = {first, run.keys};
  for (int i = 0; i < layers * heads; ++i) {
    const auto block = attention.begin() + static_cast<std::ptrdiff_t>(square) * i;
    run.weights.push_back(std::make_shared<const std::vector<float>>(
        block + first * run.keys, block + static_cast<std::ptrdiff_t>(square)));
  }
  return run;
}

void check_all(const Json& golden, const std::vector<float>& values, double tolerance) {
  std::size_t i = 0;
  for (const Json& layer : golden) {
    for (const Json& head : layer) {
      REQUIRE(i < values.size());
      CHECK(static_cast<double>(values[i++]) ==
            doctest::Approx(head.get<double>()).epsilon(tolerance));
    }
  }
  CHECK(i == values.size());
}

RunResult random_run(std::int64_t tokens, std::int64_t rows, int sets, std::uint64_t seed) {
  RunResult run;
  run.layers = 2;
  run.heads = 3;
  run.rows = {tokens, tokens + rows};
  run.keys = tokens + rows;
  run.sets = sets;
  Rng rng(seed);
  for (int head = 0; head < run.layers * run.heads; ++head) {
    std::vector<float> block;
    for (std::int64_t i = 0; i < rows * run.keys; ++i)
      block.push_back(static_cast<float>(rng.uniform()));
    run.weights.push_back(std::make_shared<const std::vector<float>>(std::move(block)));
    for (std::int64_t i = 0; i < rows * sets; ++i)
      run.span_sums.push_back(static_cast<float>(rng.uniform()) / static_cast<float>(sets));
  }
  return run;
}

double negative_p_log_p(double p) {
  return p > 0 ? -p * std::log(p) : 0;
}

}  // namespace

TEST_CASE("entropy, distance and likeness agree with numpy and scipy") {
  const auto goldens = test::source_folder() / "tests" / "goldens";
  const auto golden = read_json_file(goldens / "head_metrics.json");
  REQUIRE(golden);
  for (const char* name : {"llama_gqa", "gemma2", "gpt2"}) {
    CAPTURE(name);
    const Json& expected = golden->at(name);
    const auto file = SafetensorsFile::open(goldens / "models" / name / "golden.safetensors");
    REQUIRE(file);
    const auto attention = file->floats("attention");
    REQUIRE(attention);
    const int layers = static_cast<int>(expected["entropy"].size()),
              heads = static_cast<int>(expected["entropy"][0].size());
    const RunResult run = run_of(*attention, layers, heads, expected["first_row"]);
    const auto metrics = head_metrics(run);
    REQUIRE(metrics);
    check_all(expected["entropy"], metrics->entropy, 2e-6);
    check_all(expected["distance"], metrics->distance, 2e-6);
    const HeadId to{expected["to"][0], expected["to"][1]};
    const auto alike = head_similarity(run, to);
    REQUIRE(alike);
    CHECK(alike->over == SimilarityOver::tokens);
    check_all(expected["likeness"], alike->values, 1e-5);
    CHECK(static_cast<double>(alike->values[run.index(to)]) == doctest::Approx(1));
  }
}

TEST_CASE("metrics by hand") {
  const std::vector<float> even = {0.25f, 0.25f, 0.25f, 0.25f, 0, 0}, one = {0, 0, 0, 1, 0, 0},
                           other = {1, 0, 0, 0, 0, 0};
  CHECK(row_metrics(even, 3).entropy == doctest::Approx(std::log(4.0)));
  CHECK(row_metrics(even, 3).distance == doctest::Approx(1.5));
  CHECK(row_metrics(one, 5).entropy == doctest::Approx(0));
  CHECK(row_metrics(one, 5).distance == doctest::Approx(2));
  CHECK(jensen_shannon_similarity(one, one) == doctest::Approx(1));
  CHECK(jensen_shannon_similarity(one, other) == doctest::Approx(0));
  CHECK(jensen_shannon_similarity(one, even) ==
        doctest::Approx(jensen_shannon_similarity(even, one)));
  CHECK(std::isnan(mean_row_metrics(even, {3, 3}, 6).entropy));
  CHECK(std::isnan(mean_row_metrics(even, {3, 5}, 6).entropy));  // a block of one row
}

TEST_CASE("what shares its weights with a known run is not computed again") {
  const RunResult before = random_run(20, 4, 3, 1);
  RunResult after = before;
  after.weights[4] = random_run(20, 4, 3, 2).weights[4];
  KnownMetrics known{std::make_shared<const RunResult>(before), *head_metrics(before)};
  for (float& value : known.metrics.entropy) value = -1;  // so that taking it over can be seen
  const auto metrics = head_metrics(after, &known);
  REQUIRE(metrics);
  const auto all = head_metrics(after);
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(metrics->entropy[i] == (i == 4 ? all->entropy[i] : -1.0f));
  CHECK(metrics->entropy[4] != head_metrics(before)->entropy[4]);
  RunResult longer = after;  // other rows: nothing is shared
  longer.rows.begin -= 1;
  longer.rows.end -= 1;
  CHECK(head_metrics(longer, &known)->entropy[0] != -1.0f);
  CHECK_FALSE(head_metrics(after, nullptr, [] { return true; }));
}

TEST_CASE("without kept rows there are no metrics, and likeness goes by documents") {
  RunResult run = random_run(30, 5, 4, 3);
  run.weights.clear();
  CHECK_FALSE(keeps_rows(run));
  CHECK(std::isnan(head_metrics(run)->entropy[0]));
  const HeadId to{1, 2};
  const auto alike = head_similarity(run, to);
  REQUIRE(alike);
  CHECK(alike->over == SimilarityOver::documents);
  double expected = 0;
  for (std::int64_t row = 0; row < 5; ++row) {
    double p_rest = 1, q_rest = 1, divergence = 0;
    const auto add = [&](double p, double q) {
      divergence += negative_p_log_p((p + q) / 2) - (negative_p_log_p(p) + negative_p_log_p(q)) / 2;
    };
    for (int set = 0; set < 4; ++set) {
      const double p = double{run.span_sum({0, 1}, row, set)},
                   q = double{run.span_sum(to, row, set)};
      add(p, q);
      p_rest -= p;
      q_rest -= q;
    }
    add(p_rest, q_rest);
    expected += (1 - divergence / std::log(2.0)) / 5;
  }
  CHECK(static_cast<double>(alike->values[1]) == doctest::Approx(expected).epsilon(1e-5));
  CHECK_FALSE(head_similarity(run, {2, 0}));
  CHECK_FALSE(head_similarity(run, {0, -1}));
  run.span_sums.clear();
  CHECK_FALSE(head_similarity(run, to));
}

TEST_CASE("a layer's pictures show the strongest weights, however long the prompt") {
  const RunResult run = random_run(1000, 70, 5, 4), before = random_run(990, 60, 5, 5);
  for (const RunResult* baseline : {static_cast<const RunResult*>(nullptr), &before}) {
    const LayerQuestion question{1, LayerColumns::tokens, 48, 256};
    const auto maps = layer_maps(run, baseline, question);
    REQUIRE(maps);
    CHECK(maps->rows == 48);
    CHECK(maps->columns == 256);
    REQUIRE(maps->values.size() == 3u * 48 * 256);
    CHECK(maps->zeros.size() == (baseline != nullptr ? maps->values.size() : 0));
    const HeadId head{1, 2};
    std::int64_t rows_seen = 0, columns_seen = 0;
    for (const std::int64_t r : {0, 17, 47}) {
      for (const std::int64_t c : {0, 100, 255}) {
        float strongest = 0;
        for (std::int64_t i = r * 70 / 48; i < (r + 1) * 70 / 48; ++i) {
          for (std::int64_t j = c * 1070 / 256; j < (c + 1) * 1070 / 256; ++j) {
            float value = run.row(head, i)[j];
            if (baseline != nullptr && i < 60 && j < 1050) value -= before.row(head, i)[j];
            if (std::abs(value) > std::abs(strongest)) strongest = value;
          }
        }
        CHECK(maps->at(2, r, c) == strongest);
      }
    }
    for (std::int64_t r = 0; r < 48; ++r) rows_seen += maps->rows_of(r).size();
    for (std::int64_t c = 0; c < 256; ++c) columns_seen += maps->columns_of(c).size();
    CHECK(rows_seen == 70);
    CHECK(columns_seen == 1070);
    CHECK(maps->largest ==
          std::abs(*std::max_element(maps->values.begin(), maps->values.end(),
                                     [](float a, float b) { return std::abs(a) < std::abs(b); })));
  }
}

TEST_CASE("a layer's pictures by document, and when there are none") {
  RunResult run = random_run(50, 6, 4, 6);
  const auto maps = layer_maps(run, nullptr, {0, LayerColumns::documents});
  REQUIRE(maps);
  CHECK(maps->rows == 6);
  CHECK(maps->columns == 4);
  CHECK(maps->at(1, 5, 3) == run.span_sum({0, 1}, 5, 3));
  CHECK_FALSE(layer_maps(run, nullptr, {2, LayerColumns::documents}));
  CHECK_FALSE(layer_maps(run, nullptr, {-1, LayerColumns::documents}));
  CHECK_FALSE(layer_maps(run, nullptr, {0, LayerColumns::tokens}, [] { return true; }));
  run.weights.clear();
  CHECK_FALSE(layer_maps(run, nullptr, {0, LayerColumns::tokens}));
  CHECK(layer_maps(run, nullptr, {0, LayerColumns::documents}));
  run.rows = {50, 50};
  CHECK_FALSE(layer_maps(run, nullptr, {0, LayerColumns::documents}));
}
