// A limit on what CPU tensors may take. Linux promises memory that it does not have and kills the
// program later; with a limit, an allocation that will not fit fails where it can be reported.
// Torch-free.
#pragma once

#include <cstdint>
#include <new>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/base/units.h"

namespace headscope {

/// Thrown by tensor allocations beyond the limit; becomes ErrorKind::out_of_memory at Model.
class MemoryLimitReached : public std::bad_alloc {
 public:
  MemoryLimitReached(std::uint64_t wanted, std::uint64_t used, std::uint64_t limit);
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

/// Total bytes that CPU tensors may take; nullopt (the start) = what is in use and nine tenths of
/// what the system has available, looked up whenever a run begins.
void set_memory_budget(std::optional<std::uint64_t> bytes);

/// Puts the limit into libtorch (once), and looks up what is available now.
void refresh_memory_limit();

/// Bytes that CPU tensors hold now, and what they may still take.
std::uint64_t memory_in_use();
std::uint64_t memory_left();

/// Bytes that tensors gave back and that are kept for the next ones (block_cache.h), not counted
/// above; and giving them back to the system.
std::uint64_t memory_kept();
void drop_kept_memory();

/// out_of_memory unless `bytes` are left; `what` begins the message and `advice` ends it.
Result<> require_memory(const std::string& what, double bytes, const std::string& advice);

/// As require_memory, for plain arrays filled during a run: throws MemoryLimitReached.
void claim_memory(std::uint64_t bytes);

}  // namespace headscope
