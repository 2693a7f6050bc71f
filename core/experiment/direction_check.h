// What trained directions do on samples that were held out (method.md 3): the claim, its controls
// and its agreement between seeds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/analysis/statistics.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"
#include "core/training/directions.h"

namespace headscope {
/// What trained directions are compared on.
struct DirectionCheckOptions {
  /// The heads that the directions are meant for, as contextual_heads chooses them; "all heads" are
  /// reported beside them.
  std::vector<HeadId> heads;
  double alpha = 0.3;  ///< strength of the comparisons: the default of the product
  std::vector<double> alphas = {-0.5, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0};  ///< the scan
  int random_seeds = 5;  ///< random directions of equal norm
  std::uint64_t seed = 0;
};

/// Mean masses over samples, rows and a group of heads, and relevant / (relevant + irrelevant): the
/// mean over samples of the share of each sample's masses.
struct ShareOfContext {
  double relevant = 0, irrelevant = 0, share = 0;
  std::vector<double> shares = {};  ///< of each sample
};

/// What happens under one choice of directions, for the chosen heads and for all.
struct DirectionEffect {
  double alpha = 0;
  std::uint64_t seed = 0;  ///< of random directions
  ShareOfContext chosen, all;
  Interval gain = {};  ///< 95 % of its share - unedited share of the chosen heads, over samples
};
/// Trained directions beside random ones and none, on the same samples.
struct DirectionCheck {
  std::int64_t samples = 0;
  std::vector<HeadId> heads;
  DirectionEffect unedited, trained;    ///< trained: query and key half
  DirectionEffect query_half;           ///< without the key half
  double key_half_changes = 0;          ///< largest change of one head's mass in one sample by it
  std::vector<DirectionEffect> random;  ///< of equal norm, one a seed
  std::vector<DirectionEffect> scan;    ///< trained directions at each alpha
  Interval over_random;  ///< 95 % of trained - mean of random, shares of the chosen heads
};

/// Attention of every head on held-out samples with everything else unedited: exact for each head
/// taken alone. Errors: no samples, shapes that do not fit, cancelled.
Result<DirectionCheck> check_directions(DirectionSamples& held_out, const DirectionShape& shape,
                                        const Directions& directions,
                                        const DirectionCheckOptions& options,
                                        const RunContext& context);

/// The `count` heads with the largest mean relevant mass on `samples`, unedited, descending.
Result<std::vector<HeadId>> contextual_heads(DirectionSamples& samples, const DirectionShape& shape,
                                             std::size_t count, const RunContext& context);

/// As stored and printed under "held_out".
Json to_json(const DirectionCheck& check);

}  // namespace headscope
