#include "core/sweep/sweep_figures.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/analysis/statistics.h"
#include "core/figure/ticks.h"

namespace headscope {
namespace {

using figure::kNoValue;

constexpr double kSignificant = 0.05;

double number_of(const SweepRow& row, const char* column) {
  const Json value = row.summary.value(column, Json(nullptr));
  return value.is_number() ? value.get<double>() : kNoValue;
}

bool is_baseline(const SweepRow& row) {
  return row.cell.method == SweepMethod::none;
}

double strength_of(const SweepCell& cell) {
  return cell.tau ? *cell.tau : cell.alpha.value_or(0);
}

std::string baseline_name(PromptKind prompt) {
  switch (prompt) {
    case PromptKind::gold_only:
      return "gold only";
    case PromptKind::no_gold:
      return "all but gold";
    case PromptKind::all:
      break;
  }
  return "all documents";
}

// Mean over the draws of one control, between the lowest and the highest.
struct Draws {
  double sum = 0, low = 1, high = 0;
  int count = 0;

  void add(double em) {
    sum += em;
    low = std::min(low, em);
    high = std::max(high, em);
    ++count;
  }
};

// Which cells differ from all documents without intervention, by the tests of the whole sweep.
class Significance {
 public:
  explicit Significance(const std::vector<CellSamples>& cells) {
    for (const PairedRow& row : paired_tests(cells)) {
      if (row.against != PairedAgainst::baseline || std::isnan(row.p_holm)) continue;
      ++tests_;
      if (row.p_holm < kSignificant) different_.insert(row.cell);
    }
  }
  int tests() const { return tests_; }
  bool of(const SweepCell& cell) const { return different_.contains(cell); }

 private:
  int tests_ = 0;
  std::set<SweepCell> different_;
};

figure::EmArm arm_of(const SweepCell& cell) {
  if (cell.heads == CellHeads::random) return figure::EmArm::random_heads;
  return cell.method == SweepMethod::random_directions ? figure::EmArm::random_directions
                                                       : figure::EmArm::contextual;
}

class StudyBuilder {
 public:
  StudyBuilder(const figure::Provenance& provenance, const Significance& significance)
      : significance_(significance) {
    study_.provenance = provenance;
    study_.tests = significance.tests();
  }

  void add(const SweepRow& row) {
    const double em = number_of(row, "em");
    if (std::isnan(em)) return;
    const double low = number_of(row, "em_low"), high = number_of(row, "em_high");
    if (is_baseline(row)) {
      study_.baselines.push_back({baseline_name(row.cell.prompt), em, low, high});
    } else if (row.cell.is_control()) {
      controls_[{arm_of(row.cell), strength_of(row.cell)}][row.cell.top_k.value_or(0)].add(em);
      seeds_.insert(row.cell.seed.value_or(0));
    } else {
      series_[strength_of(row.cell)].push_back(
          {row.cell.top_k.value_or(0), em, low, high, significance_.of(row.cell)});
    }
  }

  bool empty() const { return series_.empty() && controls_.empty(); }

  figure::EmStudy build() {
    for (auto& [strength, points] : series_)
      study_.series.push_back({strength, figure::EmArm::contextual, std::move(points)});
    for (const auto& [control, by_k] : controls_) {
      figure::EmSeries series{control.second, control.first, {}};
      for (const auto& [k, draws] : by_k) {
        series.points.push_back({k, draws.sum / draws.count, draws.low, draws.high});
      }
      study_.series.push_back(std::move(series));
    }
    study_.seeds = static_cast<int>(seeds_.size());
    if (study_.seeds > 0) study_.interval += " (of controls: lowest and highest draw)";
    return std::move(study_);
  }

 private:
  const Significance& significance_;
  figure::EmStudy study_;
  std::map<double, std::vector<figure::EmPoint>> series_;
  std::map<std::pair<figure::EmArm, double>, std::map<int, Draws>> controls_;
  std::set<std::uint64_t> seeds_;
};

// Rows of one method over strength x k, on the contextual heads.
struct Grid {
  std::map<std::pair<double, int>, const SweepRow*> cells;
  std::set<double> strengths;
  std::set<int> ks;

