#include "core/model/capture.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/model/memory.h"
#include "core/model/readback.h"

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
                                                  int heads,
                                                  const std::vector<at::Device>& devices) {
  const auto layers = static_cast<int>(devices.size());
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
  return AttentionCapture(capture, rows, kept, heads, devices);
}

AttentionCapture::AttentionCapture(const Capture& capture, TokenRange rows, TokenRange layers,
                                   int heads, const std::vector<at::Device>& devices)
    : capture_(capture),
      devices_(devices.begin() + layers.begin, devices.begin() + layers.end),
      rows_(rows),
      layers_(layers),
      heads_(heads),
      blocks_(static_cast<std::size_t>(layers.size())) {
  const SpanTable table = make_span_table(capture.span_sets, at::kCPU);
  for (const at::Device device : devices_) {  // the same tensors where it is the processor
    spans_.push_back({table.keys, table.positions.to(device), table.member.to(device)});
  }
}

TokenRange AttentionCapture::rows(int layer) const {
  return layers_.contains(layer) ? rows_ : TokenRange{};
}

void AttentionCapture::weights(int layer, WeightsOrigin from, const at::Tensor&,
                               const at::Tensor& after) {
  blocks_of(layer).weights.push_back({from, begin_readback(after)});
}

void AttentionCapture::span_sums(int layer, std::int64_t first_row, const at::Tensor& before,
                                 const at::Tensor& after) {
  LayerBlocks& blocks = blocks_of(layer);
  blocks.sums.push_back({{first_row, 0}, begin_readback(after)});
  if (capture_.edited_also) blocks.sums_before.push_back({{first_row, 0}, begin_readback(before)});
}

std::vector<float> AttentionCapture::newest_sums() const {
  for (const at::Device device : devices_) wait_for(device);
  std::vector<float> out;
  for (const LayerBlocks& layer : blocks_) {
    if (layer.sums.empty()) continue;
    const at::Tensor& block = layer.sums.back().numbers;
    const at::Tensor row = block.select(1, block.size(1) - 1).contiguous();
    const float* numbers = row.const_data_ptr<float>();
    out.insert(out.end(), numbers, numbers + row.numel());
  }
  return out;
}

std::vector<float> AttentionCapture::newest_weights(HeadId head) const {
  if (!layers_.contains(head.layer) || head.head < 0 || head.head >= heads_) return {};
  const auto layer = static_cast<std::size_t>(head.layer - layers_.begin);
  wait_for(devices_[layer]);
  std::vector<float> out;
  for (const Block& block : blocks_[layer].weights) {
    const std::int64_t row = rows_.end - 1 - block.from.row;
    if (row < 0 || row >= block.numbers.size(1)) continue;
    const at::Tensor part = block.numbers.select(0, head.head).select(0, row).contiguous();
    const auto begin = static_cast<std::size_t>(block.from.key);
    out.resize(std::max(out.size(), begin + static_cast<std::size_t>(part.numel())));
    std::copy_n(part.const_data_ptr<float>(), part.numel(),
                out.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  return out;
}

CapturedAttention AttentionCapture::finish(TokenRange rows, std::int64_t keys,
                                           const RunContext& context) {
  for (const at::Device device : devices_) wait_for(device);
  CapturedAttention out;
  out.layers = static_cast<int>(layers_.size());
  out.heads = heads_;
  out.rows = rows;
  out.keys = keys;
  const auto sets = static_cast<std::int64_t>(capture_.span_sets.size());
  // A layer's blocks are freed before the next layer is laid out.
  const auto lay_out = [&](std::vector<Block>& blocks, std::int64_t width,
                           std::vector<float>& all) {
    const auto layer_size = static_cast<std::size_t>(heads_ * rows.size() * width);
    claim_memory(4 * layer_size);
    all.reserve(layer_size * blocks_.size());
    all.resize(all.size() + layer_size);
    float* numbers = all.data() + (all.size() - layer_size);
    for (const Block& block : blocks) {
      place(block.numbers, block.from.row - rows.begin, rows.size(), width, numbers,
            block.from.key);
    }
    std::vector<Block>().swap(blocks);
  };
  for (LayerBlocks& layer : blocks_) {
    poll(context);
    if (capture_.weights) lay_out(layer.weights, keys, out.weights);
    if (sets == 0) continue;
    lay_out(layer.sums, sets, out.span_sums);
    if (capture_.edited_also) lay_out(layer.sums_before, sets, out.span_sums_before);
  }
  return out;
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
