// From results to figures: sweeps, head sets, the control experiment, tables of suites, and folders
// that hold several of them.
// links: headscope_sweep
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <pugixml.hpp>
#include <sstream>

#include "core/base/file.h"
#include "core/figure/csv.h"
#include "core/figure/write.h"
#include "core/sweep/control_figures.h"
#include "core/sweep/study_figures.h"
#include "core/sweep/study_suite.h"
#include "tests/figure_samples.h"
#include "tests/messages.h"
#include "tests/resources.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using headscope::test::contains;
using headscope::test::TemporaryFolder;

namespace {

std::vector<HeadId> ranking_of(int layers, int heads) {
  std::vector<HeadId> ranking;
  for (int i = layers * heads; i-- > 0;) ranking.push_back({i / heads, i % heads});
  return ranking;
}

std::vector<SweepCell> cells_of(const SweepAxes& axes) {
  auto grid = make_sweep_grid(axes, ranking_of(4, 8), 4, 8);
  REQUIRE(grid);
  return grid->cells;
}

SweepRow row_of_em(const SweepCell& cell, double em) {
  return {cell, {{"n", 4}, {"em", em}, {"em_low", em - 0.1}, {"em_high", em + 0.1}}};
}

template <class Figure>
const Figure& get(const std::vector<NamedFigure>& figures, const std::string& name) {
  for (const NamedFigure& named : figures) {
    if (named.name == name) return std::get<Figure>(named.figure);
  }
  FAIL("no figure " << name);
  throw 0;
}

std::vector<std::string> names_of(const std::vector<NamedFigure>& figures) {
  std::vector<std::string> names;
  for (const NamedFigure& named : figures) names.push_back(named.name);
  return names;
}

// `right` of `n` questions are answered rightly, the first ones; mass 0.3 where right, else 0.1.
CellSamples cell_of(const SweepCell& cell, int n, int right) {
  CellSamples made{cell, {}, 5};
  for (int i = 0; i < n; ++i) {
    EvaluatedSample sample;
    sample.index = i;
    sample.question = "question " + std::to_string(i);
    sample.correct = i < right;
    sample.relevant_mass = i < right ? 0.3 : 0.1;
    made.samples.push_back(std::move(sample));
  }
  return made;
}

pugi::xml_document svg_of(const figure::AnyFigure& figure, const std::string& leave_as) {
  const auto scene = figure::draw_figure(figure, {});
  if (!scene) FAIL(scene.error().message);
  const auto folder = test::build_folder() / "tests" / "figures";
  REQUIRE(create_folders(folder));
  REQUIRE(figure::write_figure(folder / (leave_as + ".png"), *scene));
  const auto text = figure::encode(*scene, figure::Format::svg);
  REQUIRE(text);
  pugi::xml_document document;
  REQUIRE(document.load_string(text->c_str()));
  return document;
}

std::size_t count(const pugi::xml_document& document, const std::string& name) {
  return document.select_nodes(("//*[@class='" + name + "']").c_str()).size();
}

std::string texts(const pugi::xml_document& document, const std::string& name) {
  std::string joined;
  for (const auto& node : document.select_nodes(("//*[@class='" + name + "']").c_str()))
    joined += std::string(node.node().text().get()) + "|";
  return joined;
}

HeadSet sample_head_set() {
  HeadSet set;
  set.layers = 28;
  set.heads = 24;
  set.samples = 120;
  set.relevant = test::sample_scores(28, 24);
  set.ranking = rank_heads(set.relevant, 28, 24);
  set.passport.model = "tiny";
  return set;
}

ControlResult sample_control() {
  ControlRun run;
  run.layers = 6;
  run.heads = 4;
  const auto arm = [](CellHeads choice, std::vector<HeadId> heads) {
    ControlArm made;
    made.cell.method = SweepMethod::split_softmax;
    made.cell.tau = 0.1;
    made.cell.top_k = 2;
    made.cell.heads = choice;
    if (choice == CellHeads::random) made.cell.seed = 0;
    made.heads = std::move(heads);
    return made;
  };
  run.arms = {arm(CellHeads::contextual, {{2, 0}, {3, 1}}),
              arm(CellHeads::random, {{0, 1}, {4, 3}})};
  Rng rng(1);
  for (int s = 0; s < 30; ++s) {
    ControlSample sample{s, std::to_string(s), std::vector<float>(24, 0.05F), {}};
    for (const int first : {2, 0}) {
      std::vector<float> moved = sample.baseline;
      for (std::size_t i = 0; i < moved.size(); ++i) {
        const int above = static_cast<int>(i) / 4 - first;
        const double sign = i % 3 == 0 ? -1 : 1;  // change and |change| differ
        if (above > 0) moved[i] += static_cast<float>(sign * 0.01 * above * rng.uniform());
      }
      sample.arms.push_back(std::move(moved));
    }
    run.samples.push_back(std::move(sample));
  }
  return control_result(run, {});
}

Json suite_json() {
  Json rows = Json::array();
  for (const char* task : {"Key-value recall", "Needle, multi-key"}) {
    for (const int length : {1024, 4096, 5000}) {
      for (const char* method : {"none", "focus, α = 0.3"}) {
        const bool focus = method[0] == 'f';
        if (length == 5000 && focus) continue;
        const double value = 0.6 + (focus ? 0.1 : 0) - length / 50000.0;
        rows.push_back({{"model", "demo"},
                        {"task", task},
                        {"length", length},
                        {"method", method},
                        {"metric", "accuracy"},
                        {"n", 50},
                        {"value", value},
                        {"low", value - 0.1},
                        {"high", value + 0.1}});
      }
    }
  }
  return {{"rows", rows}};
}

}  // namespace

