// links: headscope_figure
// Every figure from made-up results: written in all three formats, and what it says checked in the
// SVG.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/figure/overlay.h"
#include "core/figure/write.h"
#include "tests/figure_samples.h"
#include "tests/messages.h"
#include "tests/resources.h"

using namespace headscope;
using namespace headscope::figure;
using test::contains;

namespace {

// The figures stay in build/*/tests/figures, so that somebody can look at them.
void leave(const std::string& name, const Scene& scene) {
  const auto folder = test::build_folder() / "tests" / "figures";
  REQUIRE(create_folders(folder));
  for (const char* ending : {".png", ".svg", ".pdf"}) {
    const auto written = write_figure(folder / (name + ending), scene);
    if (!written) FAIL(written.error().message);
  }
}

Scene require(Result<Scene> scene) {
  if (!scene) FAIL(scene.error().message);
  return std::move(*scene);
}

pugi::xml_document svg_of(const Scene& scene) {
  const auto text = encode(scene, Format::svg);
  REQUIRE(text);
  pugi::xml_document document;
  REQUIRE(document.load_string(text->c_str()));
  return document;
}

std::vector<pugi::xml_node> of_class(const pugi::xml_document& document, const std::string& name) {
  std::vector<pugi::xml_node> nodes;
  for (const auto& found : document.select_nodes(("//*[@class='" + name + "']").c_str()))
    nodes.push_back(found.node());
  return nodes;
}

std::vector<std::string> texts(const pugi::xml_document& document, const std::string& name) {
  std::vector<std::string> out;
  for (const auto& node : of_class(document, name)) {
    if (std::string(node.name()) == "text") out.emplace_back(node.text().get());
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += word + "|";
  return out;
}

Options dark() {
  Options options;
  options.theme = Theme::dark;
  return options;
}

}  // namespace

TEST_CASE("head map: a cell a head, the top heads outlined and numbered") {
  const auto figure = test::sample_head_map(28, 24, 20);
  const Scene scene = require(draw_head_map(figure, {}));
  leave("head-map", scene);
  leave("head-map-dark", require(draw_head_map(figure, dark())));
  const auto svg = svg_of(scene);
  CHECK(of_class(svg, "cell").size() == 28 * 24);
  CHECK(of_class(svg, "ring").size() == 20);
  const auto numbers = texts(svg, "rank");
  REQUIRE(numbers.size() == 20);
  CHECK(numbers.front() == "1");
  CHECK(numbers.back() == "20");
  // The ring of rank 1 stands where the head with the highest score stands.
  const HeadId best = figure.ranking.front();
  const auto cell = of_class(svg, "cell")[static_cast<std::size_t>(best.layer * 24 + best.head)];
  const auto ring = of_class(svg, "ring").front();
  const auto centre = [](pugi::xml_node n, const char* at, const char* size) {
    return n.attribute(at).as_double() + n.attribute(size).as_double() / 2;
  };
  CHECK(centre(cell, "x", "width") == doctest::Approx(centre(ring, "x", "width")).epsilon(1e-3));
  CHECK(centre(cell, "y", "height") == doctest::Approx(centre(ring, "y", "height")).epsilon(1e-3));
  CHECK(contains(joined(texts(svg, "axis")), "Query head|"));
  CHECK(contains(joined(texts(svg, "axis")), "Layer|"));
}

TEST_CASE("head map: the caption names what somebody needs to repeat it") {
  const Scene scene = require(draw_head_map(test::sample_head_map(28, 24, 20), {}));
  const auto svg = svg_of(scene);
  const std::string description = svg.child("svg").child_value("desc");
  std::string caption;
  for (const auto& line : texts(svg, "caption")) caption += line + " ";
  for (const std::string& all : {description, caption}) {
    for (const char* part :
         {"Llama-3.2-3B-Instruct", "0123456789ab", "nq-20docs-gold9-441.jsonl.gz", "fedcba987654",
          "n = 441", "rows: input", "Headscope 0.1.0", "top 20 heads"}) {
      CHECK_MESSAGE(contains(all, part), part);
    }
  }
}

TEST_CASE("head map: small, wide and large models, ranks alone, a difference") {
  leave("head-map-demo", require(draw_head_map(test::sample_head_map(4, 8, 5), {})));
  leave("head-map-large", require(draw_head_map(test::sample_head_map(80, 64, 20), {})));
  auto bare = test::sample_head_map(28, 24, 20);
  bare.scores.clear();
  const Scene ranks = require(draw_head_map(bare, {}));
  leave("head-map-ranks", ranks);
  CHECK(contains(joined(texts(svg_of(ranks), "axis")), "Rank|"));
  auto change = test::sample_head_map(28, 24, 0);
  change.difference = true;
  const auto before = test::sample_scores(28, 24, 9);
  for (std::size_t i = 0; i < before.size(); ++i) change.scores[i] -= before[i];
  leave("head-map-difference", require(draw_head_map(change, {})));
  Options small;
  small.size = Size{240, 200};
  const auto svg = svg_of(require(draw_head_map(test::sample_head_map(28, 24, 20), small)));
  CHECK(svg.child("svg").attribute("width").as_double() == 240);
  leave("head-map-small", require(draw_head_map(test::sample_head_map(28, 24, 20), small)));
}

TEST_CASE("head map: what does not fit together is an error") {
  auto figure = test::sample_head_map(4, 8, 5);
  figure.scores.pop_back();
  CHECK_FALSE(draw_head_map(figure, {}));
  figure = test::sample_head_map(4, 8, 5);
  figure.ranking.push_back({4, 0});
  const auto wrong = draw_head_map(figure, {});
  REQUIRE_FALSE(wrong);
  CHECK(contains(wrong.error().message, "layer 4 head 0"));
  CHECK_FALSE(draw_head_map({}, {}));
}

TEST_CASE("ranking: falls from left to right and counts heads above the thresholds") {
  auto figure = test::sample_ranking(28, 24);
  figure.scores.assign(28 * 24, 0.01f);
  for (std::size_t i = 0; i < 37; ++i) figure.scores[i * 7] = 0.15f;
  figure.scores[7] = figure.scores[14] = 0.25f;
  const auto svg = svg_of(require(draw_ranking(figure, {})));
  CHECK(joined(texts(svg, "threshold")) == "37 heads above 0.1|2 heads above 0.2|");
  CHECK(joined(texts(svg, "subtitle")) == "37 of 672 query heads above 0.1, 2 above 0.2|");
  const Scene scene = require(draw_ranking(test::sample_ranking(28, 24), {}));
  leave("ranking", scene);
  leave("ranking-dark", require(draw_ranking(test::sample_ranking(4, 8), dark())));
  const auto& path = [&]() -> const Path& {
    for (const Item& item : scene.items) {
      const auto* found = std::get_if<Path>(&item);
      if (found != nullptr && std::string(found->role) == "curve") return *found;
    }
    FAIL("no curve");
    return std::get<Path>(scene.items.front());
  }();
  REQUIRE(path.points.size() == 672);
  for (std::size_t i = 1; i < path.points.size(); ++i) {
    CHECK(path.points[i].x > path.points[i - 1].x);
    CHECK(path.points[i].y >= path.points[i - 1].y);
  }
  const auto names = texts(svg_of(scene), "head");
  REQUIRE_FALSE(names.empty());
  const HeadId best = test::sample_head_map(28, 24, 1).ranking.front();
  CHECK(names.front() == "L" + std::to_string(best.layer) + " H" + std::to_string(best.head));
}

TEST_CASE("ranking: heads without a score are left out; none at all is an error") {
  auto figure = test::sample_ranking(4, 8);
  figure.low.clear();
  figure.high.clear();
  figure.scores.assign(32, std::nanf(""));
  CHECK_FALSE(draw_ranking(figure, {}));
  figure.scores[3] = 0.3f;
  const auto svg = svg_of(require(draw_ranking(figure, {})));
  CHECK(joined(texts(svg, "head")) == "L0 H3|");
}

TEST_CASE("attention: documents with numbers, the gold one marked, rows named") {
  const auto figure = test::sample_attention(20, 140, 9, 14);
  const Scene scene = require(draw_attention(figure, {}));
  leave("attention", scene);
  leave("attention-dark", require(draw_attention(figure, dark())));
  leave("attention-demo", require(draw_attention(test::sample_attention(5, 12, 2, 6), {})));
  const auto svg = svg_of(scene);
  std::size_t boxes = 0;
  for (const auto& node : of_class(svg, "document"))
    boxes += std::string(node.name()) == "rect" ? 1 : 0;
  CHECK(boxes == 20);
  bool gold_named = false;
  for (const auto& node : of_class(svg, "document")) {
    gold_named =
        gold_named || (std::string(node.text().get()) == "10" && node.attribute("font-weight"));
  }
  CHECK(gold_named);
  CHECK(of_class(svg, "gold").size() == 2);
  const std::string rows = joined(texts(svg, "tick"));
  for (const char* token : {"Wil|", "helm|", "ö|", "⏎|"})
    CHECK_MESSAGE(contains(rows, token), token);
}

TEST_CASE("attention: pooling keeps the largest weight of a column; hidden keys have no value") {
  auto figure = test::sample_attention(2, 4000, 0, 2);
  std::fill(figure.weights.begin(), figure.weights.end(), 1e-6f);
  figure.weights[5000] = 0.75f;
  figure.logarithmic = true;
  const Scene scene = require(draw_attention(figure, {}));
  for (const Item& item : scene.items) {
    const auto* cells = std::get_if<Cells>(&item);
    if (cells == nullptr || std::string(cells->role) != "cell") continue;
    REQUIRE(cells->columns < figure.keys);
    const auto peak =
        std::max_element(cells->values.begin(), cells->values.begin() + cells->columns,
                         [](float a, float b) { return !(a >= b); });
    CHECK(*peak == 0.75f);
    const double place = static_cast<double>(peak - cells->values.begin()) / cells->columns;
    CHECK(place == doctest::Approx(5000.0 / static_cast<double>(figure.keys)).epsilon(0.002));
    // Row 0 is position P: key P + 1 comes after it.
    CHECK(std::isfinite(cells->values.back()));
  }
  auto wrong = test::sample_attention(2, 10, 0, 2);
  wrong.weights.pop_back();
  CHECK_FALSE(draw_attention(wrong, {}));
  CHECK_FALSE(draw_attention({}, {}));
}

TEST_CASE("documents: two bars a document, the sink apart") {
  const Scene scene = require(draw_document_bars(test::sample_documents(20, 9), {}));
  leave("documents", scene);
  leave("documents-dark", require(draw_document_bars(test::sample_documents(5, 2), dark())));
  const auto svg = svg_of(scene);
  const auto before = of_class(svg, "baseline"), after = of_class(svg, "intervened");
  REQUIRE(before.size() == 21);
  REQUIRE(after.size() == 21);
  const auto height = [](pugi::xml_node n) { return n.attribute("height").as_double(); };
  CHECK(height(after[9]) / height(before[9]) == doctest::Approx(0.31 / 0.11).epsilon(0.01));
  CHECK(height(after[20]) / height(before[20]) == doctest::Approx(0.41 / 0.62).epsilon(0.01));
  CHECK(contains(joined(texts(svg, "subtitle")), "gold document 0.110 → 0.310"));
  auto alone = test::sample_documents(20, 9);
  alone.compares = false;
  const Scene single = require(draw_document_bars(alone, {}));
  leave("documents-baseline", single);
  CHECK(of_class(svg_of(single), "intervened").empty());
  CHECK_FALSE(draw_document_bars({}, {}));
}

TEST_CASE("curves: the paper's figures 3 and 4, with controls, intervals and baselines") {
  const auto taus = test::sample_study({0.05, 0.1, 0.2, 0.4, 0.6, 0.8}, true);
  const Scene scene = require(draw_curves(em_against_tau(taus), {}));
  leave("em-tau", scene);
  leave("em-tau-dark", require(draw_curves(em_against_tau(taus), dark())));
  const auto svg = svg_of(scene);
  CHECK(of_class(svg, "curve").size() == 6);
  CHECK(of_class(svg, "control").size() == 3);
  CHECK(of_class(svg, "interval").size() == 6 * 7 + 3);  // a bar a point, or a band a curve
  CHECK(joined(texts(svg, "panel-title")) == "Contextual heads|Control: random heads|");
  // Named once, in the last panel; drawn in both.
  CHECK(joined(texts(svg, "level")) == "gold only 0.85|all documents 0.59|all but gold 0.21|");
  CHECK(of_class(svg, "level").size() == 3 + 2 * 3);
  CHECK(joined(texts(svg, "legend")) == "τ = 0.05|τ = 0.1|τ = 0.2|τ = 0.4|τ = 0.6|τ = 0.8|");
  CHECK(joined(texts(svg, "tick")).substr(0, 4) != "1|5|");  // y's ticks come first
  CHECK(contains(joined(texts(svg, "tick")), "1|5|10|20|30|50|100|"));
  CHECK(contains(scene.description, "mean over 5 seeds"));
  CHECK_FALSE(contains(scene.description, "McNemar"));

  const auto alphas =
      test::sample_study({-0.5, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0}, false);
  leave("em-alpha", require(draw_curves(em_against_alpha(alphas), {})));
}

TEST_CASE("curves: panels share a scale; settings that differ are filled, others hollow") {
  auto study = test::sample_study({0.1, 0.4}, true);
  study.tests = 14;
  for (EmPoint& point : study.series[0].points) point.significant = point.top_k >= 10;
  const CurvesFigure figure = em_against_tau(study);
  REQUIRE(figure.panels.size() == 2);
  CHECK(figure.panels[0].y_low == figure.panels[1].y_low);
  CHECK(figure.panels[0].y_high == figure.panels[1].y_high);
  const Scene scene = require(draw_curves(figure, {}));
  leave("em-tau-tested", scene);
  const auto svg = svg_of(scene);
  std::map<std::string, int> fills;
  for (const auto& node : of_class(svg, "marker")) ++fills[node.attribute("fill").value()];
  // Of 7 + 7 + 7 points 5 are filled, in the colour of their curve.
  CHECK(fills["#ffffff"] == 16);
  CHECK(contains(scene.description, "Holm over 14 tests"));
}

TEST_CASE("curves: position of the gold document, EM and mass side by side") {
  const Scene scene = require(draw_curves(position_curves(test::sample_positions()), {}));
  leave("position", scene);
  const auto svg = svg_of(scene);
  CHECK(of_class(svg, "curve").size() == 6);  // three in each panel
  CHECK(texts(svg, "legend").size() == 3);
  CHECK(contains(joined(texts(svg, "tick")), "0|4|9|14|19|"));
  CHECK_FALSE(draw_curves({}, {}));
}

TEST_CASE("overlay: lines are broken where they must, tokens painted by mass, gold underlined") {
  OverlayFigure overlay;
  overlay.of = "layer 13, head 23";
  overlay.hidden = 0.61;
  for (int i = 0; i < 300; ++i) {
    const bool gold = i >= 100 && i < 140;
    overlay.pieces.push_back({" word" + std::to_string(i), gold ? 0.01 : 0.0001, gold, true});
    if (i % 100 == 99) overlay.pieces.push_back({"\n"});
  }
  overlay.provenance = test::sample_provenance();
  const Scene scene = require(draw_overlay(overlay, {}));
  leave("overlay", scene);
  leave("overlay-dark", require(draw_overlay(overlay, dark())));
  const auto svg = svg_of(scene);
  CHECK(of_class(svg, "token").size() == 300);
  std::map<std::string, int> fills;
  double right = 0;
  for (const auto& node : of_class(svg, "token")) {
    ++fills[node.attribute("fill").value()];
    right = std::max(right, node.attribute("x").as_double() + node.attribute("width").as_double());
  }
  CHECK(fills.size() == 2);
  CHECK(right <= scene.width);
  CHECK(contains(scene.description, "hold 0.610"));
  CHECK(contains(joined(texts(svg, "legend")), "0.01|0.001|"));
  for (int i = 0; i < 9000; ++i) overlay.pieces.push_back({" more\n", 0, false, true});
  CHECK(contains(require(draw_overlay(overlay, {})).description, "cut after 400 lines"));
  CHECK_FALSE(draw_overlay({}, {}));
}

TEST_CASE("text from outside cannot break the SVG") {
  auto figure = test::sample_head_map(4, 8, 2);
  figure.provenance.model = "<b>&\"\x01 broken \xFF utf-8";
  const auto svg = svg_of(require(draw_head_map(figure, {})));
  CHECK(contains(svg.child("svg").child_value("desc"), "<b>&\""));
}
