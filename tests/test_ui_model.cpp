// links: headscope_app_testing
// labels: ui
// timeout: 240
// The window on the embedded model, through the module with libtorch, as the program does it.
#include <imgui.h>
#include <imgui_internal.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "tests/embedded_stage.h"
#include "tests/skip.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

double sum_of_row(const float* row, std::int64_t keys) {
  double sum = 0;
  for (std::int64_t j = 0; j < keys; ++j) sum += row[j];
  return sum;
}

// Mean mass on the gold document over the heads that were acted on.
double gold_mass(const RunResult& run, const std::vector<HeadId>& heads) {
  double sum = 0;
  for (const HeadId head : heads) sum += run.scores.relevant[run.scores.index(head)];
  return sum / static_cast<double>(heads.size());
}

// The first picture a user sees: distraction, and what brings the answer back.
void script_first_sample(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  IM_CHECK(s.state().notices.empty());
  IM_CHECK(s.snapshot().model != nullptr && s.snapshot().model->is_demo);
  IM_CHECK(s.snapshot().prompt->unknown_words.empty());
  IM_CHECK_EQ(s.snapshot().prompt->documents.size(), static_cast<std::size_t>(20));
  const RunResult& baseline = *s.snapshot().baseline;
  const RunResult& edited = *s.snapshot().intervened;
  IM_CHECK(!baseline.matches_answer);
  IM_CHECK(edited.matches_answer);
  IM_CHECK_EQ(edited.touched.size(), static_cast<std::size_t>(5));
  IM_CHECK_GT(gold_mass(edited, edited.touched), 2 * gold_mass(baseline, edited.touched));
  for (std::int64_t row = 0; row < edited.rows.size(); ++row) {
    IM_CHECK_LT(std::abs(sum_of_row(edited.row(edited.touched[0], row), edited.keys) - 1), 1e-4);
  }
}

// The gold document is what the intervention moves the overlay to, and where the answers part the
// candidates say so.
void script_overlay(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.app->commands().run("view.overlay");
  const PromptView& prompt = *s.snapshot().prompt;
  const TokenRange gold = prompt.documents[static_cast<std::size_t>(prompt.gold_document())].tokens;
  const auto on_gold = [&] {
    s.settle(test);
    double sum = 0;
    const TokenMasses* masses = s.app->overlay().painted();
    for (auto t = gold.begin; masses != nullptr && t < gold.end; ++t)
      sum += double{masses->values[static_cast<std::size_t>(t)]};
    return sum;
  };
  const RunResult &baseline = *s.snapshot().baseline, &edited = *s.snapshot().intervened;
  const auto expected = gold_mass(edited, edited.touched);
  IM_CHECK_LT(std::abs(on_gold() - expected), 1e-3);
  s.state().view.overlay.source = MapSource::difference;
  IM_CHECK_GT(on_gold(), 0.1);
  const auto at = first_difference(baseline, edited);
  IM_CHECK(at.has_value());
  IM_CHECK_EQ(baseline.candidates.at(*at).front().id, baseline.response.at(*at).id);
  IM_CHECK_EQ(edited.candidates.at(*at).front().id, edited.response.at(*at).id);
  s.state().view.overlay.source = MapSource::intervened;
  const ImGuiWindow* text = test->WindowInfo("//Token overlay/text").Window;
  IM_CHECK(text != nullptr);
  test->MouseMoveToPos(ImVec2(text->Pos.x + 60, text->Pos.y + 200));
  test->Yield(3);
}

void script_sliders(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemInputValue("//Intervention/##tau", 1.0f);
  s.settle(test);
  IM_CHECK(s.snapshot().intervened == s.snapshot().baseline);
  IM_CHECK(s.snapshot().model->has_directions);
  test->ItemInputValue("//Intervention/##alpha", 0.5f);
  s.settle(test);
  const auto without = s.snapshot().intervened;
  IM_CHECK(without != s.snapshot().baseline);
  IM_CHECK_EQ(without->settings.alpha, 0.5);
  IM_CHECK(without->quality == Quality::exact);
  test->ItemClick("//Intervention/alpha d_k");  // the key half: nothing but rounding
  s.settle(test);
  const RunResult& with = *s.snapshot().intervened;
  IM_CHECK(with.settings.use_key_directions);
  IM_CHECK_STR_EQ(with.response_text.c_str(), without->response_text.c_str());
  IM_CHECK_EQ(with.span_sums.size(), without->span_sums.size());
  float largest = 0;
  for (std::size_t i = 0; i < with.span_sums.size(); ++i) {
    largest = std::max(largest, std::abs(with.span_sums[i] - without->span_sums[i]));
  }
  IM_CHECK_LT(largest, 1e-3f);
}

// The full map's last rows are the response rows that were kept from the run.
void script_full_map(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Attention map/rows/Full map");
  s.settle(test);
  IM_CHECK(s.snapshot().full_map != nullptr);
  const FullMap& map = *s.snapshot().full_map;
  const RunResult& run = *s.snapshot().intervened;
  IM_CHECK_EQ(map.tokens, run.keys);
  float largest = 0;
  for (std::int64_t row = 0; row < run.rows.size(); ++row) {
    for (std::int64_t key = 0; key < run.keys; ++key) {
      const float full =
          (*map.weights)[static_cast<std::size_t>((run.rows.begin + row) * map.tokens + key)];
      largest = std::max(largest, std::abs(full - run.row(map.head, row)[key]));
    }
  }
  IM_CHECK_LT(largest, 1e-3f);
}

void script_question(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Prompt/##question");
  test->KeyCharsReplaceEnter("What does Zorgon Fengard play?");
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().prompt->unknown_words.size(), static_cast<std::size_t>(1));
  test->ItemClick("//Prompt/New sample");
  s.settle(test);
  IM_CHECK(s.snapshot().prompt->unknown_words.empty());
}

}  // namespace

TEST_CASE("a session on the embedded model") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST(test::no_embedded_model);
  const auto stage = test::embedded_stage();
  stage->run("the first sample", script_first_sample);
  stage->save_picture("embedded_model.png");
  stage->run("token overlay", script_overlay);
  stage->save_picture("embedded_overlay.png");
  stage->state().view.overlay.source = MapSource::difference;
  stage->state().show_candidates();
  stage->save_picture("embedded_candidates.png");
  stage->run("close", [](ImGuiTestContext* test) { test->KeyPress(ImGuiKey_Escape); });
  stage->app->commands().run("view.layout");
  stage->run("sliders", script_sliders);
  stage->run("full map", script_full_map);
  stage->run("question and new sample", script_question);
}