TEST_CASE("sweep: what the rows allow, controls as means between their extremes") {
  std::vector<SweepRow> rows;
  for (const SweepCell& cell : cells_of({{0.1}, {0.3}, {1, 5}, {}, 2, 2, true, 0})) {
    rows.push_back(
        row_of_em(cell, cell.is_control() ? 0.5 + 0.25 * static_cast<double>(*cell.seed) : 0.75));
  }
  const auto figures = sweep_figures(rows, {});
  CHECK(names_of(figures) == std::vector<std::string>{"em-against-tau", "em-grid-tau",
                                                      "em-against-alpha", "em-grid-alpha"});
  for (const char* name : {"em-against-tau", "em-against-alpha"}) {
    const auto& figure = get<figure::CurvesFigure>(figures, name);
    // Random heads; of focus random directions too.
    CHECK(figure.panels.size() == (std::string(name) == "em-against-tau" ? 2 : 3));
    for (std::size_t i = 0; i < figure.panels.size(); ++i) {
      const figure::Panel& panel = figure.panels[i];
      CHECK(panel.levels.size() == 3);
      REQUIRE(panel.curves.size() == 1);
      REQUIRE(panel.curves[0].points.size() == 2);
      const figure::CurvePoint& point = panel.curves[0].points[1];
      CHECK(point.x == 5);
      CHECK(panel.curves[0].control == (i > 0));
      CHECK(point.y == doctest::Approx(i > 0 ? 0.625 : 0.75));
      CHECK(point.low == doctest::Approx(i > 0 ? 0.5 : 0.65));
      if (i > 0) CHECK(point.high == 0.75);
      CHECK_FALSE(panel.curves[0].tested);  // no samples at hand
    }
    CHECK(contains(figure.text, "mean over 2 seeds"));
  }
  CHECK(sweep_figures({}, {}).empty());
}

TEST_CASE("sweep: position curves of the best setting of each method, with intervals of the mass") {
  std::vector<SweepRow> rows;
  std::vector<CellSamples> cells;
  for (const SweepCell& cell : cells_of({{0.1, 0.4}, {}, {1, 5}, {0, 9}, 1, 0, true, 0})) {
    const int right = cell.tau == 0.4 && cell.top_k == 5 ? 18 : 10;
    SweepRow row = row_of_em(cell, right / 20.0);
    row.summary["relevant_mass"] = 0.2;
    rows.push_back(row);
    cells.push_back(cell_of(cell, 20, right));
  }
  const auto figures = sweep_figures(rows, {}, cells);
  REQUIRE(names_of(figures) == std::vector<std::string>{"em-against-position"});
  const auto& positions = get<figure::CurvesFigure>(figures, "em-against-position");
  const auto& curves = positions.panels.at(0).curves;
  REQUIRE(curves.size() == 2);  // none, and the best setting
  CHECK(curves[0].name == "no intervention");
  CHECK(curves[1].name == "split-softmax, τ = 0.4, top 5");
  CHECK(curves[1].points.size() == 2);
  CHECK(curves[1].tested);
  CHECK_FALSE(curves[0].tested);
  // 8 questions right that were wrong, none the other way: p = 0.0078, times 8 tests by Holm.
  CHECK_FALSE(curves[1].points[0].significant);
  const auto& mass = positions.panels.at(1).curves.at(0).points.at(0);
  CHECK(mass.low < 0.2);
  CHECK(mass.high > 0.2);
  CHECK(contains(positions.text, "Holm over 8 tests"));
}

