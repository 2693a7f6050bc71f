// links: headscope_app_testing
// labels: ui
// timeout: 240
// Exploring heads by mouse and keyboard on the embedded model: metrics, sorting, search, pins,
// likeness, switches, head sets, a layer's pictures.
#include <algorithm>
#include <cmath>
#include <string>

#include "app/shell/layout.h"
#include "tests/embedded_stage.h"
#include "tests/head_map_cell.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

void click_cell(ImGuiTestContext* test, HeadId head,
                ImGuiMouseButton button = ImGuiMouseButton_Left) {
  test->MouseMoveToPos(test::head_cell(test, head));
  test->MouseClick(button);
  test->Yield(2);
}

// An item of the popup that a right click opened.
void choose_in_menu(ImGuiTestContext* test, const char* item) {
  test->Yield(2);
  test->SetRef(test->WindowInfo("//$FOCUSED").Window);
  test->ItemClick(item);
  test->SetRef("");
}

void choose_metric(ImGuiTestContext* test, const char* label) {
  test->SetRef("//Heads");
  test->ComboClick((std::string("##score/") + label).c_str());
  test->SetRef("");
  stage_of(test).settle(test);
}

void script_metrics(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  choose_metric(test, "entropy");
  IM_CHECK(s.state().view.score == MapScore::entropy);
  IM_CHECK(score_of(s.state(), MapScore::entropy, true).any());
  IM_CHECK(s.app->ranking().table().has(HeadColumn::entropy));
  choose_metric(test, "answer drop");
  IM_CHECK(s.snapshot().head_drops == nullptr);
  test->ItemClick("//Heads/Ablate every head");
  s.settle(test);
  IM_CHECK(s.snapshot().head_drops != nullptr);
  const HeadDrops& drops = *s.snapshot().head_drops;
  IM_CHECK_EQ(drops.measured, static_cast<std::int64_t>(drops.drop.size()));
  // The answer is gone without the head that it rests on most.
  IM_CHECK_GT(*std::max_element(drops.drop.begin(), drops.drop.end()), 1.0f);
}

void script_ranking(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  choose_metric(test, "distance");
  HeadListOptions& options = s.state().view.heads;
  options.sort = HeadColumn::distance;
  options.descending = true;
  test->Yield(3);
  const HeadTable& table = s.app->ranking().table();
  const HeadId farthest = table.order().front();
  for (const HeadId head : table.order()) {
    IM_CHECK_LE(table.value(HeadColumn::distance, head),
                table.value(HeadColumn::distance, farthest));
  }
  s.state().select(farthest);
  test->KeyPress(ImGuiKey_K);
  IM_CHECK(options.is_pinned(farthest));
  options.sort = HeadColumn::rank;
  options.descending = false;
  test->Yield(3);
  IM_CHECK(table.order().front() == farthest);
  IM_CHECK(table.order()[1] == s.state().ranking().front());
  test->ItemInput("//Ranking/##search");
  test->KeyCharsReplace("L1");
  test->Yield(3);
  for (const HeadId head : table.order()) IM_CHECK_EQ(head.layer, 1);
  test->KeyCharsReplace("");
  test->Yield(3);
  IM_CHECK_EQ(table.order().size(), s.state().ranking().size());
  test->KeyPress(ImGuiKey_Escape);
}

void script_like(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const HeadId head{2, 1};
  click_cell(test, head, ImGuiMouseButton_Right);
  choose_in_menu(test, "Heads like this one");
  s.settle(test);
  IM_CHECK(s.state().view.heads.like == head);
  IM_CHECK(s.state().view.score == MapScore::similar);
  const HeadTable& table = s.app->ranking().table();
  const auto first = table.order().begin() + static_cast<std::ptrdiff_t>(table.pinned());
  IM_CHECK(table.pinned() == 1);
  IM_CHECK(*first == head);
  IM_CHECK_GT(table.value(HeadColumn::similar, head), 0.999);
  click_cell(test, {0, 3}, ImGuiMouseButton_Right);
  choose_in_menu(test, "Pinned");
  IM_CHECK_EQ(s.state().view.heads.pinned.size(), 2u);
  test->ItemClick("//Ranking/###compare");
  s.settle(test);
  test->Yield(3);
}

