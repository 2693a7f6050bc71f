// links: headscope_app_testing
// labels: ui
// timeout: 240
// A scripted session: the test engine moves the mouse and types; the engine's snapshots tell what
// came of it.
#include <doctest/doctest.h>
#include <imgui.h>
#include <imgui_te_context.h>
#include <imgui_te_engine.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "app/shell/run_window.h"
#include "tests/head_map_cell.h"
#include "tests/skip.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

void script_slider(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  IM_CHECK(s.snapshot().intervened != nullptr);
  const float before =
      s.snapshot().intervened->scores.relevant[s.snapshot().intervened->scores.index(
          s.state().ranking()[0])];
  test->ItemInputValue("//Intervention/##tau", 0.6f);
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().request.intervention.tau, 0.6);
  IM_CHECK_EQ(s.snapshot().intervened->settings.tau, 0.6);
  IM_CHECK(s.snapshot().intervened->quality == Quality::exact);
  const float after =
      s.snapshot().intervened->scores.relevant[s.snapshot().intervened->scores.index(
          s.state().ranking()[0])];
  IM_CHECK_LT(after, before);  // a weaker split leaves less on the gold document
  test->ItemInputValue("//Intervention/##top_k", 3);
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().intervened->touched.size(), static_cast<std::size_t>(3));
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().intervened->touched.size(), static_cast<std::size_t>(5));
}

// The pictures follow the slider while the model still works on the exact run.
void script_preview(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  const HeadId top = s.state().ranking()[0];
  const auto before = s.snapshot().intervened;
  s.control->hold(FakeCall::run);
  test->ItemInputValue("//Intervention/##tau", 0.35f);
  for (int i = 0; i < 2000 && s.snapshot().intervened->settings.tau != 0.35; ++i) {
    test->Yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto preview = s.snapshot().intervened;
  IM_CHECK_EQ(preview->settings.tau, 0.35);
  IM_CHECK(preview->quality == Quality::preview);
  IM_CHECK(preview->weights[preview->index(top)] != before->weights[before->index(top)]);
  const float previewed = preview->scores.relevant[preview->scores.index(top)];
  s.control->release();
  s.settle(test);
  const auto exact = s.snapshot().intervened;
  IM_CHECK(exact->quality == Quality::exact);
  IM_CHECK_EQ(exact->settings.tau, preview->settings.tau);
  IM_CHECK(s.snapshot().preview_error.has_value());
  IM_CHECK_LT(std::abs(exact->scores.relevant[exact->scores.index(top)] - previewed), 0.1f);
}

// Another method beside the sliders: chosen, its strength changed, shown by exact runs alone.
void script_also(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const InterventionSettings before = s.state().request.intervention;
  s.state().reset_settings();
  s.settle(test);
  IM_CHECK(s.snapshot().intervened == s.snapshot().baseline);
  const auto relevant = [&] {
    const RunResult& run = *s.snapshot().intervened;
    return run.scores.relevant[run.scores.index(s.state().ranking()[0])];
  };
  const float plain = relevant();
  test->SetRef("Intervention");
  test->ComboClick("##also/InstABoost");
  s.settle(test);
  IM_CHECK_STR_EQ(s.snapshot().intervened->settings.also.c_str(), "instaboost");
  IM_CHECK(s.snapshot().intervened->quality == Quality::exact);
  IM_CHECK(!s.snapshot().preview_error.has_value());
  const float boosted = relevant();
  IM_CHECK_GT(boosted, plain);
  test->ItemInputValue("//Intervention/##also_strength", 8.0f);
  s.settle(test);
  IM_CHECK_GT(relevant(), boosted);
  test->ComboClick("##also/none");
  s.settle(test);
  IM_CHECK(s.snapshot().intervened == s.snapshot().baseline);
  s.state().request.intervention = before;
  s.settle(test);
}

void script_key_part(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemInputValue("//Intervention/##alpha", 0.4f);
  s.settle(test);
  const auto without = s.snapshot().intervened;
  test->ItemClick("//Intervention/alpha d_k");
  s.settle(test);
  IM_CHECK(s.snapshot().intervened->settings.use_key_directions);
  IM_CHECK_STR_EQ(s.snapshot().intervened->response_text.c_str(), without->response_text.c_str());
  float largest = 0;
  for (std::size_t i = 0; i < without->span_sums.size(); ++i) {
    largest =
        std::max(largest, std::abs(without->span_sums[i] - s.snapshot().intervened->span_sums[i]));
  }
  IM_CHECK_LT(largest, 1e-5f);
}

void script_heads(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->MouseMoveToPos(test::head_cell(test, {2, 6}));
  test->MouseClick();
  s.settle(test);
  IM_CHECK((s.snapshot().request.selected == HeadId{2, 6}));
  const std::size_t before = s.state().chosen().size();
  test->KeyDown(ImGuiMod_Ctrl);
  test->MouseClick();
  test->KeyUp(ImGuiMod_Ctrl);
  s.settle(test);
  IM_CHECK(s.state().request.intervention.choice == HeadChoice::picked);
  IM_CHECK_EQ(s.snapshot().intervened->touched.size(), before + 1);
  const auto& touched = s.snapshot().intervened->touched;
  IM_CHECK(std::find(touched.begin(), touched.end(), HeadId{2, 6}) != touched.end());
  test->ItemClick("//Intervention/choice/Contextual");
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().intervened->touched.size(), static_cast<std::size_t>(5));
}

