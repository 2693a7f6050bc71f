// Each program of the preset `fuzz` holds one reader.
#include <cstdint>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  headscope::fuzz::readers().front().read(std::as_bytes(std::span(bytes, size)));
  return 0;
}
