#include "core/model/device.h"

#include <dlfcn.h>

#include <exception>

#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/version.h>

#include "core/model/device_report.h"

namespace headscope {
namespace {

/// Opens a library for good. Empty = open; else the loader's message.
std::string open_library(const char* name) {
  if (dlopen(name, RTLD_NOW | RTLD_GLOBAL) != nullptr) return {};
  const char* message = dlerror();
  return message != nullptr ? message : "unknown error of the loader";
}

/// Name of the first card, asked from the driver itself; empty if there is none.
std::string card_name() {
  // Types of the driver's interface: CUresult and CUdevice are ints.
  using Start = int (*)(unsigned);
  using Get = int (*)(int*, int);
  using Name = int (*)(char*, int, int);
  const auto start = reinterpret_cast<Start>(dlsym(RTLD_DEFAULT, "cuInit"));
  const auto get = reinterpret_cast<Get>(dlsym(RTLD_DEFAULT, "cuDeviceGet"));
  const auto name = reinterpret_cast<Name>(dlsym(RTLD_DEFAULT, "cuDeviceGetName"));
  int card = 0;
  char text[256] = {};
  if (start == nullptr || get == nullptr || name == nullptr || start(0) != 0) return {};
  if (get(&card, 0) != 0 || name(text, sizeof text - 1, card) != 0) return {};
  return text;
}

/// Whether a card can be used.
struct Card {
  std::string name;
  std::string missing;  ///< what is missing; empty if nothing is
};

/// Driver and card are looked for first: libtorch's CUDA half is large, and useless without them.
Card find_card() {
  const std::string driver = open_library("libcuda.so.1");
  if (!driver.empty()) return {{}, "no NVIDIA driver (" + driver + ")"};
  Card card{card_name(), {}};
  if (card.name.empty()) return {{}, "the NVIDIA driver finds no card"};
  const std::string library = open_library("libtorch_cuda.so");
  if (!library.empty()) {
    return {{}, "libtorch's CUDA library could not be opened (" + library + ")"};
  }
  try {
    if (at::detail::getCUDAHooks().deviceCount() > 0) return card;
    return {{}, "libtorch cannot use " + card.name};
  } catch (const std::exception& error) {
    return {{}, std::string("CUDA does not start (") + error.what() + ")"};
  }
}

const Card& the_card() {
  static const Card card = find_card();
  return card;
}

}  // namespace

Result<ComputeDevice> select_device(const std::string& wanted) {
  if (wanted == "cpu") return ComputeDevice{};
  if (wanted != "cuda" && wanted != "auto") {
    return fail(ErrorKind::usage, "device \"" + wanted + "\": expected cpu, cuda or auto");
  }
  const Card& card = the_card();
  if (card.missing.empty()) {
    return ComputeDevice{c10::Device(c10::kCUDA, 0), "cuda:0 (" + card.name + ")"};
  }
  if (wanted == "auto") return ComputeDevice{};
  return fail(ErrorKind::usage, "device cuda: " + card.missing + "; use --device cpu");
}

DeviceReport device_report() {
  const Card& card = the_card();
  DeviceReport report;
  report.libtorch_version = TORCH_VERSION;
  report.cuda_usable = card.missing.empty();
  report.cuda_message = report.cuda_usable ? "cuda:0 (" + card.name + ")" : card.missing;
  return report;
}

}  // namespace headscope
