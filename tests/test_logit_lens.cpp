// links: headscope_runner headscope_model headscope_intervention
// The logit lens against Hugging Face's hidden states, and a row's scores against doubles.
#include "core/model/logit_lens.h"

#include <cmath>

#include "core/analysis/logit_lens.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/model/head_map.h"
#include "core/runner/model_runner.h"
#include "tests/model_goldens.h"

using namespace headscope;
using namespace headscope::test;

namespace {

Json goldens() {
  return must(read_json_file(source_folder() / "tests" / "goldens" / "lens.json"));
}

// Reads every layer at the row before `ids[row + 1]`, as if that had been chosen there.
std::vector<LogitReading> lens_at(Model& model, const std::vector<std::int32_t>& ids,
                                  std::int64_t prompt, std::int64_t row,
                                  const std::vector<std::int32_t>& followed,
                                  std::vector<Intervention> interventions = {}) {
  GenerateRequest request;
  request.prompt_ids = {ids.begin(), ids.begin() + prompt};
  request.forced_response = {ids.begin() + prompt, ids.end()};
  request.interventions = std::move(interventions);
  const std::int64_t token = row + 1 - prompt;
  const auto rows = must(model.residual_rows(request, {token, token + 1}, {}));
  const auto logits = must(model.read_out(rows.at_token(token), {}));
  const auto vocabulary = static_cast<std::size_t>(model.config().vocab_size);
  std::vector<LogitReading> layers;
  for (std::size_t at = 0; at < logits.size(); at += vocabulary)
    layers.push_back(read_logits(std::span(logits).subspan(at, vocabulary), 1, followed));
  return layers;
}

double largest_error(const std::vector<LogitReading>& layers, const Json& golden) {
  double most = 0;
  REQUIRE(layers.size() == golden["followed"].size());
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    for (std::size_t i = 0; i < layers[layer].followed.size(); ++i) {
      const double found = std::log(layers[layer].followed[i].probability);
      most = std::max(most, std::abs(found - golden["followed"][layer][i].get<double>()));
    }
  }
  return most;
}

std::shared_ptr<const Directions> random_directions(const ModelConfig& config) {
  auto out = std::make_shared<Directions>();
  *out = {config.layers, config.heads, config.head_dim, {}, {}};
  Rng rng(11);
  for (int i = 0; i < config.layers * config.heads * config.head_dim; ++i) {
    out->query.push_back(static_cast<float>(rng.normal()));
    out->key.push_back(static_cast<float>(rng.normal()));
  }
  return out;
}

// One row of one head from its queries and keys, in doubles.
struct Oracle {
  std::vector<double> base, total;

  Oracle(const QueryKeyCapture& captured, const ModelConfig& config, HeadId head, std::int64_t row,
         const Directions& directions, double alpha, bool use_key) {
    const auto dim = static_cast<std::size_t>(config.head_dim);
    const auto layer = static_cast<std::size_t>(head.layer);
    const auto group = config.heads / config.kv_heads;
    const float* q =
        captured.queries[layer].data() +
        (static_cast<std::size_t>(head.head) * static_cast<std::size_t>(captured.rows.size()) +
         static_cast<std::size_t>(row)) *
            dim;
    const float* keys =
        captured.key_values[layer].data() +
        static_cast<std::size_t>(head.head / group) * static_cast<std::size_t>(captured.keys) * dim;
    const double scale = attention_scale(config);
    for (std::int64_t j = 0; j <= row; ++j) {
      const float* k = keys + static_cast<std::size_t>(j) * dim;
      double plain = 0, edited = 0;
      for (std::size_t d = 0; d < dim; ++d) {
        const double dq = alpha * double{directions.query_of(head)[d]};
        const double dk = use_key ? alpha * double{directions.key_of(head)[d]} : 0;
        plain += double{q[d]} * double{k[d]};
        edited += (double{q[d]} + dq) * (double{k[d]} + dk);
      }
      base.push_back(capped(scale * plain, config.attention_softcap));
      total.push_back(capped(scale * edited, config.attention_softcap));
    }
  }

  static double capped(double x, double cap) { return cap > 0 ? cap * std::tanh(x / cap) : x; }

  std::vector<double> weights() const {
    double sum = 0;
    for (const double x : total) sum += std::exp(x);
    std::vector<double> out;
    for (const double x : total) out.push_back(std::exp(x) / sum);
    return out;
  }
};

}  // namespace

