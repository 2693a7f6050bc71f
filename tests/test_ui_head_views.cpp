// links: headscope_app_testing
// labels: window
// The head map, the ranking, the layer's pictures and head sets without a window: what they list
// and in which order, every metric in every state, and undo.
#include <doctest/doctest.h>
#include <imgui.h>

#include <chrono>
#include <cmath>
#include <set>
#include <string>
#include <thread>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "core/base/file.h"
#include "tests/engine_fixture.h"
#include "tests/null_window.h"
#include "tests/temporary_folder.h"
#include "tests/ui_fixture.h"

using namespace headscope;
using test::NullWindow;

namespace {

constexpr ImVec2 kNormal(1280, 800);

// Draws until nothing is being worked out.
void settle(NullWindow& window, App& app, ImVec2 size = kNormal) {
  window.draw(app, size, 3);
  for (int i = 0; i < 2000 && (app.state().numbers->busy() || app.layer().busy()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    window.draw(app, size, 1);
  }
  window.draw(app, size, 2);
}

std::vector<HeadId> first(const App& app, std::size_t count) {
  const auto& order = const_cast<App&>(app).ranking().table().order();
  return {order.begin(),
          order.begin() + static_cast<std::ptrdiff_t>(std::min(count, order.size()))};
}

bool meets(const char* text, HeadId head, double value) {
  FilterFacts facts;
  facts.value = [&](HeadColumn column) { return column == HeadColumn::sink ? value : 0.25; };
  return passes(parse_head_filter(text), head, HeadColumn::relevant, facts);
}

}  // namespace

TEST_CASE("the search field") {
  CHECK(meets("", {3, 7}, 0));
  for (const char* text : {"L3 H7", "l3h7", "layer 3, head 7", "3.7", "3:7", "L2-4", "layers 3",
                           "L1 L3", "sink > 0.3", "sink>=0.5 L3", ">0.1", "= 0.25", "H5-9"}) {
    CAPTURE(text);
    CHECK(parse_head_filter(text).not_understood.empty());
    CHECK_FALSE(parse_head_filter(text).empty());
    CHECK(meets(text, {3, 7}, 0.5));
  }
  for (const char* text : {"L4", "H6", "3.8", "L4-9", "sink < 0.3", "> 0.3", "<.1", "L3 H8",
                           "pinned", "on", "L1 L2"}) {
    CAPTURE(text);
    CHECK(parse_head_filter(text).not_understood.empty());
    CHECK_FALSE(meets(text, {3, 7}, 0.5));
  }
  CHECK_FALSE(meets("sink > 0", {3, 7}, NAN));  // what is not known meets no bound
  CHECK_FALSE(meets("sink < 1", {3, 7}, NAN));
  for (const char* text : {"foo", "L", "layer x", "sink", "sink >", "> x", "3-5", "L5-3", "<>1",
                           "entropy 5", "L3 bar"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_head_filter(text).not_understood.empty());
    CHECK(meets(text, {3, 7}, 0.5));  // nothing is hidden by what means nothing
  }
  for (int i = 0; i < head_columns; ++i) {  // every column can be named
    const auto column = static_cast<HeadColumn>(i);
    if (column == HeadColumn::head) continue;  // "head 7" is a head
    const HeadFilter filter = parse_head_filter(std::string(filter_name(column)) + " > 1");
    REQUIRE(filter.bounds.size() == 1);
    CHECK(filter.bounds[0].column == column);
  }
}

TEST_CASE("the ranking is sorted by any column, pinned heads first") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  state.request = test::edited_request();
  state.take(test::snapshot_of(state.request));
  settle(window, app);
  CHECK(first(app, 64) == state.ranking());
  HeadListOptions& options = state.view.heads;
  for (const HeadColumn column : {HeadColumn::sink, HeadColumn::entropy, HeadColumn::distance,
                                  HeadColumn::relevant, HeadColumn::change, HeadColumn::head}) {
    CAPTURE(filter_name(column));
    for (const bool descending : {true, false}) {
      options.sort = column;
      options.descending = descending;
      settle(window, app);
      const HeadTable& table = app.ranking().table();
      REQUIRE(table.order().size() == 64);
      REQUIRE(table.has(column));
      for (std::size_t i = 1; i < 64; ++i) {
        const double a = table.value(column, table.order()[i - 1]),
                     b = table.value(column, table.order()[i]);
        CHECK((descending ? a >= b : a <= b));
      }
    }
  }
  options.sort = HeadColumn::rank;
  options.pinned = {state.ranking()[40], state.ranking()[20]};
  settle(window, app);
  CHECK(app.ranking().table().pinned() == 2);
  CHECK(first(app, 3) ==
        std::vector<HeadId>{state.ranking()[20], state.ranking()[40], state.ranking()[0]});
  app.ranking().search("pinned");
  settle(window, app);
  CHECK(app.ranking().table().order().size() == 2);
  app.ranking().search("on");
  settle(window, app);
  CHECK(app.ranking().table().order().size() == state.chosen().size());
  app.ranking().search("L5 sink>2");
  settle(window, app);
  CHECK(app.ranking().table().order().empty());
  app.ranking().search("what");
  settle(window, app);
  CHECK(app.ranking().table().order().size() == 64);
}

