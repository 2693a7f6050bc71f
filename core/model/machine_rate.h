// How fast this machine multiplies, for estimates of time. Torch-free.
#pragma once

#include <string>

#include "core/model/estimate.h"

namespace headscope {

/// Measured once a process for each dtype, device and number of threads (about 0.1 s). `dtype` and
/// `device` as Model::dtype_name and Model::device_name say.
MachineRate machine_rate(const std::string& dtype, const std::string& device);

/// Bytes that tensors on the device may still take.
double device_memory_left(const std::string& device);

/// Gives memory that the allocators keep for later back to the system.
void drop_memory_caches();

}  // namespace headscope
