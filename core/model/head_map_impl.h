// What HeadMapSource keeps, and how its weights are computed. Internal to core/model.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "core/model/attention.h"
#include "core/model/head_map.h"

namespace headscope {

/// One mass edit of the head: rows' factors for marked keys and for the others.
struct MapMass {
  at::Tensor marked;           ///< bool [T]
  at::Tensor positions;        ///< int64 [S]
  at::Tensor inside, outside;  ///< fp32 [T, 1]
  std::int64_t first_row = 0;
  MassMap map;
};

/// A direction added to the head's queries from a row on.
struct MapFocus {
  std::int64_t first_row = 0;
  at::Tensor query;  ///< fp32 [1, D], times alpha
};

struct HeadMapSource::Impl {
  HeadId head;
  std::int64_t tokens = 0;
  double scale = 1, softcap = 0;
  std::int64_t window = 0;
  at::Tensor q, k;      ///< fp32 [T, D], focus on queries included
  at::Tensor row_bias;  ///< fp32 [T, 1]: what key directions add to a row's products
  at::Tensor log_sum;   ///< fp32 [T, 1]
  std::vector<MapFocus> focus;
  std::vector<MapMass> masses;
  int overview_level = 0;
  std::vector<at::Tensor> pyramid;  ///< overview and the levels above it, fp32 on the CPU

  /// fp32 scores of rows over keys, -inf where a row does not see the key.
  at::Tensor scores(TokenRange rows, TokenRange keys) const;
  /// Weights of rows over keys.
  at::Tensor weights(TokenRange rows, TokenRange keys) const;
  /// Fills log_sum, the mass edits' factors and the pyramid in one pass over the rows; the
  /// overview has at most `most` cells a side. Throws Cancelled.
  void finish(std::int64_t most, const RunContext& context);

 private:
  void add_row_factors(TokenRange rows, at::Tensor& weights);
};

/// Rows that are handled at once when `keys` keys are looked at, a multiple of `unit`.
std::int64_t map_rows_at_once(std::int64_t keys, std::int64_t unit);

/// Largest of each size x size square; the last ones may be cut off. [R, C] -> [R/size, C/size].
at::Tensor max_pooled(const at::Tensor& values, std::int64_t size);

/// Keeps what a head's map needs while the model runs up to its layer.
class HeadMapObserver : public AttentionObserver {
 public:
  HeadMapObserver(HeadId head, std::int64_t tokens, std::int64_t group);
  TokenRange rows(int) const override { return {}; }
  std::vector<int> heads(int) const override { return {}; }
  void weights(int, WeightsOrigin, const at::Tensor&, const at::Tensor&) override {}
  void projections(int layer, std::int64_t first_row, const at::Tensor& q,
                   const at::Tensor& k) override;
  /// Applies the layer's edits; the rest of Impl is the caller's.
  std::unique_ptr<HeadMapSource::Impl> take(const LayerEditTensors& edits, double scale);

 private:
  HeadId head_;
  std::int64_t tokens_, group_;
  at::Tensor q_, k_;
};

}  // namespace headscope
