#include "core/model/block_cache.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <vector>

namespace headscope {

void* BlockCache::take(std::size_t size) {
  if (size < smallest) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(),
                                  [size](const Block& block) { return block.size == size; });
  if (found == blocks_.rend()) return nullptr;
  void* data = found->data;
  blocks_.erase(std::next(found).base());
  held_ -= size;
  return data;
}

void BlockCache::put(void* block, std::size_t size) {
  if (size < smallest || size > most_) return release_(block);
  std::vector<void*> gone;
  try {
    const std::lock_guard lock(mutex_);
    gone.reserve(blocks_.size() + 1);
    blocks_.push_back({block, size});
    held_ += size;
    while (held_ > most_) {
      gone.push_back(blocks_.front().data);
      held_ -= blocks_.front().size;
      blocks_.pop_front();
    }
  } catch (const std::bad_alloc&) {  // no room to remember it: destructors call this
    return release_(block);
  }
  for (void* data : gone) release_(data);
}

void BlockCache::clear() {
  std::deque<Block> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(blocks_);
    held_ = 0;
  }
  for (const Block& block : all) release_(block.data);
}

std::uint64_t BlockCache::held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

}  // namespace headscope
