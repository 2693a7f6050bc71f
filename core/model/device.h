// Where tensors live: the processor, or a CUDA card if its library can be opened at run time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "core/base/error.h"

namespace headscope {
/// Where layers can be placed.
struct ComputeDevice {
  c10::Device device = c10::kCPU;
  std::string name = "cpu";  ///< "cpu" or "cuda:0 (name of the card)"
  std::uint64_t bytes = 0;   ///< what a model may take of it; 0 = what the system has (cpu)
};

/// The devices that `wanted` names: "cpu", "cuda" (every visible card) or "auto" (the cards if
/// there are any). "cuda" without one: an error that says whether libtorch's CUDA library, the
/// driver or the card is missing. `gibibytes` limits what is taken of each card, and leaves out the
/// cards after the last number; with "cpu" every number is a device of its own, which stands in for
/// a card where there is none. Cards offer nine tenths of what they have free.
Result<std::vector<ComputeDevice>> select_devices(const std::string& wanted,
                                                  const std::vector<double>& gibibytes);

/// Bytes that are free on a card now, and all it has.
struct CardMemory {
  std::uint64_t free = 0, total = 0;
};
CardMemory card_memory(c10::Device card);

}  // namespace headscope
