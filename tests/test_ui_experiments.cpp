// links: headscope_app_testing
// labels: ui
// timeout: 240
// The experiments view under mouse and keyboard, with a script in place of headscope-cli.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "tests/engine_fixture.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::Stage;
using test::stage_of;
namespace fs = std::filesystem;

namespace {

// Writes the table that a sweep would leave and two lines of progress.
constexpr const char* kProgram = R"(#!/bin/sh
if [ "$1" = sweep ]; then
  while [ $# -gt 1 ]; do [ "$1" = --out ] && out="$2"; shift; done
  mkdir -p "$out"
  cat > "$out/results.csv" <<'END'
method,tau,alpha,top_k,heads,seed,prompt,gold_position,n,em,em_low,em_high,relevant_mass,sink_mass
none,,,,,,all,,150,0.63,0.55,0.71,0.17,0.01
none,,,,,,gold,,150,0.96,0.92,0.98,0.41,0.01
split-softmax,0.1,,1,contextual,,all,,150,0.78,0.71,0.84,0.2,0.01
split-softmax,0.1,,5,contextual,,all,,150,0.98,0.94,0.99,0.18,0.01
split-softmax,0.1,,5,random,0,all,,150,0.55,0.48,0.62,0.03,0.01
split-softmax,0.1,,5,random,1,all,,150,0.61,0.53,0.68,0.03,0.01
END
  echo 'split-softmax-tau0.1-k5 450/900, 12 s left' >&2
  sleep "$HEADSCOPE_TEST_SLEEP"
fi
)";

// Draws frames until `done` says so; the test fails otherwise.
void wait_for(ImGuiTestContext* test, const std::function<bool()>& done) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done() && std::chrono::steady_clock::now() < limit) {
    test->Yield(2);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  IM_CHECK(done());
}

void script_sweep(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().request.intervention.tau = 0.15;
  s.settle(test);
  test->ItemClick("//Intervention/Sweep");
  test->Yield(3);
  IM_CHECK(s.app->experiments().form().taus.find("0.15") != std::string::npos);
  test->SetRef("Experiments");
  IM_CHECK(test->ItemExists("Start"));
  test->ItemClick("Start");
  wait_for(test, [&] { return s.app->experiments().running(); });
  wait_for(test, [&] { return test->ItemExists("##sweep"); });
  test->Yield(3);
  IM_CHECK(test->ItemExists("Stop"));
}

void script_end(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->SetRef("Experiments");
  wait_for(test, [&] { return !s.app->experiments().running(); });
  test->Yield(2);
  IM_CHECK(test->ItemExists("Open figures"));
}

void script_refusal(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.app->commands().run("experiment.1");
  test->Yield(3);
  test->SetRef("Experiments");
  test->ItemInputValue("form/##Tau", "0.1;0.2");
  test->Yield(2);
  test->ItemClick("Start");
  test->Yield(2);
  IM_CHECK(!s.app->experiments().running());
}

}  // namespace

TEST_CASE("experiments: start, watch the curves, look at the figures; wrong fields start nothing") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const test::TemporaryFolder folder;
  const fs::path program = folder.path() / "program";
  std::ofstream(program) << kProgram;
  fs::permissions(program, fs::perms::owner_all);
  setenv("HEADSCOPE_TEST_SLEEP", "3", 1);
  auto stage = Stage::open(fake_runner_factory({}, std::make_shared<FakeControl>()), {});
  stage->state().request = test::engine_request();
  stage->state().wake = Window::wake;
  stage->app->experiments().configure(program, folder.path() / "experiments");
  SUBCASE("a sweep") {
    stage->run("sweep", script_sweep);
    stage->save_picture("experiments-running.png");
    stage->run("end", script_end);
    stage->save_picture("experiments-done.png");
  }
  SUBCASE("refused") {
    stage->run("refusal", script_refusal);
    stage->save_picture("experiments-refused.png");
  }
}
