// A few results seen before, bounded in bytes; the least recently used goes first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <optional>
#include <utility>

namespace headscope {
/// Values by key, at most `budget` bytes of them.
template <class Key, class Value>
class ByteCache {
 public:
  explicit ByteCache(std::uint64_t budget) : budget_(budget) {}
  /// The newest value; it counts as used now.
  std::optional<Value> find(const Key& key) {
    const auto found = position(key);
    if (found == entries_.end()) return std::nullopt;
    entries_.splice(entries_.begin(), entries_, found);
    return entries_.front().value;
  }

  /// A value larger than the whole budget is not kept.
  void put(const Key& key, Value value, std::uint64_t bytes) {
    if (const auto found = position(key); found != entries_.end()) erase(found);
    if (bytes > budget_) return;
    while (bytes_ + bytes > budget_) erase(std::prev(entries_.end()));
    entries_.push_front({key, std::move(value), bytes});
    bytes_ += bytes;
  }

  /// What exceeds it goes at once.
  void set_budget(std::uint64_t bytes) {
    budget_ = bytes;
    while (bytes_ > budget_) erase(std::prev(entries_.end()));
  }
  std::uint64_t budget() const { return budget_; }
  /// Forgets everything; the budget stays.
  void clear() {
    entries_.clear();
    bytes_ = 0;
  }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    Key key;
    Value value;
    std::uint64_t bytes = 0;
  };
  using Position = typename std::list<Entry>::iterator;

  Position position(const Key& key) {
    return std::find_if(entries_.begin(), entries_.end(),
                        [&](const Entry& entry) { return entry.key == key; });
  }
  void erase(Position entry) {
    bytes_ -= entry->bytes;
    entries_.erase(entry);
  }

  std::list<Entry> entries_;
  std::uint64_t budget_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace headscope
