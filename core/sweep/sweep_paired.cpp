#include "core/sweep/sweep_paired.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "core/analysis/statistics.h"
#include "core/base/file.h"

namespace headscope {
namespace {

using SampleKey = std::pair<std::int64_t, std::string>;  // index and question
using Outcomes = std::map<SampleKey, bool>;              // answered rightly

Outcomes outcomes_of(const std::vector<EvaluatedSample>& samples) {
  Outcomes outcomes;
  for (const EvaluatedSample& sample : samples) {
    outcomes[{sample.index, sample.question}] = sample.correct;
  }
  return outcomes;
}

SweepCell baseline_of(const SweepCell& cell, PromptKind prompt) {
  SweepCell baseline;
  baseline.prompt = prompt;
  baseline.gold_position = cell.gold_position;
  return baseline;
}

// Two runs: every sample is right or wrong in either.
PairedRow compare_runs(const Outcomes& cell, const Outcomes& other) {
  PairCounts counts;
  for (const auto& [key, right] : cell) {
    const auto found = other.find(key);
    if (found == other.end()) continue;
    if (right && found->second) ++counts.both;
    if (right && !found->second) ++counts.only_first;
    if (!right && found->second) ++counts.only_second;
    if (!right && !found->second) ++counts.neither;
  }
  PairedRow row;
  row.n = counts.both + counts.only_first + counts.only_second + counts.neither;
  row.only_cell = counts.only_first;
  row.only_other = counts.only_second;
  const auto n = static_cast<double>(row.n);
  row.em = static_cast<double>(counts.both + counts.only_first) / n;
  row.em_other = static_cast<double>(counts.both + counts.only_second) / n;
  row.difference = static_cast<double>(counts.only_first - counts.only_second) / n;
  const Interval interval = newcombe_paired_interval(counts);
  row.low = interval.low;
  row.high = interval.high;
  row.p = mcnemar_exact(counts.only_first, counts.only_second);
  return row;
}

// One run against the mean of several: whole numbers once they are multiplied by the draws.
PairedRow compare_with_draws(const Outcomes& cell, const std::vector<const Outcomes*>& draws) {
  PairedRow row;
  row.draws = static_cast<int>(draws.size());
  std::vector<std::int64_t> differences;
  std::int64_t right_cell = 0, right_draws = 0;
  for (const auto& [key, right] : cell) {
    std::int64_t of_draws = 0;
    bool everywhere = true;
    for (const Outcomes* draw : draws) {
      const auto found = draw->find(key);
      everywhere = everywhere && found != draw->end();
      of_draws += everywhere && found->second ? 1 : 0;
    }
    if (!everywhere) continue;
    differences.push_back((right ? row.draws : 0) - of_draws);
    right_cell += right ? 1 : 0;
    right_draws += of_draws;
  }
  std::vector<double> shares;
  for (const std::int64_t difference : differences) {
    shares.push_back(static_cast<double>(difference) / row.draws);
    row.only_cell += difference > 0 ? 1 : 0;
    row.only_other += difference < 0 ? 1 : 0;
  }
  row.n = static_cast<std::int64_t>(differences.size());
  const auto n = static_cast<double>(row.n);
  row.em = static_cast<double>(right_cell) / n;
  row.em_other = static_cast<double>(right_draws) / (n * row.draws);
  row.difference = mean(shares);
  const Interval interval = bootstrap_mean_interval(shares);
  row.low = interval.low;
  row.high = interval.high;
  row.p = sign_flip_exact(differences);
  return row;
}

class PairedTests {
 public:
  explicit PairedTests(const std::vector<CellSamples>& cells) {
    for (const CellSamples& cell : cells) outcomes_[cell.cell] = outcomes_of(cell.samples);
  }

  std::vector<PairedRow> run() {
    for (const auto& [cell, outcomes] : outcomes_) {
      against_run(cell, PairedAgainst::baseline, PromptKind::all);
      against_run(cell, PairedAgainst::gold_only, PromptKind::gold_only);
      against_draws(cell, PairedAgainst::random_heads);
      against_draws(cell, PairedAgainst::random_directions);
    }
    adjust();
    return std::move(rows_);
  }

 private:
  void add(PairedRow row, const SweepCell& cell, PairedAgainst against) {
    if (row.n == 0) return;
    row.cell = cell;
    row.against = against;
    rows_.push_back(row);
  }

  void against_run(const SweepCell& cell, PairedAgainst against, PromptKind prompt) {
    const auto other = outcomes_.find(baseline_of(cell, prompt));
    if (other == outcomes_.end() || other->first == cell) return;
    add(compare_runs(outcomes_.at(cell), other->second), cell, against);
  }

