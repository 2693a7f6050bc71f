#include "core/model/capture.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/model/memory.h"

namespace headscope {
namespace {

at::Tensor on_cpu(const at::Tensor& tensor) {
  return tensor.to(at::kCPU, at::kFloat).contiguous();
}

/// Copies block[h, r, :] of fp32 [H, R, width] to out[h, first + r, column:column+width] of a
/// [H, all_rows, stride] array.
void place(const at::Tensor& block, std::int64_t first, std::int64_t all_rows, std::int64_t stride,
           float* out, std::int64_t column = 0) {
  const std::int64_t heads = block.size(0), rows = block.size(1), width = block.size(2);
  const float* data = block.const_data_ptr<float>();
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t r = 0; r < rows; ++r) {
      if (first + r < 0 || first + r >= all_rows) continue;
      std::copy_n(data + (h * rows + r) * width, std::min(width, stride - column),
                  out + (h * all_rows + first + r) * stride + column);
    }
  }
}

/// Copies rows of `tensor` [H, R, D] into all[h, first.., :] of a [H, all_rows, D] array.
void place_tensor(const at::Tensor& tensor, std::int64_t first, std::int64_t all_rows,
                  std::vector<float>& all) {
  const std::int64_t dim = tensor.size(2);
  if (all.empty()) all.resize(static_cast<std::size_t>(tensor.size(0) * all_rows * dim));
  place(on_cpu(tensor), first, all_rows, dim, all.data());
}

}  // namespace

Result<AttentionCapture> AttentionCapture::create(const Capture& capture, TokenRange rows,
                                                  int layers, int heads) {
  TokenRange kept = capture.layers.size() == 0 ? TokenRange{0, layers} : capture.layers;
  if (kept.begin < 0 || kept.end > layers) {
    return bad_input("capture: layers " + std::to_string(kept.begin) + " to " +
                     std::to_string(kept.end) + " are outside the model's " +
                     std::to_string(layers));
  }
  for (const TokenSet& set : capture.span_sets) {
    if (std::any_of(set.begin(), set.end(), [](std::int64_t t) { return t < 0; })) {
      return bad_input("capture: a span set holds a negative position");
    }
  }
  return AttentionCapture(capture, rows, kept, heads);
}

AttentionCapture::AttentionCapture(const Capture& capture, TokenRange rows, TokenRange layers,
                                   int heads)
    : capture_(capture),
      rows_(rows),
      layers_(layers),
      heads_(heads),
      blocks_(static_cast<std::size_t>(layers.size())) {}

TokenRange AttentionCapture::rows(int layer) const {
  return layers_.contains(layer) ? rows_ : TokenRange{};
}

at::Tensor AttentionCapture::span_sums(const at::Tensor& weights, std::int64_t first_key) const {
  const std::int64_t keys = weights.size(2);
  auto member = at::zeros({keys, static_cast<std::int64_t>(capture_.span_sets.size())}, at::kFloat);
  auto table = member.accessor<float, 2>();
  for (std::size_t s = 0; s < capture_.span_sets.size(); ++s) {
    for (const std::int64_t position : capture_.span_sets[s]) {
      const std::int64_t column = position - first_key;
      if (column >= 0 && column < keys) table[column][static_cast<std::int64_t>(s)] = 1.0f;
    }
  }
  return on_cpu(at::matmul(weights, member.to(weights.device())));
}

void AttentionCapture::weights(int layer, WeightsOrigin from, const at::Tensor& before,
                               const at::Tensor& after) {
  Block block{from, {}, {}, {}};
  if (capture_.weights) block.weights = on_cpu(after);
  if (!capture_.span_sets.empty()) {
    block.sums = span_sums(after, from.key);
    if (capture_.edited_also)
      block.sums_before = after.is_same(before) ? block.sums : span_sums(before, from.key);
  }
  blocks_[static_cast<std::size_t>(layer - layers_.begin)].push_back(std::move(block));
}

CapturedAttention AttentionCapture::finish(TokenRange rows, std::int64_t keys) {
  CapturedAttention out;
  out.layers = static_cast<int>(layers_.size());
  out.heads = heads_;
  out.rows = rows;
  out.keys = keys;
  const auto sets = static_cast<std::int64_t>(capture_.span_sets.size());
  const auto grown = [&](std::vector<float>& all, std::int64_t width) {
    const auto layer_size = static_cast<std::size_t>(heads_ * rows.size() * width);
    claim_memory(4 * layer_size);
    all.reserve(layer_size * blocks_.size());
    all.resize(all.size() + layer_size);
    return all.data() + (all.size() - layer_size);
  };
  for (auto& blocks : blocks_) {  // a layer's blocks are freed before the next layer is laid out
    float* weights = capture_.weights ? grown(out.weights, keys) : nullptr;
    float* sums = sets > 0 ? grown(out.span_sums, sets) : nullptr;
    float* sums_before =
        sets > 0 && capture_.edited_also ? grown(out.span_sums_before, sets) : nullptr;
    for (const Block& block : blocks) {
      const std::int64_t first = block.from.row - rows.begin;
      if (weights != nullptr) {
        place(block.weights, first, rows.size(), keys, weights, block.from.key);
      }
      if (sums != nullptr) place(block.sums, first, rows.size(), sets, sums);
      if (sums_before != nullptr) {
        place(block.sums_before, first, rows.size(), sets, sums_before);
      }
    }
    std::vector<Block>().swap(blocks);
  }
  return out;
}

HeadMapObserver::HeadMapObserver(HeadId head, std::int64_t tokens)
    : head_(head), tokens_(tokens), map_(static_cast<std::size_t>(tokens * tokens)) {}

void HeadMapObserver::weights(int, WeightsOrigin from, const at::Tensor&, const at::Tensor& after) {
  place(on_cpu(after), from.row, tokens_, tokens_, map_.data(), from.key);
}

ProjectionObserver::ProjectionObserver(int layers, TokenRange rows, std::int64_t tokens) {
  capture_.keys = tokens;
  capture_.rows = rows;
  capture_.queries.resize(static_cast<std::size_t>(layers));
  capture_.key_values.resize(static_cast<std::size_t>(layers));
}

void ProjectionObserver::projections(int layer, std::int64_t first_row, const at::Tensor& q,
                                     const at::Tensor& k) {
  const auto index = static_cast<std::size_t>(layer);
  place_tensor(k, first_row, capture_.keys, capture_.key_values[index]);
  const TokenRange wanted = capture_.rows;
  const std::int64_t begin = std::max(first_row, wanted.begin),
                     end = std::min(first_row + q.size(1), wanted.end);
  if (begin >= end) return;
  const auto part = q.narrow(1, begin - first_row, end - begin);
  place_tensor(part, begin - wanted.begin, wanted.size(), capture_.queries[index]);
}

}  // namespace headscope
