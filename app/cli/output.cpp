#include "app/cli/output.h"

#include <cstdio>
#include <utility>

#include "app/cli/made_by.h"
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

Result<> write_result(const char* kind, Json value, const std::string& out, int indent) {
  if (out.empty()) return write_json(value, out, indent);
  value["headscope"] = kind;
  value["made_by"] = made_by();
  return write_json(value, out, indent);
}

}  // namespace headscope::cli