TEST_CASE("without a gold document the heads are listed by what there is") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  FakeOptions options;
  options.has_ranking = false;
  state.request = test::edited_request();
  state.request.prompt.gold_document = -1;
  state.take(test::snapshot_of(state.request, options));
  REQUIRE(state.ranking().empty());
  settle(window, app);
  const HeadTable& table = app.ranking().table();
  CHECK(table.order().size() == 64);
  CHECK_FALSE(table.has(HeadColumn::relevant));
  CHECK(table.has(HeadColumn::sink));
  CHECK(table.has(HeadColumn::entropy));
  CHECK(table.text(HeadColumn::rank, {0, 0}) == "-");
  CHECK(state.chosen().empty());
}

TEST_CASE("every metric, where it is there and where it is not") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  FakeOptions options;
  bool rows = true;
  SUBCASE("embedded size") {}
  SUBCASE("28 layers x 24 heads") {
    options.layers = 28;
    options.heads = 24;
    options.kv_heads = 8;
  }
  SUBCASE("one head") {
    options.layers = options.heads = options.kv_heads = 1;
  }
  SUBCASE("rows are not kept") {
    options.weights_budget = 0;
    rows = false;
  }
  state.request = test::edited_request();
  state.request.selected = {0, 0};
  const auto snapshot = test::snapshot_of(state.request, options);
  state.take(snapshot);
  const auto heads = static_cast<std::size_t>(options.layers) * options.heads;
  for (const MapSource source :
       {MapSource::baseline, MapSource::intervened, MapSource::difference}) {
    state.view.score_source = source;
    for (int i = 0; i < map_scores; ++i) {
      state.view.score = static_cast<MapScore>(i);
      settle(window, app);
    }
  }
  for (const MapScore score : {MapScore::entropy, MapScore::distance}) {
    state.view.score = score;
    settle(window, app);
    const ScoreValues values = score_of(state, score, true);
    CHECK(values.any() == rows);
    CHECK(why_missing(state, score).command == (rows ? "" : "capture.rows"));
    if (rows) CHECK(values.values->size() == heads);
  }
  CHECK_FALSE(score_of(state, MapScore::drop, false).any());
  CHECK(why_missing(state, MapScore::drop).command == "run.head_drops");
  CHECK(state.view.heads.like == state.request.selected);  // looked at above: of the selected head
  state.show_like({0, 0});
  settle(window, app);
  const ScoreValues alike = score_of(state, MapScore::similar, false);
  REQUIRE(alike.any());  // by documents where rows are not kept
  CHECK(static_cast<double>(alike.at({0, 0}, options.heads)) == doctest::Approx(1));
  CHECK(first(app, 1) == std::vector<HeadId>{{0, 0}});
  auto measured = std::make_shared<Snapshot>(*snapshot);
  auto drops = std::make_shared<HeadDrops>();
  drops->drop.assign(heads, NAN);
  drops->drop[0] = -0.5f;
  drops->measured = 1;
  measured->head_drops = drops;
  state.take(measured);
  state.view.score = MapScore::drop;
  settle(window, app);
  CHECK(app.ranking().table().text(HeadColumn::drop, {0, 0}) == "-0.50");
}

TEST_CASE("the pictures of a layer") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  FakeOptions options;
  state.request = test::edited_request();
  SUBCASE("eight heads") {}
  SUBCASE("32 heads") {
    options.heads = 32;
    options.kv_heads = 8;
  }
  SUBCASE("one head") {
    options.layers = options.heads = options.kv_heads = 1;
    state.request.selected = {0, 0};
  }
  state.take(test::snapshot_of(state.request, options));
  window.draw(app, kNormal, 2);
  ImGui::SetWindowFocus(titles::layer);
  settle(window, app);
  CHECK(app.layer().layer() == state.request.selected.layer);
  // All pictures of the layer are windows of one map; the head map is the other one.
  CHECK(app.heatmaps().pictures() == static_cast<std::size_t>(options.heads) + 1);
  app.layer().show(options.layers - 1);
  settle(window, app);
  CHECK(app.layer().layer() == options.layers - 1);
  for (const MapSource source :
       {MapSource::baseline, MapSource::intervened, MapSource::difference}) {
    state.view.map_source = source;
    settle(window, app);
  }
  state.select({0, 0});
  settle(window, app);
  CHECK(app.layer().layer() == 0);
  window.draw(app, ImVec2(500, 300), 3);  // hardly any room
}

