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

/// Empty when a card can be used; else what is missing. The driver is looked for first: libtorch's
/// CUDA half is large, and useless without it.
std::string find_missing() {
  const std::string driver = open_library("libcuda.so.1");
  if (!driver.empty()) return "no NVIDIA driver (" + driver + ")";
  const std::string library = open_library("libtorch_cuda.so");
  if (!library.empty()) return "libtorch's CUDA library could not be opened (" + library + ")";
  try {
    if (at::detail::getCUDAHooks().deviceCount() > 0) return {};
    return "no NVIDIA card was found";
  } catch (const std::exception& error) {
    return std::string("CUDA does not start (") + error.what() + ")";
  }
}

const std::string& missing_for_cuda() {
  static const std::string missing = find_missing();
  return missing;
}

}  // namespace

Result<ComputeDevice> select_device(const std::string& wanted) {
  if (wanted == "cpu") return ComputeDevice{};
  if (wanted != "cuda" && wanted != "auto") {
    return fail(ErrorKind::usage, "device \"" + wanted + "\": expected cpu, cuda or auto");
  }
  const std::string& missing = missing_for_cuda();
  if (missing.empty()) return ComputeDevice{c10::Device(c10::kCUDA, 0), "cuda:0"};
  if (wanted == "auto") return ComputeDevice{};
  return fail(ErrorKind::usage, "device cuda: " + missing + "; use --device cpu");
}

DeviceReport device_report() {
  DeviceReport report;
  report.libtorch_version = TORCH_VERSION;
  const std::string& missing = missing_for_cuda();
  report.cuda_usable = missing.empty();
  report.cuda_message = missing.empty() ? "cuda:0" : missing;
  return report;
}

}  // namespace headscope
