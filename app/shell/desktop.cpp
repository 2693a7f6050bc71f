#include "app/shell/desktop.h"

#include <system_error>

#include "core/base/process.h"

namespace headscope {

Result<> open_with_desktop(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return bad_input(path.string() + ": is not there (any more)");
  }
  // The shell leaves the program to run on: browsers may stay in the foreground for hours.
  const char* script =
      "command -v xdg-open >/dev/null || exit 127; xdg-open \"$0\" >/dev/null 2>&1 &";
  HEADSCOPE_ASSIGN(const auto opened, run_process({"sh", "-c", script, path.string()}, {}, {}));
  if (opened.exit_code == 0) return {};
  return bad_input(path.string() +
                   ": this desktop has no xdg-open (package xdg-utils); open it by hand");
}

}  // namespace headscope
