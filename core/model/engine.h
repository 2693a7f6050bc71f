// Runs tokens through a decoder: in chunks, with a key/value cache, interventions and observers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/model/attention.h"
#include "core/model/decoder.h"

namespace headscope {

/// Keys (after RoPE, before edits) and values of every layer, allocated once for `capacity` tokens.
class KvCache {
 public:
  KvCache(const ModelConfig& config, std::int64_t capacity, at::Device device,
          at::ScalarType dtype);
  static std::int64_t bytes(const ModelConfig& config, std::int64_t capacity, at::ScalarType dtype);

  std::int64_t length() const { return length_; }
  /// Stores keys and values [1, H_kv, R, D] of rows length()..length()+R-1 of one layer.
  void store(int layer, const at::Tensor& k, const at::Tensor& v);
  /// All keys or values of a layer up to `end`: [1, H_kv, end, D].
  at::Tensor keys(int layer, std::int64_t end) const;
  at::Tensor values(int layer, std::int64_t end) const;
  /// After every layer of a chunk has been stored.
  void advance(std::int64_t rows) { length_ += rows; }

 private:
  std::vector<at::Tensor> keys_, values_;
  std::int64_t length_ = 0;
};

/// How tokens are run.
struct EngineOptions {
  AttentionBackend backend = AttentionBackend::fused;
  const std::vector<LayerEditTensors>* edits = nullptr;  ///< one entry a layer; nullptr = none
  AttentionObserver* observer = nullptr;
  TokenRange hidden_rows;   ///< rows whose final hidden states are returned
  int layers = -1;          ///< stop after this layer's queries and keys (head maps); -1 = run all
  double memory_scale = 1;  ///< below 1: fewer rows at once (after an allocation failed)
};

class DecoderEngine {
 public:
  DecoderEngine(ModelConfig config, DecoderWeights weights);

  const ModelConfig& config() const { return config_; }
  const DecoderWeights& weights() const { return weights_; }
  at::Device device() const { return weights_.embedding.device(); }
  at::ScalarType dtype() const { return weights_.embedding.scalar_type(); }

  /// Appends `ids` to the cache. Returns hidden states [rows, hidden] after the final norm of those
  /// hidden_rows that are among them. Throws Cancelled and what torch throws.
  at::Tensor run(std::span<const std::int32_t> ids, KvCache& cache, const EngineOptions& options,
                 const RunContext& context) const;
  /// Logits [rows, vocab] fp32 on the CPU.
  at::Tensor logits(const at::Tensor& hidden, const RunContext& context) const;

 private:
  at::Tensor run_chunk(std::span<const std::int32_t> ids, KvCache& cache,
                       const EngineOptions& options, const RunContext& context) const;
  void store_projections(int layer, Projections& projections, KvCache& cache,
                         const EngineOptions& options) const;
  at::Tensor run_attention(int layer, const at::Tensor& q, std::int64_t first_row,
                           const KvCache& cache, const EngineOptions& options,
                           const RunContext& context) const;
  at::Tensor run_mlp(const LayerWeights& layer, const at::Tensor& x, const EngineOptions& options,
                     const RunContext& context) const;
  /// Multiply-adds between two looks at the cancellation flag: about 25 ms.
  double work_per_poll() const;
  std::int64_t chunk_rows(double memory_scale) const;
  std::int64_t rows_for(double work_per_row, double memory_scale = 1) const;

  ModelConfig config_;
  DecoderWeights weights_;
};

}  // namespace headscope
