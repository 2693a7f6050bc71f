// links: headscope_sweep
// Figures of what `bench` wrote: the numbers of the file are those of the SVG and the CSV.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/figure/write.h"
#include "core/sweep/study_figures.h"
#include "tests/messages.h"
#include "tests/resources.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using headscope::test::contains;

namespace {

// As core/bench/growth_suite.h writes it: time grows with n^2, memory with n.
constexpr const char* kGrowth = R"({"suite":"growth","quick":false,"seed":0,
  "machine":{"processor":"Some CPU","threads":2,"load_average":0.25,"libtorch":"2.11.0",
             "headscope":"0.1.0"},
  "model":{"what":"random weights","parameters":85000000},
  "tokens":{"what":"one pass against the number of tokens","unit":"tokens","curves":[
    {"name":"nothing","what":"the pass alone","x":[512,1024,2048],"seconds":[0.5,2,8],
     "run_bytes":[1048576,2097152,4194304],"time_exponent":2.0,"memory_exponent":1.0},
    {"name":"spans","what":"masses","x":[512,1024,2048],"seconds":[1,4,16],
     "run_bytes":[0,2097152,4194304],"time_exponent":2.0,"memory_exponent":null}]},
  "samples":{"what":"one after the other","unit":"samples","curves":[
    {"name":"spans","what":"masses","x":[1,2],"seconds":[1,2],"run_bytes":[1048576,1048576],
     "time_exponent":1.0,"memory_exponent":0.0}]}})";

constexpr const char* kPeers = R"({"suite":"peers","quick":false,
  "machine":{"processor":"Some CPU","threads":1,"load_average":0.25,"libtorch":"2.11.0",
             "headscope":"0.1.0"},
  "model":{"what":"random weights","parameters":85000000},
  "response_rows":{"ratios":{
     "time_below_hooks":{"median":40,"low":32,"high":64,"all":[40,32,64],"goal":"at least 20","met":true},
     "time_below_transformer_lens":null}},
  "first_layer":{"ratios":{
     "time_over_sdpa":{"median":1.6,"low":1.5,"high":1.7,"goal":"at most 1.3","met":false}}},
  "samples":{"ratios":{"memory_below_eager":{"value":12.5,"what":"peak memory"}}}})";

struct Fixture {
  test::TemporaryFolder folder;
  std::filesystem::path file = folder / "bench.json";

  StudyFigures figures(const std::string& text) const {
    REQUIRE(write_file_atomically(file, text));
    auto study = study_figures(file);
    if (!study) FAIL(study.error().message);
    return std::move(*study);
  }
  std::string refused(const std::string& text) const {
    REQUIRE(write_file_atomically(file, text));
    return test::message_of(study_figures(file));
  }
};

pugi::xml_document svg_of(const NamedFigure& named) {
  const auto scene = figure::draw_figure(named.figure, {});
  if (!scene) FAIL(scene.error().message);
  const auto pictures = test::build_folder() / "tests" / "figures";
  REQUIRE(create_folders(pictures));
  REQUIRE(figure::write_figure(pictures / ("bench-" + named.name + ".png"), *scene));
  const auto text = figure::encode(*scene, figure::Format::svg);
  REQUIRE(text);
  pugi::xml_document document;
  REQUIRE(document.load_string(text->c_str()));
  return document;
}

std::vector<std::string> texts(const pugi::xml_document& svg, const char* role) {
  std::vector<std::string> all;
  for (const auto& node : svg.select_nodes(("//text[@class='" + std::string(role) + "']").c_str()))
    all.emplace_back(node.node().text().get());
  return all;
}

