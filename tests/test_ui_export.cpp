// links: headscope_app_testing
// labels: ui
// timeout: 240
// Exports by mouse and keyboard: the button of a view, the window, the clipboard, and what happens
// when a file cannot be written.
#include <doctest/doctest.h>
#include <imgui.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "app/shell/layout.h"
#include "app/shell/prompt_test_plan.h"
#include "core/base/file.h"
#include "core/base/process.h"
#include "tests/engine_fixture.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"
#include "tests/ui_stage.h"

using namespace headscope;
using test::fake_stage;
using test::Stage;
using test::stage_of;

namespace {

std::filesystem::path* folder_now = nullptr;  // of the running case: scripts are plain functions

// Waits until the queue is worked off and its outcome is shown.
void finish(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  for (int i = 0; i < 2000 && s.app->exports().busy(); ++i) {
    test->Yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  test->Yield(2);
  IM_CHECK(!s.app->exports().busy());
}

const Notice* last_notice(ImGuiTestContext* test) {
  const auto& notices = stage_of(test).state().notices;
  return notices.empty() ? nullptr : &notices.back();
}

void type_path(ImGuiTestContext* test, const std::string& path) {
  test->ItemInput("//Export/##path");
  test->KeyCharsReplace(path.c_str());
  test->Yield();
}

// The button in the tab bar, the menu, the window: a picture and the files that repeat it.
void script_save(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.state().view_to_show = titles::documents;  // another tab may be in front
  test->Yield(5);
  test->ItemClick("**/   ##export Attention per document");
  test->ItemClick("//$FOCUSED/Export ...");
  test->Yield(2);
  IM_CHECK(s.app->exports().is_open());
  IM_CHECK(s.app->exports().path().ends_with("demo-documents.png"));
  test->ItemClick("//Export/format/SVG");
  IM_CHECK(s.app->exports().path().ends_with("demo-documents.svg"));
  type_path(test, (*folder_now / "bars.svg").string());
  test->ItemClick("//Export/###save");
  finish(test);
  IM_CHECK(read_text_file(*folder_now / "bars.svg").has_value());
  const auto prompt = read_text_file(*folder_now / "bars.prompt.txt");
  IM_CHECK(prompt.has_value());
  IM_CHECK(*prompt == s.snapshot().prompt->text);
  IM_CHECK(read_text_file(*folder_now / "bars.intervention.json").has_value());
  IM_CHECK(last_notice(test) != nullptr);
  IM_CHECK(last_notice(test)->kind == Notice::Kind::info);
  IM_CHECK(last_notice(test)->text.find("bars.svg") != std::string::npos);
  // The ending that is typed is the format.
  type_path(test, (*folder_now / "bars.csv").string());
  IM_CHECK(s.app->exports().options().format == ExportFormat::csv);
  test->KeyPress(ImGuiKey_Enter);
  finish(test);
  const auto csv = read_text_file(*folder_now / "bars.csv");
  IM_CHECK(csv.has_value());
  IM_CHECK(csv->starts_with("part,number,title,gold,baseline,intervened,causal_drop\n"));
}

// A folder that is not there, and one that nobody may write to: a message with the path, the window
// stays as it was, and so does everything else.
void script_refused(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  const Request before = s.state().request;
  test->KeyPress(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_E);
  test->Yield(3);
  IM_CHECK(s.app->exports().is_open());
  for (const std::string& path :
       {(*folder_now / "none" / "a.png").string(), std::string("/proc/headscope.png")}) {
    s.state().notices.clear();
    type_path(test, path);
    test->ItemClick("//Export/###save");
    finish(test);
    IM_CHECK(last_notice(test) != nullptr);
    IM_CHECK(last_notice(test)->kind == Notice::Kind::error);
    IM_CHECK(last_notice(test)->text.find(path.substr(0, path.rfind('/'))) != std::string::npos);
    IM_CHECK(s.app->exports().is_open());
    IM_CHECK(s.app->exports().path() == path);
  }
  IM_CHECK(s.state().request == before);
  s.state().notices.clear();
  test->ItemClick("//Export/Close");
  test->Yield();
  IM_CHECK(!s.app->exports().is_open());
}

void script_table(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  ImGui::SetClipboardText("nothing");
  test->ItemClick("**/   ##export Ranking");
  test->ItemClick("//$FOCUSED/Copy table");
  finish(test);
  const std::string text = ImGui::GetClipboardText();
  IM_CHECK(text.starts_with("rank\tlayer\thead\t"));
  IM_CHECK_EQ(std::count(text.begin(), text.end(), '\n'), 65);
}

void script_every_view(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  for (const char* title : {titles::heads, titles::attention, titles::documents, titles::ranking,
                            titles::overlay, titles::answer, titles::layer, titles::difference}) {
    s.state().view_to_show = title;
    test->Yield(4);
    s.settle(test);
    s.app->exports().open(title);
    test->Yield(2);
    for (const char* ending : {"svg", "csv"}) {
      const auto path = *folder_now / (std::string(title) + "." + ending);
      type_path(test, path.string());
      test->ItemClick("//Export/###save");
      finish(test);
      const auto bytes = read_text_file(path);
      IM_CHECK(bytes.has_value());
      IM_CHECK_GT(bytes->size(), static_cast<std::size_t>(100));
    }
    s.state().notices.clear();
  }
}

std::string exported_svg(ImGuiTestContext* test, const char* title, const std::string& name) {
  Stage& s = stage_of(test);
  s.state().view_to_show = title;
  test->Yield(4);
  s.settle(test);
  s.app->exports().open(title);
  test->Yield(2);
  const auto path = *folder_now / (name + ".svg");
  type_path(test, path.string());
  test->ItemClick("//Export/###save");
  finish(test);
  return read_text_file(path).value_or("");
}

// The ends of the colours, and which of two runs: as the view has them.
void script_as_shown(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  MapOptions& map = s.state().view.map;
  s.state().view.map_logarithmic = true;
  map.range = MapRange::manual;
  map.low = 0.002f;
  map.high = 0.3f;
  IM_CHECK(exported_svg(test, titles::attention, "manual").find("from 0.002 to 0.3;") !=
           std::string::npos);
  map.range = MapRange::percentile;
  map.percentile = 99;
  const std::string clipped = exported_svg(test, titles::attention, "percentile");
  IM_CHECK(clipped.find("logarithmic, from ") != std::string::npos);
  IM_CHECK(clipped.find("--range ") != std::string::npos);
  map.range = MapRange::automatic;
  IM_CHECK(exported_svg(test, titles::attention, "automatic").find("--range") == std::string::npos);
  s.state().view.documents_by_token = true;
  IM_CHECK(exported_svg(test, titles::documents, "before").find("split-softmax") ==
           std::string::npos);
  test->ItemClick("**/strip of/Intervened");
  IM_CHECK(exported_svg(test, titles::documents, "after").find("split-softmax") !=
           std::string::npos);
}

// A result that lies in the folder of the test: its figure, with the files that repeat it.
void script_tests_view(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  s.app->tests().configure("headscope-cli", *folder_now / "results");
  const PromptTestInput input{s.state().request, s.snapshot().prompt.get(),
                              s.snapshot().model.get(), s.state().ranking(),
                              s.state().likely().index};
  const auto folder = prompt_test_folder(PromptTest::removal, input, *folder_now / "results");
  Json documents = Json::array();
  for (int i = 1; i <= 6; ++i)
    documents.push_back({{"number", i}, {"gold", i == 5}, {"mass", 0.1}, {"drop", 0.5 * i}});
  const Json result = {{"mask", "remove"},
                       {"documents", documents},
                       {"heads", Json::array()},
                       {"passport", {{"options", {{"heads", {{5, 0}}}}}}}};
  IM_CHECK(create_folders(folder).has_value());
  IM_CHECK(write_file_atomically(folder / "removal.json", dump_json(result)).has_value());
  s.state().view_to_show = titles::tests;
  test->Yield(4);
  test->ItemClick("**/Export ...");
  test->Yield(2);
  IM_CHECK(s.app->exports().is_open());
  IM_CHECK(s.app->exports().path().find("demo-removal.") != std::string::npos);
  type_path(test, (*folder_now / "removal.svg").string());
  test->ItemClick("//Export/###save");
  finish(test);
  const std::string svg = read_text_file(*folder_now / "removal.svg").value_or("");
  for (const char* part : {"What the answer loses without each document", "causal --mask remove",
                           "--heads removal.heads.json", "--split @removal.splitting.json"})
    IM_CHECK(svg.find(part) != std::string::npos);
  IM_CHECK(read_text_file(*folder_now / "removal.heads.json").has_value());
}

void script_picture(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  test->ItemClick("**/   ##export Heads");
  test->ItemClick("//$FOCUSED/Copy picture");
  finish(test);
  IM_CHECK(last_notice(test) != nullptr);
  IM_CHECK_STR_EQ(last_notice(test)->text.c_str(), "Copied the picture.");
}

// Without a program that copies: what to install, and the window to save it instead.
void script_no_picture(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  s.settle(test);
  test->ItemClick("**/   ##export Heads");
  test->ItemClick("//$FOCUSED/Copy picture");
  finish(test);
  IM_CHECK(last_notice(test) != nullptr);
  IM_CHECK(last_notice(test)->kind == Notice::Kind::error);
  IM_CHECK(last_notice(test)->text.find("install the package") != std::string::npos);
  IM_CHECK(s.app->exports().is_open());
  IM_CHECK(s.app->exports().options().format == ExportFormat::png);
}

struct Fixture {
  test::TemporaryFolder folder;
  std::filesystem::path path = folder.path();
  Fixture() { folder_now = &path; }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "save from the button of a view") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  const auto stage = fake_stage();
  stage->run("save", script_save);
  stage->save_picture("export_window.png");
}

TEST_CASE_FIXTURE(Fixture, "a file that cannot be written") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  fake_stage()->run("refused", script_refused);
}

