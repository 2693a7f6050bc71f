// What logits say, as the logit lens shows it: the likeliest tokens, and where chosen ones stand.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace headscope {

/// A token's place among all of a vocabulary.
struct TokenStanding {
  std::int32_t id = 0;
  double probability = 0;
  std::int64_t rank = 0;  ///< 1 = the likeliest; equal logits: the lower id first
};

/// One row of logits read.
struct LogitReading {
  std::vector<TokenStanding> top;       ///< likeliest first
  std::vector<TokenStanding> followed;  ///< in the order asked for; those outside the vocabulary
                                        ///< have rank 0
};

/// softmax(logits) at temperature 1: its `top` likeliest tokens and those `followed`. Logits that
/// are not finite, or none, give an empty reading.
LogitReading read_logits(std::span<const float> logits, int top,
                         std::span<const std::int32_t> followed);

}  // namespace headscope
