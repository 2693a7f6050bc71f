// links: headscope_cli headscope_runner headscope_demo_world
// timeout: 300
// The command in a caption draws the same figure again, byte for byte: what the window exports of
// the embedded model, and what headscope-cli render draws of the files beside it.
#include <doctest/doctest.h>

#include <filesystem>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "app/cli/cli.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/process.h"
#include "core/demo_world/demo_world.h"
#include "core/exhibit/prompt_tests.h"
#include "core/exhibit/views.h"
#include "core/experiment/repeat_files.h"
#include "core/runner/model_runner.h"
#include "core/session/made_by.h"
#include "core/sweep/weights_hash.h"
#include "core/text/splitting_json.h"
#include "tests/random_demo_model.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

// Results as the window has them, and files in a folder of their own, which is the current one.
struct Fixture {
  test::TemporaryFolder folder;
  std::filesystem::path before = std::filesystem::current_path();
  Snapshot snapshot;
  std::vector<HeadId> chosen;
  std::string hash;

  Fixture() {
    std::filesystem::current_path(folder.path());
    const BuiltPrompt built = build_prompt(test::demo_test_sample(5, 6));
    Request& request = snapshot.request;
    request.threads = 1;
    request.max_new_tokens = 12;
    request.keep = KeepAttention::rows;
    request.prompt.text = built.text;
    for (std::size_t i = 0; i < built.documents.size(); ++i)
      if (built.documents[i].gold) request.prompt.gold_document = static_cast<int>(i);
    request.intervention.tau = 0.2;
    request.intervention.alpha = 0.3;
    ModelRunner runner;
    snapshot.model = runner.load(request, {}).value();
    snapshot.prompt = runner.prepare(request.prompt).value();
    const std::vector<HeadId>& ranking = snapshot.model->known_ranking;
    chosen = {ranking.begin(), ranking.begin() + 3};
    snapshot.baseline = runner.run(*snapshot.prompt, {}, {}, request, {}).value();
    snapshot.intervened =
        runner.run(*snapshot.prompt, request.intervention, chosen, request, {}).value();
    hash = weights_sha256(snapshot.model->path, {}).value();
  }
  ~Fixture() { std::filesystem::current_path(before); }

  ShownRuns runs() const {
    ShownRuns seen = *runs_of(snapshot);
    seen.origin.model_hash = hash;
    return seen;
  }
  HeadGroup group() const {
    return head_group(chosen, snapshot.model->layers, snapshot.model->heads);
  }
};

// Words of a command as a shell would see them; these have no quotes inside quotes.
std::vector<std::string> words_of(const std::string& command) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (const char c : command) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

int run(std::vector<std::string> words) {
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return cli::run(static_cast<int>(argv.size()), argv.data());
}

// Exports, then does what the caption says.
void check_repeats(const Result<Exhibit>& made, const std::string& stem) {
  CAPTURE(stem);
  if (!made) FAIL(made.error().message);
  Exhibit exhibit = *made;
  const std::filesystem::path path = stem + ".svg";
  name_files_beside(path, exhibit);
  REQUIRE(write_exhibit(path, exhibit, ExportFormat::svg, {}));
  REQUIRE(write_files_beside(path, exhibit, ExportFormat::svg, {}));
  const std::string svg = read_text_file(path).value();
  pugi::xml_document document;
  REQUIRE(document.load_string(svg.c_str()));
  const std::string caption = document.select_node("//desc").node().text().get();
  const std::string sign = "Drawn again by: ";
  const std::size_t at = caption.find(sign);
  REQUIRE(at != std::string::npos);
  auto words = words_of(caption.substr(at + sign.size()));
  words.insert(words.end(), {"--threads", "1", "--quiet", "--out", stem + "-again.svg"});
  REQUIRE(run(words) == 0);
  const std::string again = read_text_file(stem + "-again.svg").value();
  CHECK(again.size() == svg.size());
  CHECK_MESSAGE(again == svg, caption);
}

