// links: headscope_app_testing
// labels: ui
// timeout: 240
// Hundreds of slider moves and model switches through the real window and the embedded model: no
// memory, no file descriptor and no texture is left behind.
//
// HEADSCOPE_LONG_USE=1 makes 2,000 moves and 200 switches of it and checks resident memory too.
#include <epoxy/gl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>

#include "core/base/process.h"
#include "tests/embedded_stage.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

bool long_use() {
  return std::getenv("HEADSCOPE_LONG_USE") != nullptr;
}
int moves() {
  return long_use() ? 2000 : 20;
}
int switches() {
  return long_use() ? 200 : 4;
}

std::filesystem::path second_model;

struct Held {
  double mebibytes = 0;
  std::ptrdiff_t descriptors = 0;
  int textures = 0;
};

// GL is the window's thread's, not the script's.
int textures_of(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  int textures = -1;
  s.on_frame = [&textures] {
    if (textures >= 0) return;
    textures = 0;
    for (GLuint name = 1; name < 10'000; ++name) textures += glIsTexture(name) != 0 ? 1 : 0;
  };
  test->Yield(2);
  s.on_frame = nullptr;
  return textures;
}

Held held_now(ImGuiTestContext* test) {
  Held held;
  held.textures = textures_of(test);
  held.mebibytes = static_cast<double>(process_memory().resident) / 1048576;
  const std::filesystem::directory_iterator open("/proc/self/fd");
  held.descriptors = std::distance(begin(open), end(open));
  return held;
}

void print(const char* what, int done, const Held& held) {
  std::printf("%s %d: %.1f MiB resident, %td descriptors, %d textures\n", what, done,
              held.mebibytes, held.descriptors, held.textures);
  std::fflush(stdout);
}

// `step(i)` for all i; what is held at the end is what was held after the first fifth (or, in
// short, the first half).
template <class Step>
void repeat(ImGuiTestContext* test, const char* what, int count, Step step) {
  Stage& s = stage_of(test);
  const int warm = long_use() ? count / 5 : count / 2;
  Held before;
  for (int i = 0; i < count; ++i) {
    step(i);
    if (i + 1 == warm) {
      s.settle(test);
      before = held_now(test);
      print(what, i + 1, before);
    } else if ((i + 1) % std::max(1, count / 10) == 0 && i + 1 < count) {
      print(what, i + 1, held_now(test));
    }
  }
  s.settle(test);
  const Held after = held_now(test);
  print(what, count, after);
  IM_CHECK_GT(after.textures, 2);  // they are counted: fonts, palette, maps
  IM_CHECK_LE(after.descriptors, before.descriptors);
  constexpr int tiles = 9;  // of maps shown now and not then; one a move would be more
  IM_CHECK_LE(after.textures, before.textures + tiles);
  if (long_use()) IM_CHECK_LE(after.mebibytes, before.mebibytes * 1.02);
}

// A slider that is pulled to and fro: most positions are overtaken, every tenth is waited for.
void script_moves(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  // Otherwise results seen before fill 512 MiB, which takes 1,300 moves.
  Preferences preferences = s.app->preferences();
  preferences.seen_mebibytes = 32;
  s.app->set_preferences(preferences, 1);
  s.state().request.want_full_map = true;
  repeat(test, "slider moves", moves(), [&](int i) {
    auto& settings = s.state().request.intervention;
    settings.tau = 0.05 + 0.05 * (i % 16);
    settings.alpha = 0.1 * (i / 16 % 4);
    s.state().request.selected = {i / 7 % 4, i / 3 % 4};
    test->Yield(1);
    if (i % 10 == 9) s.settle(test);
  });
}

void script_switches(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  repeat(test, "model switches", switches(), [&](int i) {
    s.state().choose_model(i % 2 == 0 ? second_model.string() : "demo");
    s.settle(test);
    IM_CHECK(s.snapshot().status.error == std::nullopt);
    IM_CHECK(s.snapshot().model != nullptr && s.snapshot().model->is_demo == (i % 2 != 0));
  });
}

}  // namespace

TEST_CASE("many moves of sliders and switches of models leave nothing behind") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST(test::no_embedded_model);
  const test::TemporaryFolder folder;
  second_model = folder / "second";
  std::filesystem::copy(test::source_folder() / "assets" / "demo", second_model);
  const auto stage = test::embedded_stage();
  ImGuiTestEngine_GetIO(stage->tests).ConfigWatchdogKillTest = 7200;
  stage->run("moves", script_moves);
  stage->run("switches", script_switches);
}
