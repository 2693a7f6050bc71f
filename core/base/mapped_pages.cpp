#include "core/base/mapped_pages.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

namespace headscope {

/// One watched map. Never freed, so that the signal's handler may read all of them at any time.
struct WatchedPages::Slot {
  std::atomic<std::uintptr_t> begin{0}, end{0};  ///< end 0 = nobody's
  std::atomic<bool> lost{false};
  bool taken = false;  ///< under the mutex of `slots`
  Slot* next = nullptr;
};

namespace {

std::atomic<WatchedPages::Slot*> slots{nullptr};
std::mutex slots_mutex;
struct sigaction handler_before {};
std::uintptr_t page_size = 4096;

/// Zeros in the place of everything from `address` on: a file that lost a page lost what follows.
bool replace_pages(WatchedPages::Slot& slot, std::uintptr_t address, std::uintptr_t end) {
  const std::uintptr_t page = address / page_size * page_size;
  void* zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (zeros == MAP_FAILED) return false;
  slot.lost = true;
  return true;
}

void on_bus_error(int, siginfo_t* info, void*) {
  const int code = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  bool mended = false;
  for (auto* slot = slots.load(); slot != nullptr && !mended; slot = slot->next) {
    const std::uintptr_t end = slot->end;
    if (address < slot->begin || address >= end) continue;
    mended = replace_pages(*slot, address, end);
  }
  // Not ours: the same instruction fails again, for whoever was there before.
  if (!mended) ::sigaction(SIGBUS, &handler_before, nullptr);
  errno = code;
}

void catch_bus_errors() {
  page_size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &handler_before);
}

WatchedPages::Slot* take_slot() {
  static std::once_flag once;
  std::call_once(once, catch_bus_errors);
  const std::lock_guard lock(slots_mutex);
  WatchedPages::Slot* slot = slots.load();
  while (slot != nullptr && slot->taken) slot = slot->next;
  if (slot == nullptr) {
    slot = new WatchedPages::Slot;
    slot->next = slots.load();
    slots = slot;
  }
  slot->taken = true;
  return slot;
}

}  // namespace

void release_pages(std::span<const std::byte> mapped) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(mapped.data());
  const std::uintptr_t begin = (start + page - 1) / page * page;
  const std::uintptr_t end = (start + mapped.size()) / page * page;
  // A refusal costs memory and nothing else.
  if (end > begin) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

WatchedPages::WatchedPages(std::span<const std::byte> mapped) : slot_(take_slot()) {
  const auto begin = reinterpret_cast<std::uintptr_t>(mapped.data());
  slot_->lost = false;
  slot_->begin = begin;
  slot_->end = begin + (mapped.size() + page_size - 1) / page_size * page_size;
}

WatchedPages::~WatchedPages() {
  if (slot_ == nullptr) return;
  slot_->end = 0;
  slot_->begin = 0;
  const std::lock_guard lock(slots_mutex);
  slot_->taken = false;
}

bool WatchedPages::lost() const {
  return slot_ != nullptr && slot_->lost;
}

}  // namespace headscope
