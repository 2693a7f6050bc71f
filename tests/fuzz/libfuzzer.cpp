// Each program of the preset `fuzz` holds one reader.
#include <cstdint>
#include <ctime>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  // Of the processor: on a busy machine the clock on the wall says nothing.
  const std::clock_t begin = std::clock();
  headscope::fuzz::readers().front().read(std::as_bytes(std::span(bytes, size)));
  headscope::fuzz::require(std::clock() - begin < 5 * CLOCKS_PER_SEC,
                           "a few kilobytes are read in seconds, also under sanitizers");
  return 0;
}