TEST_CASE("a frame with 672 heads costs the same at any length of the prompt") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  FakeOptions options;
  options.layers = 28;
  options.heads = 24;
  options.kv_heads = 8;
  options.weights_budget = std::uint64_t{1} << 30;
  for (const int words : {10, 2000}) {
    state.request = test::edited_request();
    state.request.max_new_tokens = 4;
    std::string text;
    for (int i = 0; i < words; ++i) text += "some words more ";
    state.request.prompt.text = text + state.request.prompt.text.str();
    state.take(test::snapshot_of(state.request, options));
    state.view.score = MapScore::entropy;
    state.view.heads.sort = HeadColumn::distance;
    state.view.heads.like = HeadId{3, 3};
    state.view.heads.extra = {HeadColumn::similar};
    for (const char* title : {titles::layer, titles::ranking}) {
      window.draw(app, kNormal, 2);
      ImGui::SetWindowFocus(title);
      settle(window, app);
    }
    constexpr int frames = 50;
    const auto begin = std::chrono::steady_clock::now();
    window.draw(app, kNormal, frames);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    MESSAGE(state.snapshot->prompt->prompt_tokens()
            << " tokens: " << took.count() / frames << " ms a frame of the whole window");
    CHECK(app.ranking().table().order().size() == 672);
    CHECK(app.heatmaps().pictures() == 25);
  }
}

TEST_CASE("layers and head sets are switched, and undo takes it back") {
  const test::TemporaryFolder folder;
  AppState state;
  state.head_sets.configure(folder / "sets");
  state.toggle_layer(0);  // no model yet
  state.open_head_set((folder / "none.json").string());
  CHECK(state.notices.size() == 1);
  state.notices.clear();
  state.request = test::edited_request();
  state.take(test::snapshot_of(state.request));
  const Request before = state.request;
  state.history.observe(state.request, false);
  const std::vector<HeadId> contextual = state.chosen();
  state.toggle_layer(2);
  state.history.observe(state.request, false);
  CHECK(state.layer_is_on(2));
  CHECK_FALSE(state.layer_is_on(3));
  std::set<HeadId> expected(contextual.begin(), contextual.end());
  for (int head = 0; head < 8; ++head) expected.insert({2, head});
  CHECK(state.request.intervention.picked == std::vector<HeadId>(expected.begin(), expected.end()));
  state.toggle_layer(2);
  state.history.observe(state.request, false);
  for (const HeadId head : state.chosen()) CHECK(head.layer != 2);
  CHECK(state.history.undo(state.request));
  CHECK(state.layer_is_on(2));
  CHECK(state.history.undo(state.request));
  CHECK(state.request == before);

  state.select({0, 0});
  state.select_beside(2, 3);
  CHECK(state.request.selected == HeadId{2, 3});
  state.select_beside(-9, 99);
  CHECK(state.request.selected == HeadId{0, 7});

  state.use_heads({{1, 1}, {0, 3}, {90, 0}});
  CHECK(state.chosen() == std::vector<HeadId>{{0, 3}, {1, 1}});
  REQUIRE(state.save_heads("mine"));
  state.combine_heads(HeadSetOperation::unite, {{4, 4}});
  CHECK(state.chosen().size() == 3);
  state.combine_heads(HeadSetOperation::subtract, state.head_sets.find("mine")->heads(1));
  CHECK(state.chosen() == std::vector<HeadId>{{4, 4}});
  state.combine_heads(HeadSetOperation::intersect, {});
  CHECK_FALSE(state.save_heads("nothing"));
  REQUIRE(state.notices.size() == 1);
  state.notices.clear();

  REQUIRE(write_file_atomically(folder / "theirs.json", "[[7, 7], [6, 6]]"));
  state.open_head_set((folder / "theirs.json").string());
  CHECK(state.chosen() == std::vector<HeadId>{{6, 6}, {7, 7}});
  CHECK(state.head_sets.find("theirs") != nullptr);
  CHECK(state.notices.size() == 1);
  REQUIRE(write_file_atomically(folder / "large.json", "[[30, 7]]"));
  state.open_head_set((folder / "large.json").string());
  CHECK(state.notices.back().kind == Notice::Kind::error);
  CHECK(state.chosen().size() == 2);  // what was there stays
}

TEST_CASE("what belongs to heads that another model lacks goes with the model") {
  AppState state;
  state.request = test::edited_request();
  state.take(test::snapshot_of(state.request));
  state.view.heads.pinned = {{7, 7}, {1, 0}};
  state.show_like({7, 7});
  FakeOptions small;
  small.layers = 2;
  small.heads = small.kv_heads = 2;
  state.take(test::snapshot_of(state.request, small));
  CHECK(state.view.heads.pinned == std::vector<HeadId>{{1, 0}});
  CHECK_FALSE(state.view.heads.like);
  CHECK(state.request.selected.layer < 2);
}

TEST_CASE("views of head sets: empty, with sets, damaged ones") {
  const test::TemporaryFolder folder;
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  SUBCASE("no folder") {}
  SUBCASE("a folder") {
    state.head_sets.configure(folder.path());
    REQUIRE(write_file_atomically(folder / "damaged.json", "7"));
    REQUIRE(state.head_sets.save("mine", 8, 8, {{1, 1}, {0, 3}}, "demo"));
    REQUIRE(state.head_sets.save("theirs", 28, 24, {{20, 20}}, "large"));
  }
  window.draw(app, kNormal, 2);
  ImGui::SetWindowFocus(titles::head_sets);
  window.draw(app, kNormal, 3);
  state.request = test::edited_request();
  state.take(test::snapshot_of(state.request));
  CHECK(window.draw(app, kNormal, 3) > 0);
}
