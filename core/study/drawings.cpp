#include "core/study/drawings.h"

#include <iterator>

#include "core/figure/any_figure.h"
#include "core/figure/provenance.h"
#include "core/figure/write.h"
#include "core/sweep/control_figures.h"
#include "core/sweep/study_figures.h"
#include "core/sweep/study_suite.h"
#include "core/sweep/sweep_figures.h"

namespace headscope::study {
namespace {

Result<Drawing> in_both_themes(const NamedFigure& named) {
  Drawing drawing{named.name, {}, {}};
  figure::Options look;
  for (const auto theme : {figure::Theme::light, figure::Theme::dark}) {
    look.theme = theme;
    HEADSCOPE_ASSIGN(const figure::Scene scene, figure::draw_figure(named.figure, look));
    HEADSCOPE_ASSIGN(auto svg, figure::encode(scene, figure::Format::svg));
    (theme == figure::Theme::light ? drawing.light : drawing.dark) = std::move(svg);
  }
  return drawing;
}

figure::Provenance provenance_of(const Results& results, std::int64_t samples) {
  figure::Provenance p = figure::provenance_of(results.study.passport);
  p.samples = samples;
  p.settings = {"seed " + std::to_string(results.study.settings.seed)};
  return p;
}

std::vector<CellSamples> cell_samples(const Cells& cells) {
  std::vector<CellSamples> list;
  for (const SweepResult& result : cells.results()) {
    list.push_back({result.cell, cells.samples(result.cell), result.mass_heads.size()});
  }
  return list;
}

SuiteTable table_of(const std::vector<SuiteTableRow>& rows) {
  SuiteTable table;
  for (const SuiteTableRow& row : rows) {
    table.rows.push_back({row.model, row.task, row.method, row.metric, row.length, row.n, row.value,
                          row.interval.low, row.interval.high});
  }
  return table;
}

std::vector<NamedFigure> all_figures(const Results& results) {
  auto figures = head_set_figures(results.heads, provenance_of(results, results.heads.samples));
  const auto add = [&figures](std::vector<NamedFigure> more) {
    std::move(more.begin(), more.end(), std::back_inserter(figures));
  };
  const figure::Provenance provenance = provenance_of(results, results.study.passport.n);
  add(sweep_figures(results.main.rows(), provenance, cell_samples(results.main)));
  // Of the positions only what the main grid does not have.
  for (NamedFigure& named :
       sweep_figures(results.positions.rows(), provenance, cell_samples(results.positions))) {
    if (named.name == "em-against-position") figures.push_back(std::move(named));
  }
  if (results.control) add(control_figures(*results.control, provenance));
  if (results.suites && !results.suites->rows.empty()) {
    const std::int64_t samples = results.study.settings.suite_samples;
    figure::Provenance of_suites = provenance_of(results, samples);
    of_suites.data = "suite all";
    of_suites.data_hash.clear();
    figures.push_back(suite_figure(table_of(results.suites->rows), of_suites));
  }
  return figures;
}

}  // namespace

Result<std::vector<Drawing>> draw_study(const Results& results) {
  std::vector<Drawing> drawings;
  for (const NamedFigure& named : all_figures(results)) {
    HEADSCOPE_ASSIGN(auto drawing, in_both_themes(named));
    drawings.push_back(std::move(drawing));
  }
  return drawings;
}

}  // namespace headscope::study
