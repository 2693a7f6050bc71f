// links: headscope_cli
// headscope-cli render: from head sets without a model, from a prompt with one, and what it
// refuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "app/cli/cli.h"
#include "app/cli/render_run.h"
#include "app/cli/terminal.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "tests/resources.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

int render(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"headscope-cli", "render", "--quiet"});
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return cli::run(static_cast<int>(argv.size()), argv.data());
}

std::string read(const std::filesystem::path& path) {
  auto text = read_text_file(path);
  if (!text) FAIL(text.error().message);
  return *text;
}

std::size_t count(const std::string& svg, const char* query) {
  pugi::xml_document document;
  REQUIRE(document.load_string(svg.c_str()));
  return document.select_nodes(query).size();
}

// A model of 2 layers with 3 heads, as `score` writes it.
constexpr const char* kHeadSet =
    R"({"layers":2,"heads":3,"samples":17,"relevant":[[0.01,0.15,0.02],[0.3,0.05,0.12]],
        "ranking":[[1,0],[0,1],[1,2],[1,1],[0,2],[0,0]],"skipped":{},
        "passport":{"model":"tiny","weights_sha256":"abcdef0123456789","data":"questions.jsonl","n":17}})";

struct Fixture {
  test::TemporaryFolder folder;
  std::string heads = (folder / "heads.json").string();
  std::string model = (test::source_folder() / "tests" / "goldens" / "score").string();
  std::string data =
      (test::source_folder() / "tests" / "goldens" / "score" / "data.jsonl").string();

