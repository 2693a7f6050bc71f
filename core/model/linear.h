// A linear map with its bias. Includes torch.
#pragma once

#include <ATen/core/Tensor.h>

namespace headscope {

/// y = x W^T + b.
struct Linear {
  at::Tensor weight;  ///< [out, in]
  at::Tensor bias;    ///< [out]; undefined = none

  /// x [..., in] -> [..., out].
  at::Tensor operator()(const at::Tensor& x) const;
};

}  // namespace headscope
