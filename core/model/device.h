// Where tensors live: the processor, or a CUDA card if its library can be opened at run time.
#pragma once

#include <string>

#include <c10/core/Device.h>

#include "core/base/error.h"

namespace headscope {

struct ComputeDevice {
  c10::Device device = c10::kCPU;
  std::string name = "cpu";  ///< "cpu" or "cuda:0 (name of the card)"
};

/// "cpu", "cuda" or "auto" (a card if there is one). "cuda" without one: an error that says whether
/// libtorch's CUDA library, the driver or the card is missing.
Result<ComputeDevice> select_device(const std::string& wanted);

}  // namespace headscope
