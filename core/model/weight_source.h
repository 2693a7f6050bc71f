// Where weights come from: files of any format, under the names of Hugging Face checkpoints.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "core/base/error.h"
#include "core/base/run_context.h"

namespace headscope {

/// What is known of a stored tensor before it is read.
struct StoredTensor {
  std::vector<std::int64_t> shape;
  std::string dtype;     ///< as the file calls it: "F32", "BF16", "Q4_K"
  bool readable = true;  ///< its type can be converted to floating point
};

/// Tensors by Hugging Face name. Reading converts; a decorator may change what is read (adapters).
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// What is stored.
  virtual const std::map<std::string, StoredTensor, std::less<>>& tensors() const = 0;
  /// An owned tensor of the stored shape. Throws Cancelled; polls every 16 MiB.
  virtual Result<at::Tensor> read(std::string_view name, c10::Device device, c10::ScalarType dtype,
                                  const RunContext& context) const = 0;
  /// Whether two stored tensors are equal bit by bit (an output matrix stored beside its tie).
  virtual Result<bool> same(std::string_view a, std::string_view b) const = 0;
  /// bad_input when a file was changed or replaced since it was opened: what was read may be of two
  /// files. Ask after reading.
  virtual Result<> unchanged() const = 0;
};

/// The weights of a Hugging Face folder (*.safetensors or its index) or of a GGUF file, with the
/// PEFT adapter of the folder `adapter` merged unless that is empty.
Result<std::unique_ptr<WeightSource>> open_weights(const std::string& folder,
                                                   const std::string& adapter = {});

}  // namespace headscope
