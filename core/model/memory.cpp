#include "core/model/memory.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <limits>
#include <mutex>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include "core/base/platform.h"

namespace headscope {
namespace {

std::atomic<std::uint64_t> used_bytes{0};
std::atomic<std::uint64_t> limit_bytes{std::numeric_limits<std::uint64_t>::max()};
std::mutex budget_mutex;
std::optional<std::uint64_t> budget;

/// Allocates through libtorch, with the size in front of the block so that freeing can count too.
class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t size) override {
    if (size == 0) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    const std::uint64_t before = used_bytes.fetch_add(size);
    if (before + size > limit_bytes.load()) {
      used_bytes.fetch_sub(size);
      throw MemoryLimitReached(size, before, limit_bytes.load());
    }
    std::byte* block = nullptr;
    try {
      block = static_cast<std::byte*>(c10::alloc_cpu(size + header));
    } catch (...) {
      used_bytes.fetch_sub(size);
      throw;
    }
    std::memcpy(block, &size, sizeof size);
    return {block + header, block + header, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    default_copy_data(to, from, count);
  }

 private:
  static constexpr std::size_t header = 64;  // keeps libtorch's alignment

  static void release(void* data) {
    if (data == nullptr) return;
    auto* block = static_cast<std::byte*>(data) - header;
    std::size_t size = 0;
    std::memcpy(&size, block, sizeof size);
    used_bytes.fetch_sub(size);
    c10::free_cpu(block);
  }
};

void install_allocator() {
  static CountingAllocator allocator;
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(&allocator, /*priority=*/1); });
}

}  // namespace

MemoryLimitReached::MemoryLimitReached(std::uint64_t wanted, std::uint64_t used,
                                       std::uint64_t limit)
    : message_("out of memory: " + memory_text(double(wanted)) + " more are needed, tensors hold " +
               memory_text(double(used)) + " of at most " + memory_text(double(limit)) +
               "; use a shorter prompt, fewer captured rows or layers, or a narrower dtype") {}

void set_memory_budget(std::optional<std::uint64_t> bytes) {
  {
    const std::lock_guard lock(budget_mutex);
    budget = bytes;
  }
  refresh_memory_limit();
}

void refresh_memory_limit() {
  install_allocator();
  const std::lock_guard lock(budget_mutex);
  if (budget) {
    limit_bytes = *budget;
    return;
  }
  const std::uint64_t available = platform::available_memory();
  limit_bytes = available == 0 ? std::numeric_limits<std::uint64_t>::max()
                               : used_bytes.load() + available / 10 * 9;
}

std::uint64_t memory_in_use() {
  return used_bytes.load();
}

std::uint64_t memory_left() {
  const std::uint64_t limit = limit_bytes.load();
  return limit - std::min(limit, used_bytes.load());
}

Result<> require_memory(const std::string& what, double bytes, const std::string& advice) {
  const auto left = static_cast<double>(memory_left());
  if (bytes <= left) return {};
  return fail(ErrorKind::out_of_memory, what + " needs about " + memory_text(bytes) +
                                            ", but only " + memory_text(left) + " are free; " +
                                            advice);
}

void claim_memory(std::uint64_t bytes) {
  if (bytes > memory_left()) throw MemoryLimitReached(bytes, used_bytes.load(), limit_bytes.load());
}

}  // namespace headscope
