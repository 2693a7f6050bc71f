#include "core/model/readback.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>

namespace headscope {

at::Tensor begin_readback(const at::Tensor& tensor) {
  const auto wide = tensor.to(at::kFloat).contiguous();
  if (wide.is_cpu()) return wide;
  auto pinned = at::empty(wide.sizes(), at::TensorOptions(at::kFloat).pinned_memory(true));
  pinned.copy_(wide, /*non_blocking=*/true);
  return pinned;
}

void wait_for(at::Device device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

}  // namespace headscope
