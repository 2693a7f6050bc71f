// links: headscope_app_testing
// labels: window
// The window at rest, by a clock that is moved on by hand: nothing is drawn, nothing is asked of
// the engine, nothing is written, nothing grows.
//
// HEADSCOPE_LONG_USE=1 blinks a text cursor for 8 hours, otherwise for a quarter of one.
#include <doctest/doctest.h>
#include <malloc.h>

#include <cstdlib>
#include <filesystem>

#include "app/shell/frame_pace.h"
#include "app/shell/user_files.h"
#include "core/base/file.h"
#include "core/base/platform.h"
#include "core/base/process.h"
#include "tests/engine_fixture.h"
#include "tests/null_window.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

constexpr double kHour = 3600;

/// The window's loop as run_window.cpp has it, on a clock of its own.
struct Rest {
  test::TemporaryFolder folder;
  test::NullWindow window;
  test::EngineFixture engine;
  App app{&engine.engine};
  FramePace pace;
  double now = 0;

  Rest() {
    setenv("XDG_CONFIG_HOME", (folder / "config").c_str(), 1);
    setenv("XDG_STATE_HOME", (folder / "state").c_str(), 1);
    std::vector<std::string> problems, notes;
    app.session().begin(problems, notes);
    app.state().request = test::with_tau(test::engine_request(), 0.1);
    REQUIRE(test::eventually([&] {
      frame(1.0 / 60);
      return app.settled();
    }));
  }
  void frame(double passed) {
    now += passed;
    // The null back end's step is fixed: the time of ImGui goes on by what was slept.
    ImGui::GetIO().AddMousePosEvent(-1, -1);
    app.set_fonts({ImGui::GetIO().Fonts->Fonts[0], ImGui::GetIO().Fonts->Fonts[0]});
    app.prepare_frame();
    ImGui_ImplNull_NewFrame();
    ImGui::GetIO().DisplaySize = ImVec2(1280, 800);
    ImGui::GetIO().DeltaTime = static_cast<float>(std::max(passed, 1e-4));
    ImGui::NewFrame();
    app.frame();
    ImGui::Render();
    ImGui_ImplNullRender_RenderDrawData(ImGui::GetDrawData());
  }
  /// Frames drawn until the clock has gone on by `seconds`; `text_cursor`: somebody left one.
  int pass(double seconds, bool text_cursor) {
    const double end = now + seconds;
    int frames = 0;
    while (now < end) {
      const double sleep =
          pace.take_due_frame() ? 1.0 / 60 : pace.sleep(now, app.redraw_in(), text_cursor);
      if (sleep < 0 || now + sleep > end) break;
      frame(sleep);
      ++frames;
    }
    now = end;
    return frames;
  }
};

std::size_t heap_bytes() {
  return mallinfo2().uordblks;
}

}  // namespace

TEST_CASE("eight hours at rest: no frame, no request, no writing") {
  Rest rest;
  rest.pass(60, false);           // the autosave of what was opened
  REQUIRE(test::eventually([&] {  // and the worker that writes it
    rest.frame(0.5);
    return std::filesystem::exists(session_path()) && rest.app.redraw_in() < 0;
  }));
  const auto snapshot = rest.engine.engine.snapshot();
  const std::string mark = platform::file_mark(session_path());
  const int updates = rest.engine.updates;
  rest.pace.input(rest.now);
  const int frames = rest.pass(8 * kHour, false);
  CHECK(frames >= FramePace::settling_frames);
  CHECK(frames < 20);  // while a tooltip may still come
  CHECK(rest.pass(8 * kHour, false) == 0);
  CHECK(rest.engine.engine.snapshot() == snapshot);
  CHECK(rest.engine.updates == updates);
  CHECK(platform::file_mark(session_path()) == mark);
}

TEST_CASE("a text cursor blinks for hours, and nothing grows") {
  Rest rest;
  rest.pass(120, true);
  const auto snapshot = rest.engine.engine.snapshot();
  const std::size_t heap = heap_bytes();
  const std::uint64_t resident = process_memory().resident;
  const double hours = std::getenv("HEADSCOPE_LONG_USE") != nullptr ? 8 : 0.25;
  const int frames = rest.pass(hours * kHour, true);
  CHECK(frames > hours * kHour / 0.35);
  CHECK(frames < hours * kHour / 0.25);
  MESSAGE(frames << " frames, heap " << heap << " to " << heap_bytes() << " bytes, resident "
                 << resident << " to " << process_memory().resident << " bytes");
  CHECK(heap_bytes() <= heap + (std::size_t{64} << 10));
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed for a while
  CHECK(process_memory().resident <= resident + resident / 50);
#endif
  CHECK(rest.engine.engine.snapshot() == snapshot);
}
