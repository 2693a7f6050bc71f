// Moving mass on fused outputs: only the marked keys are looked at again.
#include <algorithm>

#include <ATen/ATen.h>

#include "core/model/attention_block.h"

namespace headscope {
namespace {

/// Fused attention over the edit's marked keys alone.
PartialAttention on_marked(const MassTensors& mass, const at::Tensor& marked,
                           const std::vector<int>& heads, const RowBlock& block) {
  const auto index = index_of(heads, block.q.device());
  const auto of_heads = [&](const at::Tensor& all) {
    return all.index_select(1, marked).index_select(0, kv_index(heads, block));
  };
  const bool key_part = !heads_with_key_part(block).empty();
  const auto k = key_part ? keys_of(heads, block).index_select(1, marked) : of_heads(block.k);
  std::optional<at::Tensor> mask;
  const bool all_visible = block.call->window == 0 && mass.edit.marked.back() <= block.begin;
  if (!all_visible) {
    mask = additive_mask(visible_keys(block, marked + block.first_key), block.q);
  }
  return flash(block.q.index_select(0, index), k, of_heads(block.v), false, mask,
               block.call->scale);
}

/// The same for the edit number `edit` of the block: kept from an earlier run, or for the next one.
PartialAttention marked_attention(std::size_t edit, const at::Tensor& marked,
                                  const std::vector<int>& heads, const RowBlock& block) {
  if (block.kept == nullptr || !block.kept->whole.output.defined()) {
    return on_marked(*block.mass[edit], marked, heads, block);
  }
  auto& kept = block.kept->marked;
  kept.resize(block.mass.size());
  if (!kept[edit].output.defined()) {
    kept[edit] = on_marked(*block.mass[edit], marked, heads, block);
  }
  return kept[edit];
}

}  // namespace

void move_mass_fused(PartialAttention& whole, const RowBlock& block) {
  std::vector<int> times(static_cast<std::size_t>(block.heads()), 0);
  for (const MassTensors* mass : block.mass) {
    for (const int head : mass->edit.heads) ++times[static_cast<std::size_t>(head)];
  }
  std::vector<int> by_weights;  // a second edit needs the weights that the first one left
  for (std::size_t edit = 0; edit < block.mass.size(); ++edit) {
    const MassTensors* const mass = block.mass[edit];
    poll(*block.context);
    const auto marked = marked_in(*mass, block);
    std::vector<int> heads;
    for (const int head : mass->edit.heads) {
      const bool once = times[static_cast<std::size_t>(head)] == 1 && whole.log_sum.defined();
      (once ? heads : by_weights).push_back(head);
    }
    if (heads.empty() || marked.numel() == 0) continue;
    const auto index = index_of(heads, block.q.device());
    const PartialAttention touched{whole.output.index_select(0, index),
                                   whole.log_sum.index_select(0, index)};
    whole.output.index_copy_(
        0, index, move_mass(touched, marked_attention(edit, marked, heads, block), mass->edit.map));
  }
  if (by_weights.empty()) return;
  std::sort(by_weights.begin(), by_weights.end());
  by_weights.erase(std::unique(by_weights.begin(), by_weights.end()), by_weights.end());
  whole.output.index_copy_(0, index_of(by_weights, block.q.device()),
                           explicit_outputs(by_weights, block));
}

}  // namespace headscope