  void add(const SweepRow& row) {
    const double strength = strength_of(row.cell);
    const int k = row.cell.top_k.value_or(0);
    cells[{strength, k}] = &row;
    strengths.insert(strength);
    ks.insert(k);
  }
};

// The strongest setting is the topmost row: small tau, large alpha.
figure::ValueGridFigure value_grid(const Grid& grid, SweepMethod method,
                                   const Significance& significance) {
  const bool splits = method == SweepMethod::split_softmax;
  figure::ValueGridFigure f;
  f.x_label = "Heads intervened on (top k)";
  f.y_label = splits ? "Strength τ" : "Strength α";
  std::vector<double> strengths(grid.strengths.begin(), grid.strengths.end());
  if (!splits) std::reverse(strengths.begin(), strengths.end());
  for (const int k : grid.ks) f.columns.push_back(std::to_string(k));
  for (const double strength : strengths) {
    f.rows.push_back(figure::shortest(strength));
    for (const int k : grid.ks) {
      const auto found = grid.cells.find({strength, k});
      const bool there = found != grid.cells.end();
      f.values.push_back(there ? number_of(*found->second, "em") : kNoValue);
      f.marked.push_back(there && significance.of(found->second->cell));
    }
  }
  f.title = std::string(splits ? "Split-softmax" : "Focus directions") +
            ": exact match by strength and heads";
  return f;
}

void describe_grid(figure::ValueGridFigure& f, double baseline, const Significance& significance) {
  f.text = "Cells: exact match (EM, best_subspan_em).";
  if (std::isfinite(baseline)) {
    f.centre = baseline;
    f.value_label = "Change of EM";
    f.subtitle = "All documents without intervention: " + figure::fixed(baseline, 2);
    f.text += " Colour: difference from all documents without intervention.";
  } else {
    f.value_label = "Exact match";
  }
  if (significance.tests() > 0) {
    f.text += " Bold with a star: " + figure::significance_text(significance.tests()) + ".";
  }
}

std::optional<NamedFigure> grid_figure(const std::vector<SweepRow>& rows, SweepMethod method,
                                       const Significance& significance,
                                       const figure::Provenance& provenance) {
  Grid grid;
  double baseline = kNoValue;
  for (const SweepRow& row : rows) {
    if (row.cell.gold_position) continue;
    if (is_baseline(row) && row.cell.prompt == PromptKind::all) baseline = number_of(row, "em");
    const bool wanted = row.cell.method == method && !row.cell.is_control();
    if (wanted && !std::isnan(number_of(row, "em"))) grid.add(row);
  }
  if (grid.cells.size() < 2) return std::nullopt;
  figure::ValueGridFigure f = value_grid(grid, method, significance);
  describe_grid(f, baseline, significance);
  f.provenance = provenance;
  const bool splits = method == SweepMethod::split_softmax;
  return NamedFigure{splits ? "em-grid-tau" : "em-grid-alpha", std::move(f)};
}

figure::ValueGroup group_of(const std::string& name, const std::vector<double>& masses) {
  const Interval interval = bootstrap_mean_interval(masses);
  return {name, masses, mean(masses), interval.low, interval.high};
}

// The paper's reading of distraction: the contextual heads give the gold document less where the
// answer is wrong.
std::optional<NamedFigure> outcome_figure(const std::vector<CellSamples>& cells,
                                          const figure::Provenance& provenance) {
  std::vector<double> right, wrong;
  std::size_t heads = 0;
  for (const CellSamples& cell : cells) {
    if (!(cell.cell == SweepCell{})) continue;
    heads = cell.mass_heads;
    for (const EvaluatedSample& sample : cell.samples) {
      if (std::isfinite(sample.relevant_mass))
        (sample.correct ? right : wrong).push_back(sample.relevant_mass);
    }
  }
  if (right.empty() && wrong.empty()) return std::nullopt;
  figure::GroupsFigure f;
  f.title = "Contextual heads where the answer is right and wrong";
  f.y_label = "Relevant attention mass";
  f.x_label = "Answer to all documents, without intervention";
  f.groups = {group_of("right", right), group_of("wrong", wrong)};
  f.text =
      "Every dot is a question: attention mass of the response rows on the gold document, mean "
      "over ";
  f.text += heads > 0 ? "the first " + std::to_string(heads) + " contextual heads" : "the heads";
  f.text += ". Diamonds: means with 95 % bootstrap interval.";
  if (!right.empty() && !wrong.empty()) {
    const Interval interval = bootstrap_difference_interval(right, wrong);
    f.subtitle = "Right minus wrong: " + figure::fixed(mean(right) - mean(wrong), 3) + " (95 % " +
                 figure::fixed(interval.low, 3) + " to " + figure::fixed(interval.high, 3) + ")";
  }
  f.provenance = provenance;
  return NamedFigure{"mass-right-wrong", std::move(f)};
}

// Of a cell's mean relevant mass; NaN where its samples are not at hand.
Interval mass_interval(const std::vector<CellSamples>& cells, const SweepCell& wanted) {
  std::vector<double> masses;
  for (const CellSamples& cell : cells) {
    if (!(cell.cell == wanted)) continue;
    for (const EvaluatedSample& sample : cell.samples) {
      if (std::isfinite(sample.relevant_mass)) masses.push_back(sample.relevant_mass);
    }
  }
  return bootstrap_mean_interval(masses);
}

std::string setting_name(const SweepCell& cell) {
  if (cell.method == SweepMethod::none) return "no intervention";
  const bool splits = cell.method == SweepMethod::split_softmax;
  return (splits ? "split-softmax, τ = " : "focus, α = ") + shortest_number(strength_of(cell)) +
         ", top " + std::to_string(cell.top_k.value_or(0));
}

// All documents at every gold position: without intervention, and the setting of each method whose
// mean EM is highest; all settings would be too many curves.
figure::PositionStudy position_study(const std::vector<SweepRow>& rows,
                                     const std::vector<CellSamples>& cells,
                                     const Significance& significance,
                                     const figure::Provenance& provenance) {
  std::map<SweepMethod, std::map<std::string, figure::PositionSeries>> settings;
  for (const SweepRow& row : rows) {
    const SweepCell& cell = row.cell;
    if (!cell.gold_position || cell.is_control() || cell.prompt != PromptKind::all) continue;
    figure::PositionSeries& series = settings[cell.method][setting_name(cell)];
    series.name = setting_name(cell);
    series.tested = cell.method != SweepMethod::none;
    const auto x = static_cast<double>(*cell.gold_position);
    series.em.push_back({x, number_of(row, "em"), number_of(row, "em_low"),
                         number_of(row, "em_high"), significance.of(cell)});
    const Interval mass = mass_interval(cells, cell);
    series.relevant_mass.push_back({x, number_of(row, "relevant_mass"), mass.low, mass.high});
  }
  const auto mean_em = [](const auto& named) {
    double sum = 0;
    for (const auto& point : named.second.em) sum += point.y;
    return sum / static_cast<double>(named.second.em.size());
  };
  figure::PositionStudy study;
  study.provenance = provenance;
  study.tests = significance.tests();
  for (const auto& [method, series] : settings) {
    study.series.push_back(std::max_element(series.begin(), series.end(), [&](auto& a, auto& b) {
                             return mean_em(a) < mean_em(b);
                           })->second);
  }
  return study;
}

}  // namespace

std::vector<NamedFigure> sweep_figures(const std::vector<SweepRow>& rows,
                                       const figure::Provenance& provenance,
                                       const std::vector<CellSamples>& cells) {
  const Significance significance(cells);
  StudyBuilder tau(provenance, significance), alpha(provenance, significance);
  for (const SweepRow& row : rows) {
    if (row.cell.gold_position) continue;
    if (row.cell.tau || is_baseline(row)) tau.add(row);
    if (row.cell.alpha || is_baseline(row)) alpha.add(row);
  }
  std::vector<NamedFigure> figures;
  const auto add = [&](std::optional<NamedFigure> named) {
    if (named) figures.push_back(std::move(*named));
  };
  if (!tau.empty()) figures.push_back({"em-against-tau", em_against_tau(tau.build())});
  add(grid_figure(rows, SweepMethod::split_softmax, significance, provenance));
  if (!alpha.empty()) figures.push_back({"em-against-alpha", em_against_alpha(alpha.build())});
  add(grid_figure(rows, SweepMethod::focus, significance, provenance));
  auto positions = position_study(rows, cells, significance, provenance);
  if (!positions.series.empty()) {
    figures.push_back({"em-against-position", position_curves(positions)});
  }
  add(outcome_figure(cells, provenance));
  return figures;
}

}  // namespace headscope
