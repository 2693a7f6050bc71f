#include "core/model/attention.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/model/attention_block.h"

namespace headscope {
namespace {

/// Rows after which a block ends at the latest: one key/value head over a few thousand keys is then
/// little enough work, and under a window not much more keys are looked at than are seen.
std::int64_t rows_at_once(const AttentionCall& call) {
  constexpr double keys_at_once = 4096;
  constexpr std::int64_t fewest_in_window = 64;
  const auto group = double(call.q.size(1)) / double(call.k.size(1));
  const double keys = std::min(keys_at_once, double(call.k.size(2)));
  const auto rows = std::max<std::int64_t>(
      1,
      static_cast<std::int64_t>(call.work_per_poll / (2 * double(call.q.size(3)) * group * keys)));
  return call.window > 0 ? std::min(rows, std::max(fewest_in_window, call.window)) : rows;
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
    for (const auto& mass : call.edits->mass) add(mass.edit.first_row);
    for (const auto& output : call.edits->output) add(output.edit.first_row);
  }
  const std::int64_t step = rows_at_once(call);
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

/// What is kept of the call's block number `number`, if anything is.
BlockAttention* kept_block(const AttentionCall& call, std::size_t number, std::int64_t begin,
                           std::int64_t end) {
  if (call.kept == nullptr) return nullptr;
  call.kept->resize(std::max(call.kept->size(), number + 1));
  BlockAttention& kept = (*call.kept)[number];
  if (kept.begin != begin || kept.end != end) kept = {begin, end, {}, {}};
  return &kept;
}

RowBlock make_block(const AttentionCall& call, const RunContext& context, std::int64_t begin,
                    std::int64_t end) {
  RowBlock block;
  block.call = &call;
  block.context = &context;
  block.begin = begin;
  block.end = end;
  block.first_key = first_visible(begin, call.window);
  block.q = call.q.squeeze(0).narrow(1, begin - call.first_row, end - begin);
  block.k = call.k.squeeze(0).narrow(1, block.first_key, block.keys());
  block.v = call.v.squeeze(0).narrow(1, block.first_key, block.keys());
  block.wanted = call.observer != nullptr && call.observer->rows(call.layer).contains(begin);
  if (call.edits == nullptr) return block;
  for (const auto& focus : call.edits->focus) {
    if (focus.first_row > begin) continue;
    block.q = block.q + focus.query;
    if (!focus.key_heads.empty()) block.focus.push_back(&focus);
  }
  for (const auto& mass : call.edits->mass)
    if (mass.edit.first_row <= begin) block.mass.push_back(&mass);
  for (const auto& output : call.edits->output)
    if (output.edit.first_row <= begin) block.output.push_back(&output);
  return block;
}

/// Tells the observer the weights of the heads that it wants, taken from those of all heads.
void report_weights(const RowBlock& part, const std::vector<int>& wanted, ExplicitWeights weights) {
  if (!wanted.empty()) {
    const auto index = index_of(wanted, part.q.device());
    weights.before = weights.before.index_select(0, index);
    weights.after = weights.after.index_select(0, index);
  }
  part.call->observer->weights(part.call->layer, {part.begin, part.first_key}, weights.before,
                               weights.after);
}

/// Outputs of every head from weights, which are reported on the way.
at::Tensor outputs_by_weights(const RowBlock& block, const std::vector<int>& wanted) {
  std::vector<at::Tensor> outputs;
  const auto heads = all_heads(block);
  for_explicit_parts(heads, block, [&](const RowBlock& part, const ExplicitWeights& weights) {
    if (block.wanted) {
      if (block.call->observer->wants_weights(block.call->layer)) {
        report_weights(part, wanted, weights);
      }
      report_span_sums(part, weights);
    }
    outputs.push_back(weighted_values(weights.after, heads, part));
  });
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs, 1);
}

/// Reports a block whose outputs do not come from weights.
void report_rows(const RowBlock& block, const std::vector<int>& wanted, const at::Tensor& log_sum) {
  const AttentionObserver& observer = *block.call->observer;
  const int layer = block.call->layer;
  const bool sums = observer.spans(layer) != nullptr;
  if (sums && !observer.wants_weights(layer) && log_sum.defined()) {
    report_span_sums(block, log_sum);
    return;
  }
  const auto heads = sums || wanted.empty() ? all_heads(block) : wanted;
  for_explicit_parts(heads, block, [&](const RowBlock& part, const ExplicitWeights& weights) {
    if (observer.wants_weights(layer))
      report_weights(part, sums ? wanted : std::vector<int>{}, weights);
    report_span_sums(part, weights);
  });
}

/// Fused attention of the block, not shared with what is kept.
PartialAttention whole_attention(const RowBlock& block) {
  if (block.kept == nullptr || block.mass.empty()) return fused_attention(block);
  PartialAttention& kept = block.kept->whole;
  if (!kept.output.defined()) {
    PartialAttention fresh = fused_attention(block);
    if (!fresh.log_sum.defined()) return fresh;  // without p, mass is moved on weights
    kept = std::move(fresh);
  }
  return {kept.output.clone(), kept.log_sum};
}

/// Outputs [H, R, D] with mass moved.
at::Tensor outputs_of(const RowBlock& block) {
  const AttentionCall& call = *block.call;
  const auto wanted = block.wanted ? call.observer->heads(call.layer) : std::vector<int>{};
  // One row of every head: the weights are there anyway, so the output comes from them.
  if (call.backend == AttentionBackend::reference || !can_fuse(block) ||
      (block.wanted && wanted.empty() && block.rows() == 1)) {
    return outputs_by_weights(block, wanted);
  }
  PartialAttention whole = whole_attention(block);
  if (block.wanted) report_rows(block, wanted, whole.log_sum);
  move_mass_fused(whole, block);
  return whole.output;
}

/// The last edits of a head: its output is replaced.
at::Tensor attend_block(const RowBlock& block) {
  auto outputs = outputs_of(block);
  for (const OutputTensors* output : block.output) {
    const auto index = index_of(output->edit.heads, outputs.device());
    if (output->values.defined()) {
      outputs.index_copy_(0, index, output->values.expand({-1, outputs.size(1), -1}));
    } else {
      outputs.index_fill_(0, index, 0);
    }
  }
  return outputs;
}

}  // namespace

void AttentionObserver::projections(int, std::int64_t, const at::Tensor&, const at::Tensor&) {}

at::Tensor attend(const AttentionCall& call, const RunContext& context) {
  const auto rows = cuts(call);
  std::vector<at::Tensor> outputs;
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    poll(context);
    RowBlock block = make_block(call, context, rows[i], rows[i + 1]);
    block.kept = kept_block(call, i, rows[i], rows[i + 1]);
    outputs.push_back(attend_block(block));
  }
  const auto all = outputs.size() == 1 ? outputs.front() : at::cat(outputs, 1);
  if (call.observer != nullptr) call.observer->outputs(call.layer, all);
  return all.unsqueeze(0);
}

}  // namespace headscope
