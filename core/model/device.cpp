#include "core/model/device.h"

#include <algorithm>
#include <exception>

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/version.h>

#include "core/base/platform.h"
#include "core/model/device_report.h"

namespace headscope {
namespace {

/// Names of the visible cards, asked from the driver itself.
std::vector<std::string> card_names(void* driver) {
  // Types of the driver's interface: CUresult and CUdevice are ints.
  using Start = int (*)(unsigned);
  using Count = int (*)(int*);
  using Get = int (*)(int*, int);
  using Name = int (*)(char*, int, int);
  const auto start = reinterpret_cast<Start>(platform::library_symbol(driver, "cuInit"));
  const auto count = reinterpret_cast<Count>(platform::library_symbol(driver, "cuDeviceGetCount"));
  const auto get = reinterpret_cast<Get>(platform::library_symbol(driver, "cuDeviceGet"));
  const auto name = reinterpret_cast<Name>(platform::library_symbol(driver, "cuDeviceGetName"));
  if (start == nullptr || count == nullptr || get == nullptr || name == nullptr) return {};
  int cards = 0;
  if (start(0) != 0 || count(&cards) != 0) return {};
  std::vector<std::string> names;
  for (int index = 0; index < cards; ++index) {
    int card = 0;
    char text[256] = {};
    if (get(&card, index) != 0 || name(text, sizeof text - 1, card) != 0) break;
    names.emplace_back(text);
  }
  return names;
}

/// The cards that can be used.
struct Cards {
  std::vector<std::string> names;
  std::string missing;  ///< what is missing; empty if nothing is
};

/// Driver and cards are looked for first: libtorch's CUDA half is large, and useless without them.
Cards find_cards() {
  std::string problem;
  void* const driver = platform::open_library(platform::library_file("cuda") + ".1", problem);
  if (driver == nullptr) return {{}, "no NVIDIA driver (" + problem + ")"};
  Cards cards{card_names(driver), {}};
  if (cards.names.empty()) return {{}, "the NVIDIA driver finds no card"};
  if (platform::open_library(platform::library_file("torch_cuda"), problem) == nullptr) {
    return {{}, "libtorch's CUDA library could not be opened (" + problem + ")"};
  }
  try {
    const auto usable = static_cast<std::size_t>(at::detail::getCUDAHooks().deviceCount());
    if (usable == 0) return {{}, "libtorch cannot use " + cards.names.front()};
    cards.names.resize(std::min(cards.names.size(), usable));
    return cards;
  } catch (const std::exception& error) {
    return {{}, std::string("CUDA does not start (") + error.what() + ")"};
  }
}

const Cards& the_cards() {
  static const Cards cards = find_cards();
  return cards;
}

std::string card_text(const Cards& cards, std::size_t index) {
  return "cuda:" + std::to_string(index) + " (" + cards.names[index] + ")";
}

std::uint64_t to_bytes(double gibibytes) {
  return static_cast<std::uint64_t>(gibibytes * double(std::uint64_t{1} << 30));
}

std::vector<ComputeDevice> processors(const std::vector<double>& gibibytes) {
  if (gibibytes.empty()) return {ComputeDevice{}};
  std::vector<ComputeDevice> all;
  for (std::size_t i = 0; i < gibibytes.size(); ++i) {
    all.push_back({c10::kCPU, "cpu:" + std::to_string(i), to_bytes(gibibytes[i])});
  }
  return all;
}

std::vector<ComputeDevice> usable_cards(const Cards& cards, const std::vector<double>& gibibytes) {
  std::vector<ComputeDevice> all;
  const std::size_t count =
      gibibytes.empty() ? cards.names.size() : std::min(cards.names.size(), gibibytes.size());
  for (std::size_t i = 0; i < count; ++i) {
    const c10::Device card(c10::kCUDA, static_cast<c10::DeviceIndex>(i));
    std::uint64_t bytes = card_memory(card).free / 10 * 9;
    if (!gibibytes.empty()) bytes = std::min(bytes, to_bytes(gibibytes[i]));
    all.push_back({card, card_text(cards, i), bytes});
  }
  return all;
}

}  // namespace

Result<std::vector<ComputeDevice>> select_devices(const std::string& wanted,
                                                  const std::vector<double>& gibibytes) {
  if (wanted != "cpu" && wanted != "cuda" && wanted != "auto") {
    return fail(ErrorKind::usage, "device \"" + wanted + "\": expected cpu, cuda or auto");
  }
  if (std::any_of(gibibytes.begin(), gibibytes.end(), [](double size) { return !(size > 0); })) {
    return fail(ErrorKind::usage, "device memory: expected GiB above 0 for every device");
  }
  if (wanted == "cpu") return processors(gibibytes);
  const Cards& cards = the_cards();
  if (cards.missing.empty()) return usable_cards(cards, gibibytes);
  if (wanted == "auto") return processors(gibibytes);
  return fail(ErrorKind::usage, "device cuda: " + cards.missing + "; use --device cpu");
}

CardMemory card_memory(c10::Device card) {
  at::globalContext().lazyInitDevice(card.type());
  const auto [free, total] = at::accelerator::getMemoryInfo(card.index());
  return {free, total};
}

DeviceReport device_report() {
  const Cards& cards = the_cards();
  DeviceReport report;
  report.libtorch_version = TORCH_VERSION;
  report.cuda_usable = cards.missing.empty();
  report.cuda_message = cards.missing;
  for (std::size_t i = 0; report.cuda_usable && i < cards.names.size(); ++i) {
    report.cuda_message += (i > 0 ? ", " : "") + card_text(cards, i);
  }
  return report;
}

}  // namespace headscope
