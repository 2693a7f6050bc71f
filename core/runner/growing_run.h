// A run of the model as it stands while its answer grows.
#pragma once

#include <chrono>
#include <cstdint>
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
    HeadId followed;  ///< whose weights add_row gets
    InterventionSettings settings;
    std::vector<HeadId> touched;
  };
  /// Tells nothing within `patience` of the time before: answers that are there sooner are shown
  /// when they are whole.
  GrowingRun(Asked asked, const AnswerContext& context,
             std::chrono::milliseconds patience = std::chrono::milliseconds(150));

  void add_token(std::int32_t id) { ids_.push_back(id); }
  /// The newest row; P-1 first.
  void add_row(const AttentionRow& row);

 private:
  CapturedAttention attention() const;
  /// The weights of the head that is followed, for the rows of `result`.
  void add_weights(RunResult& result) const;
  void tell();

  const Asked asked_;
  const AnswerContext& context_;
  std::vector<std::int32_t> ids_;
  std::vector<AttentionRow> rows_;
  const std::chrono::milliseconds patience_;
  std::chrono::steady_clock::time_point told_;
};

}  // namespace headscope
