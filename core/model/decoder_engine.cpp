#include "core/model/decoder_engine.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/base/run_trace.h"

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

/// A copy on `device`, even where it is the same one: devices that stand in for cards are moved
/// between like cards.
at::Tensor moved(const at::Tensor& x, at::Device device) {
  return x.to(x.options().device(device), /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, std::int64_t capacity,
                 const std::vector<at::Device>& devices, at::ScalarType dtype,
                 std::span<const LayerCache> shared)
    : layers_(shared.begin(), shared.end()), capacity_(capacity) {
  for (std::size_t layer = shared.size(); layer < devices.size(); ++layer) {
    const auto options = at::TensorOptions(dtype).device(devices[layer]);
    const auto allocate = [&] {
      return at::empty({1, config.kv_heads, capacity, config.head_dim}, options);
    };
    layers_.push_back({allocate(), allocate()});
  }
}

std::int64_t KvCache::bytes(const ModelConfig& config, std::int64_t capacity,
                            at::ScalarType dtype) {
  return 2 * std::int64_t{config.layers} * config.kv_heads * config.head_dim * capacity *
         static_cast<std::int64_t>(c10::elementSize(dtype));
}

void KvCache::store(int layer, const at::Tensor& k, const at::Tensor& v) {
  const LayerCache& there = layers_[static_cast<std::size_t>(layer)];
  there.keys.narrow(2, length_, k.size(2)).copy_(k);
  there.values.narrow(2, length_, v.size(2)).copy_(v);
}

void KvCache::own(std::size_t layers) {
  for (LayerCache& layer : std::span(layers_).first(std::min(layers, layers_.size()))) {
    layer = {layer.keys.clone(), layer.values.clone()};
  }
}

at::Tensor KvCache::keys(int layer, std::int64_t end) const {
  return layers_[static_cast<std::size_t>(layer)].keys.narrow(2, 0, end);
}

at::Tensor KvCache::values(int layer, std::int64_t end) const {
  return layers_[static_cast<std::size_t>(layer)].values.narrow(2, 0, end);
}

void LayerOutputs::keep(int layer, std::int64_t first, const at::Tensor& x) {
  const std::int64_t from = std::max(first, rows.begin), to = std::min(first + x.size(1), rows.end);
  if (from >= to) return;
  layers.resize(std::max(layers.size(), static_cast<std::size_t>(layer) + 1));
  layers[static_cast<std::size_t>(layer)].push_back(
      x.squeeze(0).narrow(0, from - first, to - from).to(at::kCPU, at::kFloat).contiguous());
}

ChunkAttention* ResidualPass::attention_of(int layer, std::size_t chunk) {
  if (layer != attention_layer) return nullptr;
  attention.resize(std::max(attention.size(), chunk + 1));
  return &attention[chunk];
}

DecoderEngine::DecoderEngine(ModelConfig config, DecoderWeights weights, Placement placement)
    : config_(std::move(config)), weights_(std::move(weights)), placement_(std::move(placement)) {}

KvCache DecoderEngine::new_cache(std::int64_t capacity, std::span<const LayerCache> shared) const {
  return KvCache(config_, capacity, placement_.device_of_layers(), dtype(), shared);
}

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
    auto rows = run_chunk(chunk, done / step, cache, options, context);
    if (rows.defined()) hidden.push_back(std::move(rows));
    if (ids.size() > 1)
      context.progress("prefill", double(done + chunk.size()), double(ids.size()));
  }
  return hidden.empty() ? at::empty({0, config_.hidden_size}, weights_.final_norm.weight.options())
                        : at::cat(hidden, 0);
}

at::Tensor DecoderEngine::embed_chunk(std::span<const std::int32_t> ids,
                                      const at::Tensor& positions) const {
  const auto index = at::tensor(at::ArrayRef<std::int32_t>(ids.data(), ids.size()), at::kInt)
                         .to(device(), at::kLong);
  return embed(weights_, config_, index, positions).unsqueeze(0);
}

