// Choosing the next token from logits. Torch-free.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/model/model.h"

namespace headscope {

/// Index of the largest logit, the lowest on ties. Empty or not finite: error.
Result<std::int32_t> argmax(std::span<const float> logits);

/// The `count` most likely tokens at temperature 1, descending; ties: lowest id first.
std::vector<Candidate> most_likely(std::span<const float> logits, int count);

/// log softmax(logits)[id].
float log_probability(std::span<const float> logits, std::int32_t id);

/// Temperature, then top-k, then top-p, as transformers orders them; temperature 0 is argmax.
class Sampler {
 public:
  static Result<Sampler> create(const Sampling& sampling);   ///< refuses parameters out of bounds
  Result<std::int32_t> pick(std::span<const float> logits);  ///< the next token

 private:
  explicit Sampler(const Sampling& sampling) : sampling_(sampling), rng_(sampling.seed) {}
  Sampling sampling_;
  Rng rng_;
};

}  // namespace headscope
