// Runs tokens through a decoder: in chunks, with a key/value cache, interventions and observers.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/model/attention.h"
#include "core/model/decoder.h"
#include "core/model/placement.h"

namespace headscope {

/// Keys (after RoPE, before edits) and values of one layer, [1, H_kv, capacity, D] each.
struct LayerCache {
  at::Tensor keys, values;
};

/// Keys and values of every layer, allocated once for `capacity` tokens where the layer lies.
class KvCache {
 public:
  /// `shared`: of the first layers, which are used as they are instead of being allocated.
  KvCache(const ModelConfig& config, std::int64_t capacity, const std::vector<at::Device>& devices,
          at::ScalarType dtype, std::span<const LayerCache> shared = {});
  /// That such a cache takes.
  static std::int64_t bytes(const ModelConfig& config, std::int64_t capacity, at::ScalarType dtype);

  std::int64_t length() const { return length_; }
  /// Tokens that the run will end with: what rotary types that depend on length go by.
  std::int64_t capacity() const { return capacity_; }
  /// Stores keys and values [1, H_kv, R, D] of rows length()..length()+R-1 of one layer.
  void store(int layer, const at::Tensor& k, const at::Tensor& v);
  /// All keys or values of a layer up to `end`: [1, H_kv, end, D].
  at::Tensor keys(int layer, std::int64_t end) const;
  at::Tensor values(int layer, std::int64_t end) const;  ///< as `keys`
  /// After every layer of a chunk has been stored.
  void advance(std::int64_t rows) { length_ += rows; }
  const std::vector<LayerCache>& layers() const { return layers_; }
  /// Replaces the first `layers`, which others use too, by copies: what is stored from now on is
  /// this run's alone.
  void own(std::size_t layers);

 private:
  std::vector<LayerCache> layers_;
  std::int64_t capacity_ = 0;
  std::int64_t length_ = 0;
};

/// What a layer's attention over one chunk of rows begins with, as an earlier run left it.
struct ChunkAttention {
  at::Tensor q;                        ///< [1, H, R, D] after RoPE, before edits; or undefined
  std::vector<BlockAttention> blocks;  ///< AttentionCall::kept
};

/// The residual stream between layers, [1, rows, hidden] for each chunk of rows: a run may take it
/// up where an earlier one over the same chunks came by.
struct ResidualPass {
  int first_layer = 0;               ///< keys and values of the layers below are in the cache
  std::vector<at::Tensor> entering;  ///< inputs of first_layer; not read for layer 0
  /// Inputs of these layers, above first_layer, are kept while the run comes by.
  std::map<int, std::vector<at::Tensor>> kept;
  /// Below the last layer: its attention is taken up where it is known, else filled, chunk by
  /// chunk. Where queries are known, keys and values are in the cache. -1 = of none.
  int attention_layer = -1;
  std::vector<ChunkAttention> attention;

  /// Of the chunk number `chunk`; nullptr where nothing is kept of `layer`.
  ChunkAttention* attention_of(int layer, std::size_t chunk);
};

/// The residual stream after every layer at some rows, as they come by.
struct LayerOutputs {
  TokenRange rows;
  std::vector<std::vector<at::Tensor>> layers;  ///< parts [rows, hidden], fp32 on the CPU

  /// Keeps those of `x` [1, R, hidden], whose first row is `first`, that are wanted.
  void keep(int layer, std::int64_t first, const at::Tensor& x);
};

/// How tokens are run.
struct EngineOptions {
  AttentionBackend backend = AttentionBackend::fused;
  const std::vector<LayerEditTensors>* edits = nullptr;  ///< one entry a layer; nullptr = none
  AttentionObserver* observer = nullptr;
  TokenRange hidden_rows;   ///< rows whose final hidden states are returned
  int layers = -1;          ///< stop after this layer's queries and keys (head maps); -1 = run all
  double memory_scale = 1;  ///< below 1: fewer rows at once (after an allocation failed)
  ResidualPass* residuals = nullptr;  ///< nullptr = from the embeddings, nothing kept
  LayerOutputs* outputs = nullptr;    ///< nullptr = none wanted; its rows are hidden_rows too
};

/// One of several runs whose new rows go through the model side by side.
struct DecodeLane {
  std::int32_t id = 0;  ///< the new token
  KvCache* cache = nullptr;
  const std::vector<LayerEditTensors>* edits = nullptr;  ///< as in EngineOptions
  AttentionObserver* observer = nullptr;                 ///< as in EngineOptions
};
/// Weights with a forward pass over chunks of rows, cached keys and values.
class DecoderEngine {
 public:
  /// `placement`: where every layer of `weights` lies.
  DecoderEngine(ModelConfig config, DecoderWeights weights, Placement placement);

