#include "core/study/drawings.h"

#include "core/experiment/sweep_figures.h"
#include "core/figure/any_figure.h"
#include "core/figure/head_map.h"
#include "core/figure/ranking.h"
#include "core/figure/write.h"

namespace headscope::study {
namespace {

template <class Draw>
Result<Drawing> in_both_themes(const std::string& name, const Draw& draw) {
  Drawing drawing{name, {}, {}};
  figure::Options look;
  for (const auto theme : {figure::Theme::light, figure::Theme::dark}) {
    look.theme = theme;
    HEADSCOPE_ASSIGN(const figure::Scene scene, draw(look));
    HEADSCOPE_ASSIGN(auto svg, figure::encode(scene, figure::Format::svg));
    (theme == figure::Theme::light ? drawing.light : drawing.dark) = std::move(svg);
  }
  return drawing;
}

figure::Provenance provenance_of(const Results& results, std::int64_t samples) {
  const Passport& passport = results.study.passport;
  figure::Provenance p;
  p.model = passport.model;
  p.model_hash = passport.weights_sha256;
  p.data = passport.data;
  p.data_hash = passport.data_sha256;
  p.samples = samples;
  p.settings = {"seed " + std::to_string(results.study.settings.seed)};
  p.version = passport.version;
  return p;
}

figure::HeadMapFigure head_map(const Results& results) {
  figure::HeadMapFigure map;
  map.layers = results.heads.layers;
  map.heads = results.heads.heads;
  map.scores = results.heads.relevant;
  map.ranking = results.heads.ranking;
  map.outlined = results.study.settings.top_k;
  map.provenance = provenance_of(results, results.heads.samples);
  return map;
}

figure::RankingFigure ranking(const Results& results) {
  figure::RankingFigure curve;
  curve.layers = results.heads.layers;
  curve.heads = results.heads.heads;
  curve.scores = results.heads.relevant;
  curve.low = results.heads.relevant_low;
  curve.high = results.heads.relevant_high;
  curve.provenance = provenance_of(results, results.heads.samples);
  return curve;
}

}  // namespace

Result<std::vector<Drawing>> draw_study(const Results& results) {
  std::vector<Drawing> drawings;
  const auto keep = [&](Result<Drawing> drawn) -> Result<> {
    HEADSCOPE_ASSIGN(auto drawing, std::move(drawn));
    drawings.push_back(std::move(drawing));
    return {};
  };
  HEADSCOPE_TRY(keep(in_both_themes("head-map", [&](const figure::Options& look) {
    return figure::draw_head_map(head_map(results), look);
  })));
  HEADSCOPE_TRY(keep(in_both_themes("ranking", [&](const figure::Options& look) {
    return figure::draw_ranking(ranking(results), look);
  })));
  const figure::Provenance provenance = provenance_of(results, results.study.passport.n);
  for (const Cells* cells : {&results.main, &results.positions}) {
    for (const NamedFigure& named : sweep_figures(cells->rows(), provenance)) {
      HEADSCOPE_TRY(keep(in_both_themes(named.name, [&](const figure::Options& look) {
        return figure::draw_figure(named.figure, look);
      })));
    }
  }
  return drawings;
}

}  // namespace headscope::study
