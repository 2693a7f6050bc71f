#include "core/base/units.h"

#include <cmath>
#include <cstdio>

namespace headscope {

std::string memory_text(double bytes) {
  char text[32];
  const double gibibytes = bytes / double(std::uint64_t{1} << 30);
  if (gibibytes >= 1) {
    std::snprintf(text, sizeof text, "%.1f GiB", gibibytes);
  } else {
    std::snprintf(text, sizeof text, "%.1f MiB", gibibytes * 1024);
  }
  return text;
}

std::string duration_text(double seconds) {
  constexpr double longest_in_seconds = 90, longest_in_minutes = 90 * 60;
  if (seconds < 1) return "under 1 s";
  char text[32];
  if (seconds < longest_in_seconds) {
    std::snprintf(text, sizeof text, "about %.0f s", seconds);
  } else if (seconds < longest_in_minutes) {
    std::snprintf(text, sizeof text, "about %.0f min", seconds / 60);
  } else {
    std::snprintf(text, sizeof text, "about %.0f h", std::ceil(seconds / 3600));
  }
  return text;
}

std::string count_text(std::int64_t count) {
  std::string text = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

}  // namespace headscope
