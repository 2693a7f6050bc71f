#include "app/cli/output.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "core/base/file.h"

namespace headscope::cli {

Result<> write_json(const Json& value, const std::string& out, int indent) {
  const std::string text = dump_json(value, indent) + "\n";
  if (!out.empty()) return write_file_atomically(out, text);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return bad_input("stdout: could not write the result (is the disk full?)");
  }
  return {};
}

Json json_number(float value) {
  if (!std::isfinite(value)) return nullptr;
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double shortest = 0;
  std::from_chars(text, end, shortest);
  return shortest;
}

Json json_number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

}  // namespace headscope::cli
