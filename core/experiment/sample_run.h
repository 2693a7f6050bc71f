// One sample through the model: the answer, and every head's attention mass while it is written.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/analysis/head_scores.h"
#include "core/analysis/row_metrics.h"
#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/experiment/intervention_set.h"
#include "core/experiment/sample_prompt.h"
#include "core/model/model.h"
#include "core/sweep/result_lines.h"

namespace headscope {

/// Reasons for leaving a sample out.
inline constexpr const char* skip_too_long = "prompt longer than the context";
inline constexpr const char* skip_no_gold = "no gold document";
inline constexpr const char* skip_empty_response = "empty response";
inline constexpr const char* skip_empty_gold_only = "empty response to the gold-only prompt";

/// What to change on one prompt; an empty function = nothing.
using InterventionsFor = std::function<Result<std::vector<Intervention>>(const SamplePrompt&)>;

/// `set` on the samples of a data set; split-softmax is left out where no document is gold. The
/// function refers to `set`.
InterventionsFor on_samples(const InterventionSet& set);

/// What a user should know when `set` needs gold documents that some samples lack; else nothing.
std::optional<std::string> note_on_marks(const InterventionSet& set,
                                         std::span<const QaSample> samples);
/// How one sample is run.
struct SampleRunOptions {
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  InterventionsFor interventions = {};
  bool spread = false;        ///< entropy and distance too: keeps the weights of the rows meanwhile
  bool before_split = false;  ///< scores before split-softmax too
  /// Tokens to feed instead of decoding (teacher forcing); empty = greedy decoding.
  std::vector<std::int32_t> forced_response = {};
  PromptStore* store = nullptr;  ///< of the runs over this prompt; null = none
};
/// What the model answered, and where it looked.
struct SampleRun {
  std::vector<std::int32_t> ids;  ///< of the response
  std::string response;
  bool stopped_at_eos = false;
  HeadScores scores;                        ///< NaN where the response is empty
  std::optional<HeadSpread> spread;         ///< if asked for
  std::optional<HeadScores> scores_before;  ///< before split-softmax, if asked for
  PromptWork prompt_work;
};

/// Greedy decoding, or the forced response, and span sums over the documents and the sink; no
/// weights are kept.
Result<SampleRun> run_sample(Model& model, const Tokenizer& tokenizer, const SamplePrompt& prompt,
                             const SampleRunOptions& options, const RunContext& context);

/// Several ways to run one prompt, whose new tokens agree; without forced responses. They decode
/// side by side (Model::generate_together), so numbers are those of run_sample up to rounding.
Result<std::vector<SampleRun>> run_sample_together(Model& model, const Tokenizer& tokenizer,
                                                   const SamplePrompt& prompt,
                                                   std::span<const SampleRunOptions> options,
                                                   const RunContext& context);

/// Mean of a score (one of `scores`) over heads, all of them where none is named; NaN without any.
double mean_over_heads(const std::vector<float>& score, const HeadScores& scores,
                       const std::vector<HeadId>& heads);

/// The masses of a row of results: means over `heads`, before mass is moved where that was kept.
template <class Row>
void put_masses(const SampleRun& run, const std::vector<HeadId>& heads, Row& row) {
  const HeadScores& scores = run.scores_before ? *run.scores_before : run.scores;
  row.relevant_mass = mean_over_heads(scores.relevant, scores, heads);
  row.irrelevant_mass = mean_over_heads(scores.irrelevant_sum, scores, heads);
  row.sink_mass = mean_over_heads(scores.sink, scores, heads);
}

/// Rows of a generation's capture (P-1..P+n-1) that `convention` means, for n response tokens.
TokenRange response_rows(RowConvention convention, std::int64_t response_tokens);

}  // namespace headscope
