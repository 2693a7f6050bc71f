// Attention by the fused kernel. On the CPU, keys are taken in pieces that need no mask, or one of
// few columns, and the pieces are merged by their log-sum-exp: the kernel's causal flag is aligned
// to the first key, and a mask over all keys would cost as much memory traffic as the keys.
#include <algorithm>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>

#include "core/model/attention_block.h"

namespace headscope {
namespace {

constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

/// Keys [begin, end) and which of them the block's rows see.
struct Piece {
  std::int64_t begin = 0, end = 0;
  enum class Kind { all, causal, masked } kind = Kind::all;
};

/// The block's keys: those that every row sees, the diagonal, and the window's edge.
std::vector<Piece> pieces_of(const RowBlock& block) {
  const std::int64_t window = block.call->window;
  if (window > 0 && block.rows() > window) {
    return {{block.first_key, block.end, Piece::Kind::masked}};
  }
  const std::int64_t common = first_visible(block.end - 1, window);
  std::vector<Piece> pieces;
  if (common > block.first_key) pieces.push_back({block.first_key, common, Piece::Kind::masked});
  if (block.rows() == 1) {
    pieces.push_back({common, block.end, Piece::Kind::all});
    return pieces;
  }
  if (block.begin > common) pieces.push_back({common, block.begin, Piece::Kind::all});
  pieces.push_back({block.begin, block.end, Piece::Kind::causal});
  return pieces;
}

/// Adds attention over more keys to `total`.
void merge(PartialAttention& total, const PartialAttention& more) {
  const auto sum = at::logaddexp(total.log_sum, more.log_sum);
  const auto old_share = (total.log_sum - sum).exp_().unsqueeze(-1);
  const auto new_share = (more.log_sum - sum).exp_().unsqueeze(-1);
  total.output =
      total.output.to(at::kFloat).mul_(old_share).addcmul_(more.output.to(at::kFloat), new_share);
  total.log_sum = sum;
}

/// Heads and keys of one call of the kernel are bounded, so that cancelling is seen in time.
class CpuAttention {
 public:
  CpuAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const RowBlock& block)
      : q_(q), k_(k), v_(v), block_(block), pieces_(pieces_of(block)) {
    for (const Piece& piece : pieces_) masks_.push_back(mask_of(piece));
  }

  PartialAttention run() {
    const std::int64_t kv_heads = k_.size(0), group = q_.size(0) / kv_heads;
    const double per_head = 2.0 * double(q_.size(1) * group * q_.size(2));
    // Key/value heads times keys; the kernel is half as fast as the products that work_per_poll
    // goes by (`bench --suite limits`).
    const double at_once = 0.5 * block_.call->work_per_poll / per_head;
    const auto step = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(at_once / double(block_.keys())), 1, kv_heads);
    key_step_ = std::max<std::int64_t>(64, static_cast<std::int64_t>(at_once / double(step)));
    // As the output projection reads it: the heads of a row side by side.
    PartialAttention out{
        at::empty({q_.size(1), q_.size(0), q_.size(2)}, q_.options()).transpose(0, 1),
        at::empty({q_.size(0), q_.size(1)}, q_.options().dtype(at::kFloat))};
    for (std::int64_t head = 0; head < kv_heads; head += step) {
      const std::int64_t heads = std::min(step, kv_heads - head);
      const PartialAttention part = run_heads(head, heads, group);
      out.output.narrow(0, head * group, heads * group).copy_(part.output);
      out.log_sum.narrow(0, head * group, heads * group).copy_(part.log_sum);
    }
    return out;
  }

 private:
  std::optional<at::Tensor> mask_of(const Piece& piece) const {
    if (piece.kind != Piece::Kind::masked) return {};
    const auto positions =
        at::arange(piece.begin, piece.end, at::TensorOptions(at::kLong).device(q_.device()));
    return additive_mask(visible_keys(block_, positions), q_);
  }

  PartialAttention run_heads(std::int64_t kv_head, std::int64_t heads, std::int64_t group) const {
    const auto q = q_.narrow(0, kv_head * group, heads * group);
    const auto k = k_.narrow(0, kv_head, heads), v = v_.narrow(0, kv_head, heads);
    PartialAttention total;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      const Piece& piece = pieces_[i];
      const std::int64_t step =
          piece.kind == Piece::Kind::all ? key_step_ : piece.end - piece.begin;
      for (std::int64_t key = piece.begin; key < piece.end; key += step) {
        poll(*block_.context);
        const std::int64_t from = key - block_.first_key, keys = std::min(step, piece.end - key);
        auto part = flash(q, k.narrow(1, from, keys), v.narrow(1, from, keys),
                          piece.kind == Piece::Kind::causal, masks_[i], block_.call->scale);
        if (total.output.defined()) {
          merge(total, part);
        } else {
          total = std::move(part);
        }
      }
    }
    return total;
  }

  const at::Tensor &q_, &k_, &v_;
  const RowBlock& block_;
  std::vector<Piece> pieces_;
  std::vector<std::optional<at::Tensor>> masks_;
  std::int64_t key_step_ = 0;
};

/// On a card: one kernel call over all keys; it tells no log-sum-exp.
at::Tensor on_card(const RowBlock& block) {
  const bool square = block.begin == 0 && block.call->window == 0;
  std::optional<at::Tensor> mask;
  if (!square && block.rows() > 1) {
    const auto positions = at::arange(block.first_key, block.end,
                                      at::TensorOptions(at::kLong).device(block.q.device()));
    mask = additive_mask(visible_keys(block, positions), block.q).unsqueeze(0).unsqueeze(0);
  }
  return at::scaled_dot_product_attention(block.q.unsqueeze(0), block.k.unsqueeze(0),
                                          block.v.unsqueeze(0), mask, 0.0, square,
                                          block.call->scale, /*enable_gqa=*/true)
      .squeeze(0);
}

}  // namespace

bool can_fuse(const RowBlock& block) {
  return block.call->softcap == 0;
}

at::Tensor additive_mask(const at::Tensor& visible, const at::Tensor& like) {
  return at::zeros(visible.sizes(), like.options())
      .masked_fill_(visible.logical_not(), minus_infinity);
}

PartialAttention flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal,
                       const std::optional<at::Tensor>& mask, double scale) {
  const auto batch_mask =
      mask ? std::optional<at::Tensor>(mask->unsqueeze(0).unsqueeze(0)) : std::nullopt;
  auto [output, log_sum] = at::_scaled_dot_product_flash_attention_for_cpu(
      q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), 0.0, causal, batch_mask, scale);
  PartialAttention out{output.squeeze(0), log_sum.squeeze(0)};
  if (mask) {  // the kernel calls the sum of no keys one
    const auto blind = mask->isneginf().all(-1);
    out.log_sum = out.log_sum.masked_fill(blind, minus_infinity);
  }
  return out;
}

PartialAttention fused_attention(const RowBlock& block) {
  if (!block.q.is_cpu()) return {on_card(block), {}};
  PartialAttention out = CpuAttention(block.q, block.k, block.v, block).run();
  const auto heads = heads_with_key_part(block);
  if (heads.empty()) return out;
  const auto index = index_of(heads, block.q.device());
  const auto q = block.q.index_select(0, index), k = keys_of(heads, block),
             v = block.v.index_select(0, kv_index(heads, block));
  const PartialAttention with_key = CpuAttention(q, k, v, block).run();
  out.output.index_copy_(0, index, with_key.output);
  out.log_sum.index_copy_(0, index, with_key.log_sum);
  return out;
}

}  // namespace headscope
