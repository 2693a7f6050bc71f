// links: headscope_model headscope_intervention
// Logits, attention and greedy tokens against Hugging Face (eager, fp32) on tiny checkpoints.
#include "tests/model_goldens.h"

using namespace headscope;
using namespace headscope::test;

namespace {

constexpr float tolerance = 1e-4f;

/// Rows of a [L, H, T, T] array as a capture of T = `tokens` keys holds them: [L, H, rows, T].
std::vector<float> rows_of(const std::vector<float>& attention, std::int64_t tokens,
                           TokenRange rows) {
  std::vector<float> out;
  const std::int64_t maps = static_cast<std::int64_t>(attention.size()) / (tokens * tokens);
  for (std::int64_t map = 0; map < maps; ++map) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const auto from = attention.begin() + (map * tokens + row) * tokens;
      out.insert(out.end(), from, from + tokens);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("logits and attention of every row agree with Hugging Face") {
  for (const std::string& name : golden_models) {
    CAPTURE(name);
    const GoldenModel golden(name);
    for (const auto backend : {AttentionBackend::reference, AttentionBackend::fused}) {
      ForwardRequest request = golden.everything();
      request.backend = backend;
      const ForwardResult result = must(golden.model->forward(request, {}));
      CHECK(difference(result.logits, golden.logits) < tolerance);
      CHECK(difference(result.attention.weights, golden.attention) < tolerance);
    }
  }
}

TEST_CASE("a wrong position would be seen: the golden differs from a shifted prompt") {
  const GoldenModel golden("llama_gqa");
  ForwardRequest request = golden.everything();
  std::swap(request.ids[0], request.ids[1]);
  const ForwardResult result = must(golden.model->forward(request, {}));
  CHECK(difference(result.logits, golden.logits) > 0.01f);
}

TEST_CASE("greedy tokens agree with Hugging Face, with and without a cache, on both backends") {
  for (const std::string& name : golden_models) {
    const GoldenModel golden(name);
    // qwen2's generation_config.json names an end-of-sequence token among the greedy ones.
    auto expected = golden.greedy;
    const auto& eos = golden.model->config().eos_ids;
    const auto end = std::find_first_of(expected.begin(), expected.end(), eos.begin(), eos.end());
    const bool stops = end != expected.end();
    CHECK(stops == (name == "qwen2"));
    expected.erase(end, expected.end());
    for (const bool use_cache : {true, false}) {
      for (const auto backend : {AttentionBackend::reference, AttentionBackend::fused}) {
        CAPTURE(name);
        CAPTURE(use_cache);
        GenerateRequest request;
        request.prompt_ids = golden.prompt_ids();
        request.max_new_tokens = 12;
        request.use_cache = use_cache;
        request.backend = backend;
        const Generation result = must(golden.model->generate(request, {}));
        CHECK(result.ids == expected);
        CHECK(result.stopped_at_eos == stops);
      }
    }
  }
}

TEST_CASE("step-by-step decoding gives the logits and attention of one pass") {
  for (const std::string& name : golden_models) {
    CAPTURE(name);
    const GoldenModel golden(name);
    const TokenRange rows{GoldenModel::prompt - 1, golden.length()};
    GenerateRequest request;
    request.prompt_ids = golden.prompt_ids();
    request.capture = Capture{};
    request.forced_response.assign(golden.tokens.begin() + GoldenModel::prompt,
                                   golden.tokens.end());
    // No room for more: rotary types that depend on length go by it.
    request.max_new_tokens = static_cast<int>(request.forced_response.size());
    const Generation forced = must(golden.model->generate(request, {}));
    CHECK(forced.ids == request.forced_response);
    CHECK(forced.attention.rows == rows);
    CHECK(difference(forced.attention.weights, rows_of(golden.attention, golden.length(), rows)) <
          tolerance);

    // The model's own tokens, once step by step and once forced.
    for (const bool use_cache : {true, false}) {
      request.forced_response.clear();
      request.max_new_tokens = 5;
      request.use_cache = use_cache;
      const Generation steps = must(golden.model->generate(request, {}));
      request.forced_response = steps.ids;
      const Generation once = must(golden.model->generate(request, {}));
      CHECK(steps.attention.rows == TokenRange{19, 25});
      CHECK(steps.attention.keys == 25);
      CHECK(difference(steps.attention.weights, once.attention.weights) < 1e-5f);
      CHECK(difference(steps.log_probabilities, once.log_probabilities) < 1e-4f);
    }
  }
}

TEST_CASE("captured rows and logit rows are independent of each other") {
  const GoldenModel golden("llama_gqa");
  const auto vocab = static_cast<std::ptrdiff_t>(golden.model->config().vocab_size);
  const std::pair<TokenRange, TokenRange> choices[] = {
      {{5, 28}, {20, 25}}, {{20, 28}, {3, 9}}, {{4, 6}, {27, 28}}, {{27, 28}, {0, 1}}};
  for (const auto& [captured, wanted] : choices) {
    ForwardRequest request = golden.everything();
    request.capture->rows = captured;
    request.logit_rows = wanted;
    const ForwardResult got = must(golden.model->forward(request, {}));
    CHECK(difference(got.logits, {golden.logits.begin() + wanted.begin * vocab,
                                  golden.logits.begin() + wanted.end * vocab}) < tolerance);
    auto expected = rows_of(golden.attention, golden.length(), captured);
    CHECK(difference(got.attention.weights, expected) < tolerance);
  }
}

TEST_CASE("a head map is that head's part of the full attention") {
  const GoldenModel golden("llama_gqa");
  const auto size = static_cast<std::size_t>(golden.length() * golden.length());
  const ModelConfig& config = golden.model->config();
  for (int layer = 0; layer < config.layers; ++layer) {
    for (int head = 0; head < config.heads; ++head) {
      const HeadMap map = must(golden.model->head_map(golden.tokens, {layer, head}, {}, {}));
      const auto from = golden.attention.begin() +
                        static_cast<std::ptrdiff_t>((layer * config.heads + head) * size);
      CHECK(map.tokens == golden.length());
      CHECK(difference(map.weights, {from, from + static_cast<std::ptrdiff_t>(size)}) < tolerance);
    }
  }
}

TEST_CASE("span sums are sums of weights") {
  const GoldenModel golden("llama_gqa");
  ForwardRequest request = golden.everything();
  request.capture->rows = {22, 28};
  request.capture->layers = {1, 3};
  request.capture->span_sets = {{0, 1}, {5, 6, 7, 27}};
  const CapturedAttention got = must(golden.model->forward(request, {})).attention;
  REQUIRE(got.layers == 2);
  std::vector<float> expected;
  const auto weights = rows_of(golden.attention, golden.length(), {22, 28});
  for (std::size_t row = weights.size() / 28 / 3; row < weights.size() / 28;
       ++row) {  // layers 1 and 2
    const float* w = weights.data() + row * 28;
    expected.push_back(w[0] + w[1]);
    expected.push_back(w[5] + w[6] + w[7] + w[27]);
  }
  CHECK(difference(got.span_sums, expected) < tolerance);
  request.capture->weights = false;
  const CapturedAttention sums_only = must(golden.model->forward(request, {})).attention;
  CHECK(sums_only.weights.empty());
  CHECK(difference(sums_only.span_sums, got.span_sums) < 1e-6f);  // another way of computing
}

TEST_CASE("captured queries and keys give the attention back") {
  for (const std::string name : {"llama_gqa", "llama_head_dim_bias"}) {
    CAPTURE(name);
    const GoldenModel golden(name);
    const ModelConfig& config = golden.model->config();
    const TokenRange rows{21, 26};
    const QueryKeyCapture got = must(golden.model->capture_queries_keys(golden.tokens, rows, {}));
    REQUIRE(got.keys == golden.length());
    std::vector<float> weights;
    for (int layer = 0; layer < config.layers; ++layer) {
      for (int head = 0; head < config.heads; ++head) {
        const int group = config.heads / config.kv_heads;
        for (std::int64_t row = rows.begin; row < rows.end; ++row) {
          const float* q =
              got.queries[layer].data() + (head * rows.size() + row - rows.begin) * config.head_dim;
          std::vector<double> scores(static_cast<std::size_t>(rows.end), 0.0);
          double total = 0;
          for (std::int64_t j = 0; j <= row; ++j) {
            const float* k =
                got.key_values[layer].data() + (head / group * got.keys + j) * config.head_dim;
            double dot = 0;
            for (int d = 0; d < config.head_dim; ++d) dot += double(q[d]) * k[d];
            total += scores[static_cast<std::size_t>(j)] =
                std::exp(dot / std::sqrt(double(config.head_dim)));
          }
          for (const double s : scores) weights.push_back(static_cast<float>(s / total));
        }
      }
    }
    std::vector<float> expected;
    for (std::int64_t map = 0; map < config.layers * config.heads; ++map) {
      for (std::int64_t row = rows.begin; row < rows.end; ++row) {
        const auto from =
            golden.attention.begin() + (map * golden.length() + row) * golden.length();
        expected.insert(expected.end(), from, from + rows.end);
      }
    }
    CHECK(difference(weights, expected) < tolerance);
  }
}