  const ModelConfig& config() const { return config_; }
  const DecoderWeights& weights() const { return weights_; }
  const Placement& placement() const { return placement_; }
  at::Device device() const { return placement_.first().device; }  ///< of the first layer
  at::ScalarType dtype() const {
    return weights_.final_norm.weight.scalar_type();
  }  ///< activations
  bool is_int8() const { return weights_.embedding.scale.defined(); }
  /// For a run of `capacity` tokens, each layer's where the layer lies.
  KvCache new_cache(std::int64_t capacity, std::span<const LayerCache> shared = {}) const;
  /// Rows that `run` handles at once, beginning at the first new one.
  std::int64_t chunk_rows(double memory_scale) const;

  /// Appends `ids` to the cache. Returns hidden states [rows, hidden] after the final norm of those
  /// hidden_rows that are among them. Throws Cancelled and what torch throws.
  at::Tensor run(std::span<const std::int32_t> ids, KvCache& cache, const EngineOptions& options,
                 const RunContext& context) const;
  /// Appends one token to the cache of every lane; all have the same capacity. Their rows share the
  /// products with the weights, which are read once; attention is each lane's own. There are always
  /// `width` rows, those without a lane empty, so that what a lane gets does not depend on how many
  /// there are. Returns hidden states [width, hidden] after the final norm. Throws as `run`.
  at::Tensor step(std::span<const DecodeLane> lanes, std::int64_t width,
                  const EngineOptions& options, const RunContext& context) const;
  /// Logits [rows, vocab] fp32 on the CPU.
  at::Tensor logits(const at::Tensor& hidden, const RunContext& context) const;

 private:
  /// `number` counts the chunks of a run.
  at::Tensor run_chunk(std::span<const std::int32_t> ids, std::size_t number, KvCache& cache,
                       const EngineOptions& options, const RunContext& context) const;
  /// Brings what enters `layer` to where it lies.
  void move_to(int layer, at::Tensor& x, std::vector<RopeTable>& ropes) const;
  at::Tensor embed_chunk(std::span<const std::int32_t> ids, const at::Tensor& positions) const;
  /// Queries [1, H, R, D] of new rows x; their keys and values are in the cache afterwards.
  at::Tensor layer_queries(int layer, const at::Tensor& x, const std::vector<RopeTable>& ropes,
                           ChunkAttention* kept, KvCache& cache,
                           const EngineOptions& options) const;
  void store_projections(int layer, const Projections& projections, KvCache& cache,
                         const EngineOptions& options) const;
  at::Tensor run_attention(int layer, const at::Tensor& q, std::int64_t first_row,
                           ChunkAttention* kept, const KvCache& cache, const EngineOptions& options,
                           const RunContext& context) const;
  /// What follows attention in a layer, a bounded number of rows at a time.
  at::Tensor run_rest(const LayerWeights& layer, const at::Tensor& x, const at::Tensor& attention,
                      const EngineOptions& options, const RunContext& context) const;
  /// Multiply-adds between two looks at the cancellation flag: about 25 ms.
  double work_per_poll() const;
  std::int64_t rows_for(double work_per_row, double memory_scale = 1) const;

  ModelConfig config_;
  DecoderWeights weights_;
  Placement placement_;
};

}  // namespace headscope
