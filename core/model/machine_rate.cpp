#include "core/model/machine_rate.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <tuple>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>

#include "core/base/platform.h"
#include "core/model/memory.h"

namespace headscope {
namespace {

bool is_card(const std::string& device) {
  return device.starts_with("cuda");
}

at::ScalarType scalar_type(const std::string& dtype) {
  if (dtype == "bfloat16") return at::kBFloat16;
  return dtype == "float16" ? at::kHalf : at::kFloat;
}

/// Seconds of one call, the best of several within about 20 ms: what else the machine does counts
/// little.
double seconds_of(const std::function<at::Tensor()>& work) {
  using Clock = std::chrono::steady_clock;
  const auto once = [&] {
    const auto start = Clock::now();
    work().flatten()[0].item<float>();  // waits for a card
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  once();
  double best = once(), total = best;
  while (total < 0.02) {
    const double more = once();
    best = std::min(best, more);
    total += more;
  }
  return best;
}

MachineRate measure(at::ScalarType dtype, at::Device device) {
  const c10::InferenceMode no_gradients;
  const std::int64_t scale = device.is_cpu() ? 1 : 4;
  const auto options = at::TensorOptions(dtype).device(device);
  const auto numbers = [&](at::IntArrayRef shape) { return at::full(shape, 0.01, options); };
  const std::int64_t rows = 256 * scale, width = 1024 * scale;
  const auto matrix = numbers({width, width}), many = numbers({rows, width});
  const auto q = numbers({1, 4, rows, 64}), k = numbers({1, 4, 2 * width, 64});
  const auto large = numbers({4096 * scale, 4096}), one = numbers({1, 4096});
  MachineRate rate;
  rate.matmul =
      2.0 * double(rows * width * width) / seconds_of([&] { return at::linear(many, matrix); });
  rate.attention = 4.0 * 4 * double(rows * 2 * width) * 64 /
                   seconds_of([&] { return at::scaled_dot_product_attention(q, k, k); });
  rate.bytes_per_second = double(large.numel()) * double(large.element_size()) /
                          seconds_of([&] { return at::linear(one, large); });
  return rate;
}

}  // namespace

MachineRate machine_rate(const std::string& dtype, const std::string& device) {
  using Key = std::tuple<std::string, std::string, int>;
  static std::mutex mutex;
  static std::map<Key, MachineRate> measured;
  const std::lock_guard lock(mutex);
  const Key key{dtype, device, at::get_num_threads()};
  const auto it = measured.find(key);
  if (it != measured.end()) return it->second;
  MachineRate rate{5e10, 2.5e10, 1e10};  // a core or two, if there is no room to measure
  try {
    rate = measure(scalar_type(dtype), is_card(device) ? at::Device(at::kCUDA, 0) : at::kCPU);
  } catch (const std::exception&) {
    return rate;
  }
  return measured[key] = rate;
}

double device_memory_left(const std::string& device) {
  if (!is_card(device)) return double(memory_left());
  return double(c10::getDeviceAllocator(at::kCUDA)->getMemoryInfo(0).first);
}

void drop_memory_caches() {
  if (at::globalContext().hasCUDA() && c10::getDeviceAllocator(at::kCUDA)->initialized()) {
    c10::getDeviceAllocator(at::kCUDA)->emptyCache();
  }
  platform::release_free_memory();
}

}  // namespace headscope
