#include "core/model/attention.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include <ATen/ATen.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>

namespace headscope {
namespace {

constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

/// Rows [begin, end) of a call in which the same edits act and the same rows are wanted.
struct RowBlock {
  std::int64_t begin = 0, end = 0;
  at::Tensor q;                            ///< [H, R, D], focus included
  at::Tensor k, v;                         ///< [H_kv, end, D]
  std::vector<const FocusTensors*> focus;  ///< active, with a key part
  std::vector<const SplitTensors*> split;  ///< active
  bool wanted = false;
  std::int64_t rows() const { return end - begin; }
};

at::Tensor index_of(const std::vector<int>& heads, at::Device device) {
  return at::tensor(heads, at::kLong).to(device);
}

/// bool [R, keys]: true where row begin+r sees key j.
at::Tensor visible_keys(std::int64_t begin, std::int64_t rows, const at::Tensor& key_positions) {
  const auto row = at::arange(begin, begin + rows, key_positions.options()).unsqueeze(1);
  return key_positions.unsqueeze(0).le(row);
}

at::Tensor positions_below(std::int64_t end, at::Device device) {
  return at::arange(end, at::TensorOptions(at::kLong).device(device));
}

/// fp32 weights [n, R, T] of queries [n, R, D] over keys [n / group, T, D] (never repeated).
at::Tensor softmax_weights(const at::Tensor& q, const at::Tensor& k, std::int64_t begin,
                           double scale) {
  const std::int64_t rows = q.size(1), keys = k.size(1), kv_heads = k.size(0);
  const auto grouped = q.to(at::kFloat).reshape({kv_heads, -1, q.size(2)});
  auto scores =
      at::bmm(grouped, k.to(at::kFloat).transpose(1, 2)).mul_(scale).view({q.size(0), rows, keys});
  if (rows > 1) {
    const auto hidden = visible_keys(begin, rows, positions_below(keys, k.device())).logical_not_();
    scores.masked_fill_(hidden, minus_infinity);
  }
  return scores.softmax(-1);
}

/// Outputs [n, R, D] of weights [n, R, T] and values [n / group, T, D].
at::Tensor weighted_values(const at::Tensor& weights, const at::Tensor& v, at::ScalarType dtype) {
  const auto grouped = weights.reshape({v.size(0), -1, weights.size(2)});
  return at::bmm(grouped, v.to(at::kFloat))
      .view({weights.size(0), weights.size(1), v.size(2)})
      .to(dtype);
}

struct Explicit {
  at::Tensor before, after;  ///< [n, R, T]
};

/// Key/value heads that serve the query heads `heads`.
at::Tensor kv_index(const std::vector<int>& heads, const RowBlock& block) {
  const auto group = static_cast<int>(block.q.size(0) / block.k.size(0));
  std::vector<int> kv;
  for (const int head : heads) kv.push_back(head / group);
  return index_of(kv, block.q.device());
}

/// Keys of single query heads, with their key directions added: [n, T, D].
at::Tensor keys_of(const std::vector<int>& heads, const RowBlock& block) {
  auto keys = block.k.index_select(0, kv_index(heads, block));
  for (const FocusTensors* focus : block.focus) {
    for (std::size_t i = 0; i < heads.size(); ++i) {
      const auto& with_key = focus->key_heads;
      const auto it = std::lower_bound(with_key.begin(), with_key.end(), heads[i]);
      if (it == with_key.end() || *it != heads[i]) continue;
      keys[static_cast<std::int64_t>(i)].add_(focus->key[it - with_key.begin()]);
    }
  }
  return keys;
}

std::vector<int> heads_with_key_part(const RowBlock& block) {
  std::vector<int> heads;
  for (const FocusTensors* focus : block.focus) {
    heads.insert(heads.end(), focus->key_heads.begin(), focus->key_heads.end());
  }
  std::sort(heads.begin(), heads.end());
  heads.erase(std::unique(heads.begin(), heads.end()), heads.end());
  return heads;
}

/// Applies the active splits to weights [n, R, T] of `heads` (ascending), one after another.
at::Tensor apply_splits(const at::Tensor& weights, const std::vector<int>& heads,
                        const RowBlock& block) {
  auto out = weights;
  for (const SplitTensors* split : block.split) {
    std::vector<int> places;
    for (std::size_t i = 0; i < heads.size(); ++i) {
      if (std::binary_search(split->heads.begin(), split->heads.end(), heads[i])) {
        places.push_back(static_cast<int>(i));
      }
    }
    const auto seen = std::lower_bound(split->marked.begin(), split->marked.end(), block.end);
    const auto count = seen - split->marked.begin();
    if (places.empty() || count == 0) continue;
    const auto index = index_of(places, weights.device());
    const auto marked = split->positions.narrow(0, 0, count);
    out = out.index_copy(0, index, split_weights(out.index_select(0, index), marked, split->tau));
  }
  return out;
}

std::vector<int> all_heads(const RowBlock& block) {
  std::vector<int> heads(static_cast<std::size_t>(block.q.size(0)));
  std::iota(heads.begin(), heads.end(), 0);
  return heads;
}

Explicit explicit_weights(const std::vector<int>& heads, const RowBlock& block, double scale) {
  Explicit out;
  const bool all = static_cast<std::int64_t>(heads.size()) == block.q.size(0);
  const auto with_key = heads_with_key_part(block);
  if (all && with_key.empty()) {
    out.before = softmax_weights(block.q, block.k, block.begin, scale);
  } else {
    const auto q = block.q.index_select(0, index_of(heads, block.q.device()));
    out.before = softmax_weights(q, keys_of(heads, block), block.begin, scale);
  }
  out.after = apply_splits(out.before, heads, block);
  return out;
}

/// Outputs [n, R, D] of `heads` (a subset) from explicit weights.
at::Tensor explicit_outputs(const std::vector<int>& heads, const RowBlock& block, double scale) {
  const auto weights = explicit_weights(heads, block, scale).after;
  return weighted_values(weights, block.v.index_select(0, kv_index(heads, block)),
                         block.q.scalar_type());
}

/// Fused attention of q [n, R, D] over the keys that `visible` [R, T] allows; CPU only.
PartialAttention flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& visible, double scale) {
  const auto mask =
      at::zeros(visible.sizes(), q.options()).masked_fill_(visible.logical_not(), minus_infinity);
  auto [output, log_sum] = at::_scaled_dot_product_flash_attention_for_cpu(
      q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), 0.0, false, mask.unsqueeze(0).unsqueeze(0),
      scale);
  return {output.squeeze(0), log_sum.squeeze(0), visible.any(-1)};
}