  Fixture() { REQUIRE(write_file_atomically(heads, kHeadSet)); }
  std::string out(const std::string& name) const { return (folder / name).string(); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "head map and ranking of a head set need no model") {
  REQUIRE(render({"--figure", "head-map", "--heads", heads, "--top-k", "2", "--out",
                  out("map.svg")}) == 0);
  const std::string map = read(out("map.svg"));
  CHECK(count(map, "//rect[@class='cell']") == 6);
  CHECK(count(map, "//rect[@class='ring']") == 2);
  for (const char* part :
       {"tiny", "abcdef012345", "questions.jsonl", "n = 17", "3 of 6 query heads above 0.1"}) {
    CHECK_MESSAGE(map.find(part) != std::string::npos, part);
  }
  CHECK(render({"--figure", "head-map", "--heads", heads, "--theme", "dark", "--size", "640x480",
                "--out", out("map.png")}) == 0);
  CHECK(read(out("map.png")).substr(16, 8) ==
        std::string("\0\0\x02\x80\0\0\x01\xE0", 8));  // 640 x 480 in IHDR
  CHECK(render({"--figure", "ranking", "--heads", heads, "--out", out("ranking.pdf")}) == 0);
  CHECK(read(out("ranking.pdf")).starts_with("%PDF-1."));
}

TEST_CASE_FIXTURE(Fixture, "a bare ranking has a map of ranks and no curve") {
  const std::string bare = (folder / "bare.json").string();
  REQUIRE(write_file_atomically(bare, "[[1, 0], [0, 1], [1, 2], [0, 0], [0, 2], [1, 1]]"));
  REQUIRE(render({"--figure", "head-map", "--heads", bare, "--out", out("bare.svg")}) == 0);
  CHECK(count(read(out("bare.svg")), "//rect[@class='cell']") == 6);
  CHECK(render({"--figure", "ranking", "--heads", bare, "--out", out("no.svg")}) == 3);
  CHECK_FALSE(std::filesystem::exists(out("no.svg")));
}

TEST_CASE_FIXTURE(Fixture, "figures of retrieval scores say so") {
  const std::string file = (folder / "retrieval.json").string();
  REQUIRE(write_file_atomically(file, R"({"0-0": [0.5, 0.1], "0-1": [0.0, 0.1]})"));
  for (const char* figure : {"head-map", "ranking"}) {
    REQUIRE(render({"--figure", figure, "--heads", file, "--out", out("retrieval.svg")}) == 0);
    const std::string drawn = read(out("retrieval.svg"));
    CHECK(drawn.find("etrieval score") != std::string::npos);
    CHECK(drawn.find("ontextual") == std::string::npos);
    CHECK(drawn.find("gold") == std::string::npos);
  }
}

TEST_CASE_FIXTURE(Fixture, "overlap of two head sets") {
  const std::string other = (folder / "other.json").string();
  const std::string bare = (folder / "bare.json").string();
  REQUIRE(write_file_atomically(bare, "[[1, 0], [0, 1], [1, 2], [0, 0], [0, 2], [1, 1]]"));
  REQUIRE(write_file_atomically(other, "[[1, 0], [1, 1], [0, 1], [1, 2], [0, 0], [0, 2]]"));
  REQUIRE(render({"--figure", "overlap", "--heads", bare, "--heads-b", other, "--top-k", "2",
                  "--out", out("overlap.svg")}) == 0);
  const std::string drawn = read(out("overlap.svg"));
  CHECK(count(drawn, "//rect[@class='both']") == 1);
  CHECK(count(drawn, "//rect[@class='only-a']") == 1);
  CHECK(count(drawn, "//rect[@class='only-b']") == 1);
  CHECK(count(drawn, "//rect[@class='neither']") == 3);
  // 1 of 3; at random 0, 1 or 2 in common with weights 6, 8, 1 of 15.
  CHECK(drawn.find("Jaccard at 2: 0.33 (unrelated: 0.244, p = 0.600)") != std::string::npos);
  CHECK(drawn.find("Kendall tau of 6 heads: 0.47") != std::string::npos);
  CHECK(render({"--figure", "overlap", "--heads", bare, "--out", out("no.svg")}) == 2);
  const std::string large = (folder / "large.json").string();
  REQUIRE(write_file_atomically(large, "[[7, 0]]"));
  CHECK(render({"--figure", "overlap", "--heads", heads, "--heads-b", large, "--out",
                out("no.svg")}) == 3);
}

TEST_CASE_FIXTURE(Fixture, "figures of a prompt: attention, documents, head map") {
  const std::vector<std::string> sample = {"--model",  model, "--data",           data,
                                           "--sample", "0",   "--max-new-tokens", "4"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), sample.begin(), sample.end());
    return render(more);
  };
  REQUIRE(with({"--figure", "attention", "--layer", "1", "--head", "0", "--out",
                out("attention.svg")}) == 0);
  const std::string attention = read(out("attention.svg"));
  CHECK(count(attention, "//image[@class='cell']") == 1);
  CHECK(attention.find("Attention of layer 1, head 0") != std::string::npos);
  CHECK(attention.find("sample 0") != std::string::npos);
  REQUIRE(with({"--figure", "documents", "--out", out("documents.svg")}) == 0);
  const std::string documents = read(out("documents.svg"));
  CHECK(count(documents, "//rect[@class='baseline']") >= 2);
  CHECK(count(documents, "//rect[@class='intervened']") == 0);
  REQUIRE(with({"--figure", "head-map", "--out", out("heads.svg")}) == 0);
  CHECK(count(read(out("heads.svg")), "//rect[@class='cell']") > 0);

  const std::string change = (folder / "change.json").string();
  REQUIRE(write_file_atomically(change,
                                R"({"method":"split-softmax","tau":0.1,"heads":[[0,0],[1,0]]})"));
  REQUIRE(with({"--figure", "documents", "--intervene", change, "--out", out("change.svg")}) == 0);
  const std::string changed = read(out("change.svg"));
  CHECK(count(changed, "//rect[@class='intervened']") ==
        count(changed, "//rect[@class='baseline']"));
  CHECK(changed.find("split-softmax τ = 0.1 on 2 heads") != std::string::npos);
  CHECK(with({"--figure", "head-map", "--intervene", change, "--difference", "--out",
              out("difference.svg")}) == 0);
  CHECK(with({"--figure", "head-map", "--difference", "--out", out("no.svg")}) == 2);
  CHECK(with({"--figure", "attention", "--out", out("no.svg")}) == 2);
  CHECK(with({"--figure", "attention", "--layer", "99", "--head", "0", "--out", out("no.svg")}) ==
        2);
  CHECK_FALSE(std::filesystem::exists(out("no.svg")));
}

TEST_CASE_FIXTURE(Fixture,
                  "overlay: the prompt's text, token by token, with the mass of the documents") {
  cli::RenderOptions options;
  options.model = model;
  options.data = data;
  options.figure = "overlay";
  options.max_new_tokens = 4;
  options.threads = 1;
  cli::ProgressPrinter progress(true);
  const auto run = cli::run_for_figure(options, progress);
  REQUIRE(run);
  const auto choice = cli::overlay_choice(*run, options);
  REQUIRE(choice);
  const auto overlay = overlay_figure(run->runs, *choice).value();
  std::string text;
  double gold = 0, all = overlay.hidden;
  for (const auto& piece : overlay.pieces) {
    text += piece.text;
    gold += piece.gold ? piece.mass : 0;
    all += piece.mass;
  }
  CHECK(text == run->prompt.text);
  // The bars come from span sums, the overlay from weights.
  const auto bars = documents_figure(run->runs, cli::heads_shown(*run, options).value()).value();
  double of_bars = 0;
  for (const auto& document : bars.documents) of_bars += document.gold ? document.baseline : 0;
  CHECK(of_bars > 0);
  CHECK(gold == doctest::Approx(of_bars).epsilon(1e-4));
  CHECK(all < 1);  // the rest lies on the response
  CHECK(all > 0.5);

  REQUIRE(render({"--figure", "overlay", "--model", model, "--data", data, "--sample", "0",
                  "--max-new-tokens", "4", "--out", out("overlay.svg")}) == 0);
  const std::string svg = read(out("overlay.svg"));
  CHECK(count(svg, "//rect[@class='token']") > 100);
  CHECK(count(svg, "//*[@class='gold']") > 0);
  CHECK(render({"--figure", "overlay", "--ids", "0,5,6", "--out", out("no.svg")}) == 2);
}

