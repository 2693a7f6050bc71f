// The JSON header of a safetensors file, checked. Only safetensors.cpp needs this.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/safetensors.h"

namespace headscope {
/// What stands before the numbers of a file.
struct SafetensorsHeader {
  std::map<std::string, TensorInfo, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> metadata;
  std::size_t data_start = 0;  ///< first byte after the header
};

/// Reads and checks the header of a whole file: afterwards every tensor's bytes lie inside `file`,
/// have the size of dtype and shape, and the tensors cover the data without holes or overlaps.
Result<SafetensorsHeader> read_safetensors_header(std::span<const std::byte> file,
                                                  const std::string& name);

/// Length and JSON, ready to be written before the tensors in the given order.
Result<std::string> make_safetensors_header(const std::vector<TensorToWrite>& tensors,
                                            const std::map<std::string, std::string>& metadata,
                                            const std::string& name);

}  // namespace headscope
