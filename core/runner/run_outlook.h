// What running a prompt on a model will take: memory and time of every capture policy. Torch-free.
#pragma once

#include <cstdint>
#include <string>

#include "core/engine/snapshot.h"
#include "core/model/model.h"

namespace headscope {
/// Sizes that memory and time follow from.
struct OutlookQuestion {
  std::int64_t prompt_tokens = 0;
  std::int64_t new_tokens = 0;  ///< at most; the context bounds them too
  std::int64_t sets = 0;        ///< key sets of span sums
  KeepAttention wanted = KeepAttention::automatic;
  double weights_budget = 0;  ///< rows are chosen automatically up to this many bytes
  bool measure = false;       ///< the machine, even where a slow one would need less than a second
  std::string dtype = "float32", device = "cpu";  ///< as the model says of itself
};

/// Measures the machine when that matters and was not done yet (about 0.1 s): a run that takes less
/// than a second on a slow machine is estimated for that one.
RunOutlook look_ahead(const ModelConfig& config, const OutlookQuestion& question);
/// Of a loaded model: dtype and device follow from it.
RunOutlook look_ahead(const Model& model, OutlookQuestion question);

/// Of one pass over `tokens` tokens that keeps `capture` and the logits of its rows.
RunOutlook pass_outlook(const Model& model, std::int64_t tokens, const Capture& capture);

}  // namespace headscope
