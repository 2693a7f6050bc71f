// A small open-addressing hash map from 64-bit keys to 64-bit values, for tables that are filled
// once and read often (merges, tries).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/rng.h"

namespace headscope {
/// Keys and values are any numbers but `missing`; nothing is ever erased.
class FlatMap {
 public:
  static constexpr std::uint64_t missing = ~std::uint64_t{0};  ///< no valid key or value
  /// Room for `count` keys without growing.
  void reserve(std::size_t count) {
    std::size_t wanted = 16;
    while (wanted < count * 2) wanted *= 2;
    if (wanted > slots_.size()) rehash(wanted);
  }
  /// Keeps the value that is there already; tells whether it was new.
  bool insert(std::uint64_t key, std::uint64_t value) {
    if ((count_ + 1) * 2 > slots_.size()) rehash(slots_.empty() ? 16 : slots_.size() * 2);
    Slot& slot = slots_[position(key)];
    if (slot.key == key) return false;
    slot = {key, value};
    ++count_;
    return true;
  }
  /// Overwrites.
  void assign(std::uint64_t key, std::uint64_t value) {
    if (!insert(key, value)) slots_[position(key)].value = value;
  }
  std::uint64_t find(std::uint64_t key) const {  ///< `missing` when it is not there
    if (slots_.empty()) return missing;
    const Slot& slot = slots_[position(key)];
    return slot.key == key ? slot.value : missing;
  }
  std::size_t size() const { return count_; }

 private:
  struct Slot {
    std::uint64_t key = missing;
    std::uint64_t value = missing;
  };

  std::size_t position(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = static_cast<std::size_t>(splitmix64(key)) & mask;
    while (slots_[at].key != key && slots_[at].key != missing) at = (at + 1) & mask;
    return at;
  }
  void rehash(std::size_t size) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != missing) slots_[position(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace headscope