TEST_CASE("every layer says what Hugging Face's hidden states say, in six families") {
  const Json golden = goldens();
  const auto followed = golden["followed"].get<std::vector<std::int32_t>>();
  for (const auto& [name, rows] : golden["models"].items()) {
    CAPTURE(name);
    const GoldenModel model(name);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = golden["rows"][i].get<std::int64_t>();
      const std::int64_t prompt = std::min<std::int64_t>(row + 1, GoldenModel::prompt);
      const auto layers = lens_at(*model.model, model.tokens, prompt, row, followed);
      CHECK(largest_error(layers, rows[i]) < 2e-4);
      for (std::size_t layer = 0; layer < layers.size(); ++layer)
        CHECK(layers[layer].top[0].id == rows[i]["top"][layer].get<std::int32_t>());
    }
    const auto wrong = lens_at(*model.model, model.tokens, 7, 8, followed);  // a row beside
    CHECK(largest_error(wrong, rows[0]) > 0.05);
  }
}

TEST_CASE("an edit of a layer reaches that layer's output and those above, not those below") {
  const GoldenModel golden("llama_gqa");
  const Intervention ablation{Ablate{}, {{1, 0}, {1, 1}, {1, 2}, {1, 3}}, {}};
  const std::vector<std::int32_t> followed = {3};
  const auto plain = lens_at(*golden.model, golden.tokens, 12, 20, followed);
  const auto edited = lens_at(*golden.model, golden.tokens, 12, 20, followed, {ablation});
  CHECK(plain[0].followed[0].probability == edited[0].followed[0].probability);
  CHECK(plain[1].followed[0].probability != edited[1].followed[0].probability);
}

TEST_CASE("a store gives the same, and what cannot be is refused") {
  const GoldenModel golden("qwen3");
  GenerateRequest request;
  request.prompt_ids = golden.prompt_ids();
  request.forced_response = {golden.tokens.begin() + GoldenModel::prompt, golden.tokens.end()};
  const auto plain = must(golden.model->residual_rows(request, {0, 8}, {}));
  PromptStore store(1 << 24);
  request.store = &store;
  GenerateRequest run = request;  // the run whose store it is
  run.forced_response.clear();
  (void)must(golden.model->generate(run, {}));
  const auto held = store.bytes();
  CHECK(held > 0);
  (void)must(golden.model->residual_rows(request, {0, 8}, {}));
  CHECK(store.bytes() == held);  // used, not begun again
  const auto again = must(golden.model->residual_rows(request, {3, 6}, {}));
  for (std::int64_t token = 3; token < 6; ++token)
    CHECK(difference(plain.at_token(token), again.at_token(token)) < 1e-5f);
  CHECK(golden.model->residual_rows(request, {0, 9}, {}).error().kind == ErrorKind::usage);
  CHECK(golden.model->residual_rows(request, {2, 2}, {}).error().kind == ErrorKind::usage);
  CHECK(golden.model->read_out({1, 2, 3}, {}).error().kind == ErrorKind::usage);
  CHECK(golden.model->read_out({}, {}).error().kind == ErrorKind::usage);
  RunContext cancelled;
  cancelled.is_cancelled = [] { return true; };
  CHECK(golden.model->residual_rows(request, {0, 8}, cancelled).error().kind ==
        ErrorKind::cancelled);
}

TEST_CASE("the embedded model through the runner, at every token of a response") {
  const Json golden = goldens()["embedded"];
  ModelRunner runner;
  Request request;
  request.threads = 1;
  request.model = (source_folder() / "assets" / "demo").string();
  must(runner.load(request, {}));
  PromptView prompt;
  for (const auto& id : golden["prompt"]) {
    prompt.tokens.emplace_back();
    prompt.tokens.back().id = id.get<std::int32_t>();
  }
  RunResult run;
  for (const auto& id : golden["response"]) {
    run.response.emplace_back();
    run.response.back().id = id.get<std::int32_t>();
  }
  for (std::size_t token = 0; token < run.response.size(); ++token) {
    const auto lens = must(
        runner.lens(prompt, run, static_cast<std::int64_t>(token), {run.response[token].id}, {}));
    const Json& expected = golden["tokens"][token];
    REQUIRE(lens->layers.size() == expected["top"].size());
    for (std::size_t layer = 0; layer < lens->layers.size(); ++layer) {
      const LensLayer& found = lens->layers[layer];
      CHECK(found.top.size() == lens_candidates);
      CHECK(found.top[0].id == expected["top"][layer].get<std::int32_t>());
      CHECK(std::log(double{found.probability[0]}) ==
            doctest::Approx(expected["followed"][layer][0].get<double>()).epsilon(1e-3));
      if (found.top[0].id == run.response[token].id) CHECK(found.rank[0] == 1);
    }
    CHECK(lens->layers.back().rank[0] == 1);  // it was chosen greedily
  }
  CHECK_FALSE(runner.lens(prompt, run, std::ssize(run.response), {}, {}));
}

