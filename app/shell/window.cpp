#include "app/shell/window.h"

#include <GLFW/glfw3.h>
#include <epoxy/gl.h>
#include <imgui.h>
#include <imgui_impl_glfw.h>
#include <imgui_impl_opengl3.h>
#include <imgui_internal.h>
#include <implot.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace headscope {
namespace {

std::string g_glfw_error;

void on_glfw_error(int, const char* text) {
  g_glfw_error = text != nullptr ? text : "";
}

constexpr const char* kWithoutWindow =
    " Everything also works without a window: headscope-cli --help.";

}  // namespace

Result<std::unique_ptr<Window>> Window::create(const WindowOptions& options) {
  std::unique_ptr<Window> window(new Window);
  HEADSCOPE_TRY(window->open(options));
  return window;
}

Result<> Window::open(const WindowOptions& options) {
  glfwSetErrorCallback(on_glfw_error);
  if (glfwInit() != GLFW_TRUE) {
    return fail(ErrorKind::internal,
                "no display to open a window on (" + g_glfw_error + ")." + kWithoutWindow);
  }
  glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
  glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
  glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
  glfwWindowHint(GLFW_OPENGL_FORWARD_COMPAT, GLFW_TRUE);
  glfwWindowHint(GLFW_VISIBLE, GLFW_FALSE);
  glfwWindowHintString(GLFW_X11_CLASS_NAME, "headscope");
  glfwWindowHintString(GLFW_WAYLAND_APP_ID, "headscope");
  fixed_scale_ = options.scale > 0;
  scale_ = fixed_scale_ ? options.scale
                        : ImGui_ImplGlfw_GetContentScaleForMonitor(glfwGetPrimaryMonitor());
  const int width = static_cast<int>(std::lround(static_cast<float>(options.width) * scale_));
  const int height = static_cast<int>(std::lround(static_cast<float>(options.height) * scale_));
  handle_ = glfwCreateWindow(width, height, "Headscope", nullptr, nullptr);
  if (handle_ == nullptr) {
    return fail(ErrorKind::internal,
                "no window with OpenGL 3.3 can be opened (" + g_glfw_error +
                    "): a newer graphics driver is needed, or software rendering with "
                    "LIBGL_ALWAYS_SOFTWARE=1." +
                    kWithoutWindow);
  }
  glfwMakeContextCurrent(handle_);
  if (epoxy_gl_version() < 33) {
    return fail(ErrorKind::internal, "OpenGL 3.3 is needed, this driver offers " +
                                         std::to_string(epoxy_gl_version() / 10) + "." +
                                         std::to_string(epoxy_gl_version() % 10) +
                                         ": try LIBGL_ALWAYS_SOFTWARE=1." + kWithoutWindow);
  }
  glfwSwapInterval(options.hidden ? 0 : 1);
  glfwSetWindowUserPointer(handle_, this);
  glfwSetDropCallback(handle_, on_drop);
  glfwSetWindowContentScaleCallback(handle_, on_scale);
  glfwSetWindowSizeLimits(handle_, 640, 400, GLFW_DONT_CARE, GLFW_DONT_CARE);

  IMGUI_CHECKVERSION();
  // Without memory an exception (run_window.cpp saves the work then), where ImGui's own allocation
  // would give it a null pointer.
  ImGui::SetAllocatorFunctions([](std::size_t size, void*) { return ::operator new(size); },
                               [](void* memory, void*) { ::operator delete(memory); });
  ImGui::CreateContext();
  ImPlot::CreateContext();
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;  // preferences, layout and session are files of ours (user_files.h)
  io.LogFilename = nullptr;
  io.ConfigFlags |= ImGuiConfigFlags_DockingEnable | ImGuiConfigFlags_NavEnableKeyboard;
  io.ConfigWindowsMoveFromTitleBarOnly = true;
  io.ConfigInputTextCursorBlink = !options.hidden;
  fonts_ = load_fonts(options.builtin_font);
  ImGui_ImplGlfw_InitForOpenGL(handle_, true);
  ImGui_ImplOpenGL3_Init("#version 330 core");
  imgui_ready_ = true;
  if (options.hidden) {
    create_target(width, height);
  } else {
    glfwShowWindow(handle_);
  }
  return {};
}

void Window::create_target(int width, int height) {
  glGenFramebuffers(1, &framebuffer_);
  glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
  glGenRenderbuffers(1, &color_);
  glBindRenderbuffer(GL_RENDERBUFFER, color_);
  glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, width, height);
  glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, color_);
}

