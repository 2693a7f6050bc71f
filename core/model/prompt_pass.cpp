#include "core/model/prompt_pass.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <ATen/ATen.h>

#include "core/base/run_trace.h"

namespace headscope {
namespace {

std::uint64_t bytes_of(const std::vector<at::Tensor>& tensors) {
  std::uint64_t sum = 0;
  for (const at::Tensor& tensor : tensors) sum += static_cast<std::uint64_t>(tensor.nbytes());
  return sum;
}

/// At most `count` of `layers`, evenly spaced, the last one among them.
std::set<int> thinned(const std::set<int>& layers, std::size_t count) {
  if (layers.size() <= count) return layers;
  const std::vector<int> all(layers.begin(), layers.end());
  std::set<int> some;
  for (std::size_t i = 1; i <= count; ++i) some.insert(all[i * all.size() / count - 1]);
  return some;
}

/// What a run should leave in the store.
struct Keeping {
  bool anything = false;
  std::set<int> inputs;    ///< of these layers
  bool attention = false;  ///< of the first touched layer
};

const LayerEditTensors& edits_of(const EngineOptions& options, int layer) {
  return (*options.edits)[static_cast<std::size_t>(layer)];
}

/// Queries of every head and, where mass is moved, outputs of every head over all keys and of the
/// edited ones over the marked keys.
double attention_bytes(const DecoderEngine& engine, const LayerEditTensors& edits,
                       std::int64_t rows) {
  const ModelConfig& config = engine.config();
  const double queries = config.head_dim * double(c10::elementSize(engine.dtype()));
  const double outputs = queries + sizeof(float);
  double each = config.heads * queries;
  if (!edits.mass.empty()) each += config.heads * outputs;
  for (const MassTensors& mass : edits.mass) each += double(mass.edit.heads.size()) * outputs;
  return double(rows) * each;
}

/// Inputs of layers up to the first touched one, since that is where the next run of its kind
/// begins; never of the last layer, whose attention is not needed at these rows.
Keeping what_to_keep(const DecoderEngine& engine, const PromptPass& pass,
                     const EngineOptions& options, std::int64_t rows) {
  const PromptStore::Impl& store = *pass.store;
  const int last = engine.config().layers - 1, top = std::min(pass.touched, last - 1);
  const auto cached =
      std::max<std::int64_t>(std::ssize(store.cache), std::min(pass.touched, last) + 1);
  double left = std::min(double(store.budget), double(store.bytes()) + pass.spare_bytes / 2);
  left -= double(KvCache::bytes(engine.config(), pass.key.capacity, engine.dtype())) / (last + 1) *
          double(cached);
  for (auto above = store.inputs.upper_bound(top); above != store.inputs.end(); ++above) {
    left -= double(bytes_of(above->second));
  }
  const bool touches = pass.touched < last && options.edits != nullptr;
  if (!touches) left -= double(store.attention_bytes());
  if (left < 0) return {};
  Keeping keeping{true, {}, false};
  for (int layer = 1; layer <= top; ++layer) {
    if (store.expected.empty() || store.expected.contains(layer)) keeping.inputs.insert(layer);
  }
  if (pass.touched == top && top > 0) keeping.inputs.insert(top);
  const double each =
      double(rows) * double(engine.config().hidden_size) * double(c10::elementSize(engine.dtype()));
  const double most = std::min(left / each, double(last));
  keeping.inputs = thinned(keeping.inputs, static_cast<std::size_t>(most));
  left -= each * double(keeping.inputs.size());
  keeping.attention =
      touches && left >= attention_bytes(engine, edits_of(options, pass.touched), rows);
  return keeping;
}

/// Begins with what the store knows of the first touched layer's attention. Another strength of
/// moving mass leaves it as it is, other edits leave its queries.
void take_attention(const PromptStore::Impl& store, int touched, const LayerEditTensors& edits,
                    ResidualPass& residuals, PromptWork& work) {
  residuals.attention_layer = touched;
  if (store.attention_layer != touched) return;
  residuals.attention = store.attention;
  const bool same = same_before_mass(store.edits, edits);
  for (ChunkAttention& chunk : residuals.attention) {
    if (!same) chunk.blocks.clear();
    if (chunk.q.defined()) work.kept_queries += chunk.q.size(2);
    for (const BlockAttention& block : chunk.blocks) {
      if (block.whole.output.defined()) work.kept_attention += block.end - block.begin;
    }
  }
}

/// Takes over what a run left unedited: the cache up to its first touched layer, the inputs, and
/// that layer's attention.
void keep(const Keeping& keeping, const KvCache& cache, int touched, const EngineOptions& options,
          ResidualPass& ran, PromptStore::Impl& store) {
  const auto& layers = cache.layers();
  const auto unedited = std::min(std::ssize(layers), std::ptrdiff_t{touched} + 1);
  for (auto layer = std::ssize(store.cache); layer < unedited; ++layer) {
    store.cache.push_back(layers[static_cast<std::size_t>(layer)]);
  }
  std::erase_if(store.inputs, [&](const auto& entry) {
    return entry.first <= touched && !keeping.inputs.contains(entry.first);
  });
  store.inputs.merge(ran.kept);
  if (touched >= std::ssize(layers) - 1) return;
  store.attention_layer = ran.attention_layer;
  store.attention = std::move(ran.attention);
  store.edits = keeping.attention ? edits_of(options, touched) : LayerEditTensors{};
}

/// Keys and values of the layers that are not run, and what the first one that is begins with.
std::uint64_t taken_over(const ResidualPass& residuals, const KvCache& cache, std::int64_t rows) {
  std::uint64_t bytes = bytes_of(residuals.entering);
  for (int layer = 0; layer < residuals.first_layer; ++layer) {
    bytes += bytes_of({cache.keys(layer, rows), cache.values(layer, rows)});
  }
  return bytes;
}

/// What the pass takes over, before it begins.
void describe(const ResidualPass& residuals, const KvCache& cache, std::int64_t rows, int layers,
              std::int64_t all, TimedSpan& timed) {
  if (!timed.active()) return;
  timed.span.number = residuals.first_layer;
  timed.span.of = layers;
  timed.span.rows = rows;
  timed.span.reused = std::min<std::int64_t>(residuals.first_layer * rows, all);
  timed.span.bytes = taken_over(residuals, cache, rows);
}

}  // namespace

void PromptStore::Impl::clear() {
  key = {};
  cache.clear();
  inputs.clear();
  attention_layer = -1;
  edits = {};
  attention.clear();
}

std::uint64_t PromptStore::Impl::attention_bytes() const {
  std::vector<at::Tensor> all;
  const auto add = [&all](const at::Tensor& tensor) {
    if (tensor.defined()) all.push_back(tensor);
  };
  for (const ChunkAttention& chunk : attention) {
    add(chunk.q);
    for (const BlockAttention& block : chunk.blocks) {
      for (const auto& part : block.marked) add(part.output), add(part.log_sum);
      add(block.whole.output), add(block.whole.log_sum);
    }
  }
  return bytes_of(all);
}

std::uint64_t PromptStore::Impl::bytes() const {
  std::uint64_t sum = 0;
  for (const LayerCache& layer : cache) sum += bytes_of({layer.keys, layer.values});
  for (const auto& [layer, chunks] : inputs) sum += bytes_of(chunks);
  return sum + attention_bytes();
}

int PromptStore::Impl::restart_layer(int touched, int layers) const {
  // Edits of the last layer's attention reach neither its keys nor its values.
  if (touched >= layers - 1 && std::ssize(cache) == layers) return layers;
  return input_below(touched);
}

int PromptStore::Impl::input_below(int layer) const {
  const auto above = inputs.upper_bound(layer);
  return above == inputs.begin() ? 0 : std::prev(above)->first;
}

std::span<const LayerCache> PromptStore::Impl::shared(int touched) const {
  return std::span(cache).first(std::min(cache.size(), static_cast<std::size_t>(touched) + 1));
}

KvCache run_prompt(const DecoderEngine& engine, const PromptPass& pass,
                   const EngineOptions& options, PromptWork& work, const RunContext& context) {
  const auto start = std::chrono::steady_clock::now();
  const int layers = engine.config().layers, last = layers - 1;
  const auto ids = std::span(pass.key.ids).first(pass.key.ids.size() - 1);
  const auto rows = std::ssize(ids);
  work.all = last * rows;
  work.touched = std::max(0, last - pass.touched) * rows;
  work.layer_rows = work.all;
  if (pass.store != nullptr && !(pass.store->key == pass.key)) pass.store->clear();
  auto cache =
      engine.new_cache(pass.key.capacity, pass.store != nullptr ? pass.store->shared(pass.touched)
                                                                : std::span<const LayerCache>{});
  if (rows == 0) return cache;
  TimedSpan timed(tracer_of(context), TraceKind::prefill, "prefill");
  ResidualPass residuals;
  Keeping keeping;
  if (pass.store != nullptr) {
    residuals.first_layer = pass.store->restart_layer(pass.touched, layers);
    if (residuals.first_layer == layers) {
      describe(residuals, cache, rows, layers, work.all, timed);
      cache.advance(rows);
      work.layer_rows = 0;
      return cache;
    }
    if (residuals.first_layer > 0) {
      residuals.entering = pass.store->inputs.at(residuals.first_layer);
    }
    keeping = what_to_keep(engine, pass, options, rows);
    if (keeping.attention) {
      take_attention(*pass.store, pass.touched, edits_of(options, pass.touched), residuals, work);
    }
    for (const int layer : keeping.inputs) {
      if (layer > residuals.first_layer) residuals.kept[layer];
    }
  }
  describe(residuals, cache, rows, layers, work.all, timed);
  timed.span.kept_attention = work.kept_attention;
  if (work.kept_attention > 0) timed.span.bytes += pass.store->attention_bytes();
  EngineOptions how = options;
  how.observer = nullptr;
  how.hidden_rows = {};
  how.residuals = &residuals;
  engine.run(ids, cache, how, context);
  work.layer_rows = (last - residuals.first_layer) * rows;
  work.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  timed.span.computed = work.layer_rows;
  if (work.layer_rows > 0) {
    timed.span.saved_seconds = work.seconds / double(work.layer_rows) * double(timed.span.reused);
  }
  if (keeping.anything) {
    pass.store->key = pass.key;
    keep(keeping, cache, pass.touched, options, residuals, *pass.store);
  }
  return cache;
}

void run_to_layer(const DecoderEngine& engine, const PromptPass& pass,
                  std::span<const std::int32_t> rest, const EngineOptions& options,
                  const RunContext& context) {
  const bool known = pass.store != nullptr && pass.store->key == pass.key;
  auto cache = engine.new_cache(
      pass.key.capacity, known ? pass.store->shared(pass.touched) : std::span<const LayerCache>{});
  ResidualPass residuals;
  if (known)
    residuals.first_layer = pass.store->input_below(std::min(pass.touched, options.layers));
  if (residuals.first_layer > 0) residuals.entering = pass.store->inputs.at(residuals.first_layer);
  EngineOptions prompt = options;
  prompt.residuals = &residuals;
  engine.run(std::span(pass.key.ids).first(pass.key.ids.size() - 1), cache, prompt, context);
  engine.run(rest, cache, options, context);
}

PromptStore::PromptStore(std::uint64_t budget) : impl_(std::make_unique<Impl>()) {
  impl_->budget = budget;
}
PromptStore::~PromptStore() = default;
PromptStore::PromptStore(PromptStore&&) noexcept = default;
PromptStore& PromptStore::operator=(PromptStore&&) noexcept = default;

void PromptStore::expect(std::vector<int> layers) {
  impl_->expected = {layers.begin(), layers.end()};
}

void PromptStore::clear() {
  impl_->clear();
}

std::uint64_t PromptStore::bytes() const {
  return impl_->bytes();
}

}  // namespace headscope
