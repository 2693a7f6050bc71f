// links: headscope_model headscope_intervention
// Estimates against counts done by hand, and against what runs really take.
#include <doctest/doctest.h>

#include "core/model/estimate.h"
#include "core/model/machine_rate.h"
#include "core/model/memory.h"
#include "tests/model_goldens.h"

using namespace headscope;
using namespace headscope::test;

namespace {

/// Llama-3.2-3B-Instruct.
ModelConfig three_billion() {
  ModelConfig config;
  config.layers = 28;
  config.heads = 24;
  config.kv_heads = 8;
  config.head_dim = 128;
  config.hidden_size = 3072;
  config.intermediate_size = 8192;
  config.vocab_size = 128256;
  config.context_length = 131072;
  config.tie_word_embeddings = true;
  return config;
}

CapturePlan plan_with(CapturePolicy policy, std::int64_t rows = -1) {
  CapturePlan plan;
  plan.policy = policy;
  plan.rows = rows;
  return plan;
}

}  // namespace

TEST_CASE("what each policy keeps") {
  const ModelConfig config = three_billion();
  const MachineRate rate{1e11, 1e11, 1e10};
  const auto of = [&](CapturePolicy policy, std::int64_t tokens) {
    return estimate_run(config, tokens, 100, plan_with(policy, 100), 2, rate);
  };
  // 672 heads, 100 rows, 24 spans, at any length.
  CHECK(of(CapturePolicy::span_sums, 4096).capture_bytes == 672.0 * 100 * 24 * 4);
  CHECK(of(CapturePolicy::span_sums, 100000).capture_bytes == 672.0 * 100 * 24 * 4);
  CHECK(of(CapturePolicy::rows, 4000).capture_bytes == 672.0 * 100 * (4100 + 24) * 4);
  CHECK(of(CapturePolicy::head_map, 32768).capture_bytes < 64e6);
  CHECK(of(CapturePolicy::nothing, 4096).capture_bytes == 0);
  CHECK(of(CapturePolicy::nothing, 4000).cache_bytes == 2.0 * 28 * 8 * 128 * 4100 * 2);
}

TEST_CASE("seconds follow from operations and rates; windows make attention cheaper") {
  ModelConfig config = three_billion();
  const MachineRate rate{1e11, 1e11, 1e10};
  const auto seconds = [&](std::int64_t tokens) {
    return estimate_run(config, tokens, 0, plan_with(CapturePolicy::nothing), 2, rate)
        .prefill_seconds;
  };
  // 2.82e9 weights in the layers, and 28 * 24 heads of 128.
  const double linear = 2 * 2.8187e9 * 4096 / 1e11;
  const double attention = 4.0 * 28 * 24 * 128 * 4096 * 4097 / 2 / 1e11;
  CHECK(seconds(4096) == doctest::Approx(linear + attention).epsilon(0.01));
  const double all = seconds(32768);
  config.layer_attention.assign(28, {4096, 0});
  const double pairs = 4096.0 * 4097 / 2 + (32768.0 - 4096) * 4096;
  CHECK(all - seconds(32768) ==
        doctest::Approx(4.0 * 28 * 24 * 128 * (32768.0 * 32769 / 2 - pairs) / 1e11).epsilon(0.01));
  const RunEstimate decode =
      estimate_run(config, 4000, 10, plan_with(CapturePolicy::nothing), 2, rate);
  CHECK(decode.decode_seconds > 10 * 2 * 3.2e9 / 1e10);
  CHECK(decode.decode_seconds < 10 * 2 * 3.7e9 / 1e10);
}

TEST_CASE("what does not fit is refused with the policy that would fit") {
  const ModelConfig config = three_billion();
  const double gibibyte = 1 << 30;
  const auto message = [&](CapturePolicy policy, double free_bytes) -> std::string {
    const auto result = require_fit(config, 32768, 100, plan_with(policy), 2, free_bytes);
    if (result) return "fits";
    CHECK(result.error().kind == ErrorKind::out_of_memory);
    return result.error().message;
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(message(CapturePolicy::span_sums, 6 * gibibyte) == "fits");
  CHECK(has(message(CapturePolicy::rows, 6 * gibibyte), "with rows needs about"));
  CHECK(has(message(CapturePolicy::rows, 6 * gibibyte), "span sums would need"));
  CHECK(message(CapturePolicy::rows, 20 * gibibyte) == "fits");
  CHECK(has(message(CapturePolicy::rows, 1 * gibibyte), "tokens, or fewer captured rows"));
  CHECK(has(message(CapturePolicy::nothing, 1 * gibibyte), "tokens, or fewer"));
}

TEST_CASE("this machine's rate is measured once and is no nonsense") {
  const MachineRate rate = machine_rate("float32", "cpu");
  CHECK(rate.matmul > 1e8);
  CHECK(rate.matmul < 1e15);
  CHECK(rate.attention > 1e7);
  CHECK(rate.bytes_per_second > 1e7);
  CHECK(machine_rate("float32", "cpu").matmul == rate.matmul);
  CHECK(estimate_run(three_billion(), 4096, 100, {}, "bfloat16", "cpu").seconds() > 0);
}

TEST_CASE("a run fits into the memory that its estimate names") {
  const GoldenModel golden("llama_gqa");
  const ModelConfig& config = golden.model->config();
  for (const bool weights : {false, true}) {
    for (const std::int64_t rows : {0, 7, 200}) {
      CAPTURE(weights);
      CAPTURE(rows);
      ForwardRequest request;
      for (std::int32_t i = 0; i < 250; ++i) request.ids.push_back(i % 131);
      request.logit_rows = {249, 250};
      request.capture = Capture{};
      request.capture->rows = {250 - rows, 250};
      request.capture->weights = weights;
      request.capture->span_sets = {{0, 1}, {30, 31, 32}};
      CapturePlan plan = plan_with(rows == 0 ? CapturePolicy::nothing
                                   : weights ? CapturePolicy::rows
                                             : CapturePolicy::span_sums,
                                   rows);
      plan.sets = 2;
      const double bytes = estimate_run(config, 250, 0, plan, 4, {1, 1, 1}).bytes();
      // The kernel's own scratch and other small things.
      set_memory_budget(memory_in_use() + static_cast<std::uint64_t>(bytes) + (256 << 10));
      const auto got = golden.model->forward(request, {});
      set_memory_budget(std::nullopt);
      CHECK_MESSAGE(got, (got ? "" : got.error().message));
    }
  }
}