TEST_CASE_FIXTURE(Fixture, "what render refuses, with the exit codes of cli.md") {
  const auto code = [&](std::vector<std::string> a) { return render(std::move(a)); };
  CHECK(code({"--figure", "head-map", "--heads", heads, "--out", out("map.jpeg")}) == 2);
  CHECK(code({"--figure", "cake", "--heads", heads, "--out", out("map.png")}) == 2);
  CHECK(code({"--figure", "head-map", "--heads", heads, "--size", "640", "--out",
              out("map.png")}) == 2);
  CHECK(code({"--figure", "head-map", "--heads", heads, "--size", "9x9", "--out",
              out("map.png")}) == 2);
  CHECK(code({"--figure", "head-map", "--heads", heads, "--size", "20000x20000", "--out",
              out("map.png")}) == 2);
  CHECK(code({"--figure", "documents", "--out", out("map.png")}) == 2);
  CHECK(code({"--figure", "head-map", "--heads", out("missing.json"), "--out", out("map.png")}) ==
        3);
  CHECK(code({"--figure", "head-map", "--heads", heads, "--out", out("none") + "/map.png"}) == 3);
  CHECK(code({"--figure", "documents", "--model", model, "--data", data, "--sample", "99999",
              "--out", out("map.png")}) == 3);
  CHECK_FALSE(std::filesystem::exists(out("map.png")));
}

TEST_CASE_FIXTURE(Fixture, "bars and map of a head agree with scores that plain Python computed") {
  const auto golden =
      read_json_file(test::source_folder() / "tests" / "goldens" / "score" / "golden.json");
  REQUIRE(golden);
  const std::size_t samples = golden->at("responses").size();
  cli::ProgressPrinter progress(true);
  cli::RenderOptions options;
  options.model = model;
  options.data = data;
  options.figure = "attention";
  options.max_new_tokens = golden->at("max_new_tokens").get<int>();
  for (const HeadId head : {HeadId{0, 1}, HeadId{1, 3}}) {
    options.layer = head.layer;
    options.head = head.head;
    double bars = 0, map = 0, sink = 0;
    for (std::size_t i = 0; i < samples; ++i) {
      options.sample = static_cast<std::int64_t>(i);
      options.figure = "attention";
      auto run = cli::run_for_figure(options, progress);
      if (!run) FAIL(run.error().message);
      const auto attention =
          attention_figure(run->runs, cli::attention_choice(*run, options).value()).value();
      const auto rows = static_cast<std::int64_t>(attention.row_tokens.size());
      CHECK(attention.first_row == attention.prompt_tokens);
      CHECK(attention.keys == attention.prompt_tokens + rows);
      for (const auto& document : attention.documents) {
        if (!document.gold) continue;
        for (std::int64_t row = 0; row < rows; ++row) {
          for (std::int64_t key = document.keys.begin; key < document.keys.end; ++key) {
            map += attention.weights[static_cast<std::size_t>(row * attention.keys + key)] /
                   static_cast<double>(rows);
          }
        }
      }
      options.figure = "documents";
      run = cli::run_for_figure(options, progress);
      REQUIRE(run);
      const auto documents =
          documents_figure(run->runs, cli::heads_shown(*run, options).value()).value();
      for (const auto& document : documents.documents)
        bars += document.gold ? document.baseline : 0;
      sink += documents.sink_baseline;
    }
    const auto of = [&](const char* key) {
      return golden->at(key)
          .at(static_cast<std::size_t>(head.layer))
          .at(static_cast<std::size_t>(head.head))
          .get<double>();
    };
    const double n = static_cast<double>(samples);
    CHECK(bars / n == doctest::Approx(of("relevant")).epsilon(1e-4));
    CHECK(map / n == doctest::Approx(of("relevant")).epsilon(1e-4));
    CHECK(sink / n == doctest::Approx(of("sink")).epsilon(1e-4));
  }
}