TEST_CASE("sweep: the grid prints every value and stars what differs from all documents") {
  std::vector<SweepRow> rows;
  std::vector<CellSamples> cells;
  for (const SweepCell& cell : cells_of({{}, {-0.2, 0.1, 0.3}, {1, 5, 10}, {}, 0, 0, true, 0})) {
    const bool strong = cell.alpha == 0.3 && cell.top_k == 10;
    const int right = strong ? 38 : 20;
    rows.push_back(row_of_em(cell, right / 40.0));
    cells.push_back(cell_of(cell, 40, right));
  }
  const auto figures = sweep_figures(rows, {}, cells);
  const auto& grid = get<figure::ValueGridFigure>(figures, "em-grid-alpha");
  CHECK(grid.rows == std::vector<std::string>{"0.3", "0.1", "−0.2"});  // the strongest on top
  CHECK(grid.columns == std::vector<std::string>{"1", "5", "10"});
  CHECK(grid.values[2] == 0.95);
  CHECK(grid.centre == 0.5);
  CHECK(std::count(grid.marked.begin(), grid.marked.end(), true) == 1);
  CHECK(grid.marked[2]);
  const auto svg = svg_of(grid, "value-grid");
  CHECK(texts(svg, "value") == "0.50|0.50|0.95*|0.50|0.50|0.50|0.50|0.50|0.50|");
  CHECK(figure::csv_of(grid) ==
        "Strength α,Heads intervened on (top k),value,marked\n0.3,1,0.5,0\n0.3,5,0.5,0\n"
        "0.3,10,0.95,1\n0.1,1,0.5,0\n0.1,5,0.5,0\n0.1,10,0.5,0\n−0.2,1,0.5,0\n−0.2,5,0.5,0\n"
        "−0.2,10,0.5,0\n");
  auto wrong = grid;
  wrong.values.pop_back();
  CHECK_FALSE(figure::draw_value_grid(wrong, {}));
  const auto& curves = get<figure::CurvesFigure>(figures, "em-against-alpha");
  CHECK(curves.panels[0].curves[2].points[2].significant);
  CHECK_FALSE(curves.panels[0].curves[2].points[1].significant);
  CHECK(contains(curves.text, "Holm over 9 tests"));
}

TEST_CASE("sweep: mass on questions answered rightly and wrongly, every question a dot") {
  const std::vector<CellSamples> cells{cell_of({}, 30, 20)};
  const auto figures = sweep_figures({row_of_em({}, 20 / 30.0)}, {}, cells);
  REQUIRE(names_of(figures) == std::vector<std::string>{"mass-right-wrong"});
  const auto& groups = get<figure::GroupsFigure>(figures, "mass-right-wrong");
  REQUIRE(groups.groups.size() == 2);
  CHECK(groups.groups[0].values.size() == 20);
  CHECK(groups.groups[0].mean == doctest::Approx(0.3));
  CHECK(groups.groups[1].mean == doctest::Approx(0.1));
  CHECK(contains(groups.subtitle, "0.200 (95 % 0.200 to 0.200)"));
  CHECK(contains(groups.text, "first 5 contextual heads"));
  const auto svg = svg_of(groups, "groups");
  CHECK(count(svg, "dot") == 30);
  CHECK(texts(svg, "mean") == "0.300|0.100|");
  CHECK(contains(texts(svg, "tick"), "right, n = 20|wrong, n = 10|"));
  CHECK_FALSE(figure::draw_groups({}, {}));
}

TEST_CASE("head set: how many samples its first heads need") {
  HeadSet set = sample_head_set();
  const Json points = {{{"n", 1}, {"jaccard", 0.25}, {"low", 0.0}, {"high", 0.5}},
                       {{"n", 10}, {"jaccard", 0.5}, {"low", 0.25}, {"high", 1.0}},
                       {{"n", 100}, {"jaccard", 1.0}, {"low", 1.0}, {"high", 1.0}}};
  set.extra["stability"] = {{"k", 20}, {"jaccard", 0.9}, {"against_all", points}};
  const auto figures = head_set_figures(set, test::sample_provenance());
  const auto& curve = get<figure::CurvesFigure>(figures, "contextual-heads-stability");
  REQUIRE(curve.panels.size() == 1);
  CHECK(curve.panels[0].logarithmic);
  REQUIRE(curve.panels[0].curves[0].points.size() == 3);
  CHECK(curve.panels[0].curves[0].points[1].low == 0.25);
  const auto svg = svg_of(curve, "stability");
  CHECK(contains(texts(svg, "tick"), "1|10|100|"));
  // What cannot be read as such a curve is no curve.
  set.extra["stability"]["against_all"][1].erase("low");
  CHECK(head_set_figures(set, {}).size() == 3);
  set.extra["stability"] = 0.9;
  CHECK(head_set_figures(set, {}).size() == 3);
}

