// Masses of key sets: sums of weights, or, without weights, of exp(score - log-sum-exp) over the
// sets' keys alone.
#include <algorithm>
#include <limits>

#include <ATen/ATen.h>

#include "core/model/attention_block.h"

namespace headscope {
namespace {

/// The table's keys that a block sees, counted from its first key, and where they begin in the
/// table.
struct SeenKeys {
  std::int64_t begin = 0, count = 0;
};

SeenKeys seen_keys(const SpanTable& table, const RowBlock& block) {
  const auto begin = std::lower_bound(table.keys.begin(), table.keys.end(), block.first_key);
  const auto end = std::lower_bound(begin, table.keys.end(), block.end);
  return {begin - table.keys.begin(), end - begin};
}

/// Keys looked at: the sets' and, for p, those that active mass edits mark.
struct Columns {
  at::Tensor places;    ///< int64 [C], ascending, counted from the block's first key
  at::Tensor member;    ///< fp32 [C, sets]
  bool masked = false;  ///< some row does not see some of them
};

Columns columns_of(const SpanTable& table, const RowBlock& block) {
  const SeenKeys seen = seen_keys(table, block);
  const auto of_sets = table.positions.narrow(0, seen.begin, seen.count) - block.first_key;
  Columns out{of_sets, table.member.narrow(0, seen.begin, seen.count), true};
  std::vector<at::Tensor> all = {of_sets};
  for (const MassTensors* mass : block.mass) all.push_back(marked_in(*mass, block));
  if (all.size() > 1) {
    out.places = std::get<0>(at::_unique(at::cat(all), /*sorted=*/true));
    out.member = at::zeros({out.places.size(0), table.member.size(1)}, table.member.options())
                     .index_copy_(0, at::searchsorted(out.places, of_sets), out.member);
  }
  const bool reaches_rows =
      out.places.numel() > 0 && out.places[-1].item<std::int64_t>() + block.first_key > block.begin;
  out.masked = block.call->window > 0 || reaches_rows;
  return out;
}

/// Weights [n, R, C] of `heads` at the columns, before mass is moved.
at::Tensor weights_at(const Columns& columns, const std::vector<int>& heads, const RowBlock& block,
                      const at::Tensor& log_sum) {
  const bool all = static_cast<std::int64_t>(heads.size()) == block.heads();
  const auto index = index_of(heads, block.q.device());
  const auto q = all ? block.q : block.q.index_select(0, index);
  const auto sums = all ? log_sum : log_sum.index_select(0, index);
  const bool shared = all && heads_with_key_part(block).empty();
  const auto k = (shared ? block.k : keys_of(heads, block)).index_select(1, columns.places);
  auto weights = attention_scores(q, k, *block.call).sub_(sums.unsqueeze(-1)).exp_();
  if (columns.masked) {
    const auto visible = visible_keys(block, columns.places + block.first_key);
    weights.masked_fill_(visible.logical_not(), 0);
  }
  return weights;
}

/// Every head in lists that share their keys: those with a key part of their own, and the others.
std::vector<std::vector<int>> head_lists(const RowBlock& block) {
  const auto with_key = heads_with_key_part(block);
  if (with_key.empty()) return {all_heads(block)};
  std::vector<int> others;
  const auto all = all_heads(block);
  std::set_difference(all.begin(), all.end(), with_key.begin(), with_key.end(),
                      std::back_inserter(others));
  if (others.empty()) return {with_key};
  return {with_key, others};
}

at::Tensor no_sums(const SpanTable& table, const RowBlock& block) {
  return at::zeros({block.heads(), block.rows(), table.member.size(1)},
                   block.q.options().dtype(at::kFloat));
}

}  // namespace

SpanTable make_span_table(const std::vector<TokenSet>& sets, at::Device device) {
  SpanTable table;
  for (const TokenSet& set : sets) table.keys.insert(table.keys.end(), set.begin(), set.end());
  std::sort(table.keys.begin(), table.keys.end());
  table.keys.erase(std::unique(table.keys.begin(), table.keys.end()), table.keys.end());
  const auto member = at::zeros(
      {static_cast<std::int64_t>(table.keys.size()), static_cast<std::int64_t>(sets.size())},
      at::kFloat);
  auto entries = member.accessor<float, 2>();
  for (std::size_t s = 0; s < sets.size(); ++s) {
    for (const std::int64_t position : sets[s]) {
      const auto place = std::lower_bound(table.keys.begin(), table.keys.end(), position);
      entries[place - table.keys.begin()][static_cast<std::int64_t>(s)] = 1.0f;
    }
  }
  table.positions = at::tensor(table.keys, at::kLong).to(device);
  table.member = member.to(device);
  return table;
}

void report_span_sums(const RowBlock& block, const ExplicitWeights& weights) {
  AttentionObserver& observer = *block.call->observer;
  const SpanTable* table = observer.spans(block.call->layer);
  if (table == nullptr) return;
  const SeenKeys seen = seen_keys(*table, block);
  const auto places = table->positions.narrow(0, seen.begin, seen.count) - block.first_key;
  const auto member = table->member.narrow(0, seen.begin, seen.count);
  const auto sums = [&](const at::Tensor& all) {
    return at::matmul(all.index_select(2, places), member);
  };
  const auto after = sums(weights.after);
  observer.span_sums(block.call->layer, block.begin,
                     weights.before.is_same(weights.after) ? after : sums(weights.before), after);
}

void report_span_sums(const RowBlock& block, const at::Tensor& log_sum) {
  AttentionObserver& observer = *block.call->observer;
  const SpanTable& table = *observer.spans(block.call->layer);
  const Columns all_columns = columns_of(table, block);
  const auto lists = head_lists(block);
  for_parts(block.heads(), all_columns.places.numel(), block, [&](const RowBlock& part) {
    // A part's keys may begin later than the block's, where a window is.
    const Columns columns = part.first_key == block.first_key && part.end == block.end
                                ? all_columns
                                : columns_of(table, part);
    auto before = no_sums(table, part), after = before;
    const auto sums = log_sum.narrow(1, part.begin - block.begin, part.rows());
    for (const auto& heads : lists) {
      const auto index = index_of(heads, part.q.device());
      const auto plain = weights_at(columns, heads, part, sums);
      const auto edited = apply_mass_edits(plain, heads, part, columns.places);
      before = before.index_copy(0, index, at::matmul(plain, columns.member));
      after = edited.is_same(plain)
                  ? after.index_copy(0, index, before.index_select(0, index))
                  : after.index_copy(0, index, at::matmul(edited, columns.member));
    }
    observer.span_sums(block.call->layer, part.begin, before, after);
  });
}

}  // namespace headscope
