// A display of their own for tests that draw: Xvfb with software OpenGL, or a skip where there is none.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace headscope::test {

/// Runs Xvfb while it lives and points DISPLAY at it.
class VirtualDisplay {
 public:
  VirtualDisplay() {
    int ends[2];
    if (pipe(ends) != 0) return;
    process_ = fork();
    if (process_ == 0) {
      close(ends[0]);
      const std::string descriptor = std::to_string(ends[1]);
      if (freopen("/dev/null", "w", stderr) == nullptr) _exit(127);
      execlp("Xvfb", "Xvfb", "-displayfd", descriptor.c_str(), "-screen", "0", "1280x800x24", "-nolisten", "tcp",
             static_cast<char*>(nullptr));
      _exit(127);
    }
    close(ends[1]);
    char number[16] = "";
    // Xvfb writes the number of the display once it is ready; without Xvfb the pipe just closes.
    const ssize_t length = read(ends[0], number, sizeof number - 1);
    close(ends[0]);
    if (length <= 0) return;
    ready_ = true;
    setenv("DISPLAY", (":" + std::to_string(std::atoi(number))).c_str(), 1);
    unsetenv("WAYLAND_DISPLAY");
    setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
  }
  ~VirtualDisplay() {
    if (process_ <= 0) return;
    kill(process_, SIGTERM);
    waitpid(process_, nullptr, 0);
  }
  VirtualDisplay(const VirtualDisplay&) = delete;
  VirtualDisplay& operator=(const VirtualDisplay&) = delete;

  bool ready() const { return ready_; }

 private:
  pid_t process_ = -1;
  bool ready_ = false;
};

/// Where pictures of the tests are kept.
inline std::filesystem::path picture_folder(const std::filesystem::path& build_folder) {
  const std::filesystem::path folder = build_folder / "ui_pictures";
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  return folder;
}

}  // namespace headscope::test