void DecoderEngine::move_to(int layer, at::Tensor& x, std::vector<RopeTable>& ropes) const {
  const at::Device device = placement_.of_layer(layer).device;
  x = moved(x, device);
  for (RopeTable& rope : ropes) {
    for (at::Tensor* part : {&rope.cos, &rope.sin, &rope.query_factor}) {
      if (part->defined()) *part = moved(*part, device);
    }
  }
}

at::Tensor DecoderEngine::run_chunk(std::span<const std::int32_t> ids, std::size_t number,
                                    KvCache& cache, const EngineOptions& options,
                                    const RunContext& context) const {
  const auto rows = static_cast<std::int64_t>(ids.size());
  const std::int64_t begin = cache.length(), end = begin + rows;
  ResidualPass* const residuals = options.residuals;
  const int first_layer = residuals != nullptr ? residuals->first_layer : 0;
  const auto positions = at::arange(
      begin, end, at::TensorOptions(at::kLong).device(placement_.of_layer(first_layer).device));
  auto ropes = rope_tables(config_, positions, cache.capacity(), dtype());
  auto x = first_layer > 0 ? residuals->entering.at(number) : embed_chunk(ids, positions);
  std::int64_t first = begin;  // row of x[0, 0]
  // A single row is one span of whoever runs it.
  const Tracer* const tracer = rows > 1 ? tracer_of(context) : nullptr;
  for (int layer = first_layer; layer < config_.layers; ++layer) {
    TimedSpan timed(tracer, TraceKind::layer, "layer");
    timed.span.number = layer;
    timed.span.of = config_.layers;
    timed.span.first_row = begin;
    timed.span.rows = rows;
    poll(context);
    if (layer > first_layer && placement_.begins(layer)) move_to(layer, x, ropes);
    if (residuals != nullptr && residuals->kept.contains(layer))
      residuals->kept[layer].push_back(x);
    ChunkAttention* const kept =
        residuals != nullptr ? residuals->attention_of(layer, number) : nullptr;
    auto q = layer_queries(layer, x, ropes, kept, cache, options);
    if (layer == options.layers) break;
    if (layer == config_.layers - 1) {  // nothing above reads the other rows
      first = first_needed_row(begin, end, options, layer);
      if (first == end) break;
      x = x.narrow(1, first - begin, end - first);
      q = q.narrow(2, first - begin, end - first);
    }
    const auto heads = run_attention(layer, q, first, kept, cache, options, context);
    poll(context);
    const LayerWeights& weights = weights_.layers[static_cast<std::size_t>(layer)];
    x = run_rest(weights, x, attention_branch(weights, config_, heads), options, context);
    timed.span.computed = x.size(1);
    if (options.outputs != nullptr) options.outputs->keep(layer, first, x);
  }
  cache.advance(rows);
  const std::int64_t from = std::max(first, options.hidden_rows.begin),
                     to = std::min(end, options.hidden_rows.end);
  if (from >= to || options.layers >= 0) return {};
  const auto wanted = x.squeeze(0).narrow(0, from - first, to - from);
  return normalise(wanted, weights_.final_norm, config_);
}

at::Tensor DecoderEngine::step(std::span<const DecodeLane> lanes, std::int64_t width,
                               const EngineOptions& options, const RunContext& context) const {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(width));
  std::vector<std::int64_t> rows(ids.size());
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    ids[i] = lanes[i].id;
    rows[i] = lanes[i].cache->length();
  }
  const auto positions = at::tensor(rows, at::kLong).to(placement_.of_layer(0).device);
  auto ropes = rope_tables(config_, positions, lanes.front().cache->capacity(), dtype());
  auto x = embed_chunk(ids, positions);
  for (int layer = 0; layer < config_.layers; ++layer) {
    poll(context);
    if (layer > 0 && placement_.begins(layer)) move_to(layer, x, ropes);
    const LayerWeights& weights = weights_.layers[static_cast<std::size_t>(layer)];
    const auto all = project(weights, config_, normalise(x, weights.input_norm, config_),
                             ropes[static_cast<std::size_t>(config_.attention_in(layer).rope)]);
    const auto heads = at::zeros_like(all.q);
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      EngineOptions own = options;
      own.edits = lanes[i].edits;
      own.observer = lanes[i].observer;
      const Projections projections{all.q.narrow(2, row, 1), all.k.narrow(2, row, 1),
                                    all.v.narrow(2, row, 1)};
      store_projections(layer, projections, *lanes[i].cache, own);
      heads.narrow(2, row, 1).copy_(
          run_attention(layer, projections.q, rows[i], nullptr, *lanes[i].cache, own, context));
    }
    x = run_rest(weights, x, attention_branch(weights, config_, heads), options, context);
  }
  for (const DecodeLane& lane : lanes) lane.cache->advance(1);
  return normalise(x.squeeze(0), weights_.final_norm, config_);
}

