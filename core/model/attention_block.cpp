#include "core/model/attention_block.h"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

namespace headscope {

RowBlock narrow_rows(const RowBlock& block, std::int64_t begin, std::int64_t end) {
  if (begin == block.begin && end == block.end) return block;
  RowBlock part = block;
  part.begin = begin;
  part.end = end;
  part.first_key = std::max(block.first_key, first_visible(begin, block.call->window));
  part.q = block.q.narrow(1, begin - block.begin, end - begin);
  part.k = block.k.narrow(1, part.first_key - block.first_key, part.keys());
  part.v = block.v.narrow(1, part.first_key - block.first_key, part.keys());
  return part;
}

at::Tensor visible_keys(const RowBlock& block, const at::Tensor& positions) {
  const auto row = at::arange(block.begin, block.end, positions.options()).unsqueeze(1);
  const auto key = positions.unsqueeze(0);
  const auto before = key.le(row);
  return block.call->window > 0 ? before.logical_and_(key.gt(row - block.call->window)) : before;
}

at::Tensor marked_in(const MassTensors& mass, const RowBlock& block) {
  const TokenSet& marked = mass.edit.marked;
  const auto begin = std::lower_bound(marked.begin(), marked.end(), block.first_key);
  const auto end = std::lower_bound(begin, marked.end(), block.end);
  return mass.positions.narrow(0, begin - marked.begin(), end - begin) - block.first_key;
}

std::vector<int> all_heads(const RowBlock& block) {
  std::vector<int> heads(static_cast<std::size_t>(block.heads()));
  std::iota(heads.begin(), heads.end(), 0);
  return heads;
}

at::Tensor index_of(const std::vector<int>& heads, at::Device device) {
  return at::tensor(heads, at::kLong).to(device);
}

at::Tensor kv_index(const std::vector<int>& heads, const RowBlock& block) {
  std::vector<int> kv;
  for (const int head : heads) kv.push_back(head / static_cast<int>(block.group()));
  return index_of(kv, block.q.device());
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

}  // namespace headscope