/// Split-softmax of heads with one edit and ordinary keys, without weights.
at::Tensor split_by_outputs(const SplitTensors& split, const std::vector<int>& heads,
                            const at::Tensor& whole, const RowBlock& block, double scale) {
  const auto device = block.q.device();
  const auto kv = kv_index(heads, block);
  const auto q = block.q.index_select(0, index_of(heads, device));
  const auto k = block.k.index_select(0, kv), v = block.v.index_select(0, kv);
  const auto seen = std::lower_bound(split.marked.begin(), split.marked.end(), block.end);
  const auto marked = split.positions.narrow(0, 0, seen - split.marked.begin());
  const auto on_marked = flash(q, k.index_select(1, marked), v.index_select(1, marked),
                               visible_keys(block.begin, block.rows(), marked), scale);
  auto unmarked = visible_keys(block.begin, block.rows(), positions_below(block.end, device));
  unmarked.index_fill_(1, marked, false);
  const auto on_rest = flash(q, k, v, unmarked, scale);
  return split_outputs(whole, on_marked, on_rest, split.tau);
}

/// Outputs [H, R, D] with no edit but focus on queries.
at::Tensor fused_outputs(const RowBlock& block, double scale) {
  const bool square = block.begin == 0;
  std::optional<at::Tensor> mask;
  if (!square && block.rows() > 1) {
    const auto visible =
        visible_keys(block.begin, block.rows(), positions_below(block.end, block.q.device()));
    mask = at::zeros(visible.sizes(), block.q.options())
               .masked_fill_(visible.logical_not(), minus_infinity);
    mask = mask->unsqueeze(0).unsqueeze(0);
  }
  const auto q = block.q.unsqueeze(0), k = block.k.unsqueeze(0), v = block.v.unsqueeze(0);
  if (q.is_cpu()) {
    return std::get<0>(
               at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, square, mask, scale))
        .squeeze(0);
  }
  return at::scaled_dot_product_attention(q, k, v, mask, 0.0, square, scale, /*enable_gqa=*/true)
      .squeeze(0);
}

/// Replaces the outputs of heads that the fused kernel cannot do: key parts and splits.
at::Tensor with_touched_heads(at::Tensor outputs, const RowBlock& block, double scale) {
  const auto device = block.q.device();
  std::vector<int> explicit_heads = heads_with_key_part(block);
  std::vector<int> times(static_cast<std::size_t>(block.q.size(0)), 0);
  for (const SplitTensors* split : block.split) {
    for (const int head : split->heads) ++times[static_cast<std::size_t>(head)];
  }
  const auto needs_weights = [&](int head) {
    return !block.q.is_cpu() || times[static_cast<std::size_t>(head)] > 1 ||
           std::binary_search(explicit_heads.begin(), explicit_heads.end(), head);
  };
  std::vector<int> more;
  for (const SplitTensors* split : block.split) {
    if (split->marked.front() >= block.end) continue;
    std::vector<int> fused_heads;
    for (const int head : split->heads) (needs_weights(head) ? more : fused_heads).push_back(head);
    if (fused_heads.empty()) continue;
    const auto index = index_of(fused_heads, device);
    const auto whole = outputs.index_select(0, index);
    outputs =
        outputs.index_copy(0, index, split_by_outputs(*split, fused_heads, whole, block, scale));
  }
  explicit_heads.insert(explicit_heads.end(), more.begin(), more.end());
  std::sort(explicit_heads.begin(), explicit_heads.end());
  explicit_heads.erase(std::unique(explicit_heads.begin(), explicit_heads.end()),
                       explicit_heads.end());
  if (explicit_heads.empty()) return outputs;
  return outputs.index_copy(0, index_of(explicit_heads, device),
                            explicit_outputs(explicit_heads, block, scale));
}

