// Auto alpha on a loaded model (method.md 3): the scan on one cached run, and the exact run that
// verifies what was chosen.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/analysis/auto_alpha.h"
#include "core/engine/snapshot.h"
#include "core/intervention/spec.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"

namespace headscope {
/// What is scanned, and over which heads.
struct AlphaRunOptions {
  std::vector<HeadId> heads;
  std::shared_ptr<const Directions> directions;
  std::vector<double> alphas = default_alphas();  ///< 0 among them
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
};

/// One prompt answered at one strength.
struct AlphaOutcome {
  AttentionShares shares;  ///< exact
  std::string response;
  bool correct = false;  ///< best_subspan_em; false without expected answers
};

/// Answers without intervention and scans. `outcome` is what that run gave. Errors: a model whose
/// scores are capped (its weights do not tell them), an empty response, out of memory.
Result<std::vector<AlphaPoint>> scan_prompt(Model& model, const Tokenizer& tokenizer,
                                            const PromptView& prompt,
                                            const AlphaRunOptions& options, AlphaOutcome& outcome,
                                            const RunContext& context);

/// Answers with focus at `alpha`.
Result<AlphaOutcome> run_at_alpha(Model& model, const Tokenizer& tokenizer,
                                  const PromptView& prompt, const AlphaRunOptions& options,
                                  double alpha, const RunContext& context);

}  // namespace headscope