// Exports in a format and look, then runs the command that lies beside the file.
void check_made_again(const Exhibit& made, ExportFormat format, const ExportLook& look) {
  const std::string ending = "." + std::string(format_name(format));
  CAPTURE(ending);
  Exhibit exhibit = made;
  const std::filesystem::path path = "exported" + ending;
  name_files_beside(path, exhibit);
  REQUIRE(write_exhibit(path, exhibit, format, look));
  REQUIRE(write_files_beside(path, exhibit, format, look));
  const Json beside = read_json_file(made_by_file(path)).value();
  for (const auto& [name, hash] : beside.at("files").items())
    CHECK(sha256_file(name).value() == hash.get<std::string>());
  std::vector<std::string> words = {"headscope-cli", beside.at("command").get<std::string>()};
  const auto arguments = beside.at("arguments").get<std::vector<std::string>>();
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.insert(words.end(), {"--threads", "1", "--quiet", "--out", "again" + ending});
  REQUIRE(run(words) == 0);
  Repetition repetition(1e-4);  // as repeat compares: pictures by byte, numbers by value
  REQUIRE(compare_files(path, "again" + ending, repetition));
  CHECK_MESSAGE(repetition.found() == 0, repetition.report().dump(1));
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "every format is made again by the command beside it, in its look") {
  AttentionChoice choice;
  choice.head = chosen.front();
  choice.shown = ShownRun::difference;
  const auto attention = attention_exhibit(runs(), choice);
  REQUIRE(attention);
  ExportLook own;
  own.figure.theme = figure::Theme::dark;
  own.figure.palette = Palette::cividis;
  own.scale = 1;
  for (int format = 0; format < export_formats; ++format)
    check_made_again(*attention, static_cast<ExportFormat>(format), own);
  const auto documents = documents_exhibit(runs(), group());
  REQUIRE(documents);
  for (const auto format : {ExportFormat::png, ExportFormat::json})
    check_made_again(*documents, format, {});
}

TEST_CASE_FIXTURE(Fixture, "documents, overlay and answers repeat from their captions") {
  check_repeats(documents_exhibit(runs(), group()), "documents");
  check_repeats(documents_exhibit(
                    runs(), head_group({chosen[1]}, snapshot.model->layers, snapshot.model->heads)),
                "one-head");
  OverlayChoice overlay;
  overlay.heads = group();
  overlay.pooling = Pooling::max;
  overlay.rows = {0, 1};
  overlay.without_sink = true;
  check_repeats(overlay_exhibit(runs(), overlay), "overlay");
  overlay.shown = ShownRun::difference;
  overlay.logarithmic = false;
  check_repeats(overlay_exhibit(runs(), overlay), "overlay-difference");
  check_repeats(answers_exhibit(runs()), "answers");
}

TEST_CASE_FIXTURE(Fixture, "head maps, ranking and attention repeat from their captions") {
  HeadScoreChoice score;
  score.baseline = snapshot.baseline->scores.relevant;
  score.intervened = snapshot.intervened->scores.relevant;
  score.outlined = chosen;
  check_repeats(head_map_exhibit(runs(), score), "heads");
  score.shown = ShownRun::difference;
  check_repeats(head_map_exhibit(runs(), score), "heads-difference");
  score.shown = ShownRun::intervened;
  score.option = "sink";
  score.name = "sink mass";
  score.baseline = snapshot.baseline->scores.sink;
  score.intervened = snapshot.intervened->scores.sink;
  check_repeats(head_map_exhibit(runs(), score), "sink");
  check_repeats(
      ranking_exhibit(runs(), snapshot.model->known_ranking, snapshot.model->known_scores, nullptr),
      "ranking");
  for (const ShownRun shown : {ShownRun::baseline, ShownRun::intervened, ShownRun::difference}) {
    AttentionChoice choice;
    choice.head = chosen.front();
    choice.shown = shown;
    choice.logarithmic = shown != ShownRun::baseline;
    check_repeats(attention_exhibit(runs(), choice),
                  "attention-" + std::to_string(static_cast<int>(shown)));
    choice.range = figure::ColorRange{0.0123f, 0.31f};
    choice.without_sink = true;
    check_repeats(attention_exhibit(runs(), choice),
                  "attention-range-" + std::to_string(static_cast<int>(shown)));
    choice.range.reset();
    choice.per_row = true;
    check_repeats(attention_exhibit(runs(), choice),
                  "attention-rows-" + std::to_string(static_cast<int>(shown)));
  }
}

TEST_CASE_FIXTURE(Fixture, "documents token by token repeat from their captions") {
  for (const ShownRun shown : {ShownRun::baseline, ShownRun::intervened}) {
    check_repeats(document_strip_exhibit(runs(), group(), shown),
                  "strip-" + std::to_string(static_cast<int>(shown)));
  }
}

