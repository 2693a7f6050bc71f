// Weights as numbers: for rows that somebody looks at, heads that no fused kernel can do, and the
// reference backend.
#include <algorithm>
#include <limits>

#include <ATen/ATen.h>

#include "core/model/attention_block.h"

namespace headscope {
namespace {

/// Bytes of fp32 scores that are handled at once.
constexpr double part_bytes = 48.0 * (1 << 20);
constexpr double part_bytes_on_card = 1024.0 * (1 << 20);

/// Hides keys that a row does not see. Without a window only the last R keys can be hidden.
void hide(at::Tensor& scores, const RowBlock& block) {
  if (block.rows() == 1) return;  // its keys begin at the first that it sees
  const std::int64_t from = block.call->window > 0 ? block.first_key : block.begin;
  const auto positions =
      at::arange(from, block.end, at::TensorOptions(at::kLong).device(scores.device()));
  scores.narrow(2, from - block.first_key, block.end - from)
      .masked_fill_(visible_keys(block, positions).logical_not_(),
                    -std::numeric_limits<double>::infinity());
}

/// fp32 weights [n, R, K] of queries [n, R, D] over keys [n / group, K, D] (never repeated).
at::Tensor softmax_weights(const at::Tensor& q, const at::Tensor& k, const RowBlock& block) {
  auto scores = attention_scores(q, k, *block.call);
  hide(scores, block);
  return scores.softmax(-1);
}

bool is_all(const std::vector<int>& heads, const RowBlock& block) {
  return static_cast<std::int64_t>(heads.size()) == block.heads();
}

}  // namespace

at::Tensor attention_scores(const at::Tensor& q, const at::Tensor& k, const AttentionCall& call) {
  const auto grouped = q.to(at::kFloat).reshape({k.size(0), -1, q.size(2)});
  auto scores = at::bmm(grouped, k.to(at::kFloat).transpose(1, 2))
                    .mul_(call.scale)
                    .view({q.size(0), q.size(1), k.size(1)});
  if (call.softcap > 0) scores.div_(call.softcap).tanh_().mul_(call.softcap);
  return scores;
}

at::Tensor apply_mass_edits(const at::Tensor& weights, const std::vector<int>& heads,
                            const RowBlock& block, const at::Tensor& columns) {
  auto out = weights;
  for (const MassTensors* mass : block.mass) {
    const std::vector<int>& edited = mass->edit.heads;
    std::vector<int> places;
    for (std::size_t i = 0; i < heads.size(); ++i) {
      if (std::binary_search(edited.begin(), edited.end(), heads[i])) {
        places.push_back(static_cast<int>(i));
      }
    }
    auto marked = marked_in(*mass, block);
    if (places.empty() || marked.numel() == 0) continue;
    if (columns.defined()) marked = at::searchsorted(columns, marked);
    const auto index = index_of(places, weights.device());
    out = out.index_copy(0, index, move_mass(out.index_select(0, index), marked, mass->edit.map));
  }
  return out;
}

ExplicitWeights explicit_weights(const std::vector<int>& heads, const RowBlock& block) {
  ExplicitWeights out;
  if (is_all(heads, block) && heads_with_key_part(block).empty()) {
    out.before = softmax_weights(block.q, block.k, block);
  } else {
    const auto q = block.q.index_select(0, index_of(heads, block.q.device()));
    out.before = softmax_weights(q, keys_of(heads, block), block);
  }
  out.after = apply_mass_edits(out.before, heads, block);
  return out;
}

void for_parts(std::int64_t heads, std::int64_t keys, const RowBlock& block,
               const std::function<void(const RowBlock& part)>& use) {
  const double bytes =
      (block.q.is_cpu() ? part_bytes : part_bytes_on_card) * block.call->memory_scale;
  const double per_row = double(heads) * double(std::max<std::int64_t>(1, keys));
  const double work_per_row = 2 * per_row * double(block.q.size(2));
  const auto step = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(
             std::min(bytes / (4 * per_row), block.call->work_per_poll / work_per_row)));
  for (std::int64_t row = block.begin; row < block.end; row += step) {
    poll(*block.context);
    use(narrow_rows(block, row, std::min(block.end, row + step)));
  }
}

void for_explicit_parts(
    const std::vector<int>& heads, const RowBlock& block,
    const std::function<void(const RowBlock& part, const ExplicitWeights& weights)>& use) {
  for_parts(static_cast<std::int64_t>(heads.size()), block.keys(), block,
            [&](const RowBlock& part) { use(part, explicit_weights(heads, part)); });
}

at::Tensor weighted_values(const at::Tensor& weights, const std::vector<int>& heads,
                           const RowBlock& block) {
  const auto v = is_all(heads, block) ? block.v : block.v.index_select(0, kv_index(heads, block));
  const auto grouped = weights.reshape({v.size(0), -1, weights.size(2)});
  return at::bmm(grouped, v.to(at::kFloat))
      .view({weights.size(0), weights.size(1), v.size(2)})
      .to(block.q.scalar_type());
}

at::Tensor explicit_outputs(const std::vector<int>& heads, const RowBlock& block) {
  std::vector<at::Tensor> outputs;
  for_explicit_parts(heads, block, [&](const RowBlock& part, const ExplicitWeights& weights) {
    outputs.push_back(weighted_values(weights.after, heads, part));
  });
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs, 1);
}

}  // namespace headscope
