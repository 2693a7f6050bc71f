// Results on their way from a card to the processor.
#pragma once

#include <ATen/core/Tensor.h>

namespace headscope {

/// An fp32 copy of `tensor` on the processor. From a card the copy is only begun, into pinned
/// memory, so that the card goes on computing: read it after wait_for(tensor.device()).
at::Tensor begin_readback(const at::Tensor& tensor);

/// Until everything that was begun on `device` has arrived; at once for the processor.
void wait_for(at::Device device);

}  // namespace headscope
