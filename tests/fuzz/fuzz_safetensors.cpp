// links: headscope_base
// longest: 4096
// words: core/base/safetensors*.cpp
#include <algorithm>

#include "core/base/safetensors.h"
#include "core/base/safetensors_header.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;
using fuzz::require;

namespace {

std::vector<TensorToWrite> tensors_of(const SafetensorsFile& file, fuzz::Input input) {
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, info] : file.tensors()) {
    const auto bytes = file.bytes(name);
    require(bytes.has_value(), "every tensor has bytes");
    require(bytes->empty() || (bytes->data() >= input.data() &&
                               bytes->data() + bytes->size() <= input.data() + input.size()),
            "a tensor's bytes lie within the file");
    require(bytes->size() * 8 == static_cast<std::size_t>(info.elements()) *
                                     static_cast<std::size_t>(dtype_bits(info.dtype)),
            "a tensor has the bytes of its shape");
    const auto floats = file.floats(name);
    require(!floats || std::ssize(*floats) == info.elements(), "a float an element");
    tensors.push_back({name, info.dtype, info.shape, *bytes});
  }
  return tensors;
}

}  // namespace

FUZZ_READER(safetensors) {
  const auto file = SafetensorsFile::from_bytes(input, "input");
  if (!file) return;
  const auto tensors = tensors_of(*file, input);
  const auto header = make_safetensors_header(
      tensors, {file->metadata().begin(), file->metadata().end()}, "written");
  require(header.has_value(), "what was read can be written");
  std::string written = *header;
  for (const auto& tensor : tensors)
    written.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  const auto again = SafetensorsFile::from_bytes(std::as_bytes(std::span(written)), "written");
  require(again.has_value() && again->metadata() == file->metadata() &&
              again->tensors().size() == tensors.size(),
          "written and read again it is the same");
  for (const auto& tensor : tensors) {
    const auto bytes = again->bytes(tensor.name);
    require(bytes && std::ranges::equal(*bytes, tensor.bytes) &&
                again->find(tensor.name)->shape == tensor.shape,
            "written and read again a tensor is the same");
  }
}
