// What the token overlay paints: the attention of chosen response rows and heads on every token of
// the prompt, and the other way round.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/analysis/pooling.h"
#include "core/engine/snapshot.h"

namespace headscope {

/// Which rows of which heads are pooled, and how.
struct OverlaySelection {
  std::vector<HeadId> heads;
  std::vector<std::int64_t> rows;  ///< indices of response tokens; those a run lacks are left out
  Pooling pooling = Pooling::mean;
  friend bool operator==(const OverlaySelection&, const OverlaySelection&) = default;
};

/// Attention on the tokens of the prompt.
struct TokenMasses {
  std::vector<float> values;     ///< [prompt tokens]; with sign where it is a difference
  float largest = 0;             ///< largest magnitude of all of them
  float largest_text = 0;        ///< the same without the sink, tokens 0 and 1
  std::vector<float> documents;  ///< on every document: added up, for Pooling::max the largest
  float largest_document = 0;    ///< largest magnitude of those
  float sink = 0;                ///< on tokens 0 and 1: added up, for Pooling::max the larger one

  static bool is_sink(std::size_t token) { return token < 2; }
};

/// All heads of `selection` exist in `run` and have their rows' weights.
bool has_weights(const RunResult& run, const OverlaySelection& selection);

/// Multiply-adds that pooling over one run takes.
double pooling_work(const RunResult& run, const OverlaySelection& selection);

/// Pools rows and heads of `run` over the first `tokens` keys. With `baseline` the difference
/// run - baseline, over the rows that both have. Nothing without weights or rows, or once
/// `is_stale` (may be empty; asked before every head) says so.
std::optional<TokenMasses> pool_tokens(const RunResult& run, const RunResult* baseline,
                                       const OverlaySelection& selection, std::int64_t tokens,
                                       const std::function<bool()>& is_stale = {});

/// Fills `documents` of masses that were pooled by `pooling`.
void add_documents(const PromptView& prompt, Pooling pooling, TokenMasses& masses);

/// What every response row gives to `keys` together, pooled over the heads of `selection` alone
/// [rows of the run]: keys are added up, for Pooling::max the largest counts. With `baseline` the
/// difference over the rows that both have. Empty without weights.
std::vector<float> pool_rows(const RunResult& run, const RunResult* baseline,
                             const OverlaySelection& selection, TokenRange keys);

/// Where an intervention acts on the text.
struct TouchedTokens {
  std::vector<TokenRange> keys;        ///< marked keys S, disjoint; empty = the methods mark none
  std::int64_t first_row = 0;          ///< rows from this position on are edited
  bool marks(std::int64_t key) const;  ///< the key belongs to S
  bool edits_row(std::int64_t position) const { return position >= first_row; }
};

/// What was done in `run`; no rows and no keys where nothing was.
TouchedTokens touched_tokens(const RunResult& run, const PromptView& prompt);

}  // namespace headscope
