// Automatic strength of focus directions (method.md 3): what they do is move attention from the
// sink to the context, which needs no label to see. A scan over alpha on cached scores, and a
// choice that says why it was made, or that there is nothing to move.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// Where attention goes, as parts of one: mean over some heads and rows.
struct AttentionShares {
  double sink = 0;      ///< on S0 = {0,1}
  double relevant = 0;  ///< on the gold document; NaN where none is marked
  double context = 0;   ///< on all documents, the gold one included

  double rest() const { return 1 - sink - context; }  ///< instruction, question, response
  double sink_to_context() const { return sink / context; }
  /// relevant / (relevant + irrelevant): draining the sink onto every document alike is not focus.
  double focus() const { return relevant / context; }
};

/// Cached attention of one head: weights [rows, keys] of the unedited run, which are
/// softmax(scores), and the bias [keys] that alpha multiplies (Model::focus_bias).
struct HeadRows {
  std::span<const float> weights, bias;
};

/// The key sets of a prompt.
struct ContextSets {
  std::vector<TokenRange> documents;
  std::vector<int> gold;  ///< indices of the relevant ones, ascending; empty = none
  TokenRange sink = {0, 2};
};

/// Shares with softmax(log weights + alpha * bias) in place of the weights. Exact for heads of the
/// first touched layer with fixed tokens, an estimate above it.
AttentionShares shares_under(std::span<const HeadRows> heads, const ContextSets& sets,
                             double alpha);
/// One point of a scan: where attention goes at this strength.
struct AlphaPoint {
  double alpha = 0;
  AttentionShares shares;
};

/// Mean of several scans over the same alphas; empty when they differ.
std::vector<AlphaPoint> mean_scan(const std::vector<std::vector<AlphaPoint>>& scans);

/// 0, 0.05 .. 1.
std::vector<double> default_alphas();

/// What the strength is chosen by.
enum class AlphaTarget {
  automatic,  ///< sink; where it holds nothing to drain and a document is marked: focus
  sink,       ///< the sink-to-context ratio comes into a band
  relevant,   ///< the largest mass on the gold document
  focus,      ///< the largest share of the gold document among the documents
};

/// "auto", "sink", "relevant", "focus".
std::string target_name(AlphaTarget target);
/// What a strength is chosen by, and when nothing is worth choosing.
struct AutoAlphaOptions {
  AlphaTarget target = AlphaTarget::automatic;
  /// Band of the sink-to-context ratio, as a fraction of the unedited ratio. Found on the embedded
  /// model's training part (20 documents, n = 200, top 5 heads): exact match is highest where alpha
  /// leaves 0.29 to 0.65 of it (alpha 0.5 to 1.0; 0.69, 0.71, 0.69 against 0.665 without).
  double band_low = 0.3, band_high = 0.65;
  bool relative = true;  ///< else the band is of the ratio itself
  /// Below this mean mass on the sink there is nothing to drain, whatever the ratio.
  double least_sink = 0.05;
};
/// Why a strength was chosen, or left at 0.
enum class AlphaVerdict {
  in_band,           ///< the ratio comes into the band
  nothing_to_drain,  ///< the heads hardly rest on the sink: alpha stays 0
  below_band,        ///< the ratio lies below the band as it is: alpha stays 0
  out_of_reach,      ///< no scanned alpha brings it into the band: the nearest one
  largest,           ///< the largest relevant mass or share of the scan
  no_mark,           ///< the target needs a marked document: alpha stays 0
  not_cached,  ///< weights or directions are not at hand, so nothing was scanned: alpha stays 0
};
/// A chosen strength with the scan that it was chosen from.
struct AutoAlpha {
  double alpha = 0;
  AlphaVerdict verdict = AlphaVerdict::nothing_to_drain;
  AlphaTarget target = AlphaTarget::sink;  ///< what it was chosen by; never automatic
  double band_low = 0, band_high = 0;      ///< of the ratio itself
  AttentionShares before, preview;         ///< at alpha = 0, and as scanned at `alpha`
  std::vector<AlphaPoint> scan;
};

/// Chooses from a scan that holds alpha = 0. Ties: the weaker alpha. Within the band, the alpha
/// whose ratio is nearest to its geometric middle; the largest share counts as reached within 1 %.
AutoAlpha choose_alpha(std::vector<AlphaPoint> scan, const AutoAlphaOptions& options = {});

/// One or two sentences: what was chosen and why.
std::string explain(const AutoAlpha& choice);
/// "in-band", "nothing-to-drain", ...
std::string verdict_name(AlphaVerdict verdict);

}  // namespace headscope
