// links: headscope_model
// Memory that tensors gave back.
#include <doctest/doctest.h>

#include <cstdlib>
#include <set>

#include <ATen/ATen.h>

#include "core/model/block_cache.h"
#include "core/model/machine_rate.h"
#include "core/model/memory.h"

using namespace headscope;

namespace {

constexpr std::size_t block_size = std::size_t{1} << 20;
std::set<void*> released;

void release(void* block) {
  released.insert(block);
  std::free(block);
}

}  // namespace

TEST_CASE("blocks come back by their size, and the oldest go first") {
  released.clear();
  {
    BlockCache cache(3 * block_size, release);
    CHECK(cache.take(block_size) == nullptr);
    void *a = std::malloc(block_size), *b = std::malloc(block_size),
         *c = std::malloc(2 * block_size);
    cache.put(a, block_size);
    cache.put(b, block_size);
    CHECK(cache.held() == 2 * block_size);
    CHECK(cache.take(block_size + 64) == nullptr);  // another size
    cache.put(c, 2 * block_size);
    CHECK(released == std::set<void*>{a});
    CHECK(cache.held() == 3 * block_size);
    CHECK(cache.take(2 * block_size) == c);
    CHECK(cache.take(2 * block_size) == nullptr);
    cache.put(c, 2 * block_size);
    void* small = std::malloc(64);
    cache.put(small, 64);
    CHECK(released.contains(small));
    void* large = std::malloc(4 * block_size);
    cache.put(large, 4 * block_size);
    CHECK(released.contains(large));
    CHECK(cache.held() == 3 * block_size);
    CHECK(released.size() == 3);
  }
  CHECK(released.size() == 5);
}

TEST_CASE("tensors take what others gave back, and count once") {
  set_memory_budget(std::nullopt);
  drop_memory_caches();
  CHECK(memory_kept() == 0);
  const auto used = memory_in_use();
  const void* first = nullptr;
  {
    const auto tensor = at::empty({1 << 20}, at::kFloat);
    first = tensor.const_data_ptr();
    CHECK(memory_in_use() == used + tensor.nbytes());
  }
  CHECK(memory_in_use() == used);
  CHECK(memory_kept() >= std::size_t{4} << 20);
  const auto again = at::full({1 << 20}, 2.0, at::kFloat);
  CHECK(again.const_data_ptr() == first);
  CHECK(memory_in_use() == used + again.nbytes());
  CHECK(again.sum().item<double>() == 2.0 * (1 << 20));
  { const auto other = at::zeros({1 << 19}, at::kFloat); }
  CHECK(memory_kept() > 0);
  drop_memory_caches();
  CHECK(memory_kept() == 0);
}
