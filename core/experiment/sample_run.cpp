#include "core/experiment/sample_run.h"

#include <algorithm>
#include <limits>

#include "core/model/memory.h"

namespace headscope {

TokenRange response_rows(RowConvention convention, std::int64_t response_tokens) {
  return convention == RowConvention::input ? TokenRange{1, 1 + response_tokens}
                                            : TokenRange{0, response_tokens};
}

InterventionsFor on_samples(const InterventionSet& set) {
  if (set.empty()) return {};
  return [&set](const SamplePrompt& prompt) {
    return set.for_prompt({prompt.encoding.offsets, prompt.built.gold_spans()},
                          WithoutGold::leave_out);
  };
}

std::optional<std::string> note_on_marks(const InterventionSet& set,
                                         std::span<const QaSample> samples) {
  const auto unmarked = std::count_if(samples.begin(), samples.end(), [](const QaSample& sample) {
    return !sample.gold_position();
  });
  if (unmarked == 0 || !set.needs_gold()) return std::nullopt;
  return std::to_string(unmarked) + " of " + std::to_string(samples.size()) +
         " samples have no gold document: what acts on gold documents is left out there";
}

namespace {

// Weights of every layer are kept for a while: too many are refused before the model runs.
Result<> require_room_for_rows(const Model& model, const SamplePrompt& prompt, int max_new_tokens) {
  const ModelConfig& config = model.config();
  const double rows = max_new_tokens + 1.0,
               keys = static_cast<double>(prompt.tokens()) + max_new_tokens;
  refresh_memory_limit();
  return require_memory("attention of the response rows in every layer",
                        4.0 * config.layers * config.heads * rows * keys,
                        "use a lower --max-new-tokens, or leave entropy and distance out");
}

}  // namespace

Result<SampleRun> run_sample(Model& model, const Tokenizer& tokenizer, const SamplePrompt& prompt,
                             const SampleRunOptions& options, const RunContext& context) {
  if (options.spread) HEADSCOPE_TRY(require_room_for_rows(model, prompt, options.max_new_tokens));
  GenerateRequest request;
  request.prompt_ids = prompt.encoding.ids;
  request.max_new_tokens = options.max_new_tokens;
  request.forced_response = options.forced_response;
  request.store = options.store;
  if (options.interventions) {
    HEADSCOPE_ASSIGN(request.interventions, options.interventions(prompt));
  }
  Capture capture;
  capture.span_sets = prompt.span_sets();
  capture.weights = options.spread;
  capture.edited_also = options.before_split;
  request.capture = std::move(capture);
  // The steps of one sample would drown the progress over samples.
  const RunContext quiet{context.is_cancelled, {}, {}};
  HEADSCOPE_ASSIGN(auto generation, model.generate(request, quiet));

  const CapturedAttention& attention = generation.attention;
  const TokenRange rows =
      response_rows(options.rows, static_cast<std::int64_t>(generation.ids.size()));
  const auto scores = [&](const std::vector<float>& sums) {
    return scores_from_span_sums(sums, attention.layers, attention.heads, attention.rows.size(),
                                 rows, prompt.layout());
  };
  SampleRun run;
  run.scores = scores(attention.span_sums);
  if (!attention.span_sums_before.empty()) run.scores_before = scores(attention.span_sums_before);
  if (options.spread) {
    run.spread = head_spread(attention.weights, run.scores.relevant.size(), attention.rows, rows,
                             attention.keys);
  }
  run.response = tokenizer.decode(generation.ids);
  run.stopped_at_eos = generation.stopped_at_eos;
  run.prompt_work = generation.prompt_work;
  run.ids = std::move(generation.ids);
  return run;
}

double mean_over_heads(const std::vector<float>& score, const HeadScores& scores,
                       const std::vector<HeadId>& heads) {
  if (score.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (const HeadId head : heads) sum += static_cast<double>(score[scores.index(head)]);
  if (!heads.empty()) return sum / static_cast<double>(heads.size());
  for (const float value : score) sum += static_cast<double>(value);
  return sum / static_cast<double>(score.size());
}

}  // namespace headscope