TEST_CASE("a row's parts are the products in doubles, and give the weights that the model used") {
  for (const char* name : {"llama_gqa", "gemma2", "gpt_neox"}) {
    CAPTURE(name);
    const GoldenModel golden(name);
    const ModelConfig& config = golden.model->config();
    const auto directions = random_directions(config);
    // Gemma 2's first layer has a window; the oracle has none.
    const HeadId head{config.attention_in(0).window == 0 ? 0 : 1, 2};
    REQUIRE(config.attention_in(head.layer).window == 0);
    const std::int64_t tokens = golden.length();
    const auto captured = must(golden.model->capture_queries_keys(golden.tokens, {0, tokens}, {}));
    const TokenSet marked = {4, 5, 6};
    for (const bool use_key : {false, true}) {
      const std::vector<Intervention> edits = {
          {Focus{0.7, directions, use_key}, {head}, {RowSelection::Kind::from, 9}},
          {SplitSoftmax{0.4, marked}, {head}, {RowSelection::Kind::from, 11}}};
      const auto source = must(golden.model->head_map_source(
          golden.tokens, head, edits, {}, tokens, use_key ? 0 : HeadMapSource::rows_only));
      CHECK(source->has_tiles() == use_key);
      CHECK(source->tile({0, 0, 0, 1, 1}, {}).has_value() == use_key);
      ForwardRequest request = golden.everything();
      request.interventions = edits;
      request.prompt_tokens = tokens;
      const auto used = must(golden.model->forward(request, {})).attention.weights;
      for (const std::int64_t row : {std::int64_t{3}, std::int64_t{10}, tokens - 1}) {
        const HeadRow parts = must(source->row(row));
        REQUIRE(parts.first_key == 0);
        REQUIRE(std::ssize(parts.base) == row + 1);
        const Oracle oracle(captured, config, head, row, *directions, row >= 9 ? 0.7 : 0, use_key);
        const auto before = oracle.weights();
        double p = 0;
        for (const std::int64_t key : marked)
          if (key <= row) p += before[static_cast<std::size_t>(key)];
        for (std::int64_t key = 0; key <= row; ++key) {
          const auto j = static_cast<std::size_t>(key);
          CHECK(std::abs(double{parts.base[j]} - oracle.base[j]) < 2e-5);
          CHECK(std::abs(double{parts.focus[j]} - (oracle.total[j] - oracle.base[j])) < 2e-5);
          const bool in = std::find(marked.begin(), marked.end(), key) != marked.end();
          const double moved = std::pow(p, 0.4);
          const double factor = row < 11 ? 0
                                : in     ? std::log(moved / p)
                                         : std::log((1 - moved) / (1 - p));
          CHECK(std::abs(double{parts.log_factor[j]} - factor) < 1e-4);
          CHECK(std::abs(double{parts.weights[j]} - before[j] * std::exp(factor)) < 1e-5);
          const std::int64_t map = std::int64_t{head.layer} * config.heads + head.head;
          const auto at = static_cast<std::size_t>((map * tokens + row) * tokens + key);
          CHECK(std::abs(parts.weights[j] - used[at]) < 1e-5f);
        }
      }
      CHECK(source->row(tokens).error().kind == ErrorKind::usage);
      CHECK(source->row(-1).error().kind == ErrorKind::usage);
    }
  }
}

TEST_CASE("under a window a row has only the keys that it sees") {
  const GoldenModel golden("mistral_window");
  const std::int64_t window = golden.model->config().attention_in(0).window;
  REQUIRE(window > 0);
  REQUIRE(window < golden.length());
  const auto source = must(golden.model->head_map_source(golden.tokens, {0, 1}, {}, {}));
  const std::int64_t row = golden.length() - 1;
  const HeadRow parts = must(source->row(row));
  CHECK(parts.first_key == row + 1 - window);
  CHECK(std::ssize(parts.weights) == window);
  double sum = 0;
  for (const float weight : parts.weights) sum += double{weight};
  CHECK(sum == doctest::Approx(1).epsilon(1e-5));
}
