// links: headscope_cli headscope_runner headscope_demo_world
// timeout: 300
// The command in a caption draws the same figure again, byte for byte: what the window exports of
// the embedded model, and what headscope-cli render draws of the files beside it.
#include <doctest/doctest.h>

#include <filesystem>
#include <pugixml.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "app/cli/cli.h"
#include "core/base/file.h"
#include "core/exhibit/views.h"
#include "core/experiment/weights_hash.h"
#include "core/runner/model_runner.h"
#include "core/training/demo_world.h"
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

// Words of a command as a shell would see them; these have no quotes inside.
std::vector<std::string> words_of(const std::string& command) {
  std::istringstream stream(command);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    if (word.starts_with("'") && word.ends_with("'")) word = word.substr(1, word.size() - 2);
    words.push_back(word);
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
  REQUIRE(write_files_beside(path, exhibit));
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

}  // namespace

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
  }
}
