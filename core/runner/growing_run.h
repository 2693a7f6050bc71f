// A run of the model as it stands while its answer grows.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "core/engine/runner.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"

namespace headscope {

/// Collects tokens and rows of a generation, and tells what there is of it now and then.
class GrowingRun {
 public:
  /// What was asked for: goes into every result. `settings` and `touched` are those of the
  /// intervention in force.
  struct Asked {
    const PromptView& prompt;
    const Tokenizer& tokenizer;
    RowConvention convention;
    int layers = 0, heads = 0;
    InterventionSettings settings;
    std::vector<HeadId> touched;
  };
  /// Tells nothing within `patience` of the time before: answers that are there sooner are shown
  /// when they are whole.
  GrowingRun(Asked asked, const AnswerContext& context,
             std::chrono::milliseconds patience = std::chrono::milliseconds(150));

  void add_token(std::int32_t id) { ids_.push_back(id); }
  /// Mass of the newest row per head and set, [layers, heads, sets]; row P-1 first.
  void add_row(std::span<const float> masses);

 private:
  CapturedAttention attention() const;
  void tell();

  const Asked asked_;
  const AnswerContext& context_;
  std::vector<std::int32_t> ids_;
  std::vector<std::vector<float>> rows_;
  const std::chrono::milliseconds patience_;
  std::chrono::steady_clock::time_point told_;
};

}  // namespace headscope
