// links: headscope_app_testing
// labels: ui
// timeout: 240
// The attention map by mouse and keyboard: zoom, pan, scales, groups, the sink, long prompts.
#include <doctest/doctest.h>
#include <imgui.h>
#include <imgui_te_context.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>

#include "tests/engine_fixture.h"
#include "tests/skip.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

constexpr const char* kMap = "//Attention map/map";

std::unique_ptr<Stage> map_stage(const FakeOptions& options = {}) {
  auto stage = Stage::open(fake_runner_factory(options), {});
  stage->state().request = test::with_tau(test::engine_request(), 0.1);
  stage->state().request.selected = {5, 0};
  return stage;
}

ImVec2 middle(ImGuiTestContext* test, float x = 0.5f, float y = 0.5f) {
  const ImRect map = test->ItemInfo(kMap).RectFull;
  return {map.Min.x + map.GetWidth() * x, map.Min.y + map.GetHeight() * y};
}

// Cell of the axes under a place of the map, a fraction of its extent.
std::pair<double, double> cell_at(Stage& s, double x, double y) {
  const MapZoom& zoom = s.app->attention().zoom();
  return {zoom.window.left + x * zoom.width(), zoom.window.top + y * zoom.height()};
}

// The wheel keeps the cell under the cursor, and stops at single cells.
void script_wheel(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Attention map/rows/Full map");
  s.settle(test);
  const MapZoom& zoom = s.app->attention().zoom();
  IM_CHECK(zoom.whole());
  test->MouseMoveToPos(middle(test, 0.3f, 0.6f));
  const auto before = cell_at(s, 0.3, 0.6);
  test->MouseWheelY(3);
  test->Yield(2);
  const auto after = cell_at(s, 0.3, 0.6);
  IM_CHECK_LT(std::abs(after.first - before.first), 1.0);
  IM_CHECK_LT(std::abs(after.second - before.second), 1.0);
  IM_CHECK_LT(zoom.width(), static_cast<double>(zoom.columns) * 0.6);
  test->MouseWheelY(60);
  test->Yield(2);
  IM_CHECK_EQ(zoom.width(), 4.0);
  test->MouseWheelY(-80);
  test->Yield(2);
  IM_CHECK(zoom.whole());
}

void script_drag(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const MapZoom& zoom = s.app->attention().zoom();
  test->MouseMoveToPos(middle(test));
  test->MouseWheelY(6);
  test->Yield(2);
  const HeatmapWindow before = zoom.window;
  const auto held = cell_at(s, 0.5, 0.5);
  test->MouseDown();
  test->MouseMoveToPos(middle(test, 0.4f, 0.45f));
  test->MouseUp();
  test->Yield(2);
  IM_CHECK_GT(zoom.window.left, before.left);
  IM_CHECK_GT(zoom.window.top, before.top);
  const auto now = cell_at(s, 0.4, 0.45);  // what was grasped went along
  IM_CHECK_LT(std::abs(now.first - held.first), zoom.width() * 0.05);
  IM_CHECK_LT(std::abs(now.second - held.second), zoom.height() * 0.05);
  test->MouseDoubleClick();
  test->Yield(2);
  IM_CHECK(zoom.whole());
}

void script_keys(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const MapZoom& zoom = s.app->attention().zoom();
  test->MouseMoveToPos(ImVec2(5, 5));  // keys need no mouse
  test->KeyPress(ImGuiKey_Equal);
  test->KeyPress(ImGuiKey_Equal);
  test->Yield(2);
  const HeatmapWindow before = zoom.window;
  IM_CHECK(!zoom.whole());
  IM_CHECK_LT(std::abs((before.left + before.right) * 0.5 - zoom.columns * 0.5), 1.0);
  test->KeyPress(ImGuiMod_Shift | ImGuiKey_RightArrow);
  test->KeyPress(ImGuiMod_Shift | ImGuiKey_DownArrow);
  test->Yield(2);
  IM_CHECK_GT(zoom.window.left, before.left);
  IM_CHECK_GT(zoom.window.top, before.top);
  test->KeyPress(ImGuiMod_Shift | ImGuiKey_LeftArrow);
  test->KeyPress(ImGuiMod_Shift | ImGuiKey_UpArrow);
  test->Yield(2);
  IM_CHECK_LT(std::abs(zoom.window.left - before.left), 1e-6);
  test->KeyPress(ImGuiKey_Minus);
  test->Yield(2);
  IM_CHECK_GT(zoom.width(), before.right - before.left);
  test->KeyPress(ImGuiKey_Home);
  test->Yield(2);
  IM_CHECK(zoom.whole());
}

