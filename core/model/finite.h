// Whether a tensor holds numbers.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/base/run_context.h"

namespace headscope {

/// No infinity and no NaN in a floating-point tensor. One pass over its bytes; throws Cancelled.
bool is_finite(const at::Tensor& tensor, const RunContext& context);

}  // namespace headscope
