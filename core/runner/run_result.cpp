#include "core/runner/run_result.h"

#include <algorithm>

#include "core/analysis/metrics.h"
#include "core/base/make_large.h"
#include "core/runner/prompt_view.h"

namespace headscope {
namespace {

// Rows [first, first + rows) of each head's block of `captured` rows with `width` numbers.
struct RowWindow {
  std::int64_t captured = 0, first = 0, rows = 0, width = 0;

  const float* of_head(const std::vector<float>& values, std::size_t head) const {
    return values.data() + (static_cast<std::int64_t>(head) * captured + first) * width;
  }
  std::size_t size() const { return static_cast<std::size_t>(rows * width); }
};

RowWindow row_window(const RunResult& result, const CapturedAttention& attention) {
  RowWindow window{attention.rows.size(), result.rows.begin - attention.rows.begin,
                   result.rows.size(), 0};
  window.first = std::clamp<std::int64_t>(window.first, 0, window.captured);
  window.rows = std::min(window.rows, window.captured - window.first);
  return window;
}

Result<> copy_weights(const CapturedAttention& attention, RowWindow window,
                      std::int64_t first_layer, const RunContext& context, RunResult& result) {
  if (attention.weights.empty()) return {};
  window.width = attention.keys;
  const auto heads = static_cast<std::size_t>(result.heads);
  const std::size_t first = static_cast<std::size_t>(first_layer) * heads;
  result.weights.resize(static_cast<std::size_t>(result.layers) * heads);
  for (std::size_t head = 0; head < static_cast<std::size_t>(attention.layers) * heads; ++head) {
    if (context.cancelled()) return fail(ErrorKind::cancelled, "cancelled");
    const float* begin = window.of_head(attention.weights, head);
    result.weights[first + head] =
        make_large<const std::vector<float>>(begin, begin + window.size());
  }
  return {};
}

void copy_span_sums(const CapturedAttention& attention, RowWindow window, RunResult& result) {
  window.width = result.sets;
  const auto heads =
      static_cast<std::size_t>(result.layers) * static_cast<std::size_t>(result.heads);
  if (attention.span_sums.size() < heads * static_cast<std::size_t>(window.captured * window.width))
    return;
  for (std::size_t head = 0; head < heads; ++head) {
    const float* begin = window.of_head(attention.span_sums, head);
    result.span_sums.insert(result.span_sums.end(), begin, begin + window.size());
  }
}

std::vector<std::vector<CandidateView>> candidate_views(
    const std::vector<std::vector<Candidate>>& steps, const Tokenizer& tokenizer) {
  std::vector<std::vector<CandidateView>> views(steps.size());
  for (std::size_t step = 0; step < steps.size(); ++step) {
    for (const Candidate& c : steps[step])
      views[step].push_back({c.id, tokenizer.token_label(c.id), c.probability});
  }
  return views;
}

}  // namespace

Result<std::shared_ptr<RunResult>> make_run_result(
    const PromptView& prompt, const Generation& generation, RowConvention convention,
    const Tokenizer& tokenizer, const RunContext& context, TokenRange captured, int model_layers) {
  auto result = make_large<RunResult>();
  const CapturedAttention& attention = generation.attention;
  const auto count = static_cast<std::int64_t>(generation.ids.size());
  result->response = response_tokens(generation.ids, tokenizer);
  result->candidates = candidate_views(generation.candidates, tokenizer);
  result->response_text = tokenizer.decode(generation.ids);
  result->stopped_at_eos = generation.stopped_at_eos;
  result->matches_answer = best_subspan_em(result->response_text, prompt.answers);
  const bool whole = captured.size() == 0 || captured.size() == model_layers;
  result->layers = whole ? attention.layers : model_layers;
  result->heads = attention.heads;
  result->keys = prompt.prompt_tokens() + count;
  const std::int64_t first =
      prompt.prompt_tokens() - (convention == RowConvention::predict ? 1 : 0);
  result->rows = {first, first + count};
  result->sets = static_cast<int>(prompt.documents.size()) + 1;
  const RowWindow window = row_window(*result, attention);
  HEADSCOPE_TRY(copy_weights(attention, window, captured.begin, context, *result));
  result->seconds = generation.prefill_seconds + generation.decode_seconds;
  if (!whole) return result;
  copy_span_sums(attention, window, *result);
  const SpanLayout layout{static_cast<int>(prompt.documents.size()), prompt.gold_documents()};
  result->scores = scores_from_span_sums(result->span_sums, result->layers, result->heads,
                                         result->rows.size(), {0, result->rows.size()}, layout);
  return result;
}

}  // namespace headscope
