// Files of torch.save that hold one float32 tensor. No Python is needed and nothing is executed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/base/error.h"

namespace headscope {
/// One tensor of the file, as fp32.
struct TorchTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  ///< row-major
};

/// The zip format of torch 1.6 and newer, little-endian, one contiguous float32 tensor or
/// parameter. bad_input for everything else, by name: the older format, several tensors, other
/// number types, transposed views, damaged archives, and pickles that call anything (see
/// torch_pickle.h).
Result<TorchTensor> read_torch_tensor(const std::filesystem::path& path);

}  // namespace headscope
