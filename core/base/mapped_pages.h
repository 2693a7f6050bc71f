// Pages of mapped files: giving back those that were read, and outliving those that are gone.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace headscope {

/// Gives the whole pages within `mapped`, bytes of a MappedFile, back to the system: they stay
/// readable and come from the file again. What was copied elsewhere then does not count twice.
void release_pages(std::span<const std::byte> mapped);

/// Watches over the bytes of a mapped file while it exists. Reading pages that the file lost since
/// (somebody cut it short) would end the program with SIGBUS; watched ones read as zeros from there
/// on, and `lost` tells.
class WatchedPages {
 public:
  WatchedPages() = default;
  /// `mapped` begins on a page.
  explicit WatchedPages(std::span<const std::byte> mapped);
  WatchedPages(WatchedPages&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  WatchedPages& operator=(WatchedPages&& other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~WatchedPages();

  bool lost() const;  ///< a page of it was gone when it was read

  struct Slot;

 private:
  Slot* slot_ = nullptr;
};

}  // namespace headscope