// Moving the range, the scale and the sink uploads no map again.
void script_scales(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  MapOptions& map = s.state().view.map;
  test->ItemClick("//Attention map/rows/Response rows");
  s.settle(test);
  test->ItemClick("//Attention map/scale/Row");
  IM_CHECK(map.per_row);
  s.settle(test);
  const auto uploads = s.app->heatmaps().uploads();
  test->ItemClick("//Attention map/scale/Linear");
  IM_CHECK(!map.per_row && !s.state().view.map_logarithmic);
  test->ItemClick("//Attention map/scale/Row");
  test->ItemClick("//Attention map/scale/Log");
  test->ItemClick("//Attention map/Range");
  test->ItemClick("//$FOCUSED/kind/Percentile");
  IM_CHECK(map.range == MapRange::percentile);
  test->ItemInputValue("//$FOCUSED/##percentile", 95.0f);
  test->ItemClick("//$FOCUSED/kind/By hand");
  IM_CHECK_GT(map.high, 0.0f);
  test->ItemInputValue("//$FOCUSED/high", 0.25f);
  IM_CHECK_EQ(map.high, 0.25f);
  test->ItemClick("//$FOCUSED/kind/Automatic");
  test->KeyPress(ImGuiKey_Escape);
  IM_CHECK_EQ(s.app->heatmaps().uploads(), uploads);
  test->ItemClick("//Attention map/Sink");
  IM_CHECK(map.mask_sink);
  test->KeyPress(ImGuiKey_M);
  IM_CHECK(!map.mask_sink);
  s.settle(test);
}

void script_groups(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const MapZoom& zoom = s.app->attention().zoom();
  const auto documents = static_cast<std::int64_t>(s.snapshot().prompt->documents.size());
  test->SetRef("Attention map");
  test->ComboClick("##grouping/documents");
  s.settle(test);
  IM_CHECK_EQ(zoom.columns, documents + 5);  // sink, instruction, labels, question, response
  IM_CHECK_EQ(zoom.rows, s.snapshot().intervened->rows.size());
  test->ComboClick("##pooling/max");
  IM_CHECK(s.state().view.map.pooling == Pooling::max);
  test->ItemClick("rows/Full map");
  s.settle(test);
  IM_CHECK_EQ(zoom.rows, documents + 5);
  test->ComboClick("##grouping/sentences");
  s.settle(test);
  IM_CHECK_GT(zoom.columns, documents * 2);  // a title and a sentence each
  for (float x = 0.05f; x < 1; x += 0.3f) {
    for (float y = 0.05f; y < 1; y += 0.3f) {
      test->MouseMoveToPos(middle(test, x, y));
      test->Yield();
    }
  }
  test->ComboClick("##grouping/tokens");
  s.settle(test);
  IM_CHECK_EQ(zoom.columns, s.snapshot().intervened->keys);
}

void script_settle(ImGuiTestContext* test) {
  stage_of(test).settle(test);
}

void script_near(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.app->attention().look_at({116, 150, 136, 165});
  test->MouseMoveToPos(middle(test, 0.6f, 0.3f));
  s.settle(test);
  // Here and now: outside of a script there is no mouse.
  IM_CHECK(write_png(test::picture_folder() / "map_near.png", s.window->capture()).has_value());
}

// For the eye: groups, single tokens with the crosshair, light theme and large type.
void pictures(Stage& stage) {
  MapOptions& map = stage.state().view.map;
  map.mask_sink = true;
  stage.state().request.want_full_map = true;
  map.grouping = TokenGrouping::sentences;
  stage.run("by sentence", script_settle);
  stage.save_picture("map_sentences.png");
  map = {};
  map.per_row = true;
  stage.app->set_theme(ThemeKind::light);
  stage.run("near", script_near);
  map = {};
  stage.state().request.want_full_map = false;
  map.grouping = TokenGrouping::documents;
  stage.app->set_scale(1, 1.5f);
  stage.run("large", script_settle);
  stage.save_picture("map_large_type.png");
}

// Nothing of the toolbar is outside of its view, however large the type.
void script_sizes(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  for (const float scale : {1.0f, 1.5f, 2.0f}) {
    s.app->set_scale(1, scale);
    s.settle(test);
    const ImGuiWindow* window = test->WindowInfo("//Attention map").Window;
    for (const char* item : {"rows/Full map", "source/Diff.", "scale/Linear", "scale/Row", "Range",
                             "##grouping", "Sink", "Fit"}) {
      const ImRect rect = test->ItemInfo((std::string("//Attention map/") + item).c_str()).RectFull;
      IM_CHECK_LE(rect.Max.x, window->InnerRect.Max.x + 0.5f);
      IM_CHECK_GE(rect.Min.x, window->InnerRect.Min.x - 0.5f);
    }
  }
  s.app->set_scale(1, 1);
  s.settle(test);
}

