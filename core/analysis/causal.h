// The causal check: what the answer loses when a document is masked or a head ablated, beside the
// attention they hold. Attention alone explains nothing; this says how far it may be believed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/analysis/statistics.h"
#include "core/base/types.h"

namespace headscope {

/// How a document is taken away from the answer.
enum class DocumentMask {
  hide,    ///< no later row sees its keys, in any layer and head; all positions stay
  remove,  ///< it is not in the prompt; the others keep their numbers, and move up
};

/// "hide" and "remove".
std::string mask_name(DocumentMask mask);

/// `drop`: log p(answer) - log p(answer | without it), in nats, summed over the answer's tokens.
/// Positive = the answer rests on it.
struct DocumentEffect {
  int number = 0;  ///< as printed in the prompt
  bool gold = false;
  double mass = 0;  ///< attention, mean over the chosen heads and the response rows
  double drop = 0;
};
/// A head's attention beside what the answer loses without it.
struct HeadEffect {
  HeadId head;
  double mass = 0;  ///< attention on the gold documents, or on the likely one where none is marked
  double drop = 0;  ///< with the head's output zeroed
};

/// Agreement of masses and drops; NaN where it is not defined (fewer than two, all equal). Ranks
/// treat the differences among documents that do not matter as they treat the one that does;
/// Pearson's correlation of the values does not.
struct Agreement {
  double spearman = 0, kendall = 0, pearson = 0;
};

/// The check of one prompt and one answer.
struct CausalCheck {
  DocumentMask mask = DocumentMask::hide;
  std::int64_t tokens = 0;                ///< of the answer
  double log_probability = 0;             ///< of the answer with everything in place, nats
  std::vector<DocumentEffect> documents;  ///< in the order of the prompt
  std::vector<HeadEffect> heads;          ///< in the order of the ranking
  /// Index of the document that HeadEffect::mass is of, the first of several; -1 = none.
  int mass_document = -1;
  /// Of the documents' masses and drops, and of the heads'.
  Agreement document_agreement() const;
  Agreement head_agreement() const;  ///< of masses and drops of the heads
  /// Index of the document with the largest drop; -1 without documents.
  int most_needed() const;
};

/// What is measured for a check, without the attention beside it.
struct CausalDrops {
  double log_probability = 0;     ///< of the answer with everything in place
  std::vector<double> documents;  ///< drop without each document; empty = not asked for
  std::vector<double> heads;      ///< drop without each head, as they were given
};

/// What the answer loses without each head, as far as it was measured.
struct HeadDrops {
  int layers = 0, heads = 0;
  std::vector<float> drop;     ///< [layers * heads], nats; NaN = not measured
  std::int64_t measured = 0;   ///< heads
  double log_probability = 0;  ///< of the answer with everything in place, nats
};

/// Correlations of several checks: mean over those where they are defined.
struct MeanAgreement {
  std::int64_t n = 0;  ///< checks in which it is defined
  double spearman = 0, kendall = 0, pearson = 0;
  Interval spearman_interval;  ///< bootstrap 95 % of the mean
};
/// `seed` is that of the interval.
MeanAgreement mean_agreement(std::span<const Agreement> checks, std::uint64_t seed);

}  // namespace headscope
