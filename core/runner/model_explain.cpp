// ModelRunner: single response tokens and rows looked at closely.
#include <algorithm>

#include "core/analysis/logit_lens.h"
#include "core/runner/model_runner.h"
#include "core/runner/prompt_view.h"
#include "core/runner/run_plan.h"

namespace headscope {
namespace {

/// Residual streams of more rows than this many bytes are taken piece by piece.
constexpr std::int64_t most_bytes = std::int64_t{256} << 20;

LensLayer read_layer(std::span<const float> logits, std::span<const std::int32_t> followed,
                     const Tokenizer& tokenizer) {
  const LogitReading reading = read_logits(logits, lens_candidates, followed);
  LensLayer layer;
  for (const TokenStanding& token : reading.top) {
    layer.top.push_back(
        {token.id, tokenizer.token_label(token.id), static_cast<float>(token.probability)});
  }
  for (const TokenStanding& token : reading.followed) {
    layer.probability.push_back(static_cast<float>(token.probability));
    layer.rank.push_back(token.rank);
  }
  return layer;
}

}  // namespace

GenerateRequest ModelRunner::replay(const PromptView& prompt, const RunResult& run) {
  GenerateRequest request;
  request.prompt_ids = prompt_ids(prompt);
  for (const TokenView& token : run.response) request.forced_response.push_back(token.id);
  request.max_new_tokens = max_new_tokens_;
  store_belongs_to(request.prompt_ids);
  request.store = &store_;
  return request;
}

Result<GenerateRequest> ModelRunner::edited_replay(const PromptView& prompt, const RunResult& run) {
  GenerateRequest request = replay(prompt, run);
  HEADSCOPE_ASSIGN(request.interventions,
                   plan_interventions(run.settings, run.touched, prompt, directions_));
  return request;
}

Result<std::shared_ptr<const ResidualRows>> ModelRunner::residuals(const PromptView& prompt,
                                                                   const RunResult& run,
                                                                   std::int64_t token,
                                                                   const RunContext& context) {
  constexpr std::size_t kept = 2;
  HEADSCOPE_ASSIGN(const auto request, edited_replay(prompt, run));
  HeldResiduals held{request.prompt_ids, run.settings, run.touched, nullptr};
  held.ids.insert(held.ids.end(), request.forced_response.begin(), request.forced_response.end());
  for (const HeldResiduals& known : residuals_) {
    if (known.ids == held.ids && known.settings == held.settings && known.touched == held.touched &&
        known.rows->tokens.contains(token)) {
      return known.rows;
    }
  }
  const std::int64_t a_row =
      std::int64_t{4} * opened_->model->config().layers * opened_->model->config().hidden_size;
  const std::int64_t at_once = std::max<std::int64_t>(1, most_bytes / a_row);
  const std::int64_t count = std::ssize(request.forced_response);
  const std::int64_t begin = count <= at_once ? 0 : token;
  if (residuals_.size() >= kept) residuals_.pop_front();
  HEADSCOPE_ASSIGN(auto rows, opened_->model->residual_rows(
                                  request, {begin, std::min(count, begin + at_once)}, context));
  held.rows = std::make_shared<const ResidualRows>(std::move(rows));
  residuals_.push_back(held);
  return held.rows;
}

Result<std::shared_ptr<const LensRun>> ModelRunner::lens(const PromptView& prompt,
                                                         const RunResult& run, std::int64_t token,
                                                         const std::vector<std::int32_t>& followed,
                                                         const RunContext& context) {
  HEADSCOPE_TRY(require_model());
  if (token < 0 || token >= std::ssize(run.response)) {
    return fail(ErrorKind::usage, "logit lens: the response has no token " + std::to_string(token));
  }
  HEADSCOPE_ASSIGN(const auto rows, residuals(prompt, run, token, context));
  HEADSCOPE_ASSIGN(const auto logits, opened_->model->read_out(rows->at_token(token), context));
  const auto vocabulary = static_cast<std::size_t>(opened_->model->config().vocab_size);
  auto lens = std::make_shared<LensRun>();
  for (std::size_t layer = 0; layer < static_cast<std::size_t>(rows->layers); ++layer) {
    lens->layers.push_back(read_layer(std::span(logits).subspan(layer * vocabulary, vocabulary),
                                      followed, *opened_->tokenizer));
  }
  return lens;
}

Result<std::shared_ptr<const RowScores>> ModelRunner::row_scores(const PromptView& prompt,
                                                                 const RunResult& run, HeadId head,
                                                                 std::int64_t row,
                                                                 const RunContext& context) {
  HEADSCOPE_TRY(require_model());
  HEADSCOPE_ASSIGN(const auto source, row_source(prompt, run, head, context));
  HEADSCOPE_ASSIGN(auto parts, source->row(row));
  auto scores = std::make_shared<RowScores>();
  scores->first_key = parts.first_key;
  scores->base = std::move(parts.base);
  scores->focus = std::move(parts.focus);
  scores->log_factor = std::move(parts.log_factor);
  scores->weights = std::move(parts.weights);
  return scores;
}

}  // namespace headscope
