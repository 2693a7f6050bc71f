// links: headscope_app_testing
// labels: ui
// timeout: 240
// One answer explained by mouse and keyboard on the embedded model: difference, lens, scores.
#include <algorithm>
#include <cmath>
#include <string>

#include "app/shell/layout.h"
#include "core/engine/explain.h"
#include "tests/embedded_stage.h"
#include "tests/skip.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

void script_difference(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  // A sample whose answer the intervention changes.
  for (int i = 0; i < 12 && !s.state().divergence(); ++i) {
    s.state().new_sample();
    s.settle(test);
  }
  test->KeyPress(ImGuiMod_Shift | ImGuiKey_D);
  test->Yield(3);
  IM_CHECK(!s.app->difference().moves().empty());
  IM_CHECK(s.state().divergence().has_value());
  test->ItemClick("//Difference/First divergence");
  IM_CHECK_EQ(s.state().candidates.token, *s.state().divergence());
  IM_CHECK_EQ(s.state().view.overlay.rows.size(), 1u);
  test->KeyPress(ImGuiKey_LeftBracket);
  test->KeyPress(ImGuiKey_RightBracket);
  IM_CHECK_EQ(s.state().candidates.token, *s.state().divergence());
  test->MouseMoveToPos(ImVec2(5, 5));
  test->Yield(3);
}

void script_signed_map(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Difference/Signed map");
  test->Yield(3);
  IM_CHECK(s.state().view.map_source == MapSource::difference);
}

void script_lens(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->KeyPress(ImGuiMod_Shift | ImGuiKey_L);
  s.settle(test);
  IM_CHECK(s.snapshot().lens != nullptr);
  const LogitLens& lens = *s.snapshot().lens;
  IM_CHECK_EQ(lens.token, static_cast<std::int64_t>(s.state().candidates.token));
  IM_CHECK(lens.baseline != nullptr && lens.intervened != nullptr);
  // The last layer says what was chosen, with the probability of the candidates.
  const auto at = static_cast<std::size_t>(lens.token);
  const std::pair<const LensRun*, const RunResult*> sides[] = {
      {lens.baseline.get(), s.snapshot().baseline.get()},
      {lens.intervened.get(), s.snapshot().intervened.get()}};
  for (const auto& [run, result] : sides) {
    const CandidateView& said = run->layers.back().top.front();
    IM_CHECK_EQ(said.id, result->response[at].id);
    IM_CHECK_LT(std::abs(said.probability - result->candidates[at].front().probability), 1e-4f);
  }
  const auto expected = std::find_if(lens.followed.begin(), lens.followed.end(),
                                     [](const FollowedToken& token) { return token.expected; });
  IM_CHECK(expected != lens.followed.end());
  test->MouseMoveToPos(ImVec2(5, 5));
  test->Yield(3);
}

void script_scores(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().request.intervention.alpha = 0.5;
  test->KeyPress(ImGuiMod_Shift | ImGuiKey_S);
  s.settle(test);
  IM_CHECK(s.snapshot().scores != nullptr);
  const ScoreSplit& split = *s.snapshot().scores;
  IM_CHECK(split.head == s.state().request.selected);
  IM_CHECK(!s.app->scores().keys().empty());
  // The parts are those of the weights that the run kept.
  const RunResult& run = *s.snapshot().intervened;
  IM_CHECK(run.has_weights(split.head));
  const float* kept = run.row(split.head, split.row - run.rows.begin);
  for (const KeyShift& key : s.app->scores().keys())
    IM_CHECK_LT(std::abs(key.after - kept[key.key]), 1e-4f);
  IM_CHECK(std::any_of(s.app->scores().keys().begin(), s.app->scores().keys().end(),
                       [](const KeyShift& key) { return std::abs(key.focus) > 0.01f; }));
  test->ItemInputValue("//Score split/##row", 7);  // any row of the prompt
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().scores->row, 7);
  IM_CHECK_EQ(s.app->scores().keys().size(), 8u);
  test->KeyPress(ImGuiKey_LeftBracket);  // back to the response
  s.settle(test);
  IM_CHECK_GT(s.snapshot().scores->row, 7);
  test->MouseMoveToPos(ImVec2(5, 5));
  test->Yield(3);
}

void script_candidates(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const std::size_t token = s.state().candidates.token;
  test->KeyPress(ImGuiMod_Shift | ImGuiKey_C);
  test->Yield(3);
  test->KeyPress(ImGuiKey_RightBracket);
  test->Yield(2);
  IM_CHECK_EQ(s.state().candidates.token, token + 1);
}

}  // namespace

TEST_CASE("an answer is explained on the embedded model") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST(test::no_embedded_model);
  SampleWish wish;
  wish.kind = SampleKind::similar;
  wish.documents = 20;
  const auto stage = test::embedded_stage(wish);
  stage->run("difference", script_difference);
  stage->save_picture("difference.png");
  stage->run("signed map", script_signed_map);
  stage->run("lens", script_lens);
  stage->save_picture("lens.png");
  stage->run("scores", script_scores);
  stage->save_picture("scores.png");
  stage->run("candidates by keyboard", script_candidates);
  stage->save_picture("candidates_keyboard.png");
}
