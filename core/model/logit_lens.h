// The residual stream between layers, for the logit lens: what a model would say if it ended there.
// Torch-free; the functions are Model's.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// Residual streams at the rows where some tokens of a response were chosen. Asked for with the
/// `max_new_tokens` of the run whose response it is, they use what that run left in its store.
struct ResidualRows {
  int layers = 0;
  std::int64_t hidden = 0;
  TokenRange tokens;          ///< indices into the response
  std::vector<float> values;  ///< [layers, tokens, hidden] after each layer, before the final norm

  /// Of all layers at one of the tokens, [layers, hidden].
  std::vector<float> at_token(std::int64_t token) const;
};

}  // namespace headscope