Window::~Window() {
  if (imgui_ready_) {
    ImGui_ImplOpenGL3_Shutdown();
    ImGui_ImplGlfw_Shutdown();
    ImPlot::DestroyContext();
    ImGui::DestroyContext();
  }
  if (handle_ != nullptr) glfwDestroyWindow(handle_);
  glfwTerminate();
}

void Window::wait(double seconds) {
  if (seconds < 0) {
    glfwWaitEvents();
  } else {
    glfwWaitEventsTimeout(std::max(seconds, 0.001));
  }
}

void Window::poll() {
  glfwPollEvents();
}
void Window::wake() {
  glfwPostEmptyEvent();
}

void Window::begin_frame() {
  ImGui_ImplOpenGL3_NewFrame();
  ImGui_ImplGlfw_NewFrame();
  ImGui::NewFrame();
}

void Window::render() {
  ImGui::Render();
  int width = 0, height = 0;
  glfwGetFramebufferSize(handle_, &width, &height);
  if (framebuffer_ != 0) glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
  glViewport(0, 0, width, height);
  const ImVec4 page = ImGui::GetStyleColorVec4(ImGuiCol_DockingEmptyBg);
  glClearColor(page.x, page.y, page.z, 1);
  glClear(GL_COLOR_BUFFER_BIT);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  if (const GLenum error = glGetError(); error != GL_NO_ERROR) gl_error_ = error;
}

void Window::present() {
  if (framebuffer_ == 0) {
    glfwSwapBuffers(handle_);
  } else {
    glFinish();
  }
}

Pixels Window::capture() const {
  Pixels pixels;
  glfwGetFramebufferSize(handle_, &pixels.width, &pixels.height);
  const std::size_t stride = static_cast<std::size_t>(pixels.width) * 3;
  std::vector<std::uint8_t> upside_down(stride * static_cast<std::size_t>(pixels.height));
  glPixelStorei(GL_PACK_ALIGNMENT, 1);
  glReadPixels(0, 0, pixels.width, pixels.height, GL_RGB, GL_UNSIGNED_BYTE, upside_down.data());
  pixels.rgb.resize(upside_down.size());
  for (std::size_t y = 0; y < static_cast<std::size_t>(pixels.height); ++y) {
    std::copy_n(
        upside_down.begin() +
            static_cast<std::ptrdiff_t>((static_cast<std::size_t>(pixels.height) - 1 - y) * stride),
        stride, pixels.rgb.begin() + static_cast<std::ptrdiff_t>(y * stride));
  }
  return pixels;
}

void Window::drop_frame() {
  ImGui::EndFrame();
}
bool Window::has_input() const {
  return !ImGui::GetCurrentContext()->InputEventsQueue.empty();
}

bool Window::closing() const {
  return glfwWindowShouldClose(handle_) != 0;
}
bool Window::scale_changed() {
  return std::exchange(scale_changed_, false);
}
std::vector<std::string> Window::take_dropped() {
  return std::exchange(dropped_, {});
}
void Window::set_title(const std::string& title) {
  if (title == title_) return;
  title_ = title;
  glfwSetWindowTitle(handle_, title.c_str());
}

std::string Window::take_gl_error() {
  if (gl_error_ == 0) return {};
  char text[160];
  std::snprintf(text, sizeof text,
                "OpenGL reports error 0x%04x: pictures may be incomplete. Try software rendering: "
                "LIBGL_ALWAYS_SOFTWARE=1 headscope",
                std::exchange(gl_error_, 0u));
  return text;
}

void Window::size_in_units(int& width, int& height) const {
  glfwGetWindowSize(handle_, &width, &height);
  width = static_cast<int>(std::lround(static_cast<float>(width) / scale_));
  height = static_cast<int>(std::lround(static_cast<float>(height) / scale_));
}

void Window::on_drop(GLFWwindow* window, int count, const char** paths) {
  auto& self = *static_cast<Window*>(glfwGetWindowUserPointer(window));
  for (int i = 0; i < count; ++i) self.dropped_.emplace_back(paths[i]);
}

void Window::on_scale(GLFWwindow* window, float, float) {
  auto& self = *static_cast<Window*>(glfwGetWindowUserPointer(window));
  if (self.fixed_scale_) return;
  // Under Wayland sizes are logical already: the back end knows and answers 1.
  self.scale_ = std::max(ImGui_ImplGlfw_GetContentScaleForWindow(window), 0.5f);
  self.scale_changed_ = true;
}

}  // namespace headscope
