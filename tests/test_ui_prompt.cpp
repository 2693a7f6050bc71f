// links: headscope_app_testing
// labels: ui
// timeout: 240
// A prompt of another format by mouse: how it is split, corrections, marks, the strip of tokens and
// the tests of a prompt, on the embedded model.
#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "app/shell/report_job.h"
#include "app/shell/runner_module.h"
#include "app/shell/sample_source.h"
#include "core/base/file.h"
#include "core/base/process.h"
#include "core/exhibit/origin.h"
#include "core/text/prompt.h"
#include "tests/embedded_stage.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::Stage;
using test::stage_of;

namespace {

std::filesystem::path* folder_now = nullptr;  // of the running case: scripts are plain functions

// The embedded model's documents as numbered citations.
std::string cited(const QaSample& sample) {
  std::string text = "Use these search results.\n\n";
  int number = 0;
  for (const Document& document : sample.documents) {
    text += "[" + std::to_string(++number) + "] (Title: " + document.title + ") " + document.text +
            "\n";
  }
  return text + "\nQuestion: " + sample.question + "\nAnswer:";
}

std::size_t documents(Stage& s) {
  return s.snapshot().prompt->documents.size();
}

void script_split(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  IM_CHECK_EQ(documents(s), static_cast<std::size_t>(6));
  IM_CHECK_STR_EQ(s.snapshot().prompt->split_method.c_str(), "numbered");
  const int likely = s.state().likely().index;
  IM_CHECK_GE(likely, 0);
  test->ItemClick("//Attention per document/###accept");
  s.settle(test);
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), likely);
  // A pattern, the first format again, and back by undo.
  Splitting pattern{"pattern", "^\\[[1-3]\\] ", {}};
  s.state().split_by(pattern);
  s.settle(test);
  IM_CHECK_EQ(documents(s), static_cast<std::size_t>(3));
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK_EQ(documents(s), static_cast<std::size_t>(6));
  s.state().split_by({"pattern", "(", {}});  // not valid: said, nothing is lost
  test->Yield(5);
  IM_CHECK(!s.state().split_error().empty());
  s.state().split_by({});
  s.settle(test);
  IM_CHECK_EQ(documents(s), static_cast<std::size_t>(6));
  IM_CHECK_EQ(s.snapshot().prompt->gold_document(), likely);
}

void script_correct(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->SetRef(test->WindowInfo("//Prompt/cards").Window);
  test->ItemClick("$$0/menu");
  test->Yield(2);
  test->ItemClick("//$FOCUSED/Merge with the next one");
  test->SetRef("");
  s.settle(test);
  IM_CHECK_EQ(documents(s), static_cast<std::size_t>(5));
  IM_CHECK_STR_EQ(s.state().request.prompt.splitting.method.c_str(), "hand");
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
  IM_CHECK_EQ(documents(s), static_cast<std::size_t>(6));
  // A selection becomes a relevant document of its own.
  const std::string text = s.state().request.prompt.text;
  const ByteSpan second = s.snapshot().prompt->documents[1].relevant;
  const std::size_t from = text.find(") ", second.begin) + 2;
  s.state().select_document({from, second.end}, true);
  s.settle(test);
  const PromptView& prompt = *s.snapshot().prompt;
  IM_CHECK_EQ(prompt.documents.size(), static_cast<std::size_t>(7));
  IM_CHECK(prompt.documents[2].gold);
  IM_CHECK(!prompt.documents[1].gold);
  IM_CHECK_LE(prompt.documents[1].tokens.end, prompt.documents[2].tokens.begin);
  test->KeyPress(ImGuiMod_Ctrl | ImGuiKey_Z);
  s.settle(test);
}

void script_strip(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->WindowFocus("//Attention per document");
  test->ItemClick("//Attention per document/By token");
  test->Yield(3);
  test->MouseMove("//Attention per document/strip");
  test->Yield(2);
  test->MouseClick(0);
  test->Yield(3);
  IM_CHECK_EQ(s.state().show_document, -1);  // the prompt took it
}

