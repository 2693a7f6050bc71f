#include "core/base/recycled_block.h"

#include <mutex>
#include <utility>

#include "core/base/make_large.h"

namespace headscope {
namespace {

using Block = std::vector<float>;

constexpr std::size_t most_waiting = (64u << 20) / sizeof(float);  // numbers

void free_elsewhere(std::unique_ptr<Block> block) {
  destroy_elsewhere(block.release(), [](void* pointer) { delete static_cast<Block*>(pointer); });
}

/// Blocks of one size that nobody uses.
class Waiting {
 public:
  std::unique_ptr<Block> take(std::size_t size) {
    std::vector<std::unique_ptr<Block>> outgrown;
    {
      const std::lock_guard lock(mutex_);
      if (size != size_) outgrown.swap(blocks_);
      size_ = size;
      if (!blocks_.empty()) {
        auto block = std::move(blocks_.back());
        blocks_.pop_back();
        return block;
      }
    }
    for (auto& block : outgrown) free_elsewhere(std::move(block));
    return std::make_unique<Block>(size);
  }

  void give(std::unique_ptr<Block> block) {
    {
      const std::lock_guard lock(mutex_);
      if (block->size() == size_ && (blocks_.size() + 1) * size_ <= most_waiting) {
        blocks_.push_back(std::move(block));
        return;
      }
    }
    free_elsewhere(std::move(block));
  }

 private:
  std::mutex mutex_;
  std::size_t size_ = 0;
  std::vector<std::unique_ptr<Block>> blocks_;
};

Waiting& waiting() {
  // Never destroyed: blocks may be let go of after everything else has ended.
  static Waiting& all = *new Waiting;
  return all;
}

}  // namespace

std::shared_ptr<std::vector<float>> recycled_block(std::size_t size) {
  return {waiting().take(size).release(),
          [](Block* block) { waiting().give(std::unique_ptr<Block>(block)); }};
}

}  // namespace headscope
