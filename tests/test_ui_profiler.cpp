// links: headscope_app_testing
// labels: ui
// timeout: 240
// The view "Profiler": off at first, records while it is open, says what a slider's run reused.
#include <imgui.h>
#include <imgui_internal.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "app/shell/layout.h"
#include "app/shell/runner_module.h"
#include "app/shell/sample_source.h"
#include "tests/engine_fixture.h"
#include "tests/skip.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

std::unique_ptr<Stage> profiler_stage() {
  FakeOptions options;
  options.restarts = true;
  const auto control = std::make_shared<FakeControl>();
  auto stage = Stage::open(fake_runner_factory(options, control), test::two_gates);
  stage->control = control;
  stage->state().request = test::with_tau(test::engine_request(), 0.5);
  return stage;
}

ImGuiTestItemInfo bars(ImGuiTestContext* test) {
  return test->ItemInfo("//Profiler/**/timeline", ImGuiTestOpFlags_NoError);
}

void script_slider(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  const ProfilerView& view = s.app->profiler();
  RunTrace& trace = s.engine->trace();
  IM_CHECK(!s.app->view_table().find(titles::profiler)->open);
  IM_CHECK(!trace.recording());
  IM_CHECK_EQ(trace.version(TraceLane::compute), std::uint64_t{0});

  s.state().view_to_show = titles::profiler;
  test->Yield(6);
  IM_CHECK(trace.recording());
  IM_CHECK(view.summary().empty());
  IM_CHECK(bars(test).ID == 0);  // nothing recorded yet

  // The slider itself, by the keyboard.
  test->ItemInputValue("//Intervention/##tau", 0.1f);
  s.settle(test);
  const RunResult& run = *s.snapshot().intervened;
  IM_CHECK(run.quality == Quality::exact);
  const int layers = s.snapshot().model->layers;
  int touched = layers;
  for (const HeadId head : run.touched) touched = std::min(touched, head.layer);
  const std::int64_t rows = s.snapshot().prompt->prompt_tokens() - 1;
  IM_CHECK(view.newest().has_value());
  const AnswerWork& work = *view.newest();
  IM_CHECK_EQ(work.first_layer, touched);
  IM_CHECK_EQ(work.layers, layers);
  IM_CHECK_EQ(work.reused, touched * rows);
  IM_CHECK_EQ(work.computed, (layers - touched) * rows);
  IM_CHECK_EQ(static_cast<std::size_t>(work.tokens), run.response.size());
  const std::string begin = "answer (intervened): restarted at layer " + std::to_string(touched) +
                            " of " + std::to_string(layers) + ": ";
  IM_CHECK(view.summary().starts_with(begin));

  // Back to a strength that was seen: said so, and the model does not run.
  test->ItemInputValue("//Intervention/##tau", 0.5f);
  s.settle(test);
  IM_CHECK(view.newest()->seen);
  IM_CHECK_EQ(view.newest()->answer.request, s.snapshot().request_id);
  IM_CHECK(view.summary().find("was there, nothing computed") != std::string::npos);
}

void script_navigate(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.state().view_to_show = titles::profiler;
  test->Yield(6);
  s.state().request.intervention.tau = 0.1;
  s.settle(test);
  const ProfilerView& view = s.app->profiler();
  IM_CHECK(view.follows());
  const TimeWindow newest = view.window();
  const ImGuiTestItemInfo timeline = bars(test);
  IM_CHECK(timeline.ID != 0);
  // The wheel zooms about the cursor: what is under it stays.
  test->MouseMove(timeline.ID);
  const double at = 0.5, before = newest.from + at * newest.shown;
  test->MouseWheelY(2);
  test->Yield();
  IM_CHECK_LT(view.window().shown, newest.shown * 0.8);
  IM_CHECK_LT(std::abs(view.window().from + at * view.window().shown - before),
              newest.shown * 0.02);
  IM_CHECK(!view.follows());
  // Dragging to the left looks later.
  const TimeWindow zoomed = view.window();
  test->MouseDragWithDelta(ImVec2(-40, 0));
  IM_CHECK_GT(view.window().from, zoomed.from);
  IM_CHECK_LT(std::abs(view.window().shown - zoomed.shown), 1e-12);

  // The same by keyboard: Tab comes to the bars, arrows and signs move, Home leads back.
  test->MouseMoveToPos(ImVec2(2, 2));
  test->NavMoveTo(timeline.ID);
  test->Yield(2);
  const TimeWindow dragged = view.window();
  test->KeyPress(ImGuiKey_LeftArrow);
  test->Yield();
  IM_CHECK_LT(view.window().from, dragged.from);
  IM_CHECK_EQ(ImGui::GetCurrentContext()->NavId, timeline.ID);  // the focus stays
  const double shown = view.window().shown;
  test->KeyPress(ImGuiKey_KeypadSubtract);
  test->Yield();
  IM_CHECK_GT(view.window().shown, shown);
  test->KeyPress(ImGuiKey_KeypadAdd);
  test->Yield();
  IM_CHECK_LT(std::abs(view.window().shown - shown), shown * 1e-9);
  test->KeyPress(ImGuiKey_Home);
  test->Yield(2);
  IM_CHECK(view.follows());

  // A closed view records nothing.
  RunTrace& trace = s.engine->trace();
  s.app->commands().run(std::string("panel.") + titles::profiler);
  test->Yield(4);
  const auto version = trace.version(TraceLane::compute);
  s.state().request.intervention.tau = 0.3;
  s.settle(test);
  IM_CHECK_EQ(trace.version(TraceLane::compute), version);
}