void run_test(ImGuiTestContext* test, const char* button) {
  Stage& s = stage_of(test);
  test->ItemClick(button);
  for (int i = 0; i < 1500 && (s.app->tests().running() || i < 5); ++i) {
    test->Yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

// headscope-cli makes a saved page again, byte for byte, from what lies beside it.
void check_made_again(const std::filesystem::path& page) {
  const auto done = run_process({(test::build_folder() / "headscope-cli").string(), "repeat",
                                 page.string(), "--threads", "1", "--quiet"},
                                {}, {});
  CHECK_MESSAGE((done && done->exit_code == 0), (done ? done->messages : done.error().message));
}

void script_tests(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.state().request.intervention.tau = 0.3;
  s.state().request.prompt.answers = {"nothing of it"};
  s.settle(test);
  test->KeyPress(ImGuiKey_T);
  test->Yield(5);
  // From the last one up: results push those below them out of sight.
  run_test(test, "//Tests/$$2/Best alpha and k");
  const Json* tuned = s.app->tests().result(s.state(), PromptTest::tune);
  IM_CHECK(tuned != nullptr);
  IM_CHECK_GE((*tuned)["rows"].size(), static_cast<std::size_t>(16));
  run_test(test, "//Tests/$$1/Removal");
  run_test(test, "//Tests/$$0/Position");
  const Json* moved = s.app->tests().result(s.state(), PromptTest::positions);
  IM_CHECK(moved != nullptr);
  IM_CHECK_EQ((*moved)["rows"].size(), documents(s));
  const Json* result = s.app->tests().result(s.state(), PromptTest::removal);
  IM_CHECK(result != nullptr);
  IM_CHECK_EQ((*result)["documents"].size(), documents(s));
  const auto source = report_source(s.state(), {moved, result, tuned});
  IM_CHECK(source.has_value());
  const auto report = study::report_of_runs(*source);
  IM_CHECK(report.has_value());
  IM_CHECK_EQ(report->tables.size(), static_cast<std::size_t>(4));  // heads, and the three tests
  const auto page = study::save_report(*source, *folder_now / "reports");
  IM_CHECK(page.has_value());
  check_made_again(*page);
  // Another prompt has results of its own; this one's come back with it.
  s.state().mark_gold(0, true);
  s.settle(test);
  IM_CHECK(s.app->tests().result(s.state(), PromptTest::removal) == nullptr);
  s.state().mark_gold(0, true);
  s.settle(test);
  IM_CHECK(s.app->tests().result(s.state(), PromptTest::removal) != nullptr);
}

}  // namespace

TEST_CASE("a prompt of another format, split, corrected, marked and tested") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  std::error_code ignored;
  const auto program = test::build_folder() / "headscope-cli";
  if (!test::has_embedded_model() || !std::filesystem::exists(program, ignored)) {
    SKIP_TEST("no libheadscope_torch.so or headscope-cli in this build");
  }
  const test::TemporaryFolder folder;
  auto path = folder.path();
  folder_now = &path;
  const auto stage = Stage::open(torch_runner_factory(), demo_sample_source());
  stage->app->tests().configure(program, folder.path());
  AppState& state = stage->state();
  state.request.threads = 1;
  state.wish.documents = 6;
  state.request.prompt.text = cited(demo_sample_source()(state.wish).value());
  stage->run("split", script_split);
  stage->save_picture("prompt_split.png");
  stage->run("correct", script_correct);
  stage->run("strip", script_strip);
  stage->save_picture("prompt_strip.png");
  stage->run("tests", script_tests);
  stage->save_picture("prompt_tests.png");
}

TEST_CASE("without the embedded model there is no New sample") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  auto stage = Stage::open(fake_runner_factory({}, std::make_shared<FakeControl>()), {});
  stage->state().request = test::engine_request();
  stage->state().request.model = "other";
  stage->run("other model", [](ImGuiTestContext* test) {
    Stage& s = stage_of(test);
    s.settle(test);
    IM_CHECK(!test->ItemExists("//Prompt/New sample"));
    s.state().request.model = "demo";
    s.settle(test);
    IM_CHECK(test->ItemExists("//Prompt/New sample"));
  });
}