TEST_CASE("head set: map, sorted curve, and where the heads sit") {
  const HeadSet set = sample_head_set();
  const auto figures = head_set_figures(set, test::sample_provenance());
  CHECK(names_of(figures) == std::vector<std::string>{"contextual-heads-map",
                                                      "contextual-heads-ranking",
                                                      "contextual-heads-layers"});
  const auto& layers = get<figure::LayerSpreadFigure>(figures, "contextual-heads-layers");
  const auto svg = svg_of(layers, "layer-spread");
  CHECK(count(svg, "top-head") == 20);
  CHECK(count(svg, "head") == 28 * 24 - 20);
  // Bars' heights are heads: their sum is what the subtitle counts.
  const auto above = std::count_if(set.relevant.begin(), set.relevant.end(),
                                   [](float score) { return score > 0.1F; });
  CHECK(contains(texts(svg, "subtitle"), std::to_string(above) + " of 672 query heads above 0.1"));
  double total = 0, top = 0;
  for (const auto& bar : svg.select_nodes("//*[@class='above-low']"))
    total += bar.node().attribute("height").as_double();
  for (const auto& bar : svg.select_nodes("//*[@class='top-count']"))
    top += bar.node().attribute("height").as_double();
  CHECK(total / top == doctest::Approx(static_cast<double>(above) / 20).epsilon(0.01));
  const std::string csv = figure::csv_of(layers);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1 + 672);

  HeadSet bare;
  bare.ranking = ranking_of(3, 4);
  const auto ranks = head_set_figures(bare, {});
  CHECK(names_of(ranks) ==
        std::vector<std::string>{"contextual-heads-map", "contextual-heads-layers"});
  CHECK(count(svg_of(ranks[1].figure, "layer-ranks"), "top-count") == 2);  // 5 heads in 2 layers
  figure::LayerSpreadFigure wrong;
  wrong.layers = wrong.heads = 2;
  CHECK_FALSE(figure::draw_layer_spread(wrong, {}));
  wrong.scores = {1, 2, 3};
  CHECK_FALSE(figure::draw_layer_spread(wrong, {}));
}

TEST_CASE("control: both arms by layer, with the numbers in words") {
  const ControlResult result = sample_control();
  const auto figures = control_figures(result, test::sample_provenance());
  REQUIRE(names_of(figures) == std::vector<std::string>{"untouched-heads-tau0.1-k2"});
  const auto& figure = get<figure::CurvesFigure>(figures, "untouched-heads-tau0.1-k2");
  REQUIRE(figure.panels.size() == 2);
  REQUIRE(figure.panels[1].curves.size() == 2);
  CHECK(figure.panels[1].curves[0].points.size() == 6);
  const ControlComparison& layer = result.settings[0].by_layer[5];
  CHECK(figure.panels[1].curves[0].points[5].y == layer.contextual.magnitude.value);
  CHECK(figure.panels[1].curves[1].points[5].low == layer.random.magnitude.low);
  CHECK(figure.panels[0].curves[0].points[1].y == 0);  // below the first touched layer
  CHECK(contains(figure.text, "ratio 0."));
  CHECK(contains(figure.subtitle, "split-softmax, τ = 0.1, top 2"));
  const auto svg = svg_of(figure, "control");
  CHECK(count(svg, "curve") == 2);
  CHECK(count(svg, "control") == 2);
  const std::string axes = texts(svg, "axis");
  CHECK_FALSE(contains(axes, "…"));  // no name of an axis is cut
}