void report(const RowBlock& block, const AttentionCall& call, const Explicit& weights) {
  call.observer->weights(call.layer, block.begin, weights.before, weights.after);
}

at::Tensor attend_block(const RowBlock& block, const AttentionCall& call) {
  const auto wanted = block.wanted ? call.observer->heads(call.layer) : std::vector<int>{};
  const bool all_wanted = block.wanted && wanted.empty();
  // One row of every head: the weights are there anyway, so the output comes from them.
  if (call.backend == AttentionBackend::reference || (all_wanted && block.rows() == 1)) {
    const Explicit weights = explicit_weights(all_heads(block), block, call.scale);
    if (all_wanted) report(block, call, weights);
    if (block.wanted && !all_wanted) {
      const auto index = index_of(wanted, block.q.device());
      report(block, call,
             {weights.before.index_select(0, index), weights.after.index_select(0, index)});
    }
    return weighted_values(weights.after, block.v, block.q.scalar_type());
  }
  if (block.wanted) {
    report(block, call,
           explicit_weights(all_wanted ? all_heads(block) : wanted, block, call.scale));
  }
  return with_touched_heads(fused_outputs(block, call.scale), block, call.scale);
}

/// Positions at which a block must end: where edits or wanted rows begin or end, and often enough.
std::vector<std::int64_t> cuts(const AttentionCall& call) {
  const std::int64_t begin = call.first_row, end = begin + call.q.size(2);
  std::vector<std::int64_t> at = {begin, end};
  const auto add = [&](std::int64_t row) {
    if (row > begin && row < end) at.push_back(row);
  };
  if (call.edits != nullptr) {
    for (const auto& focus : call.edits->focus) add(focus.first_row);
    for (const auto& split : call.edits->split) add(split.first_row);
  }
  const double work_per_row = 2.0 * double(call.q.size(1)) * double(end) * double(call.q.size(3));
  const auto step =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(call.work_per_poll / work_per_row));
  for (std::int64_t row = begin + step; row < end; row += step) add(row);
  if (call.observer != nullptr) {
    const TokenRange rows = call.observer->rows(call.layer);
    add(rows.begin);
    add(rows.end);
  }
  std::sort(at.begin(), at.end());
  at.erase(std::unique(at.begin(), at.end()), at.end());
  return at;
}

RowBlock make_block(const AttentionCall& call, std::int64_t begin, std::int64_t end) {
  RowBlock block;
  block.begin = begin;
  block.end = end;
  block.q = call.q.squeeze(0).narrow(1, begin - call.first_row, end - begin);
  block.k = call.k.squeeze(0).narrow(1, 0, end);
  block.v = call.v.squeeze(0).narrow(1, 0, end);
  block.wanted = call.observer != nullptr && call.observer->rows(call.layer).contains(begin);
  if (call.edits == nullptr) return block;
  for (const auto& focus : call.edits->focus) {
    if (focus.first_row > begin) continue;
    block.q = block.q + focus.query;
    if (!focus.key_heads.empty()) block.focus.push_back(&focus);
  }
  for (const auto& split : call.edits->split) {
    if (split.first_row <= begin) block.split.push_back(&split);
  }
  return block;
}

}  // namespace

void AttentionObserver::projections(int, std::int64_t, const at::Tensor&, const at::Tensor&) {}

std::vector<LayerEditTensors> upload(const EditPlan& plan, int heads, at::Device device,
                                     at::ScalarType dtype) {
  std::vector<LayerEditTensors> out;
  for (const LayerEdits& layer : plan.layers) {
    LayerEditTensors tensors;
    for (const FocusEdit& edit : layer.focus)
      tensors.focus.push_back(upload(edit, heads, device, dtype));
    for (const SplitEdit& edit : layer.split) tensors.split.push_back(upload(edit, device));
    out.push_back(std::move(tensors));
  }
  return out;
}

at::Tensor attend(const AttentionCall& call, const RunContext& context) {
  const auto rows = cuts(call);
  std::vector<at::Tensor> outputs;
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    poll(context);
    outputs.push_back(attend_block(make_block(call, rows[i], rows[i + 1]), call));
  }
  return (outputs.size() == 1 ? outputs.front() : at::cat(outputs, 1)).unsqueeze(0);
}

}  // namespace headscope
