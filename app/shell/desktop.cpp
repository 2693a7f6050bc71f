#include "app/shell/desktop.h"

#include <cstdlib>
#include <system_error>

#include "core/base/file.h"
#include "core/base/platform.h"
#include "core/base/process.h"

namespace headscope {
namespace {

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool is_installed(const char* program) {
  const auto found =
      run_process({"sh", "-c", "command -v \"$0\" >/dev/null 2>&1", program}, {}, {});
  return found && found->exit_code == 0;
}

// A file of our own that is gone when it is left.
class PassingFile {
 public:
  explicit PassingFile(const std::string& name) {
    std::error_code problem;
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    std::filesystem::path folder = runtime != nullptr ? runtime : "";
    if (!std::filesystem::is_directory(folder, problem))
      folder = std::filesystem::temp_directory_path(problem);
    path_ = folder / (name + "-" + std::to_string(platform::process_number()) + ".png");
  }
  ~PassingFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  PassingFile(const PassingFile&) = delete;
  PassingFile& operator=(const PassingFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

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

Result<> copy_picture(const std::string& png) {
  const bool wayland = is_set("WAYLAND_DISPLAY"), x11 = is_set("DISPLAY");
  const bool wl_copy = wayland && is_installed("wl-copy");
  const bool xclip = !wl_copy && x11 && is_installed("xclip");
  if (!wl_copy && !xclip) {
    return bad_input(wayland ? "Copying a picture needs wl-copy: install the package wl-clipboard, "
                               "or save the picture as a file."
                             : "Copying a picture needs xclip: install the package xclip, or save "
                               "the picture as a file.");
  }
  // Both stay in the background to serve the clipboard: with our pipes open we would wait for them.
  const char* script = wl_copy ? "wl-copy --type image/png <\"$0\" >/dev/null 2>&1"
                               : "xclip -selection clipboard -t image/png <\"$0\" >/dev/null 2>&1";
  const PassingFile file("headscope-clipboard");
  HEADSCOPE_TRY(write_file_atomically(file.path(), png));
  HEADSCOPE_ASSIGN(const auto ended,
                   run_process({"sh", "-c", script, file.path().string()}, {}, {}));
  if (ended.exit_code == 0) return {};
  return bad_input(std::string(wl_copy ? "wl-copy" : "xclip") + " ended with code " +
                   std::to_string(ended.exit_code) +
                   ": the picture was not copied; save it as a "
                   "file instead.");
}

}  // namespace headscope
