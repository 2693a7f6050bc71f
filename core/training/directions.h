// Training of focus directions (method.md 3) on cached keys and queries of the
// frozen model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/intervention/spec.h"
#include "core/model/model.h"

namespace headscope {

/// What one sample contributes: keys of every position and queries at the
/// response rows R, of the unedited model over the full prompt and the answer
/// to the gold-only prompt.
struct DirectionSample {
  QueryKeyCapture capture;
  TokenSet gold;  ///< tokens of the gold document in the full prompt
};

/// Shape of the model that the samples come from.
struct DirectionShape {
  int layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
  double scale = 0;                        ///< factor on query-key products
  double softcap = 0;                      ///< scores become cap * tanh(score / cap); 0 = none
  std::vector<std::int64_t> windows = {};  ///< per layer, 0 = none; empty = none at all
};

struct DirectionTrainingOptions {
  int epochs = 10;
  double learning_rate = 1e-3;
  double init_deviation = 0.01;
  double weight_decay = 0.01;  ///< of AdamW, decoupled
  std::uint64_t seed = 0;      ///< of the first vectors and of the order of samples
};

/// One epoch: per layer the mean over samples, heads and rows, as the samples
/// were passed.
struct DirectionEpoch {
  std::vector<double> loss;           ///< minus the relevant mass with alpha = 1
  std::vector<double> relevant_mass;  ///< the same mass, as it is read elsewhere
};

struct DirectionTraining {
  Directions directions;
  std::vector<DirectionEpoch> epochs;  ///< those that were finished
  bool cancelled = false;              ///< stopped early: `directions` are those so far
};

/// AdamW with batch 1 on: minus the mean over heads and rows t in R of the sum
/// over gold keys j of softmax_j(scale (q_t + d_q) . (k_j + d_k)), alpha = 1,
/// soft-cap and window as the model has them. Heads and layers are independent
/// given the inputs, so all are trained in one pass over the samples.
///
/// Without a soft-cap the key half shifts every score of a row by the same
/// scale q'_t . d_k, so its exact gradient is zero: it stays at its start (N(0,
/// init_deviation^2)) apart from weight decay. What other implementations learn
/// there is rounding noise that Adam amplifies. Under a soft-cap the shift
/// acts, and the key half is trained too.
///
/// Errors: samples that do not have `shape`, no samples. Cancelled: what was
/// trained so far.
Result<DirectionTraining> train_directions(std::span<const DirectionSample> samples,
                                           const DirectionShape& shape,
                                           const DirectionTrainingOptions& options,
                                           const RunContext& context);

/// Mean over samples and rows R of each head's relevant mass [layers * heads]
/// with `directions` at strength `alpha`, everything else unedited; the
/// held-out check of a training.
Result<std::vector<float>> relevant_mass(std::span<const DirectionSample> samples,
                                         const DirectionShape& shape, const Directions& directions,
                                         double alpha, const RunContext& context);

/// Random directions whose vectors have the norms of `like` (query and key
/// each): the control.
Directions random_directions(const Directions& like, std::uint64_t seed);

}  // namespace headscope
