// The desktop window: GLFW, OpenGL 3.3, Dear ImGui's back ends, waiting, pixels.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/render/png.h"
#include "app/shell/fonts.h"
#include "core/base/error.h"

struct GLFWwindow;

namespace headscope {

struct WindowOptions {
  int width = 1280, height = 800;  ///< in units at scale 1
  float scale = 0;                 ///< pixels per unit; 0 = the monitor's
  bool hidden = false;  ///< draws into memory: a picture does not depend on what covers the window
  bool builtin_font = false;
};

/// One window and one ImGui context. Main thread only, except `wake`.
class Window {
 public:
  /// Errors: no display, OpenGL too old; the message says what works without a window.
  static Result<std::unique_ptr<Window>> create(const WindowOptions& options);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  /// Sleeps until there is input, `wake`, or `seconds` have passed (< 0: no limit).
  void wait(double seconds);
  void poll();
  static void wake();  ///< from any thread

  void begin_frame();      ///< starts an ImGui frame
  void render();           ///< ends and renders it
  Pixels capture() const;  ///< between `render` and `present`
  void present();          ///< shows it
  void drop_frame();       ///< ends the ImGui frame without drawing it
  bool has_input() const;  ///< the last `wait` or `poll` brought mouse or keyboard events

  bool closing() const;
  float scale() const { return scale_; }  ///< pixels per unit now
  bool scale_changed();                   ///< since the last call
  const Fonts& fonts() const { return fonts_; }
  std::vector<std::string> take_dropped();  ///< paths dropped onto the window
  void size_in_units(int& width, int& height) const;
  void set_title(const std::string& title);
  std::string take_gl_error();  ///< what OpenGL complained about since the last call, or ""

 private:
  Window() = default;
  Result<> open(const WindowOptions& options);
  void create_target(int width, int height);
  static void on_drop(GLFWwindow* window, int count, const char** paths);
  static void on_scale(GLFWwindow* window, float x, float y);

  GLFWwindow* handle_ = nullptr;
  Fonts fonts_;
  float scale_ = 1;
  bool fixed_scale_ = false;
  bool scale_changed_ = false;
  bool imgui_ready_ = false;
  unsigned framebuffer_ = 0, color_ = 0;  ///< target of a hidden window
  std::vector<std::string> dropped_;
  std::string title_;
  unsigned gl_error_ = 0;
};

}  // namespace headscope