TEST_CASE("suites: model x task x length, best method in bold, what was not run as a dash") {
  const auto table = suite_table_from_json(suite_json(), "suite.json");
  REQUIRE(table);
  const NamedFigure named = suite_figure(*table, {});
  const auto& figure = std::get<figure::TableFigure>(named.figure);
  CHECK(figure.columns == std::vector<std::string>{"1k", "4k", "5000"});
  REQUIRE(figure.rows.size() == 4);
  CHECK(figure.rows[0].names ==
        std::vector<std::string>{"demo", "Key-value recall (accuracy)", "no intervention"});
  CHECK(figure.rows[1].names == std::vector<std::string>{"", "", "focus, α = 0.3"});
  CHECK(figure.rows[2].names[0].empty());  // the same model
  CHECK(figure.rows[2].rule_above);
  CHECK_FALSE(figure.rows[0].cells[0].bold);
  CHECK(figure.rows[1].cells[0].bold);
  CHECK(figure.rows[1].cells[0].text == "0.68");
  CHECK(figure.rows[1].cells[0].below == "0.58–0.78");
  CHECK(figure.rows[1].cells[2].text == "–");
  CHECK_FALSE(figure.rows[0].cells[2].bold);  // nothing to compare with
  CHECK(contains(figure.text, "n = 50 questions a cell"));
  CHECK(contains(figure.csv, "demo,\"Needle, multi-key\",1024,\"focus, α = 0.3\",accuracy,50,"));
  const auto svg = svg_of(figure, "table");
  CHECK(texts(svg, "column") == "Model|Task (metric)|Method|1k|4k|5000|");
  CHECK(count(svg, "value") == 12);

  const auto message = [](Json json) {
    return test::message_of(suite_table_from_json(json, "suite.json"));
  };
  Json json = suite_json();
  json["rows"][1].erase("task");
  CHECK(contains(message(json), "rows[1].task"));
  json = suite_json();
  json["rows"][2]["value"] = "high";
  CHECK(contains(message(json), "rows[2].value"));
  CHECK(contains(message({{"rows", Json::array()}}), "'rows' is empty"));
  figure::TableFigure wrong = figure;
  wrong.rows[0].cells.pop_back();
  CHECK_FALSE(figure::draw_table(wrong, {}));
  CHECK_FALSE(figure::draw_table({}, {}));
}

TEST_CASE("a folder of results: every kind is found, names stay apart, the rest is left alone") {
  TemporaryFolder temporary;
  const auto folder = temporary.path();
  const auto write = [&](const std::string& name, const std::string& text) {
    REQUIRE(create_folders((folder / name).parent_path()));
    std::ofstream(folder / name) << text;
  };
  write("heads.json", dump_json(to_json(sample_head_set())));
  write("other-heads.json", "[[1,2],[0,0],[1,0]]");
  write("control.json", dump_json(to_json(sample_control())));
  write("suite.json", dump_json(suite_json()));
  write("study.json", R"({"settings":{}})");
  std::vector<SweepRow> rows;
  for (const SweepCell& cell : cells_of({{0.1}, {}, {1, 5}, {}, 0, 0, true, 0}))
    rows.push_back(row_of_em(cell, 0.5));
  write("sweep/results.csv", sweep_table(rows));
  write("again/results.csv", sweep_table(rows));

  const auto study = study_figures(folder);
  REQUIRE(study);
  const auto names = names_of(study->figures);
  for (const char* name :
       {"contextual-heads-map", "contextual-heads-layers", "other-heads-contextual-heads-map",
        "untouched-heads-tau0.1-k2", "long-context", "em-against-tau", "sweep-em-against-tau"}) {
    CAPTURE(name);
    CHECK(std::count(names.begin(), names.end(), name) == 1);
  }
  CHECK(study->sources.size() == 6);

  const auto out = folder / "out";
  const auto written = write_study_figures(*study, out, {});
  REQUIRE(written);
  CHECK(written->size() == names.size());
  for (const Json& entry : *written) {
    CHECK_FALSE(entry["caption"].get<std::string>().empty());
    for (const Json& file : entry["files"]) {
      CHECK(std::filesystem::file_size(file.get<std::string>()) > 20);
    }
  }
  CHECK(contains(*read_text_file(out / "captions.md"), "**Where the contextual heads sit**"));

  CHECK(study_figures(folder / "suite.json"));
  CHECK(study_figures(folder / "sweep"));
  CHECK(contains(test::message_of(study_figures(folder / "study.json")), "expected a head set"));
  CHECK(contains(test::message_of(study_figures(folder / "nothing")), "does not exist"));
  write("empty/readme.txt", "");
  CHECK(contains(test::message_of(study_figures(folder / "empty")), "nothing to draw"));
  write("control.json", R"({"experiment":"control","layers":2})");
  CHECK(contains(test::message_of(study_figures(folder)), "control.json"));
}

TEST_CASE("CSV: fields are quoted where they must be") {
  CHECK(figure::csv_field("plain") == "plain");
  CHECK(figure::csv_field("a,b") == "\"a,b\"");
  CHECK(figure::csv_field("say \"x\"\n") == "\"say \"\"x\"\"\n\"");
  CHECK(figure::csv_number(0.1) == "0.1");
  CHECK(figure::csv_number(figure::kNoValue).empty());
}
