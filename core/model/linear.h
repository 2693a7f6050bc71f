// A linear map with its bias, in floating point or as int8. Includes torch.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace headscope {

/// y = x W^T + b. As int8, W[o,i] = scale[o] * weight[o,i]: symmetric, one scale an output row, so
/// that ranges of rows can be taken as views. Activations stay in floating point.
struct Linear {
  at::Tensor weight;  ///< [out, in]; int8 where `scale` is defined
  at::Tensor bias;    ///< [out]; undefined = none
  at::Tensor scale;   ///< fp32 [out]; undefined = the weight is what it says

  /// x [..., in] -> [..., out]. int8 is widened a few megabytes at a time, never as a whole.
  at::Tensor operator()(const at::Tensor& x) const;
  /// Rows of W, in `dtype`: an embedding's lookup. index int64 [n] -> [n, in].
  at::Tensor rows(const at::Tensor& index, at::ScalarType dtype) const;
  /// Output rows begin..begin+count-1, as views.
  Linear outputs(std::int64_t begin, std::int64_t count) const;
};

/// A matrix [out, in] as int8 with scale = max|row| / 127; rounds half to even.
struct Int8Matrix {
  at::Tensor values;  ///< int8 [out, in]
  at::Tensor scale;   ///< fp32 [out]
};
Int8Matrix to_int8(const at::Tensor& matrix);

}  // namespace headscope
