#include "core/intervention/split_softmax.h"

#include <cmath>

#include <ATen/ATen.h>

namespace headscope {
namespace {

Result<> check(const SplitSoftmax& split, std::int64_t prompt_tokens) {
  if (!(split.tau >= 0 && split.tau <= 1)) {
    return bad_input("split-softmax: tau is " + std::to_string(split.tau) + ", expected 0 to 1");
  }
  if (split.marked.empty()) return bad_input("split-softmax: no tokens are marked");
  std::int64_t before = -1;
  for (const std::int64_t position : split.marked) {
    if (position <= before) {
      return bad_input(
          "split-softmax: marked positions must be ascending, each once and not negative");
    }
    before = position;
  }
  if (before >= prompt_tokens) {
    return bad_input("split-softmax: marked position " + std::to_string(before) +
                     " is outside the prompt of " + std::to_string(prompt_tokens) + " tokens");
  }
  return {};
}

}  // namespace

Result<> add_split_softmax(const SplitSoftmax& split,
                           const std::vector<std::vector<int>>& heads_by_layer,
                           std::int64_t first_row, std::int64_t prompt_tokens, EditPlan& plan) {
  HEADSCOPE_TRY(check(split, prompt_tokens));
  if (split.tau == 1) return {};
  for (std::size_t layer = 0; layer < heads_by_layer.size(); ++layer) {
    const auto& heads = heads_by_layer[layer];
    if (heads.empty()) continue;
    plan.layers[layer].split.push_back({first_row, split.tau, split.marked, heads});
  }
  return {};
}

SplitTensors upload(const SplitEdit& edit, at::Device device) {
  return {edit.first_row, edit.tau, edit.heads, edit.marked,
          at::tensor(edit.marked, at::kLong).to(device)};
}

SplitFactors split_factors(const at::Tensor& log_p, double tau) {
  // p = 0 (not visible) gives -inf, p = 1 gives 0 or, rounded, a little more: both fall out here.
  const auto edited = log_p.ge(split_log_floor).logical_and(log_p.lt(0));
  const auto safe = at::where(edited, log_p, at::full_like(log_p, -1.0));
  return {at::where(edited, ((tau - 1) * safe).exp(), 1.0),
          at::where(edited, (tau * safe).expm1() / safe.expm1(), 1.0)};
}

at::Tensor split_weights(const at::Tensor& weights, const at::Tensor& marked, double tau) {
  const auto on_marked = weights.index_select(-1, marked);
  const auto [inside, outside] = split_factors(on_marked.sum(-1, /*keepdim=*/true).log(), tau);
  return (weights * outside).index_copy(-1, marked, on_marked * inside);
}

at::Tensor split_outputs(const PartialAttention& whole, const PartialAttention& marked,
                         double tau) {
  const auto log_p = marked.log_sum - whole.log_sum;
  const auto edited = log_p.ge(split_log_floor).logical_and(log_p.lt(0));
  const auto safe = at::where(edited, log_p, at::full_like(log_p, -1.0));
  // (1 - p^tau) / (1 - p), and (p^tau - p) / (1 - p), which it leaves of one.
  const auto kept = at::where(edited, (tau * safe).expm1() / safe.expm1(), 1.0);
  const auto moved =
      at::where(edited, (tau * safe).exp() * ((1 - tau) * safe).expm1() / safe.expm1(), 0.0);
  return (kept.unsqueeze(-1) * whole.output.to(at::kFloat))
      .addcmul_(moved.unsqueeze(-1), marked.output.to(at::kFloat))
      .to(whole.output.scalar_type());
}

}  // namespace headscope
