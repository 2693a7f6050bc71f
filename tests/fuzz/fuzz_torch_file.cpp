// links: headscope_session
// longest: 4096
// words: core/session/torch_*.cpp
// The zip archive of torch.save.
#include "core/session/torch_file.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(torch_file) {
  const auto tensor = read_torch_tensor(fuzz::file_of(input));
  if (!tensor) return;
  std::size_t elements = 1;
  for (const auto size : tensor->shape) elements *= static_cast<std::size_t>(size);
  fuzz::require(tensor->values.size() == elements, "a tensor has the numbers of its shape");
}
