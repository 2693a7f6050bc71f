#include "core/model/estimate.h"

#include <functional>
#include <numeric>

#include "core/model/tensor_slots.h"

namespace headscope {

std::int64_t parameter_count(const ModelConfig& config) {
  DecoderWeights weights;
  std::int64_t count = 0;
  for (const TensorSlot& slot : tensor_slots(weights, config)) {
    count +=
        std::accumulate(slot.shape.begin(), slot.shape.end(), std::int64_t{1}, std::multiplies<>());
  }
  return count;
}

double cache_bytes(const ModelConfig& config, std::int64_t tokens, int bytes_per_number) {
  return 2.0 * config.layers * config.kv_heads * config.head_dim * double(tokens) *
         bytes_per_number;
}

double capture_bytes(const ModelConfig& config, const Capture& capture, std::int64_t rows,
                     std::int64_t keys) {
  const std::int64_t layers = capture.layers.size() > 0 ? capture.layers.size() : config.layers;
  const double places = double(layers) * config.heads * double(rows);
  const double sets = double(capture.span_sets.size()) * (capture.edited_also ? 2 : 1);
  return 4 * places * ((capture.weights ? double(keys) : 0) + sets);
}

double run_bytes(const ModelConfig& config, std::int64_t tokens, int bytes_per_number,
                 std::int64_t logit_rows, const Capture* capture, std::int64_t capture_rows) {
  constexpr double chunk = 512;  // rows in flight
  const double widest = 4.0 * double(config.hidden_size) + 3.0 * double(config.intermediate_size) +
                        3.0 * config.heads * config.head_dim;
  double bytes = cache_bytes(config, tokens, bytes_per_number) + chunk * widest * 4;
  bytes += 2 * 4.0 * double(logit_rows) * double(config.vocab_size);
  if (capture != nullptr) bytes += capture_bytes(config, *capture, capture_rows, tokens);
  return bytes;
}

}  // namespace headscope