// What the window starts (app/shell/prompt_test_plan.h): documents numbered by place, heads by a
// file, the answer with its blank. The figure of its result, and of the command in its caption.
TEST_CASE_FIXTURE(Fixture, "tests of the prompt repeat from their captions") {
  const ShownRuns seen = runs();
  Json heads = Json::array();
  for (const HeadId head : chosen) heads.push_back({head.layer, head.head});
  REQUIRE(write_file_atomically("asked.txt", seen.prompt->text));
  REQUIRE(write_file_atomically("asked.json", dump_json(to_json(numbered_by_place(*seen.prompt)))));
  REQUIRE(write_file_atomically("ranking.json", dump_json(heads)));
  const std::string gold = std::to_string(seen.prompt->gold_document() + 1);
  const auto result_of = [&](std::vector<std::string> words, const std::string& file) {
    words.insert(words.begin(), "headscope-cli");
    words.insert(words.end(),
                 {"--prompt-file=asked.txt", "--split=@asked.json", "--no-chat",
                  "--heads=ranking.json", "--max-new-tokens=12", "--threads=1", "--quiet"});
    REQUIRE(run(words) == 0);
    return read_json_file(file).value();
  };
  const Json removal = result_of({"causal", "--gold=" + gold, "--mask=remove", "--no-heads",
                                  "--top-k=3", "--out=removal.json"},
                                 "removal.json");
  check_repeats(causal_exhibit(removal, test_origin(seen)), "removal");
  const Json causal =
      result_of({"causal", "--gold=" + gold, "--answer=- so", "--top-k=2", "--out=causal.json"},
                "causal.json");
  check_repeats(causal_exhibit(causal, test_origin(seen)), "hidden");
  const Json tune = result_of({"tune", "--gold=" + gold, "--alpha=-0.3,0.5", "--tau=0.3",
                               "--top-ks=1,2,20", "--answer= Paris", "--out=tune.json"},
                              "tune.json");
  check_repeats(tune_exhibit(tune, test_origin(seen)), "tuned");
  const Json positions =
      result_of({"positions", "--document=" + gold, "--positions=0,3", "--answers=Paris",
                 "--reference= Paris", "--top-k=3", "--out=moved"},
                "moved/positions.json");
  check_repeats(positions_exhibit(positions, test_origin(seen)), "positions");
}

TEST_CASE_FIXTURE(Fixture, "what is exported as JSON and as arrays follows its schema") {
  AttentionChoice attention;
  attention.head = chosen.front();
  HeadScoreChoice score;
  score.baseline = snapshot.baseline->scores.relevant;
  score.intervened = snapshot.intervened->scores.relevant;
  for (auto& made : {documents_exhibit(runs(), group()), answers_exhibit(runs()),
                     attention_exhibit(runs(), attention), head_map_exhibit(runs(), score)}) {
    if (!made) FAIL(made.error().message);
    for (const ExportFormat format : {ExportFormat::json, ExportFormat::safetensors}) {
      if (!can_write(*made, format)) continue;
      REQUIRE(
          write_exhibit(made->name + "." + std::string(format_name(format)), *made, format, {}));
    }
  }
  const auto checker = before / "tests" / "schemas.py";  // ctest begins in the repository
  const auto ended = run_process({"python3", checker.string(), "."}, {}, {}).value();
  CHECK_MESSAGE(ended.exit_code == 0, ended.output, ended.messages);
  REQUIRE(write_file_atomically("damaged.json", R"({"headscope": "exhibit"})"));
  CHECK(run_process({"python3", checker.string(), "."}, {}, {}).value().exit_code == 1);
}

TEST_CASE_FIXTURE(Fixture, "a figure of a test is refused before a model runs") {
  REQUIRE(write_file_atomically("asked.txt", snapshot.prompt->text));
  const auto code = [](std::vector<std::string> words) {
    words.insert(words.begin(), "headscope-cli");
    words.emplace_back("--quiet");
    return run(words);
  };
  CHECK(code({"causal", "--data", "none.jsonl", "--out", "removal.svg"}) == 2);
  CHECK(code({"causal", "--prompt-file", "asked.txt", "--out", "none/removal.svg"}) == 3);
  CHECK(code({"tune", "--prompt-file", "asked.txt", "--out", "none/tune.pdf"}) == 3);
  CHECK(code({"positions", "--prompt-file", "asked.txt", "--out", "none/moved.png"}) == 3);
  for (const char* wrong : {"0.2:0.1", "0.1", "x:y"}) {
    CHECK(code({"render", "--figure", "attention", "--layer", "0", "--head", "0", "--range", wrong,
                "--prompt-file", "asked.txt", "--out", "map.svg"}) == 2);
  }
  CHECK_FALSE(std::filesystem::exists("none"));
  CHECK_FALSE(std::filesystem::exists("map.svg"));
}
