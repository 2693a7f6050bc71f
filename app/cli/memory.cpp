#include "app/cli/memory.h"

#include <cstdio>
#include <fstream>
#include <string>

#include "core/base/file.h"

namespace headscope::cli {

std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  std::uint64_t kilobytes = 0;
  while (file >> key >> kilobytes) {
    if (key == "MemAvailable:") return kilobytes * 1024;
    std::getline(file, unit);
  }
  return 0;
}

std::string shown_bytes(double bytes) {
  constexpr double mebibyte = 1 << 20;
  char text[64];
  if (bytes >= static_cast<double>(gibibyte)) {
    std::snprintf(text, sizeof text, "%.1f GiB", bytes / static_cast<double>(gibibyte));
  } else if (bytes >= mebibyte) {
    std::snprintf(text, sizeof text, "%.1f MiB", bytes / mebibyte);
  } else {
    std::snprintf(text, sizeof text, "%.0f bytes", bytes);
  }
  return text;
}

Result<> check_fits(double bytes, double limit_gib, const std::string& what,
                    const std::string& advice) {
  const double room = limit_gib > 0 ? limit_gib * static_cast<double>(gibibyte)
                                    : static_cast<double>(available_memory());
  if (room <= 0 || bytes <= room) return {};
  return fail(ErrorKind::out_of_memory, what + " needs about " + shown_bytes(bytes) + ", " +
                                            (limit_gib > 0 ? "--memory-limit is " : "free are ") +
                                            shown_bytes(room) + "; " + advice);
}

}  // namespace headscope::cli
