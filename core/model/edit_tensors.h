// A layer's edits on its device, and the two forms of moving attention mass (core/intervention/
// mass.h): on weights, and on fused outputs. Internal to core/model.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/intervention/edit_plan.h"

namespace headscope {

/// One layer's focus edits that act at some row.
struct FocusTensors {
  std::int64_t first_row = 0;
  at::Tensor query;  ///< [heads, 1, head_dim]
  at::Tensor key;    ///< [key_heads, 1, head_dim]; undefined without a key part
  std::vector<int> key_heads;
};

/// One edit with its marked positions on the device.
struct MassTensors {
  MassEdit edit;
  at::Tensor positions;  ///< int64 [|S|]
};

/// One edit with what the heads' outputs become.
struct OutputTensors {
  OutputEdit edit;
  at::Tensor values;  ///< [heads of the edit, 1, head_dim]; undefined = zero
};

/// One layer's edits on the device.
struct LayerEditTensors {
  std::vector<FocusTensors> focus;
  std::vector<MassTensors> mass;
  std::vector<OutputTensors> output;
  bool empty() const { return focus.empty() && mass.empty() && output.empty(); }
};

/// Equal but for how mass is moved, and for outputs: attention before that is the same.
bool same_before_mass(const LayerEditTensors& a, const LayerEditTensors& b);
/// Of one edit on `heads` query heads, to where its layer lies.
FocusTensors upload(const FocusEdit& edit, int heads, at::Device device, at::ScalarType dtype);
MassTensors upload(const MassEdit& edit, at::Device device);  ///< to where the layer lies

/// `devices`: where each layer lies. Means of outputs are left to fill_output_means
/// (core/model/head_means.h).
std::vector<LayerEditTensors> upload(const EditPlan& plan, int heads,
                                     const std::vector<at::Device>& devices, at::ScalarType dtype);

/// MassFactors of many rows, in fp32 where log p lies.
struct MassFactorTensors {
  at::Tensor inside, outside, moved;
};

/// Factors for rows with log p = `log_p` (any shape).
MassFactorTensors factors_of(const MassMap& map, const at::Tensor& log_p);

/// Weights form. `weights` [..., R, T] fp32, rows summing to one; `marked` int64 columns.
at::Tensor move_mass(const at::Tensor& weights, const at::Tensor& marked, const MassMap& map);

/// Attention over some keys, normalised on its own.
struct PartialAttention {
  at::Tensor output;   ///< [..., R, D]
  at::Tensor log_sum;  ///< fp32 [..., R]: log of the sum of exp(score) over the keys; -inf = none
};

/// Output form, which needs no weights: p' o_S + (1 - p') o_rest. With `whole` = attention over all
/// keys, o = p o_S + (1 - p) o_rest, so that it equals outside * o + moved * o_S: o_rest is not
/// needed, and where mass moves onto S both factors lie in [0,1] and nothing cancels.
at::Tensor move_mass(const PartialAttention& whole, const PartialAttention& marked,
                     const MassMap& map);

}  // namespace headscope
