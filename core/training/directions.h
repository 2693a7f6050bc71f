// Training of focus directions (method.md 3) on cached keys and queries of the
// frozen model.
#pragma once

#include <cstdint>
#include <functional>
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
  TokenSet gold;             ///< tokens of the gold document in the full prompt
  TokenSet irrelevant = {};  ///< tokens of all other documents; only masses look at them
};

/// Samples wherever they are: in memory, or in a file that is read piece by piece.
class DirectionSamples {
 public:
  virtual ~DirectionSamples() = default;
  virtual std::size_t size() const = 0;  ///< samples
  /// What is pointed at is valid until the next call.
  virtual Result<const DirectionSample*> at(std::size_t index) = 0;
};

/// Samples that somebody else keeps in memory.
class SamplesInMemory final : public DirectionSamples {
 public:
  explicit SamplesInMemory(std::span<const DirectionSample> samples) : samples_(samples) {}
  std::size_t size() const override { return samples_.size(); }
  Result<const DirectionSample*> at(std::size_t index) override { return &samples_[index]; }

 private:
  std::span<const DirectionSample> samples_;
};

/// Shape of the model that the samples come from.
struct DirectionShape {
  int layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
  double scale = 0;                        ///< factor on query-key products
  double softcap = 0;                      ///< scores become cap * tanh(score / cap); 0 = none
  std::vector<std::int64_t> windows = {};  ///< per layer, 0 = none; empty = none at all
};
/// That of a model with this config.
DirectionShape direction_shape(const ModelConfig& config);
/// The method's hyperparameters (method.md 3).
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
/// Trained directions and how the loss went.
struct DirectionTraining {
  Directions directions;
  std::vector<DirectionEpoch> epochs;  ///< those that were finished
  bool cancelled = false;              ///< stopped early: `directions` are those so far
};

/// A training between two epochs: from here the rest runs to the same bits.
struct DirectionTrainingState {
  Directions directions;
  std::vector<DirectionEpoch> epochs;
  /// AdamW's moments, each with the shape of the directions.
  std::vector<float> query_first, query_second, key_first, key_second;
};

/// How a training that may be killed goes on.
struct DirectionTrainingProgress {
  const DirectionTrainingState* resume = nullptr;  ///< go on from here; null = from the start
  /// Called after each epoch; an error ends the training with it. May be empty.
  std::function<Result<>(const DirectionTrainingState&)> on_epoch = {};
};

/// The vectors that training begins with: N(0, init_deviation^2).
Directions first_directions(const DirectionShape& shape, const DirectionTrainingOptions& options);

/// The order in which each epoch passes over `samples` samples.
std::vector<std::vector<std::size_t>> sample_orders(std::size_t samples,
                                                    const DirectionTrainingOptions& options);

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
Result<DirectionTraining> train_directions(DirectionSamples& samples, const DirectionShape& shape,
                                           const DirectionTrainingOptions& options,
                                           const RunContext& context,
                                           const DirectionTrainingProgress& progress = {});
Result<DirectionTraining> train_directions(std::span<const DirectionSample> samples,
                                           const DirectionShape& shape,
                                           const DirectionTrainingOptions& options,
                                           const RunContext& context);

/// Directions at one strength, to look at what they do.
struct DirectionVariant {
  const Directions* directions = nullptr;
  double alpha = 0;
  bool key_half = true;  ///< add alpha * d_k to the keys as well
};

/// Mass of each head on relevant and irrelevant documents, mean over rows R: [samples, layers *
/// heads].
struct DirectionMasses {
  std::vector<float> relevant, irrelevant;
};

/// What each variant does to every head while everything else stays unedited; one pass over the
/// samples. The key half is computed where it is asked for, although without a soft-cap it only
/// shifts the scores of a row. Errors: shapes that do not fit, no samples, cancelled.
Result<std::vector<DirectionMasses>> direction_masses(DirectionSamples& samples,
                                                      const DirectionShape& shape,
                                                      std::span<const DirectionVariant> variants,
                                                      const RunContext& context);

/// Mean over samples of each head's relevant mass [layers * heads] with `directions` at strength
/// `alpha`.
Result<std::vector<float>> relevant_mass(std::span<const DirectionSample> samples,
                                         const DirectionShape& shape, const Directions& directions,
                                         double alpha, const RunContext& context);

/// Random directions whose vectors have the norms of `like` (query and key
/// each): the control.
Directions random_directions(const Directions& like, std::uint64_t seed);

}  // namespace headscope
