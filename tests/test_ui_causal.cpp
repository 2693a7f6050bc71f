// links: headscope_app_testing
// labels: ui
// timeout: 240
// The causal check, the automatic strength and a prompt without a gold mark, by mouse, on the
// embedded model; cancelling on the fake one.
#include <algorithm>
#include <cmath>
#include <string>

#include "tests/embedded_stage.h"
#include "tests/skip.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

void script_check(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  test->ItemClick("//Attention per document/Causal check");
  s.settle(test);
  IM_CHECK(s.snapshot().causal != nullptr);
  const CausalCheck& check = *s.snapshot().causal;
  IM_CHECK_EQ(check.documents.size(), s.snapshot().prompt->documents.size());
  IM_CHECK_EQ(check.heads.size(), s.state().chosen().size());
  IM_CHECK(std::isfinite(check.document_agreement().spearman));
  IM_CHECK_LT(check.log_probability, 0.0);
  test->Yield(3);
  // Another prompt is not checked unasked.
  test->ItemClick("//Prompt/New sample");
  s.settle(test);
  IM_CHECK(!s.state().request.questions.causal);
  IM_CHECK(s.snapshot().causal == nullptr);
  test->ItemClick("//Attention per document/Causal check");
  s.settle(test);
  IM_CHECK(s.snapshot().causal != nullptr);
}

void script_auto(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemInputValue("//Intervention/##tau", 1.0f);
  s.settle(test);
  test->ItemClick("//Intervention/Auto");
  s.settle(test);
  IM_CHECK(s.snapshot().auto_alpha != nullptr);
  const AutoAlpha& found = *s.snapshot().auto_alpha;
  IM_CHECK_EQ(s.state().request.intervention.alpha, found.alpha);
  IM_CHECK_EQ(s.snapshot().intervened->settings.alpha, found.alpha);
  IM_CHECK(found.target == AlphaTarget::focus);  // the sink holds next to nothing in this model
  IM_CHECK(!s.state().request.questions.auto_alpha);
  IM_CHECK(std::any_of(s.state().notices.begin(), s.state().notices.end(),
                       [&](const Notice& notice) { return notice.text == explain(found); }));
}

void script_no_mark(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const int gold = s.state().request.prompt.gold_document;
  s.state().mark_gold(gold);
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), -1);
  IM_CHECK_EQ(s.state().likely().index, gold);  // the guess finds it without the mark
  IM_CHECK(s.snapshot().causal != nullptr);
  IM_CHECK_EQ(s.snapshot().causal->mass_document, gold);
  test->ItemClick("//Intervention/Auto");
  s.settle(test);
  IM_CHECK(s.snapshot().auto_alpha->verdict == AlphaVerdict::nothing_to_drain);
  IM_CHECK_EQ(s.state().request.intervention.alpha, 0.0);
  test->ItemInputValue("//Intervention/##tau", 0.3f);  // needs a mark: says so, changes nothing
  s.settle(test);
  IM_CHECK(s.snapshot().intervened == s.snapshot().baseline);
  test->ItemInputValue("//Intervention/##alpha", 0.6f);  // needs none
  s.settle(test);
  IM_CHECK(!s.snapshot().status.error);
  IM_CHECK(s.snapshot().intervened != s.snapshot().baseline);
  IM_CHECK(s.snapshot().intervened->quality == Quality::exact);
}

void script_cancel(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.control->hold(FakeCall::causal);
  test->ItemClick("//Attention per document/Causal check");
  for (int i = 0; i < 2000 && s.snapshot().status.activity != "causal check"; ++i) {
    test->Yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  test->Yield(5);
  test->ItemClick("//##status/Cancel");
  s.settle(test);
  s.control->release();
  IM_CHECK(s.snapshot().causal == nullptr);
  IM_CHECK(s.snapshot().baseline != nullptr);
  test->ItemClick("//Attention per document/Hide check");
  test->ItemClick("//Attention per document/Causal check");
  s.settle(test);
  IM_CHECK(s.snapshot().causal != nullptr);
}

}  // namespace

TEST_CASE("causal check, automatic strength and no mark, on the embedded model") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST(test::no_embedded_model);
  SampleWish wish;
  wish.kind = SampleKind::mixed;
  wish.documents = 10;
  const auto stage = test::embedded_stage(wish);
  stage->run("causal check", script_check);
  stage->save_picture("causal_check.png");
  stage->run("auto alpha", script_auto);
  stage->save_picture("auto_alpha.png");
  stage->run("no mark", script_no_mark);
  stage->save_picture("no_mark.png");
}

TEST_CASE("a causal check is cancelled and asked for again") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = test::fake_stage();
  stage->state().request = test::engine_request();
  stage->run("cancel", script_cancel);
}
