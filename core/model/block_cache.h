// Memory that tensors gave back, kept for the next ones. Torch-free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace headscope {

/// Activations of one chunk after the other have the same sizes; what the system hands out anew
/// costs a page fault and zeros every 4 KiB. For any thread.
class BlockCache {
 public:
  using Release = void (*)(void*);
  /// Blocks are kept up to `most` bytes in all; the oldest go first, by `release`.
  BlockCache(std::size_t most, Release release) : most_(most), release_(release) {}
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;
  ~BlockCache() { clear(); }

  /// Smaller blocks are better off with malloc.
  static constexpr std::size_t smallest = std::size_t{1} << 16;

  /// A kept block of exactly `size` bytes; null when there is none.
  void* take(std::size_t size);
  /// Takes `block` over: kept, or released.
  void put(void* block, std::size_t size);
  void clear();
  std::uint64_t held() const;

 private:
  struct Block {
    void* data = nullptr;
    std::size_t size = 0;
  };

  const std::size_t most_;
  const Release release_;
  mutable std::mutex mutex_;
  std::deque<Block> blocks_;  ///< oldest first
  std::size_t held_ = 0;
};

}  // namespace headscope
