// links: headscope_app_testing
// labels: ui
// timeout: 300
// Explore: who reads the right document? A walk through the window on the embedded model, by mouse
// and keyboard, with pictures of what is seen on the way.
#include <imgui.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "app/shell/layout.h"
#include "tests/gallery.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

// The window as it opens: the answer is wrong, and split-softmax repairs it.
void script_open(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  IM_CHECK(s.state().notices.empty());
  IM_CHECK(!s.snapshot().baseline->matches_answer);
  IM_CHECK(s.snapshot().intervened->matches_answer);
  IM_CHECK((s.state().request.selected == HeadId{1, 1}));  // the first of the ranking
  test::shoot(test, "explore-1-start");
}

// Which heads rest on the sink? The head map by another score, a click on the brightest cell, and
// its map of all tokens.
void script_heads(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.app->commands().run("view.score.sink");
  const HeadScores& scores = s.snapshot().baseline->scores;
  HeadId most;
  for (int layer = 0; layer < scores.layers; ++layer) {
    for (int head = 0; head < scores.heads; ++head) {
      const HeadId id{layer, head};
      if (scores.sink[scores.index(id)] > scores.sink[scores.index(most)]) most = id;
    }
  }
  test::click_head(test, most);
  s.settle(test);
  IM_CHECK(s.state().request.selected == most);
  test->KeyPress(ImGuiKey_F);
  s.settle(test);
  IM_CHECK(s.snapshot().full_map != nullptr);
  IM_CHECK(s.snapshot().full_map->head == most);
  test->MouseMove("//Attention map/map");
  for (int i = 0; i < 4; ++i) test->MouseWheelY(1);
  test::rest(test);
  test::shoot(test, "explore-2-full-map");
  test->MouseMove("//Attention map/map");
  test->MouseDoubleClick();  // all of it again
  test->KeyPress(ImGuiKey_F);
  s.settle(test);
  IM_CHECK(!s.state().request.want_full_map);
}

// The prompt as text, painted by what the chosen heads look at while one token is written.
void script_overlay(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.app->commands().run("view.score.relevant");
  test->KeyPress(ImGuiKey_O);
  s.settle(test);
  test->SetRef(test->WindowInfo("//Token overlay/response").Window);
  test->ItemClick("t3");
  s.settle(test);
  IM_CHECK(s.state().view.overlay.rows == (std::vector<std::int64_t>{3}));
  const TokenMasses* painted = s.app->overlay().painted();
  IM_CHECK(painted != nullptr);
  const PromptView& prompt = *s.snapshot().prompt;
  const auto gold = prompt.documents[static_cast<std::size_t>(prompt.gold_document())].tokens;
  const auto most = std::max_element(painted->values.begin(), painted->values.end());
  IM_CHECK(gold.contains(most - painted->values.begin()));
  test::rest(test);
  test::shoot(test, "explore-3-overlay");
}

// What else could have come next, and what is read aloud: both answers, copied.
void script_candidates(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->KeyPress(ImGuiKey_C);
  test->Yield(4);
  const auto at = first_difference(*s.snapshot().baseline, *s.snapshot().intervened);
  IM_CHECK(at.has_value());
  IM_CHECK_EQ(s.state().candidates.token, *at);
  IM_CHECK_EQ(s.snapshot().intervened->candidates.at(*at).front().id,
              s.snapshot().intervened->response.at(*at).id);
  test::rest(test);
  test::shoot(test, "explore-4-candidates");
  test->KeyPress(ImGuiKey_Escape);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_C);
  test->Yield(2);
  const std::string copied = ImGui::GetClipboardText();
  IM_CHECK(copied.find(s.snapshot().baseline->response_text) != std::string::npos);
  IM_CHECK(copied.find(s.snapshot().intervened->response_text) != std::string::npos);
  test->MenuClick("//##MainMenuBar/File/Save a picture of the window");
  test->Yield(2);
  IM_CHECK(s.app->take_picture_request());
}

// All heads of a layer side by side, and what the layers say before the last one speaks.
void script_layers(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().select({1, 1});
  s.state().view_to_show = titles::layer;
  s.settle(test);
  test->Yield(6);
  test::rest(test);
  test::shoot(test, "explore-5-layer");
  s.state().view_to_show = titles::lens;
  test->Yield(6);
  s.settle(test);
  IM_CHECK(s.snapshot().lens != nullptr);
  test::rest(test);
  test::shoot(test, "explore-6-lens");
}

const std::filesystem::path* g_folder = nullptr;  // scripts are plain functions

// The head map as a figure with real text, and what repeats it.
void script_export(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->ItemClick("**/   ##export Heads");
  test->ItemClick("//$FOCUSED/Export ...");
  test->Yield(2);
  IM_CHECK(s.app->exports().is_open());
  test->ItemInput("//Export/##path");
  test->KeyCharsReplace((*g_folder / "heads.svg").c_str());
  test->Yield();
  test->ItemClick("//Export/###save");
  for (int i = 0; i < 2000 && s.app->exports().busy(); ++i) {
    test->Yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const Result<std::string> figure = read_text_file(*g_folder / "heads.svg");
  IM_CHECK(figure.has_value());
  IM_CHECK(figure->find("<svg") != std::string::npos);
  IM_CHECK(figure->find("<text") != std::string::npos);
}

}  // namespace

TEST_CASE("explore") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (!test::has_embedded_model()) SKIP_TEST(test::no_embedded_model);
  const test::TemporaryFolder folder;
  g_folder = &folder.path();
  const auto stage = test::newcomers_stage();
  stage->run("open", script_open);
  stage->run("heads", script_heads);
  stage->run("token overlay", script_overlay);
  stage->run("candidates", script_candidates);
  stage->run("layers", script_layers);
  stage->run("export", script_export);
}