  // Draws of the control that differ from `cell` in nothing else.
  std::vector<const Outcomes*> draws_of(const SweepCell& cell, PairedAgainst against) const {
    std::vector<const Outcomes*> draws;
    for (const auto& [other, outcomes] : outcomes_) {
      SweepCell undrawn = other;
      undrawn.seed.reset();
      const bool random_heads = other.heads == CellHeads::random;
      const bool random_directions = other.method == SweepMethod::random_directions;
      if (against == PairedAgainst::random_heads ? !random_heads : !random_directions) continue;
      if (random_heads) undrawn.heads = CellHeads::contextual;
      if (random_directions) undrawn.method = SweepMethod::focus;
      if (undrawn == cell) draws.push_back(&outcomes);
    }
    return draws;
  }

  void against_draws(const SweepCell& cell, PairedAgainst against) {
    if (cell.is_control() || cell.method == SweepMethod::none) return;
    const auto draws = draws_of(cell, against);
    if (!draws.empty()) add(compare_with_draws(outcomes_.at(cell), draws), cell, against);
  }

  // One family of tests for everything that is compared with the same.
  void adjust() {
    std::map<PairedAgainst, std::vector<PairedRow*>> families;
    for (PairedRow& row : rows_) {
      if (row.cell.is_control() || row.cell.method == SweepMethod::none) continue;
      families[row.against].push_back(&row);
    }
    for (const auto& [against, family] : families) {
      std::vector<double> p_values;
      for (const PairedRow* row : family) p_values.push_back(row->p);
      const auto adjusted = holm_adjusted(p_values);
      for (std::size_t i = 0; i < family.size(); ++i) family[i]->p_holm = adjusted[i];
    }
  }

  std::map<SweepCell, Outcomes> outcomes_;
  std::vector<PairedRow> rows_;
};

constexpr std::array kCellColumns{"method", "tau",  "alpha",  "top_k",
                                  "heads",  "seed", "prompt", "gold_position"};

std::string number_text(double value) {
  return std::isfinite(value) ? shortest_number(value) : "";
}

std::string text_of(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_float() ? shortest_number(value.get<double>()) : dump_json(value);
}

}  // namespace

std::string paired_against_name(PairedAgainst against) {
  switch (against) {
    case PairedAgainst::gold_only:
      return "gold-only";
    case PairedAgainst::random_heads:
      return "random-heads";
    case PairedAgainst::random_directions:
      return "random-directions";
    case PairedAgainst::baseline:
      break;
  }
  return "baseline";
}

std::vector<PairedRow> paired_tests(const std::vector<CellSamples>& cells) {
  return PairedTests(cells).run();
}

std::string paired_table(const std::vector<PairedRow>& rows) {
  std::string table;
  for (const char* column : kCellColumns) table += std::string(column) + ",";
  table +=
      "against,draws,n,em,em_other,difference,difference_low,difference_high,only_cell,only_other,"
      "p,p_holm\n";
  for (const PairedRow& row : rows) {
    const Json cell = to_json(row.cell);
    for (const char* column : kCellColumns) table += text_of(cell[column]) + ",";
    table += paired_against_name(row.against) + "," + std::to_string(row.draws) + "," +
             std::to_string(row.n);
    for (const double value : {row.em, row.em_other, row.difference, row.low, row.high}) {
      table += "," + number_text(value);
    }
    table += "," + std::to_string(row.only_cell) + "," + std::to_string(row.only_other) + "," +
             number_text(row.p) + "," + number_text(row.p_holm) + "\n";
  }
  return table;
}

Result<std::vector<CellSamples>> read_cell_samples(const SweepFolder& folder) {
  HEADSCOPE_ASSIGN(const auto results, folder.results());
  std::vector<CellSamples> cells;
  for (const SweepResult& result : results) {
    const auto file = folder.lines_file(result.cell);
    HEADSCOPE_ASSIGN(const auto text, read_text_file(file));
    HEADSCOPE_ASSIGN(auto samples, parse_result_lines(text, file.string()));
    cells.push_back({result.cell, std::move(samples), result.mass_heads.size()});
  }
  return cells;
}

Result<> write_paired_table(const SweepFolder& folder) {
  for (;;) {
    HEADSCOPE_ASSIGN(const auto cells, read_cell_samples(folder));
    const auto file = folder.table_file().parent_path() / "paired.csv";
    HEADSCOPE_TRY(write_file_atomically(file, paired_table(paired_tests(cells))));
    // As with the table: who wrote first must not have the last word.
    HEADSCOPE_ASSIGN(const auto now, folder.results());
    if (now.size() == cells.size()) return {};
  }
}

}  // namespace headscope
