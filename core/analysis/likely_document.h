// Which document an answer probably rests on when none is marked: the one that the model's known
// contextual heads look at most. A guess, with a measure of how clear it is.
#pragma once

#include <span>

#include "core/analysis/head_scores.h"

namespace headscope {
/// The document with the most mass, and how far it leads.
struct LikelyDocument {
  int index = -1;     ///< -1 = no documents, or no attention on any
  double mass = 0;    ///< of the best one
  double share = 0;   ///< of the mass on all documents, 0..1
  double margin = 0;  ///< share of the best minus share of the second; 1 with a single document

  /// Lead from which the guess is called clear; below it, it is shown with a question mark.
  static constexpr double clear_margin = 0.1;
  bool is_clear() const { return index >= 0 && margin >= clear_margin; }
};

/// Ties: the first one.
LikelyDocument likely_document(std::span<const double> masses);

/// How well masses tell the gold document from the others: the fraction of the others with less
/// mass, ties counted half (the area under the ROC curve of one prompt). NaN without others.
double gold_auc(std::span<const double> masses, std::size_t gold);

/// Mass of every document over `heads` and `rows` of span sums [layers, heads, rows, sets], whose
/// first `documents` sets are the documents: means. Empty without heads or rows.
std::vector<double> document_masses(std::span<const float> span_sums, int model_heads,
                                    std::int64_t captured_rows, TokenRange rows, int sets,
                                    int documents, std::span<const HeadId> heads);

}  // namespace headscope
