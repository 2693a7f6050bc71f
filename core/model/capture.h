// Keeping the attention that a Capture asks for while a run goes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/model/attention.h"

namespace headscope {

/// Collects weights and span sums on the CPU, block by block, and hands them over as plain arrays.
class AttentionCapture : public AttentionObserver {
 public:
  /// `rows`: the rows to keep, which replace capture.rows. `heads`: of the model. `devices`: where
  /// each of its layers lies.
  static Result<AttentionCapture> create(const Capture& capture, TokenRange rows, int heads,
                                         const std::vector<at::Device>& devices);

  TokenRange rows(int layer) const override;
  std::vector<int> heads(int) const override { return {}; }
  bool wants_weights(int) const override { return capture_.weights; }
  const SpanTable* spans(int layer) const override {
    if (capture_.span_sets.empty() || !layers_.contains(layer)) return nullptr;
    return &spans_[static_cast<std::size_t>(layer - layers_.begin)];
  }
  void weights(int layer, WeightsOrigin from, const at::Tensor& before,
               const at::Tensor& after) override;
  void span_sums(int layer, std::int64_t first_row, const at::Tensor& before,
                 const at::Tensor& after) override;

  /// Changes the rows to keep, for runs of one step each.
  void set_rows(TokenRange rows) { rows_ = rows; }

  /// Masses of the newest row, [layers, heads, sets].
  std::vector<float> newest_sums() const;
  /// Weights of the newest row of `head`, [keys]; empty where they are not kept.
  std::vector<float> newest_weights(HeadId head) const;

  /// Everything received so far, as rows `rows` over `keys` key positions; empties the capture.
  /// Throws Cancelled.
  CapturedAttention finish(TokenRange rows, std::int64_t keys, const RunContext& context = {});

 private:
  struct Block {
    WeightsOrigin from;
    at::Tensor numbers;  ///< fp32 on the CPU: [H, rows, keys] or [H, rows, sets]
  };
  struct LayerBlocks {
    std::vector<Block> weights, sums, sums_before;
  };
  AttentionCapture(const Capture& capture, TokenRange rows, TokenRange layers, int heads,
                   const std::vector<at::Device>& devices);
  LayerBlocks& blocks_of(int layer) {
    return blocks_[static_cast<std::size_t>(layer - layers_.begin)];
  }

  Capture capture_;
  std::vector<at::Device> devices_;  ///< per kept layer
  std::vector<SpanTable> spans_;     ///< per kept layer, where it lies
  TokenRange rows_, layers_;
  int heads_ = 0;
  std::vector<LayerBlocks> blocks_;  ///< per kept layer
};

/// Queries of some rows and keys of all, per layer.
class ProjectionObserver : public AttentionObserver {
 public:
  ProjectionObserver(int layers, TokenRange rows, std::int64_t tokens);
  TokenRange rows(int) const override { return {}; }
  std::vector<int> heads(int) const override { return {}; }
  void weights(int, WeightsOrigin, const at::Tensor&, const at::Tensor&) override {}
  void projections(int layer, std::int64_t first_row, const at::Tensor& q,
                   const at::Tensor& k) override;
  QueryKeyCapture take() { return std::move(capture_); }

 private:
  QueryKeyCapture capture_;
};

}  // namespace headscope
