// Attention of some query rows over all keys before them: fused where nobody looks, explicit
// weights where somebody does, with interventions in the order of method.md.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base/run_context.h"
#include "core/base/types.h"
#include "core/model/edit_tensors.h"
#include "core/model/model.h"

namespace headscope {

/// Thrown inside core/model when the caller cancelled; turned into ErrorKind::cancelled at Model.
struct Cancelled {};
/// Throws Cancelled.
inline void poll(const RunContext& context) {
  if (context.cancelled()) throw Cancelled{};
}

/// Position of the first row and the first key of a block of weights.
struct WeightsOrigin {
  std::int64_t row = 0, key = 0;
};

/// Key sets whose attention mass is wanted, as tensors.
struct SpanTable {
  TokenSet keys;         ///< every position of some set, ascending
  at::Tensor positions;  ///< the same, int64 [U]
  at::Tensor member;     ///< fp32 [U, sets]: 1 where the key belongs to the set
  bool empty() const { return keys.empty(); }
};

/// Sets of positions, in any order; none of them negative.
SpanTable make_span_table(const std::vector<TokenSet>& sets, at::Device device);

/// Who looks at attention while a run goes. Rows that nobody wants are never computed explicitly.
class AttentionObserver {
 public:
  virtual ~AttentionObserver() = default;
  /// Rows of `layer` whose weights are wanted; empty = none.
  virtual TokenRange rows(int layer) const = 0;
  /// Heads wanted, ascending; empty = all.
  virtual std::vector<int> heads(int layer) const = 0;
  /// Whether `weights` is wanted. If only sums are, weights are not computed where that is cheaper.
  virtual bool wants_weights(int) const { return true; }
  /// Sets whose mass is wanted at `rows`, for all heads; nullptr = none.
  virtual const SpanTable* spans(int) const { return nullptr; }
  /// Masses [H, R, sets] fp32 of rows first_row.., before and after mass is
  /// moved.
  virtual void span_sums(int, std::int64_t, const at::Tensor&, const at::Tensor&) {}
  /// Weights [heads, R, K] fp32 of rows from.row..from.row+R-1 over keys from.key..from.key+K-1,
  /// before and after mass is moved (the same tensor where none is): focus acts in both, ablation
  /// in none. Other keys have weight 0.
  virtual void weights(int layer, WeightsOrigin from, const at::Tensor& before,
                       const at::Tensor& after) = 0;
  /// Outputs [H, R, D] of all new rows, edits included.
  virtual void outputs(int, const at::Tensor&) {}
  /// Queries [H, R, D] and keys [H_kv, R, D] of new rows, after RoPE, before edits.
  virtual void projections(int layer, std::int64_t first_row, const at::Tensor& q,
                           const at::Tensor& k);
};

/// Attention of some rows before mass is moved: the o, o_S and p of method.md 2. A run that moves
/// mass otherwise on the same heads and keys begins with them.
struct BlockAttention {
  std::int64_t begin = 0, end = 0;
  PartialAttention whole;                ///< [H, R, D]; undefined = not known
  std::vector<PartialAttention> marked;  ///< of each mass edit that acts, on its heads
};

/// What attend works on.
struct AttentionCall {
  at::Tensor q;  ///< [1, H, R, D] after RoPE
  at::Tensor k;  ///< [1, H_kv, first_row + R, D]
  at::Tensor v;  ///< same
  std::int64_t first_row = 0;
  int layer = 0;
  double scale = 1;
  std::int64_t window = 0;  ///< keys a row sees, itself included; 0 = all before it
  double softcap = 0;       ///< scores become cap * tanh(score / cap); 0 = none
  AttentionBackend backend = AttentionBackend::fused;
  const LayerEditTensors* edits = nullptr;  ///< nullptr = none
  AttentionObserver* observer = nullptr;    ///< nullptr = none
  /// What an earlier call with the same queries, keys, values and edits, strengths of moving mass
  /// apart, left: taken up where it is known, else filled. nullptr = nothing is kept.
  std::vector<BlockAttention>* kept = nullptr;
  /// Multiply-adds after which cancellation is polled again: bounds the rows handled at once.
  double work_per_poll = 1e9;
  double memory_scale = 1;  ///< below 1: less scratch memory at once (after an allocation failed)
};

/// Outputs [1, H, R, D]. Throws Cancelled.
at::Tensor attend(const AttentionCall& call, const RunContext& context);

}  // namespace headscope
