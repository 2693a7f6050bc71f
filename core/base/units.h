// Amounts as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace headscope {

/// "3.2 GiB", "12.0 MiB".
std::string memory_text(double bytes);

/// "under 1 s", "about 40 s", "about 12 min", "about 3 h": as rough as an estimate is.
std::string duration_text(double seconds);

/// "32,768".
std::string count_text(std::int64_t count);

}  // namespace headscope
