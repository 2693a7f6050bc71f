// The self-check of a loaded model (parity badge): the same probe, computed in different ways.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/parity_report.h"
#include "core/base/run_context.h"
#include "core/model/decoder_engine.h"

namespace headscope {

/// How much is run. Tokens beyond `tokens - steps` are decoded one by one.
struct ProbePlan {
  std::int64_t tokens = 0, steps = 0;  ///< 0 tokens: nothing, `note` says why
  std::string note;
};

/// A probe that should take no more than `seconds` (a guess from the model's size and the threads).
/// It is longer than the model's shortest sliding window where that is at all short.
ProbePlan plan_probe(const DecoderEngine& engine, double seconds);

/// Who computes what. The three are the same engine unless a test wants a wrong one.
struct ProbeEngines {
  const DecoderEngine& reference;  ///< one pass, reference attention
  const DecoderEngine& fused;      ///< one pass, fused attention
  const DecoderEngine& cached;     ///< fused attention, in pieces and steps from the cache
};

/// Compares logits and attention weights of the three on one probe. Throws Cancelled and what torch
/// throws.
ParityReport measure_parity(const ProbeEngines& engines, const ProbePlan& plan,
                            const RunContext& context);

}  // namespace headscope
