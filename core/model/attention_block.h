// What the files of `attend` share: rows of a call in which the same edits act and the same rows
// are wanted, and the ways to compute them. Internal to core/model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/model/attention.h"

namespace headscope {

/// Rows [begin, end) over the keys [first_key, end) that some of them see.
struct RowBlock {
  std::int64_t begin = 0, end = 0;
  std::int64_t first_key = 0;
  at::Tensor q;                              ///< [H, R, D], focus included
  at::Tensor k, v;                           ///< [H_kv, K, D]
  std::vector<const FocusTensors*> focus;    ///< active, with a key part
  std::vector<const MassTensors*> mass;      ///< active
  std::vector<const OutputTensors*> output;  ///< active
  bool wanted = false;
  BlockAttention* kept = nullptr;  ///< nullptr = nothing is
  const AttentionCall* call = nullptr;
  const RunContext* context = nullptr;

  std::int64_t rows() const { return end - begin; }
  std::int64_t keys() const { return end - first_key; }
  std::int64_t heads() const { return q.size(0); }
  std::int64_t group() const { return q.size(0) / k.size(0); }
};

/// First key that row `row` sees.
inline std::int64_t first_visible(std::int64_t row, std::int64_t window) {
  return window > 0 && row >= window ? row - window + 1 : 0;
}

/// The block's rows [begin, end) alone.
RowBlock narrow_rows(const RowBlock& block, std::int64_t begin, std::int64_t end);

/// bool [R, keys]: true where row begin+r sees the key at `positions`.
at::Tensor visible_keys(const RowBlock& block, const at::Tensor& positions);

/// Positions of the edit's marked keys among the block's keys, counted from first_key.
at::Tensor marked_in(const MassTensors& mass, const RowBlock& block);
/// Lists of query heads, and as an index on the device.
std::vector<int> all_heads(const RowBlock& block);
at::Tensor index_of(const std::vector<int>& heads, at::Device device);
/// Key/value heads that serve the query heads `heads`.
at::Tensor kv_index(const std::vector<int>& heads, const RowBlock& block);
std::vector<int> heads_with_key_part(const RowBlock& block);
/// Keys of single query heads, with their key directions added: [n, K, D].
at::Tensor keys_of(const std::vector<int>& heads, const RowBlock& block);

// attention_explicit.cpp: weights as numbers, some rows at a time.

/// fp32 weights [n, R, K] over the block's keys, before and after mass is moved.
struct ExplicitWeights {
  at::Tensor before, after;
};

/// Weights of `heads` (ascending) for all rows of the block at once.
ExplicitWeights explicit_weights(const std::vector<int>& heads, const RowBlock& block);

/// Calls `use` with parts of the block whose weights of `heads` fit a bounded amount of memory.
void for_explicit_parts(
    const std::vector<int>& heads, const RowBlock& block,
    const std::function<void(const RowBlock& part, const ExplicitWeights& weights)>& use);

/// Calls `use` with parts of the block for which [heads, rows, keys] fp32 numbers are a bounded
/// amount of memory and of work.
void for_parts(std::int64_t heads, std::int64_t keys, const RowBlock& block,
               const std::function<void(const RowBlock& part)>& use);

/// fp32 scores [n, R, K] of q [n, R, D] over keys [n / group, K, D], soft-cap included, mask not.
at::Tensor attention_scores(const at::Tensor& q, const at::Tensor& k, const AttentionCall& call);

/// Moves mass by one active edit after another in weights [n, R, C] of `heads` (ascending). The
/// columns are the block's keys, or those at `columns` (ascending, counted from first_key).
at::Tensor apply_mass_edits(const at::Tensor& weights, const std::vector<int>& heads,
                            const RowBlock& block, const at::Tensor& columns = {});

/// Outputs [n, R, D] of `heads` from explicit weights.
at::Tensor explicit_outputs(const std::vector<int>& heads, const RowBlock& block);

/// Outputs [n, R, D] of weights [n, R, K] and the values of `heads`.
at::Tensor weighted_values(const at::Tensor& weights, const std::vector<int>& heads,
                           const RowBlock& block);

// attention_fused.cpp: outputs and log-sum-exp without weights.

/// Whether outputs of this block can come from the fused kernel at all (no soft-cap).
bool can_fuse(const RowBlock& block);

/// Fused attention of q [n, R, D] over keys and values [n / group, K, D]: all of them, those up to
/// the row's place (`causal`), or those that the additive `mask` [R, K] allows. CPU only.
PartialAttention flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal,
                       const std::optional<at::Tensor>& mask, double scale);

/// Additive mask [R, K] of visible keys, for `flash`.
at::Tensor additive_mask(const at::Tensor& visible, const at::Tensor& like);

/// Outputs [H, R, D] of every head: focus, no other edit. log_sum is undefined on a card.
PartialAttention fused_attention(const RowBlock& block);

// attention_mass.cpp: moving mass on fused outputs.

/// Applies the active mass edits to `whole` in place. Takes up and fills the marked part of
/// RowBlock::kept.
void move_mass_fused(PartialAttention& whole, const RowBlock& block);

// attention_spans.cpp: masses of key sets.

/// Reports masses [H, R, sets] from weights of every head over the block's keys.
void report_span_sums(const RowBlock& block, const ExplicitWeights& weights);

/// The same without weights: only the sets' keys are looked at again, `log_sum` [H, R] is that of
/// fused_attention.
void report_span_sums(const RowBlock& block, const at::Tensor& log_sum);

}  // namespace headscope
