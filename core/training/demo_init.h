// First weights of the embedded model.
//
// Associative recall ("whose fact is it?") sits on a long plateau when training starts from plain
// noise. Three properties that trained transformers have anyway end it within minutes when they are
// there from the start ("mimetic" initialisation, Trockman & Kolter 2023, arXiv 2305.09828):
// local heads in the first layer that average the tokens just before; in higher layers a few heads
// whose queries resemble their keys, so that like finds like, and whose output projection is the
// transpose of their value projection, so that what is found is passed on; and a resting place on
// the first token for rows in which nothing is found. Nothing here knows the task or its tokens.
#pragma once

#include <cstdint>

#include "core/config/config.h"
#include "core/model/decoder.h"

namespace headscope {
/// How many heads begin local or matching, and how strongly.
struct DemoInitOptions {
  int local_heads = 4;             ///< of layer 0: average the tokens about two back
  int previous_heads = 2;          ///< of layer 0, after those: the token before
  int matching_heads = 2;          ///< of every higher layer
  double query_key_overlap = 0.8;  ///< correlation of the rows of W_q and W_k in matching heads
  double query_key_gain = 1.2;     ///< standard deviation of the entries of W_q x and W_k x
  int muted_frequencies = 5;       ///< fastest rotary frequencies, useless over hundreds of tokens
  double sink_score = 4.0;         ///< score of the first token in matching heads
};

/// fp32 weights on the CPU for a Llama with untied embeddings; the same on every machine up to the
/// rounding of exp and log.
DecoderWeights demo_initial_weights(const ModelConfig& config, std::uint64_t seed,
                                    const DemoInitOptions& options = {});

/// Shape of the embedded model.
ModelConfig demo_model_config();

}  // namespace headscope
