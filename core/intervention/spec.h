// What an intervention is, in plain values: what `--intervene FILE`, the window's sliders and a
// session file all mean. Torch-free; compiled into tensors by core/intervention/edit_plan.h.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// Focus directions (method.md 3), one pair of vectors per query head, fp32.
struct Directions {
  int layers = 0;
  int heads = 0;  ///< query heads per layer
  int head_dim = 0;
  std::vector<float> query;  ///< [layers, heads, head_dim], row-major
  std::vector<float> key;    ///< same shape; empty = zeros

  const float* query_of(HeadId id) const {
    return query.data() + (static_cast<std::size_t>(id.layer) * heads + id.head) * head_dim;
  }
  const float* key_of(HeadId id) const {
    return key.empty()
               ? nullptr
               : key.data() + (static_cast<std::size_t>(id.layer) * heads + id.head) * head_dim;
  }
};

/// Key positions an intervention favours, as token positions of the prompt (sorted, unique).
using TokenSet = std::vector<std::int64_t>;

/// Split-softmax (method.md 2): a'_j = a_j p^tau / p on the marked keys S, (1-p^tau)/(1-p)
/// elsewhere.
struct SplitSoftmax {
  double tau = 1.0;  ///< in [0,1]; 1 is the identity
  TokenSet marked;   ///< S
};

/// Focus directions: q' = RoPE(Wq x) + alpha d_q, k' = RoPE(Wk x) + alpha d_k.
struct Focus {
  double alpha = 0.0;  ///< 0 is the identity
  std::shared_ptr<const Directions> directions;
  bool use_key = false;  ///< add alpha * d_k too: mathematically without effect (method.md 3)
};

/// One intervention on a set of heads. A list composes several, applied in the order of method.md:
/// focus (scores), then split-softmax (weights).
struct Intervention {
  std::variant<SplitSoftmax, Focus> method;
  std::vector<HeadId> heads;  ///< query heads acted on
  RowSelection rows;
};

}  // namespace headscope