void script_full_map(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Attention map/rows/Full map");
  s.settle(test);
  IM_CHECK(s.snapshot().full_map != nullptr);
  IM_CHECK((s.snapshot().full_map->head == s.state().request.selected));
  test->ItemClick("//Attention map/source/Diff.");
  test->Yield(3);
  IM_CHECK(s.state().view.map_source == MapSource::difference);
  test->ItemClick("//Attention map/rows/Response rows");
  test->ItemClick("//Attention map/source/Interv.");
  s.settle(test);
}

// Response tokens by click, range and one more; heads, pooling and difference; the way back.
void script_overlay(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.app->commands().run("view.overlay");
  s.settle(test);
  const OverlayOptions& options = s.state().view.overlay;
  const auto painted = [&] {
    s.settle(test);
    const TokenMasses* masses = s.app->overlay().painted();
    return masses != nullptr ? masses->values : std::vector<float>{};
  };
  const auto all = painted();
  IM_CHECK_EQ(all.size(), s.snapshot().prompt->tokens.size());
  test->SetRef(test->WindowInfo("//Token overlay/response").Window);
  test->ItemClick("t1");
  IM_CHECK(options.rows == (std::vector<std::int64_t>{1}));
  test->KeyDown(ImGuiMod_Shift);
  test->ItemClick("t3");
  test->KeyUp(ImGuiMod_Shift);
  IM_CHECK(options.rows == (std::vector<std::int64_t>{1, 2, 3}));
  test->KeyDown(ImGuiMod_Ctrl);
  test->ItemClick("t2");
  test->KeyUp(ImGuiMod_Ctrl);
  IM_CHECK(options.rows == (std::vector<std::int64_t>{1, 3}));
  test->MouseMove("t0");  // a hovered token repaints the prompt
  const auto hovered = painted();
  test->SetRef("Token overlay");
  test->MouseMove("##heads");
  const auto chosen = painted();
  IM_CHECK(hovered != chosen);
  IM_CHECK(all != chosen);
  test->ItemClick("All");
  IM_CHECK(options.rows.empty());
  test->MouseMove("##heads");
  IM_CHECK(painted() == all);
  test->ComboClick("##heads/###3");
  IM_CHECK(options.heads == OverlayHeads::all);
  IM_CHECK(painted() != all);
  test->ComboClick("##pooling/max");
  IM_CHECK(options.pooling == Pooling::max);
  test->ItemClick("source/Diff.");
  const auto difference = painted();
  IM_CHECK(*std::min_element(difference.begin(), difference.end()) < 0);
  test->ItemClick("scale/Linear");
  IM_CHECK(!options.logarithmic);
  test->ItemClick("scale/Log");
  test->ItemClick("source/Interv.");
  test->ComboClick("##heads/###1");
  test->ComboClick("##pooling/mean");
  IM_CHECK(painted() == all);
}

// The popup of candidates by a click on the answer, and its steps.
void script_candidates(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.state().show_candidates();
  test->Yield(3);
  const auto at = first_difference(*s.snapshot().baseline, *s.snapshot().intervened);
  IM_CHECK_EQ(s.state().candidates.token, at.value_or(0));
  test->ItemClick("//$FOCUSED/next token");
  IM_CHECK_EQ(s.state().candidates.token, at.value_or(0) + 1);
  test->ItemClick("//$FOCUSED/previous token");
  IM_CHECK_EQ(s.state().candidates.token, at.value_or(0));
  test->KeyPress(ImGuiKey_Escape);
  s.state().candidates.token = 0;
  test->SetRef("Answer");
  test->ItemClick("**/Baseline");  // the middle of the text
  test->Yield(3);
  IM_CHECK_GT(s.state().candidates.token, static_cast<std::size_t>(0));
}

void script_prompt(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Prompt/##question");
  test->KeyCharsReplaceEnter("Who painted the wall in Tarnå?");
  s.settle(test);
  IM_CHECK(s.snapshot().prompt->text.find("Question: Who painted the wall in Tarnå?\nAnswer:") !=
           std::string::npos);
  IM_CHECK(!s.snapshot().prompt->unknown_words.empty());  // the fake knows ASCII words only
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), 4);
  test->SetRef(test->WindowInfo("//Prompt/cards").Window);
  test->ItemClick("**/gold");  // the first card's header
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), 0);
  test->ItemClick("//Prompt/New sample");
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().prompt->documents.size(), static_cast<std::size_t>(2));
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), 0);
  IM_CHECK_STR_EQ(s.snapshot().prompt->answers.at(0).c_str(), "violet");
}