// Through the module with libtorch: the tracer is found on the other side.
void script_embedded(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.state().view_to_show = titles::profiler;
  test->Yield(6);
  test->ItemInputValue("//Intervention/##tau", 0.3f);
  s.settle(test);
  const ProfilerView& view = s.app->profiler();
  IM_CHECK(view.newest().has_value());
  const AnswerWork& work = *view.newest();
  const RunResult& run = *s.snapshot().intervened;
  int touched = s.snapshot().model->layers;
  for (const HeadId head : run.touched) touched = std::min(touched, head.layer);
  const std::int64_t rows = s.snapshot().prompt->prompt_tokens() - 1;
  IM_CHECK_EQ(work.answer.request, s.snapshot().request_id);
  IM_CHECK_EQ(work.first_layer, touched);
  IM_CHECK_EQ(work.reused, touched * rows);
  IM_CHECK_EQ(work.computed + work.reused, (s.snapshot().model->layers - 1) * rows);
  IM_CHECK_EQ(static_cast<std::size_t>(work.tokens), run.response.size());
  test->MouseMove(bars(test).ID);  // numbers under the cursor
  test->Yield(4);
  const ExhibitMaker make = view.exhibit(s.state());
  IM_CHECK(make != nullptr);
  const auto exhibit = make({});
  IM_CHECK(exhibit.has_value());
  IM_CHECK_EQ(exhibit->origin.model, std::string("demo"));
  IM_CHECK_EQ(exhibit->more.count("traceEvents"), std::size_t{1});
  for (const auto format : {ExportFormat::png, ExportFormat::csv, ExportFormat::json}) {
    const auto path =
        test::picture_folder() / ("profiler_export." + std::string(format_name(format)));
    IM_CHECK(write_exhibit(path, *exhibit, format, {}).has_value());
  }
}

void script_nothing(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.state().view_to_show = titles::profiler;
  test->Yield(6);
}

}  // namespace

TEST_CASE("the profiler is off at first and says what a slider's run reused") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = profiler_stage();
  stage->run("nothing recorded", script_nothing);
  stage->save_picture("profiler_empty.png");
  stage->run("close", [](ImGuiTestContext* test) {
    stage_of(test).app->commands().run(std::string("panel.") + titles::profiler);
    test->Yield(4);
  });
  stage->run("slider", script_slider);
  stage->save_picture("profiler.png");
}

TEST_CASE("wheel, drag and keys move along the profiler's timeline; closed, it records nothing") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = profiler_stage();
  stage->run("navigate", script_navigate);
}

TEST_CASE("a slider's run on the embedded model is recorded through the module") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  std::error_code ignored;
  if (!std::filesystem::exists(test::build_folder() / "libheadscope_torch.so", ignored)) {
    SKIP_TEST("no libheadscope_torch.so in this build");
  }
  const auto stage = Stage::open(torch_runner_factory(), demo_sample_source());
  stage->state().request.intervention.tau = 0.1;
  stage->state().request.threads = 1;
  stage->state().new_sample();
  stage->run("embedded", script_embedded);
  stage->save_picture("profiler_embedded.png");
  stage->app->set_theme(ThemeKind::light);
  stage->save_picture("profiler_light.png");
}