TEST_CASE_FIXTURE(Fixture, "a table to the clipboard") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  fake_stage()->run("table", script_table);
}

TEST_CASE_FIXTURE(Fixture, "every view as a picture and as a table") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  fake_stage()->run("every view", script_every_view);
}

TEST_CASE_FIXTURE(Fixture, "colours and run are exported as they are on screen") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  fake_stage()->run("as shown", script_as_shown);
}

TEST_CASE_FIXTURE(Fixture, "a test of the prompt as a figure") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  fake_stage()->run("tests view", script_tests_view);
}

TEST_CASE_FIXTURE(Fixture, "a picture to the clipboard through xclip") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  if (std::system("command -v xclip >/dev/null 2>&1") != 0) SKIP_TEST("xclip is not installed");
  unsetenv("WAYLAND_DISPLAY");
  fake_stage()->run("picture", script_picture);
  const auto copied = (folder / "clipboard.png").string();
  REQUIRE(std::system(("xclip -selection clipboard -t image/png -o >'" + copied + "'").c_str()) ==
          0);
  const auto bytes = read_text_file(copied);
  REQUIRE(bytes);
  CHECK(bytes->starts_with("\x89PNG"));
  CHECK(bytes->size() > 10000);
}

TEST_CASE_FIXTURE(Fixture, "no program that copies pictures") {
  if (!test::has_display()) SKIP_TEST(test::no_display);
  unsetenv("WAYLAND_DISPLAY");
  auto stage = fake_stage();  // before PATH changes: drivers are found without it
  const std::string path = std::getenv("PATH");
  // The shell alone, so that nothing that copies is found.
  std::filesystem::create_symlink("/bin/sh", folder / "sh");
  setenv("PATH", folder.path().c_str(), 1);
  stage->run("no picture", script_no_picture);
  setenv("PATH", path.c_str(), 1);
}
