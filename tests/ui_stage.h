// A window for scripted tests: the engine of the program, mouse and keyboard of the test engine.
#pragma once

#include <doctest/doctest.h>
#include <imgui.h>
#include <imgui_impl_opengl3.h>
#include <imgui_te_context.h>
#include <imgui_te_engine.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "app/render/png.h"
#include "app/shell/app.h"
#include "app/shell/window.h"
#include "tests/engine_fixture.h"
#include "tests/ui_fixture.h"

namespace headscope::test {

inline constexpr const char* no_display = "no display: run through packaging/with_display.sh";

// The window of a test with the test engine at its mouse and keyboard.
struct Stage {
  std::shared_ptr<FakeControl> control;  ///< of the fake model; null with the real one
  std::unique_ptr<Window> window;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<App> app;
  ImGuiTestEngine* tests = nullptr;
  bool draws = true;               ///< false: what is drawn is made, and thrown away
  std::function<void()> on_frame;  ///< after every ImGui::Render, where there is one

  static std::unique_ptr<Stage> open(Engine::RunnerFactory make_runner, SampleSource samples,
                                     float scale = 1, int width = 1280, int height = 800) {
    auto stage = std::make_unique<Stage>();
    WindowOptions options;
    options.scale = scale;
    options.width = width;
    options.height = height;
    options.hidden = true;
    options.builtin_font = true;
    auto window = Window::create(options);
    REQUIRE_MESSAGE(window.has_value(), (window ? "" : window.error().message));
    stage->window = std::move(*window);
    stage->engine = std::make_unique<Engine>(std::move(make_runner), Window::wake);
    stage->app = std::make_unique<App>(stage->engine.get());
    stage->app->set_fonts(stage->window->fonts());
    stage->app->set_scale(scale, 1);
    stage->app->state().sample_source = std::move(samples);
    stage->tests = ImGuiTestEngine_CreateContext();
    ImGuiTestEngineIO& io = ImGuiTestEngine_GetIO(stage->tests);
    io.ConfigVerboseLevel = ImGuiTestVerboseLevel_Warning;
    io.ConfigVerboseLevelOnError = ImGuiTestVerboseLevel_Info;
    io.ConfigLogToTTY = true;
    io.ConfigSavedSettings = false;
    io.ConfigMouseDrawCursor = false;
#ifdef __SANITIZE_ADDRESS__
    io.ConfigWatchdogKillTest = 1200;
#else
    io.ConfigWatchdogKillTest = 120;
#endif
    ImGuiTestEngine_Start(stage->tests, ImGui::GetCurrentContext());
    return stage;
  }

  ~Stage() {
    if (tests != nullptr) ImGuiTestEngine_Stop(tests);
    app.reset();
    engine.reset();
    window.reset();  // destroys the ImGui context, which the test engine wants to see gone first
    if (tests != nullptr) ImGuiTestEngine_DestroyContext(tests);
  }

  void frame() {
    window->poll();
    app->prepare_frame();
    window->begin_frame();
    app->frame();
    if (draws) {
      window->render();
    } else {
      render_nowhere();
    }
    if (on_frame) on_frame();
    if (picture_wanted_) captured_ = window->capture();
    if (draws) window->present();
    ImGuiTestEngine_PostSwap(tests);
    for (const std::string& path : window->take_dropped()) app->take_dropped(path);
  }

  // What the window shows, from within a script.
  Pixels capture(ImGuiTestContext* test) {
    picture_wanted_ = true;
    test->Yield(2);
    picture_wanted_ = false;
    return captured_;
  }

  void save_picture(const char* name) {
    const bool drew = std::exchange(draws, true);
    for (int i = 0; i < 4; ++i) {
      picture_wanted_ = i == 3;
      frame();
    }
    picture_wanted_ = false;
    draws = drew;
    CHECK(write_png(picture_folder() / name, captured_).has_value());
  }

  AppState& state() { return app->state(); }
  const Snapshot& snapshot() { return *app->state().snapshot; }

  // Lets frames pass until the engine has answered what the window asked for.
  void settle(ImGuiTestContext* test) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(40);
    do {
      test->Yield(2);
      // Drawn in software, frames without a pause would leave no core for the model.
      std::this_thread::sleep_for(std::chrono::milliseconds(60));
    } while (!app->settled() && std::chrono::steady_clock::now() < limit);
    IM_CHECK(app->settled());
    test->Yield(2);
  }

  // Runs one script to its end; a failed IM_CHECK fails the test case.
  void run(const char* name, void (*script)(ImGuiTestContext*)) {
    ImGuiTest* test = ImGuiTestEngine_RegisterTest(tests, "window", name, __FILE__, __LINE__);
    test->UserData = this;
    test->TestFunc = script;
    ImGuiTestEngine_QueueTest(tests, test);
    while (!ImGuiTestEngine_IsTestQueueEmpty(tests)) frame();
    CHECK_MESSAGE(test->Output.Status == ImGuiTestStatus_Success, name);
  }

 private:
  // In software, pixels of a large window cost far more than the layout that a test looks at.
  static void render_nowhere() {
    ImGui::Render();
    for (ImTextureData* texture : ImGui::GetPlatformIO().Textures) {
      if (texture->Status != ImTextureStatus_OK) ImGui_ImplOpenGL3_UpdateTexture(texture);
    }
  }

  bool picture_wanted_ = false;
  Pixels captured_;
};

/// A sample of two documents of which the first answers the question.
inline Result<QaSample> two_gates(const SampleWish&) {
  QaSample sample;
  sample.question = "What colour is the gate of Orlen?";
  sample.answers = {"violet"};
  sample.documents = {{"Gate of Orlen", "The gate of Orlen is violet.", true, true},
                      {"Gate of Tarn", "The gate of Tarn is white.", false, false}};
  return sample;
}

/// A window on the fake model: split-softmax over six documents, `two_gates` as the next sample.
inline std::unique_ptr<Stage> fake_stage() {
  const auto control = std::make_shared<FakeControl>();
  auto stage = Stage::open(fake_runner_factory({}, control), two_gates);
  stage->control = control;
  stage->state().request = with_tau(engine_request(), 0.1);
  return stage;
}

inline Stage& stage_of(ImGuiTestContext* test) {
  return *static_cast<Stage*>(test->Test->UserData);
}

}  // namespace headscope::test
