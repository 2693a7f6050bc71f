#include "core/experiment/sweep_figures.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace headscope {
namespace {

using figure::kNoValue;

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

class StudyBuilder {
 public:
  explicit StudyBuilder(const figure::Provenance& provenance) { study_.provenance = provenance; }

  void add(const SweepRow& row) {
    const double em = number_of(row, "em");
    if (std::isnan(em)) return;
    const double low = number_of(row, "em_low"), high = number_of(row, "em_high");
    if (is_baseline(row)) {
      study_.baselines.push_back({baseline_name(row.cell.prompt), em, low, high});
    } else if (row.cell.is_control()) {
      controls_[strength_of(row.cell)][row.cell.top_k.value_or(0)].add(em);
      seeds_.insert(row.cell.seed.value_or(0));
    } else {
      series_[strength_of(row.cell)].push_back({row.cell.top_k.value_or(0), em, low, high});
    }
  }

  bool empty() const { return series_.empty() && controls_.empty(); }

  figure::EmStudy build() {
    for (auto& [strength, points] : series_)
      study_.series.push_back({strength, false, std::move(points)});
    for (const auto& [strength, by_k] : controls_) {
      figure::EmSeries series{strength, true, {}};
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
  figure::EmStudy study_;
  std::map<double, std::vector<figure::EmPoint>> series_;
  std::map<double, std::map<int, Draws>> controls_;
  std::set<std::uint64_t> seeds_;
};

std::string setting_name(const SweepCell& cell) {
  if (cell.method == SweepMethod::none) return "no intervention";
  const bool splits = cell.method == SweepMethod::split_softmax;
  return (splits ? "split-softmax, τ = " : "focus, α = ") + shortest_number(strength_of(cell)) +
         ", top " + std::to_string(cell.top_k.value_or(0));
}

// All documents at every gold position: without intervention, and the setting of each method whose
// mean EM is highest; all settings would be too many curves.
figure::PositionStudy position_study(const std::vector<SweepRow>& rows,
                                     const figure::Provenance& provenance) {
  std::map<SweepMethod, std::map<std::string, figure::PositionSeries>> settings;
  for (const SweepRow& row : rows) {
    const SweepCell& cell = row.cell;
    if (!cell.gold_position || cell.is_control() || cell.prompt != PromptKind::all) continue;
    figure::PositionSeries& series = settings[cell.method][setting_name(cell)];
    series.name = setting_name(cell);
    const auto x = static_cast<double>(*cell.gold_position);
    series.em.push_back(
        {x, number_of(row, "em"), number_of(row, "em_low"), number_of(row, "em_high")});
    series.relevant_mass.push_back({x, number_of(row, "relevant_mass")});
  }
  const auto mean_em = [](const auto& named) {
    double sum = 0;
    for (const auto& point : named.second.em) sum += point.y;
    return sum / static_cast<double>(named.second.em.size());
  };
  figure::PositionStudy study;
  study.provenance = provenance;
  for (const auto& [method, series] : settings) {
    study.series.push_back(std::max_element(series.begin(), series.end(), [&](auto& a, auto& b) {
                             return mean_em(a) < mean_em(b);
                           })->second);
  }
  return study;
}

}  // namespace

std::vector<NamedFigure> sweep_figures(const std::vector<SweepRow>& rows,
                                       const figure::Provenance& provenance) {
  StudyBuilder tau(provenance), alpha(provenance);
  for (const SweepRow& row : rows) {
    if (row.cell.gold_position) continue;
    if (row.cell.tau || is_baseline(row)) tau.add(row);
    // Random heads control Fig. 3; in Fig. 4 random directions do.
    const bool random_heads = row.cell.heads == CellHeads::random;
    if ((row.cell.alpha && !random_heads) || is_baseline(row)) alpha.add(row);
  }
  std::vector<NamedFigure> figures;
  if (!tau.empty()) figures.push_back({"em-against-tau", em_against_tau(tau.build())});
  if (!alpha.empty()) figures.push_back({"em-against-alpha", em_against_alpha(alpha.build())});
  auto positions = position_study(rows, provenance);
  if (!positions.series.empty()) {
    figures.push_back({"em-against-position", position_curves(positions)});
  }
  return figures;
}

}  // namespace headscope
