// What runs will need, before they run. Torch-free.
#pragma once

#include <cstdint>

#include "core/model/model.h"

namespace headscope {

/// Numbers that a model of this shape has.
std::int64_t parameter_count(const ModelConfig& config);

/// Bytes of keys and values for `tokens` tokens.
double cache_bytes(const ModelConfig& config, std::int64_t tokens, int bytes_per_number);

/// Bytes of what a capture of `rows` rows over `keys` keys returns.
double capture_bytes(const ModelConfig& config, const Capture& capture, std::int64_t rows,
                     std::int64_t keys);

/// One pass over `tokens` tokens: cache, capture and logits of `logit_rows` rows. Activations of a
/// chunk are added as a flat allowance.
double run_bytes(const ModelConfig& config, std::int64_t tokens, int bytes_per_number,
                 std::int64_t logit_rows, const Capture* capture, std::int64_t capture_rows);

}  // namespace headscope
