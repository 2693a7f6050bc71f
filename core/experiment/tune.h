// Which strength and how many heads serve one prompt best: a small grid, every cell run exactly.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/run_context.h"
#include "core/intervention/spec.h"
#include "core/model/model.h"
#include "core/text/chat_prompt.h"
#include "core/text/prompt.h"

namespace headscope {
/// Settings that are tried on a prompt.
struct TuneGrid {
  std::vector<double> alphas;  ///< of focus directions; 0 is always tried
  std::vector<double> taus;    ///< of split-softmax; needs a relevant document
  std::vector<int> top_ks;     ///< ascending
  std::vector<HeadId> ranking;
  std::shared_ptr<const Directions> directions;  ///< with alphas
  /// The right answer as text that follows the prompt. Empty: the model's own unedited answer is
  /// fed to it, and what is measured is attention.
  std::string answer;
  int max_new_tokens = 100;
};

/// One setting; alpha = 0 and tau = 1: nothing is changed.
struct TuneRow {
  double alpha = 0, tau = 1;
  int top_k = 0;
  double log_probability = 0;  ///< of the answer that is fed, nats, all of it
  /// Share of the relevant (or likely) documents in the attention on all documents: mean over the
  /// first heads of the ranking (those of the largest k) and the answer's rows; NaN without either.
  double relevant_share = 0;
};
/// What they came to, and the best of them.
struct TuneResult {
  std::vector<TuneRow> rows;  ///< the first one changes nothing
  std::size_t best = 0;
  bool by_answer = false;  ///< best = highest log-probability; else highest relevant share
  std::string answer;      ///< that was fed
  int document = -1;       ///< index of the relevant or likely document; -1 = none
  bool likely = false;     ///< it is a guess
};

/// Errors: nothing to try, taus without a relevant document, an empty answer, a prompt beyond the
/// context; without an answer a prompt whose relevant document nobody knows.
Result<TuneResult> tune(Model& model, const PromptEncoder& encoder, const BuiltPrompt& prompt,
                        const TuneGrid& grid, const RunContext& context);
/// As `tune` prints it.
Json to_json(const TuneResult& result);

}  // namespace headscope
