// What `headscope-cli version` says about libtorch and CUDA. Torch-free.
#pragma once

#include <string>

namespace headscope {
/// What there is on this machine.
struct DeviceReport {
  std::string libtorch_version;
  bool cuda_usable = false;
  std::string cuda_message;  ///< the cards, or what is missing
};

DeviceReport device_report();  ///< opens CUDA's library

}  // namespace headscope
