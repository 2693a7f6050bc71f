// What a model's self-check found: plain values that the window, the command line and tests share.
#pragma once

#include <cstdint>
#include <string>

namespace headscope {

/// Differences between ways of computing the same thing on a short probe of random tokens. Logits
/// are compared relative to the largest logit of the probe, attention weights as they are.
struct ParityReport {
  std::int64_t tokens = 0;     ///< length of the probe; 0 = not checked
  std::int64_t steps = 0;      ///< of these, decoded one by one from the cache
  double cache_error = 0;      ///< cached pieces and steps against one pass, fused
  double backend_error = 0;    ///< fused against reference attention, one pass
  double attention_error = 0;  ///< captured weights, cached and fused against reference
  double logit_tolerance = 0, attention_tolerance = 0;  ///< for the model's dtype
  double seconds = 0;
  std::string note;  ///< why it was shortened or left out; empty = nothing was

  bool checked() const { return tokens > 0; }
  /// Whether all errors are numbers within tolerance; false where nothing was checked.
  bool good() const;
  /// The largest error as a share of its tolerance: what the badge goes by.
  double worst() const;
};

/// "parity ok 3.1e-07" (the largest error of logits), "parity off ..." where an error is beyond its
/// tolerance, or "parity not checked".
std::string parity_badge(const ParityReport& report);

/// One line a finding, for a tooltip or a note.
std::string parity_text(const ParityReport& report);

}  // namespace headscope
