// What an intervention is, in plain values: what `--intervene FILE`, the window's sliders and a
// session file all mean. Compiled for a model by core/intervention/edit_plan.h. Torch-free.
#pragma once

#include <memory>
#include <vector>

#include "core/base/types.h"

namespace headscope {

struct InterventionMethod;  // core/intervention/method.h

/// Focus directions (method.md 3), one pair of vectors per query head, fp32.
struct Directions {
  int layers = 0;
  int heads = 0;  ///< query heads per layer
  int head_dim = 0;
  std::vector<float> query;  ///< [layers, heads, head_dim], row-major
  std::vector<float> key;    ///< same shape; empty = zeros
  /// [head_dim] of one head; null where there is no key part.
  const float* query_of(HeadId id) const {
    return query.data() + (static_cast<std::size_t>(id.layer) * heads + id.head) * head_dim;
  }
  const float* key_of(HeadId id) const {  ///< as query_of
    return key.empty()
               ? nullptr
               : key.data() + (static_cast<std::size_t>(id.layer) * heads + id.head) * head_dim;
  }
};

/// Key positions an intervention favours, as token positions of the prompt (sorted, unique).
using TokenSet = std::vector<std::int64_t>;

/// A method's parameters as numbers, in the order of InterventionMethod::parameters; a flag is 0 or
/// 1, a choice the place of its name.
using MethodValues = std::vector<double>;

/// A method with everything it acts with. The structs below make those that C++ code names; any
/// other is made from its entry: MethodCall{find_method("pasta"), {0.01}, marked}.
struct MethodCall {
  const InterventionMethod* method = nullptr;
  MethodValues values;
  TokenSet marked;                                    ///< S, of methods that mark keys
  std::shared_ptr<const Directions> directions = {};  ///< of methods that add directions
};

/// Split-softmax (method.md 2): a'_j = a_j p^tau / p on the marked keys S, (1-p^tau)/(1-p)
/// elsewhere.
struct SplitSoftmax {
  double tau = 1.0;             ///< in [0,1]; 1 is the identity
  TokenSet marked;              ///< S
  operator MethodCall() const;  ///< as a call of the method
};

/// Focus directions: q' = RoPE(Wq x) + alpha d_q, k' = RoPE(Wk x) + alpha d_k.
struct Focus {
  double alpha = 0.0;  ///< 0 is the identity
  std::shared_ptr<const Directions> directions;
  bool use_key = false;  ///< add alpha * d_k too: mathematically without effect (method.md 3)
  operator MethodCall() const;  ///< as a call of the method
};

/// Ablation (method.md 4): the head's output, before the output projection, becomes zero or its
/// mean over the rows of the unedited prompt.
struct Ablate {
  bool mean = false;
  operator MethodCall() const;  ///< as a call of the method
};

/// One intervention on a set of heads. A list composes several; on one head they act in the order
/// of intervention_methods(), whatever the order of the list; entries of one method in list order.
struct Intervention {
  MethodCall method;
  std::vector<HeadId> heads;  ///< query heads acted on
  RowSelection rows;
};

}  // namespace headscope