void DecoderEngine::store_projections(int layer, const Projections& projections, KvCache& cache,
                                      const EngineOptions& options) const {
  cache.store(layer, projections.k, projections.v);
  if (options.observer == nullptr) return;
  options.observer->projections(layer, cache.length(), projections.q.squeeze(0),
                                projections.k.squeeze(0));
}

at::Tensor DecoderEngine::layer_queries(int layer, const at::Tensor& x,
                                        const std::vector<RopeTable>& ropes, ChunkAttention* kept,
                                        KvCache& cache, const EngineOptions& options) const {
  if (kept != nullptr && kept->q.defined()) return kept->q;
  const LayerWeights& weights = weights_.layers[static_cast<std::size_t>(layer)];
  const auto projections =
      project(weights, config_, normalise(x, weights.input_norm, config_),
              ropes[static_cast<std::size_t>(config_.attention_in(layer).rope)]);
  store_projections(layer, projections, cache, options);
  if (kept != nullptr) kept->q = projections.q;
  return projections.q;
}

at::Tensor DecoderEngine::run_attention(int layer, const at::Tensor& q, std::int64_t first_row,
                                        ChunkAttention* kept, const KvCache& cache,
                                        const EngineOptions& options,
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
  if (kept != nullptr) call.kept = &kept->blocks;
  call.work_per_poll = work_per_poll();
  call.memory_scale = options.memory_scale;
  if (options.edits != nullptr && !(*options.edits)[static_cast<std::size_t>(layer)].empty()) {
    call.edits = &(*options.edits)[static_cast<std::size_t>(layer)];
  }
  return attend(call, context);
}

at::Tensor DecoderEngine::run_rest(const LayerWeights& layer, const at::Tensor& x,
                                   const at::Tensor& attention, const EngineOptions& options,
                                   const RunContext& context) const {
  const auto cancel = [&] { poll(context); };
  const std::int64_t step = rows_for(
      double(config_.hidden_size) * double(config_.intermediate_size), options.memory_scale);
  if (x.size(1) <= step) return finish_layer(layer, config_, x, attention, cancel);
  auto out = at::empty_like(x);
  for (std::int64_t row = 0; row < x.size(1); row += step) {
    poll(context);
    const std::int64_t rows = std::min(step, x.size(1) - row);
    out.narrow(1, row, rows)
        .copy_(finish_layer(layer, config_, x.narrow(1, row, rows), attention.narrow(1, row, rows),
                            cancel));
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
  const Linear& matrix = weights_.output();
  const auto there = hidden.to(matrix.weight.device());
  auto out = at::empty({rows, vocab}, at::kFloat);
  for (std::int64_t row = 0; row < rows; row += step) {
    const auto part = there.narrow(0, row, std::min(step, rows - row));
    for (std::int64_t id = 0; id < vocab; id += width) {
      poll(context);
      const std::int64_t ids = std::min(width, vocab - id);
      const auto columns = soft_cap(matrix.outputs(id, ids)(part), config_.final_softcap);
      out.narrow(0, row, part.size(0)).narrow(1, id, ids).copy_(columns);
    }
  }
  return out;
}

}  // namespace headscope
