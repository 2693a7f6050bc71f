// Memory that is refused on purpose. Include in one source of a test program: it replaces operator
// new of the whole program, which has to export its symbols (ENABLE_EXPORTS). What libtorch asks
// for inside itself is never refused.
#pragma once

#include <dlfcn.h>
#include <execinfo.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

namespace headscope::test {

/// Which allocations are refused: numbers `first` to `first + count - 1` from now on, of all
/// threads but those that are spared.
class FailingMemory {
 public:
  static void refuse(std::int64_t first, std::int64_t count = 1) {
    begin_ = first;
    end_ = first + count;
    refused_ = 0;
    counter_ = 0;
  }
  static void stop() { refuse(0, 0); }
  /// Allocations since `refuse` or `stop`, and those that were refused.
  static std::int64_t counted() { return counter_; }
  static std::int64_t refused() { return refused_; }

  /// This thread gets whatever it asks for. Where an exception ends the program, it is said where.
  static void spare_this_thread() {
    spared_ = true;
    std::set_terminate([] {
      spared_ = true;
      void* frames[60];
      const int count = ::backtrace(frames, 60);
      ::backtrace_symbols_fd(frames, count, STDERR_FILENO);
      std::abort();
    });
  }

  /// Whether the call of operator new that returns to `caller` is to fail.
  static bool fails(void* caller) {
    if (spared_) return false;
    const std::int64_t number = ++counter_;
    if (number < begin_ || number >= end_ || looking_) return false;
    looking_ = true;
    const bool refuses = !must_be_granted(caller);
    looking_ = false;
    if (refuses) ++refused_;
    return refuses;
  }

 private:
  struct Walk {
    void* caller;
    int frames = 0;
    bool began = false, decided = false, granted = false;
  };

  // Libraries decide for themselves what becomes of them without memory.
  static bool is_foreign(const char* file) {
    for (const char* library :
         {"libtorch", "libc10", "libgomp", "libcupti", "libcudart", "libmkl"}) {
      if (std::strstr(file, library) != nullptr) return true;
    }
    return false;
  }

  static _Unwind_Reason_Code look_at(_Unwind_Context* context, void* to) {
    auto& walk = *static_cast<Walk*>(to);
    auto* const address = reinterpret_cast<void*>(_Unwind_GetIP(context));
    walk.began = walk.began || address == walk.caller;
    if (!walk.began) return _URC_NO_REASON;
    Dl_info info{};
    if (++walk.frames > 16 || dladdr(address, &info) == 0) return _URC_END_OF_STACK;
    // The destructor of nlohmann's JSON makes a list, and a destructor cannot fail.
    const bool in_destructor =
        info.dli_sname != nullptr && std::strstr(info.dli_sname, "json_value7destroy") != nullptr;
    const bool in_standard_library = std::strstr(info.dli_fname, "libstdc++") != nullptr;
    // The innermost frame that is not of the C++ library says whose allocation it is.
    if (!walk.decided && !in_standard_library) {
      walk.decided = true;
      walk.granted = is_foreign(info.dli_fname);
    }
    walk.granted = walk.granted || in_destructor;
    return walk.granted ? _URC_END_OF_STACK : _URC_NO_REASON;
  }

  static bool must_be_granted(void* caller) {
    Walk walk{caller};
    _Unwind_Backtrace(look_at, &walk);
    return walk.granted;
  }

  static inline std::atomic<std::int64_t> counter_{0}, begin_{0}, end_{0}, refused_{0};
  static inline thread_local bool spared_ = false, looking_ = false;
};

}  // namespace headscope::test

void* operator new(std::size_t size) {
  if (headscope::test::FailingMemory::fails(__builtin_return_address(0))) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (headscope::test::FailingMemory::fails(__builtin_return_address(0))) return nullptr;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  if (headscope::test::FailingMemory::fails(__builtin_return_address(0))) throw std::bad_alloc();
  const auto step = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(step, (size + step - 1) / step * step)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
