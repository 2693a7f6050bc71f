// The description inside a file of torch.save, read without executing anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace headscope {

/// One float32 tensor as torch.save describes it: a view of a storage.
struct PickledTensor {
  std::string storage;  ///< name of the storage's entry, "0"
  std::int64_t storage_elements = 0, offset = 0;
  std::vector<std::int64_t> shape, strides;
};

/// Understands exactly what torch.save writes for one tensor or parameter of float32: the calls
/// torch._utils._rebuild_tensor_v2, torch._utils._rebuild_parameter and collections.OrderedDict (an
/// empty one), the type torch.FloatStorage, and the opcodes between them. A pickle is a program
/// that may call anything; here every other name and opcode is bad_input that says which, and so is
/// what is larger than a tensor's description. `name` (a file) begins the message.
Result<PickledTensor> read_pickled_tensor(std::string_view pickle, const std::string& name);

}  // namespace headscope