void script_palette(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  IM_CHECK(!s.state().request.intervention.is_identity());
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_P);
  test->Yield(3);
  test->KeyChars("reset interv");
  test->KeyPress(ImGuiKey_Enter);
  s.settle(test);
  IM_CHECK(s.state().request.intervention.is_identity());
  IM_CHECK(s.snapshot().intervened == s.snapshot().baseline);
  test->MenuClick("//##MainMenuBar/View/Light theme");
  test->Yield(3);
  IM_CHECK(s.app->theme() == ThemeKind::light);
  test->MenuClick("//##MainMenuBar/View/Dark theme");
}

void script_cancel(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.control->hold(FakeCall::run);
  test->ItemInputValue("//Intervention/##tau", 0.3f);
  for (int i = 0; i < 2000 && s.snapshot().status.state != EngineStatus::State::running; ++i) {
    test->Yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  test->Yield(5);
  test->ItemClick("//##status/Cancel");
  s.settle(test);
  s.control->release();
  IM_CHECK(s.snapshot().status.state != EngineStatus::State::running);
  IM_CHECK(s.state().notices.empty());
  test->ItemInputValue("//Intervention/##tau", 0.2f);
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().intervened->settings.tau, 0.2);
}

void script_outlook(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const int runs = s.control->finished(FakeCall::run);
  test->ItemClick("//##status/###outlook");
  test->Yield(3);
  test->ItemClick("//$FOCUSED/policies/Span sums");
  s.settle(test);
  IM_CHECK(s.state().request.keep == KeepAttention::spans);
  IM_CHECK(s.snapshot().outlook->chosen == KeepAttention::spans);
  IM_CHECK_EQ(s.control->finished(FakeCall::run), runs);  // what is there is more than enough
  test->ItemClick("//$FOCUSED/Automatic");
  IM_CHECK(s.state().request.keep == KeepAttention::automatic);
  s.settle(test);
}

std::size_t png_size(const std::filesystem::path& path, int& width, int& height) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto number = [&](std::size_t at) {
    int value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value * 256 + static_cast<unsigned char>(bytes[at + i]);
    return value;
  };
  if (bytes.size() < 24 || bytes.compare(1, 3, "PNG") != 0) return 0;
  width = number(16);
  height = number(20);
  return bytes.size();
}

}  // namespace

TEST_CASE("a session with mouse and keyboard") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = test::fake_stage();
  stage->run("sliders and undo", script_slider);
  stage->run("preview", script_preview);
  stage->run("the key half of focus directions changes nothing", script_key_part);
  stage->run("another method beside the sliders", script_also);
  stage->run("selecting and picking heads", script_heads);
  stage->run("full map and difference", script_full_map);
  stage->run("token overlay", script_overlay);
  stage->save_picture("overlay.png");
  stage->state().view.overlay.source = MapSource::difference;
  stage->save_picture("overlay_difference.png");
  stage->state().view.overlay = {};
  stage->run("next-token candidates", script_candidates);
  stage->state().show_candidates();
  stage->save_picture("candidates.png");
  stage->run("close", [](ImGuiTestContext* test) {
    test->KeyPress(ImGuiKey_Escape);
    test->WindowFocus("//Prompt");  // its tab in front again
  });
  stage->run("question, gold mark, new sample", script_prompt);
  stage->run("cancel", script_cancel);
  stage->save_picture("session.png");
  stage->run("what a run keeps", script_outlook);
  stage->run("palette and menu", script_palette);
  stage->state().view.edit_text = true;
  stage->app->commands().run("help.commands");
  stage->save_picture("palette.png");
  stage->run("escape", [](ImGuiTestContext* test) { test->KeyPress(ImGuiKey_Escape); });
  stage->state().view.edit_text = false;
  stage->app->commands().run("file.open_model");
  stage->app->set_theme(ThemeKind::contrast);
  stage->save_picture("open_model.png");
  stage->app->set_theme(ThemeKind::light);
  stage->state().request.intervention.tau = 0.1;
  stage->app->commands().run("view.difference");
  stage->run("settle", [](ImGuiTestContext* test) { stage_of(test).settle(test); });
  stage->save_picture("difference.png");
}

TEST_CASE("--screenshot writes a finished picture of the asked size") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  RunOptions options;
  options.builtin_font = true;
  int width = 0, height = 0;
  const auto path = test::picture_folder() / "screenshot.png";
  SUBCASE("1280 x 800") {
    options.screenshot = path;
    CHECK(run_window(options, {fake_runner_factory(), test::two_gates}) == 0);
    CHECK(png_size(path, width, height) > 20000);
    CHECK(width == 1280);
    CHECK(height == 800);
  }
  SUBCASE("twice as dense, light") {
    options.screenshot = test::picture_folder() / "screenshot_2x.png";
    options.scale = 2;
    options.theme = "light";
    CHECK(run_window(options, {fake_runner_factory(), test::two_gates}) == 0);
    CHECK(png_size(options.screenshot, width, height) > 40000);
    CHECK(width == 2560);
    CHECK(height == 1600);
  }
  SUBCASE("a model that does not load still gives a picture, with the reason in it") {
    options.screenshot = test::picture_folder() / "screenshot_failed.png";
    options.model = "missing";
    CHECK(run_window(options, {fake_runner_factory(), {}}) == 0);
    CHECK(png_size(options.screenshot, width, height) > 5000);
  }
}