void script_switches(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->KeyPress(ImGuiKey_Escape);
  const std::vector<HeadId> before = s.state().chosen();
  const Request request = s.state().request;
  test->ItemClick("//Heads/Switch");
  const HeadId other{3, 3};
  const bool was_on = std::find(before.begin(), before.end(), other) != before.end();
  click_cell(test, other);
  IM_CHECK(s.state().request.intervention.choice == HeadChoice::picked);
  IM_CHECK_EQ(s.state().chosen().size(), before.size() + (was_on ? -1 : 1));
  s.settle(test);
  const ImRect layers = test->ItemInfo("//Heads/layers").RectFull;
  test->MouseMoveToPos(ImVec2(layers.GetCenter().x, test::head_cell(test, {0, 0}).y));
  test->MouseClick();
  s.settle(test);
  IM_CHECK(s.state().layer_is_on(0));
  IM_CHECK(s.snapshot().intervened->touched.size() == s.state().chosen().size());
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  test->Yield(2);
  IM_CHECK(!s.state().layer_is_on(0));
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK(s.state().request.intervention == request.intervention);
  test->ItemClick("//Heads/Switch");
}

void script_head_sets(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  const std::vector<HeadId> before = s.state().chosen();
  s.app->commands().run("heads.sets");
  test->Yield(3);
  test->ItemInput("//Head sets/##name");
  test->KeyCharsReplace("contextual five");
  test->ItemClick("//Head sets/###save");
  IM_CHECK_EQ(s.state().head_sets.sets().size(), 1u);
  s.state().use_heads({{0, 0}, before.front()});
  s.settle(test);
  test->ItemClick("//Head sets/**/-");
  IM_CHECK_EQ(s.state().chosen().size(), 1u);
  test->ItemClick("//Head sets/**/+");
  IM_CHECK_EQ(s.state().chosen().size(), before.size() + 1);
  test->ItemClick("//Head sets/**/&");
  IM_CHECK_EQ(s.state().chosen().size(), before.size());
  s.state().use_heads({});
  test->ItemClick("//Head sets/**/Use");
  s.settle(test);
  IM_CHECK_EQ(s.state().chosen().size(), before.size());
  IM_CHECK(s.snapshot().intervened->touched.size() == before.size());
}

void script_delete(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("//Head sets/**/x");
  IM_CHECK_EQ(s.state().head_sets.sets().size(), 1u);  // asks first
  test->ItemClick("//Head sets/**/sure?");
  test->Yield(2);
  IM_CHECK(s.state().head_sets.sets().empty());
}

void script_layer(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().select({1, 0});
  test->KeyPress(ImGuiKey_G);
  s.settle(test);
  IM_CHECK_EQ(s.app->layer().layer(), 1);
  test->ItemClick("//Layer/next layer");
  s.settle(test);
  IM_CHECK_EQ(s.app->layer().layer(), 2);
  IM_CHECK(s.state().request.selected == (HeadId{1, 0}));  // leafing selects nothing
  const auto uploads = s.app->heatmaps().uploads();
  test->Yield(10);
  IM_CHECK_EQ(s.app->heatmaps().uploads(), uploads);
  test->SetRef(test->WindowInfo("//Layer/pictures").Window);
  test->ItemClick("$$3/picture");
  s.settle(test);
  IM_CHECK(s.state().request.selected == (HeadId{2, 3}));
  IM_CHECK_EQ(s.app->layer().layer(), 2);
  test->ItemClick("//Layer/columns/Documents");
  s.settle(test);
  IM_CHECK(!s.app->layer().busy());
}

}  // namespace

TEST_CASE("exploring the heads of the embedded model") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST(test::no_embedded_model);
  const test::TemporaryFolder folder;
  SampleWish wish;
  wish.documents = 10;
  const auto stage = test::embedded_stage(wish);
  AppState& state = stage->state();
  state.wake = Window::wake;
  state.head_sets.configure(folder.path());
  stage->run("metrics", script_metrics);
  stage->save_picture("heads_drop.png");
  stage->run("ranking", script_ranking);
  stage->save_picture("heads_ranking.png");
  stage->run("like", script_like);
  stage->save_picture("heads_like.png");
  stage->run("switches", script_switches);
  stage->run("head sets", script_head_sets);
  stage->save_picture("heads_sets.png");
  stage->run("delete", script_delete);
  stage->run("layer", script_layer);
  stage->save_picture("heads_layer.png");
}