// Ends of every line of a role, as x1, y1, x2, y2 ... of its points.
std::vector<double> points(const pugi::xml_node& path) {
  std::vector<double> numbers;
  const std::string text = path.attribute("points").value();
  for (std::size_t at = 0; at < text.size();) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str() + at, &end);
    const auto used = static_cast<std::size_t>(end - text.c_str());
    if (used > at) numbers.push_back(value);
    at = std::max(used, at + 1);
  }
  return numbers;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "growth: exponents in the legend, straight lines on two logarithmic axes") {
  const StudyFigures study = figures(kGrowth);
  REQUIRE(study.figures.size() == 2);
  CHECK(study.figures[0].name == "growth-tokens");
  CHECK(study.figures[1].name == "growth-samples");
  const auto svg = svg_of(study.figures[0]);
  CHECK(texts(svg, "legend") == std::vector<std::string>{"nothing: time ∝ n^2.00, memory ∝ n^1.00",
                                                         "spans: time ∝ n^2.00"});
  const auto axes = texts(svg, "axis");
  for (const char* label : {"Seconds", "Memory beside the weights (MiB)", "Number of tokens (n)"})
    CHECK_MESSAGE(std::count(axes.begin(), axes.end(), label) >= 1, label);
  const std::string caption = svg.child("svg").child_value("desc");
  for (const char* part : {"Some CPU, 2 threads", "load average before it 0.25", "bench.json",
                           "nothing: the pass alone"})
    CHECK_MESSAGE(contains(caption, part), part);
  // A power of n is a straight line: the middle point lies half way between the others.
  const auto curves = svg.select_nodes("//*[@class='curve']");
  REQUIRE(curves.size() == 4);
  const auto line = points(curves[0].node());
  REQUIRE(line.size() == 6);
  CHECK(line[2] == doctest::Approx((line[0] + line[4]) / 2).epsilon(1e-3));
  CHECK(line[3] == doctest::Approx((line[1] + line[5]) / 2).epsilon(1e-3));
  CHECK(line[1] > line[5] + 10);
  CHECK(points(curves[3].node()).size() == 4);  // nothing at 0 bytes
  const std::string csv = figure::csv_of(study.figures[0].figure);
  CHECK(contains(csv, ",2048,8,"));
  CHECK(contains(csv, ",1024,2,"));  // MiB
}

TEST_CASE_FIXTURE(Fixture, "peers: ratios with their spread, goals, and what does not reach them") {
  const StudyFigures study = figures(kPeers);
  REQUIRE(study.figures.size() == 1);
  const auto svg = svg_of(study.figures[0]);
  CHECK(texts(svg, "name") ==
        std::vector<std::string>{"time below hooks", "time over sdpa", "memory below eager"});
  CHECK(texts(svg, "group") == std::vector<std::string>{"response rows", "first layer", "samples"});
  CHECK(texts(svg, "value") == std::vector<std::string>{"40", "1.6", "12.5"});
  const auto spreads = svg.select_nodes("//*[@class='spread']");
  const auto goals = svg.select_nodes("//*[@class='goal']");
  REQUIRE(spreads.size() == 3);
  REQUIRE(goals.size() == 2);
  const auto one = points(svg.select_node("//*[@class='one']").node());
  const auto hooks = points(spreads[0].node());
  // 32 to 64 is one doubling, 1 to 32 five; the goal at 20 lies before both.
  const double doubling = hooks[2] - hooks[0];
  CHECK(doubling > 5);
  CHECK(hooks[0] - one[0] == doctest::Approx(5 * doubling).epsilon(0.01));
  CHECK(points(goals[0].node())[0] ==
        doctest::Approx(one[0] + std::log2(20) * doubling).epsilon(0.01));
  CHECK(points(goals[1].node())[0] < points(spreads[1].node())[0]);
  const std::string csv = figure::csv_of(study.figures[0].figure);
  CHECK(contains(csv, "response rows,time below hooks,40,32,64,at least,20,1"));
  CHECK(contains(csv, "first layer,time over sdpa,1.6,1.5,1.7,at most,1.3,0"));
  CHECK(contains(csv, "samples,memory below eager,12.5,12.5,12.5,,,"));
}

TEST_CASE_FIXTURE(Fixture, "damaged results of bench are refused by field") {
  CHECK(contains(refused(replaced(kGrowth, "[0.5,2,8]", "[0.5,2]")), "seconds"));
  CHECK(contains(refused(replaced(kGrowth, "[512,1024,2048]", "[0,1024,2048]")), "curves[0].x"));
  CHECK(contains(refused(replaced(kGrowth, "\"curves\"", "\"lines\"")), "curves"));
  CHECK(contains(refused(replaced(kGrowth, "\"processor\"", "\"chip\"")), "processor"));
  CHECK(contains(refused(replaced(kPeers, "at least 20", "about 20")), "goal"));
  CHECK(contains(
      test::message_of(figure::draw_figure(
          figures(replaced(kPeers, "\"median\":1.6", "\"median\":-1.6")).figures[0].figure, {})),
      "above 0"));
  CHECK(contains(refused(R"({"suite":"engine"})"), "expected a head set"));
  CHECK(contains(refused(R"({"suite":"peers","machine":{"processor":"a","threads":1,)"
                         R"("load_average":0,"libtorch":"2","headscope":"0"},)"
                         R"("model":{"what":"b","parameters":1}})"),
                 "no number to draw"));
}
