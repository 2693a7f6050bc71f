#include "core/model/engine.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace headscope {
namespace {

/// First row from `begin` on that someone needs after the last layer; `end` if none.
std::int64_t first_needed_row(std::int64_t begin, std::int64_t end, const EngineOptions& options,
                              int layer) {
  std::int64_t first = end;
  const auto add = [&](TokenRange rows) {
    const std::int64_t row = std::max(begin, rows.begin);
    if (row < std::min(end, rows.end)) first = std::min(first, row);
  };
  add(options.hidden_rows);
  if (options.observer != nullptr) add(options.observer->rows(layer));
  return first;
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, std::int64_t capacity, at::Device device,
                 at::ScalarType dtype) {
  const auto options = at::TensorOptions(dtype).device(device);
  for (int layer = 0; layer < config.layers; ++layer) {
    keys_.push_back(at::empty({1, config.kv_heads, capacity, config.head_dim}, options));
    values_.push_back(at::empty({1, config.kv_heads, capacity, config.head_dim}, options));
  }
}

std::int64_t KvCache::bytes(const ModelConfig& config, std::int64_t capacity,
                            at::ScalarType dtype) {
  return 2 * std::int64_t{config.layers} * config.kv_heads * config.head_dim * capacity *
         static_cast<std::int64_t>(c10::elementSize(dtype));
}

void KvCache::store(int layer, const at::Tensor& k, const at::Tensor& v) {
  const auto index = static_cast<std::size_t>(layer);
  keys_[index].narrow(2, length_, k.size(2)).copy_(k);
  values_[index].narrow(2, length_, v.size(2)).copy_(v);
}

at::Tensor KvCache::keys(int layer, std::int64_t end) const {
  return keys_[static_cast<std::size_t>(layer)].narrow(2, 0, end);
}

at::Tensor KvCache::values(int layer, std::int64_t end) const {
  return values_[static_cast<std::size_t>(layer)].narrow(2, 0, end);
}

DecoderEngine::DecoderEngine(ModelConfig config, DecoderWeights weights)
    : config_(std::move(config)), weights_(std::move(weights)) {}

double DecoderEngine::work_per_poll() const {
  // 20 G multiply-adds a second for each core; a GPU a thousand times that.
  return device().is_cpu() ? 5e8 * std::max(1, at::get_num_threads()) : 5e11;
}

std::int64_t DecoderEngine::rows_for(double work_per_row, double memory_scale) const {
  return std::max<std::int64_t>(
      16, static_cast<std::int64_t>(memory_scale * work_per_poll() / work_per_row));
}

std::int64_t DecoderEngine::chunk_rows(double memory_scale) const {
  const double projection =
      double(config_.hidden_size) * config_.head_dim * (config_.heads + 2 * config_.kv_heads);
  const double most = memory_scale * (device().is_cpu() ? 512 : 4096);
  return std::min(rows_for(projection, memory_scale), static_cast<std::int64_t>(most));
}

at::Tensor DecoderEngine::run(std::span<const std::int32_t> ids, KvCache& cache,
                              const EngineOptions& options, const RunContext& context) const {
  std::vector<at::Tensor> hidden;
  const auto step = static_cast<std::size_t>(chunk_rows(options.memory_scale));
  for (std::size_t done = 0; done < ids.size(); done += step) {
    const auto chunk = ids.subspan(done, std::min(step, ids.size() - done));
    auto rows = run_chunk(chunk, cache, options, context);
    if (rows.defined()) hidden.push_back(std::move(rows));
    if (ids.size() > 1)
      context.progress("prefill", double(done + chunk.size()), double(ids.size()));
  }
  return hidden.empty() ? at::empty({0, config_.hidden_size}, weights_.embedding.options())
                        : at::cat(hidden, 0);
}

at::Tensor DecoderEngine::run_chunk(std::span<const std::int32_t> ids, KvCache& cache,
                                    const EngineOptions& options, const RunContext& context) const {
  const auto rows = static_cast<std::int64_t>(ids.size());
  const std::int64_t begin = cache.length(), end = begin + rows;
  const auto positions = at::arange(begin, end, at::TensorOptions(at::kLong).device(device()));
  const RopeTable rope = rope_table(config_, positions, dtype());
  const auto index = at::tensor(at::ArrayRef<std::int32_t>(ids.data(), ids.size()), at::kInt)
                         .to(device(), at::kLong);
  auto x = at::embedding(weights_.embedding, index).unsqueeze(0);
  std::int64_t first = begin;  // row of x[0, 0]
  for (int layer = 0; layer < config_.layers; ++layer) {
    poll(context);
    const LayerWeights& weights = weights_.layers[static_cast<std::size_t>(layer)];
    auto projections =
        project(weights, config_, rms_norm(x, weights.input_norm, config_.rms_norm_eps), rope);
    store_projections(layer, projections, cache, options);
    if (layer == options.layers) break;
    if (layer == config_.layers - 1) {  // nothing above reads the other rows
      first = first_needed_row(begin, end, options, layer);
      if (first == end) break;
      x = x.narrow(1, first - begin, end - first);
      projections.q = projections.q.narrow(2, first - begin, end - first);
    }
    x = x + project_output(weights,
                           run_attention(layer, projections.q, first, cache, options, context));
    poll(context);
    x = run_mlp(weights, x, options, context);
  }
  cache.advance(rows);
  const std::int64_t from = std::max(first, options.hidden_rows.begin),
                     to = std::min(end, options.hidden_rows.end);
  if (from >= to || options.layers >= 0) return {};
  const auto wanted = x.squeeze(0).narrow(0, from - first, to - from);
  return rms_norm(wanted, weights_.final_norm, config_.rms_norm_eps);
}

void DecoderEngine::store_projections(int layer, Projections& projections, KvCache& cache,
                                      const EngineOptions& options) const {
  cache.store(layer, projections.k, projections.v);
  if (options.observer == nullptr) return;
  options.observer->projections(layer, cache.length(), projections.q.squeeze(0),
                                projections.k.squeeze(0));
}

at::Tensor DecoderEngine::run_attention(int layer, const at::Tensor& q, std::int64_t first_row,
                                        const KvCache& cache, const EngineOptions& options,
                                        const RunContext& context) const {
  AttentionCall call;
  call.q = q;
  call.k = cache.keys(layer, first_row + q.size(2));
  call.v = cache.values(layer, first_row + q.size(2));
  call.first_row = first_row;
  call.layer = layer;
  call.scale = attention_scale(config_);
  call.window = config_.attention_in(layer).window;
  call.softcap = config_.attention_softcap;
  call.backend = options.backend;
  call.observer = options.observer;
  call.work_per_poll = work_per_poll();
  call.memory_scale = options.memory_scale;
  if (options.edits != nullptr && !(*options.edits)[static_cast<std::size_t>(layer)].empty()) {
    call.edits = &(*options.edits)[static_cast<std::size_t>(layer)];
  }
  return attend(call, context);
}

at::Tensor DecoderEngine::run_mlp(const LayerWeights& layer, const at::Tensor& x,
                                  const EngineOptions& options, const RunContext& context) const {
  const auto cancel = [&] { poll(context); };
  const std::int64_t step = rows_for(
      double(config_.hidden_size) * double(config_.intermediate_size), options.memory_scale);
  const auto residual = [&](const at::Tensor& part) {
    return part + mlp(layer, rms_norm(part, layer.post_norm, config_.rms_norm_eps), cancel);
  };
  if (x.size(1) <= step) return residual(x);
  auto out = at::empty_like(x);
  for (std::int64_t row = 0; row < x.size(1); row += step) {
    poll(context);
    const std::int64_t rows = std::min(step, x.size(1) - row);
    out.narrow(1, row, rows).copy_(residual(x.narrow(1, row, rows)));
  }
  return out;
}

at::Tensor DecoderEngine::logits(const at::Tensor& hidden, const RunContext& context) const {
  // The output matrix is the largest of all: reading it once can take longer than a poll may.
  const std::int64_t rows = hidden.size(0), vocab = config_.vocab_size;
  const std::int64_t width =
      device().is_cpu()
          ? std::min(vocab, std::max<std::int64_t>(256, (1 << 26) / config_.hidden_size))
          : vocab;
  const std::int64_t step = rows_for(double(config_.hidden_size) * double(width));
  auto out = at::empty({rows, vocab}, at::kFloat);
  for (std::int64_t row = 0; row < rows; row += step) {
    const auto part = hidden.narrow(0, row, std::min(step, rows - row));
    for (std::int64_t id = 0; id < vocab; id += width) {
      poll(context);
      const std::int64_t ids = std::min(width, vocab - id);
      const auto columns = at::linear(part, weights_.output().narrow(0, id, ids));
      out.narrow(0, row, part.size(0)).narrow(1, id, ids).copy_(columns);
    }
  }
  return out;
}

}  // namespace headscope
