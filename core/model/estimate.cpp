#include "core/model/estimate.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>

#include "core/model/machine_rate.h"
#include "core/model/memory.h"
#include "core/model/tensor_slots.h"

namespace headscope {
namespace {

constexpr double chunk_rows = 512;                    // rows in flight, see DecoderEngine
constexpr double score_bytes = 3 * 48.0 * (1 << 20);  // scores, weights and a copy of one part
constexpr double map_pyramid_bytes = 4.0 / 3 * 4 * 2048 * 2048;

double embedding_parameters(const ModelConfig& config) {
  return double(config.vocab_size) * double(config.hidden_size) *
         (config.tie_word_embeddings ? 1 : 2);
}

/// Query-key pairs of one head in a layer for rows begin..end-1.
double pairs(double window, double begin, double end) {
  const auto up_to = [&](double rows) {  // rows 0..rows-1
    if (window <= 0 || rows <= window) return rows * (rows + 1) / 2;
    return window * (window + 1) / 2 + (rows - window) * window;
  };
  return up_to(end) - up_to(begin);
}

double attention_operations(const ModelConfig& config, double begin, double end) {
  double all = 0;
  for (int layer = 0; layer < config.layers; ++layer) {
    all += pairs(double(config.attention_in(layer).window), begin, end);
  }
  return all * 4 * config.heads * config.head_dim;
}

/// Operations of one token outside attention.
double token_operations(const ModelConfig& config) {
  return 2 * (double(parameter_count(config)) - embedding_parameters(config));
}

double activation_bytes(const ModelConfig& config, double tokens) {
  const double widest = 4.0 * double(config.hidden_size) + 3.0 * double(config.intermediate_size) +
                        3.0 * config.heads * config.head_dim;
  return std::min(tokens, chunk_rows) * widest * 4;
}

double capture_operations(const ModelConfig& config, const CapturePlan& plan, double tokens,
                          double rows) {
  const double layers = plan.layers > 0 ? double(plan.layers) : config.layers;
  if (plan.policy == CapturePolicy::nothing) return 0;
  // Two passes over one head: the log-sum-exp of its rows, and the overview.
  if (plan.policy == CapturePolicy::head_map) return 2 * tokens * tokens * config.head_dim * 2;
  return layers * config.heads * rows * tokens * 2 * (config.head_dim + double(plan.sets));
}

double kept_bytes(const ModelConfig& config, const CapturePlan& plan, double tokens, double rows) {
  const double places =
      (plan.layers > 0 ? double(plan.layers) : config.layers) * config.heads * rows;
  switch (plan.policy) {
    case CapturePolicy::nothing:
      return 0;
    case CapturePolicy::span_sums:
      return 4 * places * double(plan.sets);
    case CapturePolicy::rows:
      return 4 * places * (tokens + double(plan.sets));
    case CapturePolicy::head_map:
      return 2 * 4 * tokens * config.head_dim + map_pyramid_bytes;
  }
  return 0;
}

}  // namespace

std::int64_t parameter_count(const ModelConfig& config) {
  DecoderWeights weights;
  std::int64_t count = 0;
  for (const TensorSlot& slot : tensor_slots(weights, config)) {
    count +=
        std::accumulate(slot.shape.begin(), slot.shape.end(), std::int64_t{1}, std::multiplies<>());
  }
  return count;
}

int bytes_per_number(const std::string& dtype) {
  return dtype == "float32" || dtype == "int8" ? 4 : 2;
}

double cache_bytes(const ModelConfig& config, std::int64_t tokens, int bytes_per_number) {
  return 2.0 * config.layers * config.kv_heads * config.head_dim * double(tokens) *
         bytes_per_number;
}

CapturePlan plan_of(const Capture* capture, std::int64_t rows, std::int64_t logit_rows) {
  CapturePlan plan;
  plan.policy = CapturePolicy::nothing;
  plan.rows = rows;
  plan.logit_rows = logit_rows;
  if (capture == nullptr) return plan;
  plan.policy = capture->weights ? CapturePolicy::rows : CapturePolicy::span_sums;
  plan.layers = capture->layers.size();
  plan.sets = static_cast<std::int64_t>(capture->span_sets.size()) * (capture->edited_also ? 2 : 1);
  return plan;
}

std::string policy_name(CapturePolicy policy) {
  switch (policy) {
    case CapturePolicy::nothing:
      return "nothing captured";
    case CapturePolicy::span_sums:
      return "span sums";
    case CapturePolicy::rows:
      return "rows";
    case CapturePolicy::head_map:
      return "one head's map";
  }
  return {};
}

RunEstimate estimate_run(const ModelConfig& config, std::int64_t tokens, std::int64_t new_tokens,
                         const CapturePlan& plan, int bytes_per_number, const MachineRate& rate) {
  const double prompt = double(tokens), end = double(tokens + new_tokens);
  const double rows = plan.rows >= 0 ? double(plan.rows) : double(new_tokens + 1);
  RunEstimate out;
  out.policy = plan.policy;
  out.cache_bytes = cache_bytes(config, tokens + new_tokens, bytes_per_number);
  // Scores of captured rows are made part by part; so are all of them under a soft-cap.
  double scored = plan.policy == CapturePolicy::nothing ? 0 : rows;
  if (config.attention_softcap > 0) scored = std::max(scored, prompt);
  const double widest_scores = 3 * 4.0 * config.heads * end * std::min(scored, chunk_rows);
  out.working_bytes = activation_bytes(config, prompt) +
                      2 * 4.0 * double(plan.logit_rows) * double(config.vocab_size) +
                      std::min(score_bytes, widest_scores);
  out.capture_bytes = kept_bytes(config, plan, end, rows);
  // Weights as numbers cost about three times what the fused kernel needs.
  const double attention = rate.attention / (config.attention_softcap > 0 ? 3 : 1);
  out.prefill_seconds = prompt * token_operations(config) / rate.matmul +
                        attention_operations(config, 0, prompt) / attention +
                        2 * embedding_parameters(config) / rate.matmul;
  const double weights = double(parameter_count(config)) * bytes_per_number;
  const double keys = cache_bytes(config, tokens + new_tokens / 2, bytes_per_number);
  out.decode_seconds = double(new_tokens) * (weights + keys) / rate.bytes_per_second;
  out.capture_seconds = 3 * capture_operations(config, plan, end, rows) / rate.attention;
  return out;
}

RunEstimate estimate_run(const ModelConfig& config, std::int64_t tokens, std::int64_t new_tokens,
                         const CapturePlan& plan, const std::string& dtype,
                         const std::string& device) {
  return estimate_run(config, tokens, new_tokens, plan, bytes_per_number(dtype),
                      machine_rate(dtype, device));
}

Result<> require_fit(const ModelConfig& config, std::int64_t tokens, std::int64_t new_tokens,
                     const CapturePlan& plan, int bytes_per_number, double free_bytes) {
  const auto bytes_of = [&](CapturePolicy policy) {
    CapturePlan other = plan;
    other.policy = policy;
    return estimate_run(config, tokens, new_tokens, other, bytes_per_number, MachineRate{1, 1, 1})
        .bytes();
  };
  const double wanted = bytes_of(plan.policy);
  if (wanted <= free_bytes) return {};
  std::string message = "a run over " + std::to_string(tokens + new_tokens) + " tokens with " +
                        policy_name(plan.policy) + " needs about " + memory_text(wanted) +
                        ", but only " + memory_text(free_bytes) + " are free; ";
  for (const CapturePolicy policy :
       {CapturePolicy::rows, CapturePolicy::span_sums, CapturePolicy::nothing}) {
    const double bytes = bytes_of(policy);
    if (policy == plan.policy || bytes > free_bytes || bytes >= wanted) continue;
    return fail(ErrorKind::out_of_memory,
                message + policy_name(policy) + " would need " + memory_text(bytes) + " and fit");
  }
  const double per_token = wanted / double(std::max<std::int64_t>(1, tokens + new_tokens));
  return fail(ErrorKind::out_of_memory, message + "about " +
                                            std::to_string(std::int64_t(free_bytes / per_token)) +
                                            " tokens, or fewer captured rows or layers, would fit");
}

}  // namespace headscope