// A pooled map: exact where it is looked at closely, and its overview goes to the graphics card
// once.
void script_long(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  test->ItemClick("//Attention map/rows/Full map");
  s.settle(test);
  // The fake's prompt is short: any window is close enough for exact weights.
  const FullMap& map = *s.snapshot().full_map;
  IM_CHECK_EQ(map.cell(), 8);
  IM_CHECK(!map.region.empty());
  IM_CHECK_EQ(static_cast<std::int64_t>(map.exact.size()),
              map.region.rows.size() * map.region.columns.size());
  const auto uploads = s.app->heatmaps().uploads();
  const auto overview = map.weights;
  test->MouseMoveToPos(middle(test, 0.4f, 0.7f));
  test->MouseWheelY(8);
  s.settle(test);
  test->MouseDown();
  test->MouseMoveToPos(middle(test, 0.6f, 0.5f));
  test->MouseUp();
  s.settle(test);
  IM_CHECK_EQ(s.app->heatmaps().uploads(), uploads);
  IM_CHECK(s.snapshot().full_map->weights == overview);
  s.state().view.map.per_row = s.state().view.map.mask_sink = true;
  s.settle(test);
  test->SetRef("Attention map");
  test->ComboClick("##grouping/documents");
  s.settle(test);
  IM_CHECK_EQ(s.app->attention().zoom().rows,
              static_cast<std::int64_t>(s.snapshot().prompt->documents.size()) + 5);
  IM_CHECK(s.snapshot().full_map->groups != nullptr);  // sums, asked of the engine
}

}  // namespace

TEST_CASE("documents of the map are the masses of the document bars") {
  Request request = test::with_tau(test::engine_request(), 0.1);
  const auto snapshot = test::snapshot_of(request);
  const RunResult& run = *snapshot->intervened;
  const HeadId head{5, 0};
  DigestJob job;
  job.shown = {run.weights[run.index(head)], run.row(head, 0), run.keys, run.rows.size()};
  job.prompt = snapshot->prompt;
  job.tokens = run.keys;
  job.response_tokens = std::ssize(run.response);
  job.first_row = run.rows.begin;
  job.grouping = TokenGrouping::documents;
  const auto by_document = digest(job, [] { return false; });
  REQUIRE(by_document);
  const auto groups = std::ssize(by_document->groups.groups);
  CHECK(by_document->shown.columns == groups);
  CHECK(by_document->shown.rows == run.rows.size());
  int documents = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    const int document = by_document->groups.groups[static_cast<std::size_t>(g)].document;
    if (document < 0) continue;
    ++documents;
    for (std::int64_t row = 0; row < run.rows.size(); ++row) {
      CHECK(by_document->shown.values[row * groups + g] ==
            doctest::Approx(run.span_sum(head, row, document)).epsilon(1e-4));
    }
  }
  CHECK(documents == std::ssize(snapshot->prompt->documents));

  job.grouping = TokenGrouping::none;
  for (const bool mask : {false, true}) {
    job.mask_sink = mask;
    const auto tokens = digest(job, [] { return false; });
    REQUIRE(tokens);
    for (std::int64_t row = 0; row < run.rows.size(); ++row) {
      float largest = 0;
      for (std::int64_t key = mask ? 2 : 0; key <= run.rows.begin + row; ++key)
        largest = std::max(largest, run.row(head, row)[key]);
      CHECK(tokens->row_scale.values[row] == largest);
      CHECK(tokens->statistics.rows[static_cast<std::size_t>(row)].sum ==
            doctest::Approx(1).epsilon(1e-3));
    }
  }
  CHECK_FALSE(digest(job, [] { return true; }));
}

TEST_CASE("the attention map by mouse and keyboard") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  auto stage = map_stage();
  stage->run("wheel", script_wheel);
  stage->save_picture("map_full.png");
  stage->run("drag", script_drag);
  stage->run("keys", script_keys);
  stage->run("scales", script_scales);
  stage->run("groups", script_groups);
  stage->run("sizes", script_sizes);
  pictures(*stage);
  CHECK(stage->app->heatmaps().error().empty());
}

TEST_CASE("the attention map of a long prompt") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  FakeOptions options;
  options.map_level = 3;
  auto stage = map_stage(options);
  stage->run("long", script_long);
  CHECK(stage->app->heatmaps().error().empty());
}
