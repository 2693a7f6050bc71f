// links: headscope_exhibit headscope_engine
// Every exhibit as a picture, light and dark, kept beside the pictures of the window: nothing is
// cut off, and no text lies on another one.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/exhibit/views.h"
#include "core/figure/type.h"
#include "tests/engine_fixture.h"
#include "tests/ui_fixture.h"

using namespace headscope;

namespace {

using Named = std::pair<std::string, Result<Exhibit>>;

Request full_request() {
  Request request = test::with_alpha(test::with_tau(test::engine_request(), 0.1), 0.3);
  request.selected = {5, 0};
  request.want_full_map = true;
  return request;
}

std::shared_ptr<const LogitLens> some_lens() {
  auto lens = std::make_shared<LogitLens>();
  lens->token = 3;
  lens->followed = {{7, "emerald", true, true, true}, {9, "crimson", false, false, false}};
  for (auto* run : {&lens->baseline, &lens->intervened}) {
    auto made = std::make_shared<LensRun>();
    for (int layer = 0; layer < 8; ++layer) {
      const float p = static_cast<float>(layer) / 8;
      made->layers.push_back({{{7, "emerald", p}}, {p, 0.3f * (1 - p)}, {8 - layer, 2 + layer}});
    }
    *run = std::move(made);
  }
  lens->before = std::make_shared<RunResult>();
  lens->after = std::make_shared<RunResult>();
  return lens;
}

std::shared_ptr<const ScoreSplit> some_scores(const Snapshot& of) {
  auto split = std::make_shared<ScoreSplit>();
  split->head = {5, 0};
  split->row = of.prompt->prompt_tokens() + 1;
  split->before = of.baseline;
  split->after = of.intervened;
  auto row = std::make_shared<RowScores>();
  for (int key = 0; key < 60; ++key) {
    row->weights.push_back(1.0f / static_cast<float>(60 + key));
    row->base.push_back(static_cast<float>(key) / 7 - 3);
    row->focus.push_back(0.1f * static_cast<float>(key % 5));
    row->log_factor.push_back(key % 2 == 0 ? -1.5f : 0.0f);
  }
  split->baseline = split->intervened = row;
  return split;
}

std::vector<Named> maps_of(const Snapshot& of, const ShownRuns& runs) {
  std::vector<Named> all;
  AttentionChoice map;
  map.head = {5, 0};
  all.emplace_back("attention", attention_exhibit(runs, map));
  map.shown = ShownRun::difference;
  all.emplace_back("attention_difference", attention_exhibit(runs, map));
  map.shown = ShownRun::intervened;
  map.per_row = map.without_sink = true;
  all.emplace_back("attention_per_row", attention_exhibit(runs, map));
  map.per_row = map.without_sink = false;
  map.region = {{0, 4}, {100, 130}};
  all.emplace_back("attention_near", attention_exhibit(runs, map));
  map.full = of.full_map;
  map.full_baseline = of.full_map_baseline;
  map.region = {};
  all.emplace_back("map", attention_exhibit(runs, map));
  map.region = {{100, 130}, {96, 128}};
  all.emplace_back("map_near", attention_exhibit(runs, map));
  LayerChoice layer;
  layer.question.layer = 5;
  layer.marked = {{5, 0}, {5, 6}};
  all.emplace_back("layer", layer_exhibit(runs, layer));
  layer.question.kind = LayerColumns::documents;
  all.emplace_back("layer_documents", layer_exhibit(runs, layer));
  return all;
}

std::vector<Named> texts_of(const ShownRuns& runs, const HeadGroup& group) {
  std::vector<Named> all;
  auto check = std::make_shared<CausalCheck>();
  for (int i = 0; i < 6; ++i)
    check->documents.push_back({i + 1, i == 4, 0.1, i == 4 ? 2.5 : -0.1 * i});
  all.emplace_back("documents", documents_exhibit(runs, group));
  all.emplace_back("documents_causal", documents_exhibit(runs, group, check));
  all.emplace_back("documents_by_token", document_strip_exhibit(runs, group, ShownRun::intervened));
  OverlayChoice overlay{group, ShownRun::difference, Pooling::mean, {}, true, true};
  all.emplace_back("overlay_difference", overlay_exhibit(runs, overlay));
  overlay.shown = ShownRun::intervened;
  all.emplace_back("overlay", overlay_exhibit(runs, overlay));
  all.emplace_back("answers", answers_exhibit(runs));
  return all;
}

std::vector<Named> exhibits_of(const Snapshot& of) {
  const ShownRuns runs = *runs_of(of);
  const HeadGroup group = head_group(of.intervened->touched, 8, 8);
  std::vector<Named> all = maps_of(of, runs);
  for (Named& named : texts_of(runs, group)) all.push_back(std::move(named));
  HeadScoreChoice score;
  score.baseline = of.baseline->scores.relevant;
  score.intervened = of.intervened->scores.relevant;
  score.outlined = of.intervened->touched;
  all.emplace_back("heads", head_map_exhibit(runs, score));
  score.shown = ShownRun::difference;
  all.emplace_back("heads_difference", head_map_exhibit(runs, score));
  all.emplace_back("ranking", ranking_exhibit(runs, of.model->known_ranking, {}, nullptr));
  DifferenceChoice difference{group, head_moves(score.baseline, score.intervened, 8, 8),
                              "mass on gold"};
  all.emplace_back("difference", difference_exhibit(runs, difference));
  all.emplace_back("lens", lens_exhibit(runs, some_lens(), false));
  all.emplace_back("scores", scores_exhibit(runs, some_scores(of)));
  return all;
}

figure::Box box_of(const figure::Text& text) {
  const double width = figure::text_width(text.text, text.size, text.bold);
  const double shift = text.anchor == figure::Anchor::start    ? 0
                       : text.anchor == figure::Anchor::middle ? width / 2
                                                               : width;
  if (text.upwards)
    return {text.at.x - text.size * 0.7, text.at.y - width + shift, text.size * 0.7, width};
  return {text.at.x - shift, text.at.y - text.size * 0.7, width, text.size * 0.7};
}

// Text beyond the page, or on other text.
std::vector<std::string> faults_of(const figure::Scene& scene) {
  std::vector<std::string> faults;
  std::vector<std::pair<figure::Box, std::string>> texts;
  for (const auto& item : scene.items) {
    const auto* text = std::get_if<figure::Text>(&item);
    if (text == nullptr || text->text.empty()) continue;
    const figure::Box box = box_of(*text);
    if (box.x < -0.5 || box.y < -0.5 || box.right() > scene.width + 0.5 ||
        box.bottom() > scene.height + 0.5)
      faults.push_back("off the page: " + text->text);
    if (std::string(text->role) == "word") continue;  // of running text: pieces of words touch
    for (const auto& [other, words] : texts) {
      const double across = std::min(box.right(), other.right()) - std::max(box.x, other.x);
      const double down = std::min(box.bottom(), other.bottom()) - std::max(box.y, other.y);
      if (across > 1 && down > 1) faults.push_back(text->text + " on " + words);
    }
    texts.emplace_back(box, text->text);
  }
  return faults;
}

}  // namespace

TEST_CASE("every exhibit as a picture: nothing cut off, no text on text") {
  const auto snapshot = test::snapshot_of(full_request());
  for (const auto& [name, exhibit] : exhibits_of(*snapshot)) {
    CAPTURE(name);
    if (!exhibit) FAIL(exhibit.error().message);
    for (const figure::Theme theme : {figure::Theme::light, figure::Theme::dark}) {
      ExportLook look;
      look.figure.theme = theme;
      look.scale = 2;
      const auto scene = exhibit->scene(look.figure);
      if (!scene) FAIL(scene.error().message);
      for (const std::string& fault : faults_of(*scene)) CHECK_MESSAGE(false, fault);
      const auto png = picture_of(*exhibit, ExportFormat::png, look);
      REQUIRE(png);
      const char* ending = theme == figure::Theme::dark ? "_dark.png" : ".png";
      CHECK(write_file_atomically(test::picture_folder() / ("exhibit_" + name + ending), *png));
    }
  }
}
