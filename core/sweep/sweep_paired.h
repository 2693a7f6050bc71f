// Paired tests over a sweep's samples: what an intervention changed, question by question.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/sweep/result_lines.h"
#include "core/sweep/sweep_folder.h"

namespace headscope {

/// A finished cell and its samples.
struct CellSamples {
  SweepCell cell;
  std::vector<EvaluatedSample> samples;
  std::size_t mass_heads = 0;  ///< over how many heads its masses are means
};

/// What a cell is compared with, over the samples that both have.
enum class PairedAgainst {
  baseline,           ///< the same prompt without intervention, all documents
  gold_only,          ///< the gold document alone, without intervention
  random_heads,       ///< the same method on random heads: mean over the draws
  random_directions,  ///< random directions on the same heads: mean over the draws
};

/// "baseline", "gold-only", "random-heads", "random-directions".
std::string paired_against_name(PairedAgainst against);
/// A cell against another one, paired by sample.
struct PairedRow {
  SweepCell cell;
  PairedAgainst against = PairedAgainst::baseline;
  int draws = 1;                                ///< over which the other side is a mean
  std::int64_t n = 0;                           ///< samples of both
  std::int64_t only_cell = 0, only_other = 0;   ///< samples on which one side does better
  double em = 0, em_other = 0, difference = 0;  ///< difference = em - em_other
  /// 95 %: Newcombe's interval of paired proportions; against a mean over draws, a bootstrap over
  /// samples.
  double low = 0, high = 0;
  double p = 1;  ///< exact: McNemar's, against a mean over draws the sign-flip test it is a case of
  /// Adjusted by Holm over all rows with the same `against` that are no control; NaN elsewhere.
  double p_holm = std::numeric_limits<double>::quiet_NaN();
};

/// Every comparison that the cells allow, in the order of the table. Cells with a moved gold
/// document are compared with others of the same position.
std::vector<PairedRow> paired_tests(const std::vector<CellSamples>& cells);

/// paired.csv: the cell's columns, then against,draws,n,em,em_other,difference,difference_low,
/// difference_high,only_cell,only_other,p,p_holm.
std::string paired_table(const std::vector<PairedRow>& rows);

/// Every finished cell of a folder with its lines; a cell whose lines cannot be read is bad_input.
Result<std::vector<CellSamples>> read_cell_samples(const SweepFolder& folder);

/// Writes paired.csv beside results.csv, from every finished cell.
Result<> write_paired_table(const SweepFolder& folder);

}  // namespace headscope
