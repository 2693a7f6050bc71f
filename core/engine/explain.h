// What is asked of single response tokens and rows, beside the runs: the logit lens, and the scores
// of one row of attention in their parts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/engine/snapshot.h"

namespace headscope {

/// How many likeliest tokens the lens keeps of each layer.
inline constexpr int lens_candidates = 6;

/// What the model would say next if it ended after a layer: final norm and output matrix applied to
/// the residual stream there.
struct LensLayer {
  std::vector<CandidateView> top;  ///< likeliest first, lens_candidates of them
  /// Of LogitLens::followed, in that order: probability, and place among all tokens from 1.
  std::vector<float> probability;
  std::vector<std::int64_t> rank;
};

/// The layers of one run at the row where a response token was chosen, from the first to the last.
struct LensRun {
  std::vector<LensLayer> layers;
};

/// A token whose way through the layers is followed.
struct FollowedToken {
  std::int32_t id = 0;
  std::string text;
  bool baseline = false, intervened = false;  ///< chosen in that run
  bool expected = false;                      ///< an expected answer begins with it
};

/// The logit lens at one response token, of both runs.
struct LogitLens {
  std::int64_t token = 0;                               ///< index into the responses
  std::vector<FollowedToken> followed;                  ///< no two have the same id
  std::shared_ptr<const RunResult> before, after;       ///< the runs it belongs to
  std::shared_ptr<const LensRun> baseline, intervened;  ///< null: this response is shorter
};

/// One row of attention of one head in its parts, over the keys that the row sees. With
/// s = base + focus: weights are softmax(s) * exp(log_factor), and sum to one.
struct RowScores {
  std::int64_t first_key = 0;
  std::vector<float> base;        ///< scale * q . k, after the soft-cap where there is one
  std::vector<float> focus;       ///< what directions add to it
  std::vector<float> log_factor;  ///< ln of what methods that move mass multiply the weight by
  std::vector<float> weights;     ///< after everything

  std::int64_t end() const { return first_key + static_cast<std::int64_t>(weights.size()); }
};

/// A row of both runs. Tokens before it may differ from where the responses part.
struct ScoreSplit {
  HeadId head;
  std::int64_t row = 0;                                   ///< position of the query
  std::shared_ptr<const RunResult> before, after;         ///< the runs it belongs to
  std::shared_ptr<const RowScores> baseline, intervened;  ///< null: this response is shorter
};

/// Tokens to follow at response token `token`: those chosen there, then how answers may begin.
std::vector<FollowedToken> followed_tokens(const PromptView& prompt, const RunResult& baseline,
                                           const RunResult& intervened, std::int64_t token);

/// A key of a row and what became of its weight.
struct KeyShift {
  std::int64_t key = 0;
  float before = 0, after = 0;  ///< weights
  float base = 0, focus = 0, log_factor = 0;
  float moved_base = 0;  ///< base score, less that of the unedited run: what edits below changed
};

/// Every key that both rows have, largest weight (of either run) first.
std::vector<KeyShift> key_shifts(const RowScores& baseline, const RowScores& intervened);

}  // namespace headscope
