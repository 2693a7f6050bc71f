// Whether a result fits, decided before the work is done: overcommit will not say no by itself.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/error.h"

namespace headscope::cli {

/// Bytes of memory that are free now; 0 = not known.
std::uint64_t available_memory();

/// "1.5 GiB", "20 MiB", "300 bytes".
std::string shown_bytes(double bytes);

/// out_of_memory when `bytes` exceed `limit_gib` (0 = what is free). The message names `what`, the
/// estimate, what is there, and `advice`.
Result<> check_fits(double bytes, double limit_gib, const std::string& what,
                    const std::string& advice);

}  // namespace headscope::cli
