// Focus directions (method.md 3, arXiv 2503.23306): q' = q + alpha d_q after RoPE; optionally
// k' = k + alpha d_k, which shifts every score of a row alike and so does nothing.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base/error.h"
#include "core/intervention/edit_plan.h"

namespace headscope {

/// Checks `focus` and adds it to the plan's layers; entries on one head add up.
Result<> add_focus(const Focus& focus, const std::vector<std::vector<int>>& heads_by_layer,
                   std::int64_t first_row, const HeadShape& shape, EditPlan& plan);

/// One layer's focus edits that act at some row, as tensors.
struct FocusTensors {
  std::int64_t first_row = 0;
  at::Tensor query;  ///< [heads, 1, head_dim]
  at::Tensor key;    ///< [key_heads, 1, head_dim]; undefined without a key part
  std::vector<int> key_heads;
};

FocusTensors upload(const FocusEdit& edit, int heads, at::Device device, at::ScalarType dtype);

}  // namespace headscope
