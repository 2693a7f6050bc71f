// Model::generate: prefill, then one token after another.
#include <algorithm>
#include <chrono>
#include <optional>

#include <ATen/ATen.h>

#include "core/model/model_impl.h"
#include "core/model/sampler.h"

namespace headscope {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Feeds a growing sequence to the engine; with or without a cache the results are the same.
class Decoding {
 public:
  Decoding(const DecoderEngine& engine, const GenerateRequest& request, EngineOptions options,
           AttentionCapture* capture, std::int64_t capacity)
      : engine_(engine),
        use_cache_(request.use_cache),
        options_(options),
        capture_(capture),
        ids_(request.prompt_ids),
        capacity_(capacity) {
    if (use_cache_) cache_ = engine_.new_cache(capacity_);
  }

  void append(std::int32_t id) { ids_.push_back(id); }
  std::int64_t length() const { return static_cast<std::int64_t>(ids_.size()); }

  /// Runs what is new and returns the hidden state of the last row, capturing that row.
  at::Tensor run(const RunContext& context) {
    if (!use_cache_) cache_ = engine_.new_cache(capacity_);
    const TokenRange last{length() - 1, length()};
    if (capture_ != nullptr) capture_->set_rows(last);
    options_.hidden_rows = last;
    const auto fresh = std::span(ids_).subspan(static_cast<std::size_t>(cache_->length()));
    return engine_.run(fresh, *cache_, options_, context);
  }

  std::vector<float> logits(const at::Tensor& hidden, const RunContext& context) const {
    const auto row = engine_.logits(hidden, context).contiguous();
    const float* data = row.const_data_ptr<float>();
    return std::vector<float>(data, data + row.numel());
  }

 private:
  const DecoderEngine& engine_;
  bool use_cache_;
  EngineOptions options_;
  AttentionCapture* capture_;
  std::vector<std::int32_t> ids_;
  std::int64_t capacity_;
  std::optional<KvCache> cache_;
};

/// Records one chosen token.
void keep_token(Generation& out, const GenerateRequest& request, std::span<const float> logits,
                std::int32_t id) {
  out.ids.push_back(id);
  out.log_probabilities.push_back(log_probability(logits, id));
  if (request.candidates > 0) out.candidates.push_back(most_likely(logits, request.candidates));
}

/// Teacher forcing: prompt and response in one pass, which is the same as step by step.
Result<Generation> run_forced(const DecoderEngine& engine, const GenerateRequest& request,
                              EngineOptions options, AttentionCapture* capture,
                              const RunContext& context) {
  const auto start = std::chrono::steady_clock::now();
  const auto prompt = static_cast<std::int64_t>(request.prompt_ids.size());
  const auto count = static_cast<std::int64_t>(request.forced_response.size());
  std::vector<std::int32_t> ids = request.prompt_ids;
  ids.insert(ids.end(), request.forced_response.begin(), request.forced_response.end());
  options.hidden_rows = {prompt - 1, prompt - 1 + count};
  if (capture != nullptr) capture->set_rows({prompt - 1, prompt + count});
  KvCache cache = engine.new_cache(prompt + count);
  const auto hidden = engine.run(ids, cache, options, context);
  Generation out;
  const auto logits = engine.logits(hidden, context).contiguous();
  for (std::int64_t i = 0; i < count; ++i) {
    const float* row = logits.const_data_ptr<float>() + i * logits.size(1);
    const std::span<const float> scores(row, static_cast<std::size_t>(logits.size(1)));
    keep_token(out, request, scores, request.forced_response[static_cast<std::size_t>(i)]);
  }
  out.prefill_seconds = seconds_since(start);
  return out;
}

Result<Generation> run_sampled(const DecoderEngine& engine, const GenerateRequest& request,
                               EngineOptions options, AttentionCapture* capture,
                               const RunContext& context) {
  HEADSCOPE_ASSIGN(Sampler sampler, Sampler::create(request.sampling));
  const auto prompt = static_cast<std::int64_t>(request.prompt_ids.size());
  const std::int64_t room = engine.config().context_length - prompt;
  const std::int64_t limit = std::min<std::int64_t>(request.max_new_tokens, room);
  const auto& eos = engine.config().eos_ids;
  auto start = std::chrono::steady_clock::now();
  Decoding decoding(engine, request, options, capture, prompt + limit);
  auto hidden = decoding.run(context);
  Generation out;
  out.prefill_seconds = seconds_since(start);
  start = std::chrono::steady_clock::now();
  while (static_cast<std::int64_t>(out.ids.size()) < limit) {
    poll(context);
    const auto logits = decoding.logits(hidden, context);
    HEADSCOPE_ASSIGN(const std::int32_t id, sampler.pick(logits));
    out.stopped_at_eos = std::find(eos.begin(), eos.end(), id) != eos.end();
    if (out.stopped_at_eos) break;
    keep_token(out, request, logits, id);
    if (request.on_token) request.on_token(id);
    context.progress("decode", double(out.ids.size()), double(limit));
    decoding.append(id);
    // Nothing is predicted from the last token, but its row of attention may be wanted.
    const bool is_last = static_cast<std::int64_t>(out.ids.size()) == limit;
    if (!is_last || capture != nullptr) hidden = decoding.run(context);
  }
  out.decode_seconds = seconds_since(start);
  return out;
}

}  // namespace

Result<> Model::Impl::check_request(const GenerateRequest& request) const {
  HEADSCOPE_TRY(check_ids(request.prompt_ids));
  if (request.max_new_tokens < 0)
    return fail(ErrorKind::usage, "max-new-tokens must not be negative");
  if (request.candidates < 0)
    return fail(ErrorKind::usage, "the number of candidates must not be negative");
  if (request.forced_response.empty()) return {};
  std::vector<std::int32_t> all = request.prompt_ids;
  all.insert(all.end(), request.forced_response.begin(), request.forced_response.end());
  return check_ids(all);
}

Result<Generation> Model::Impl::generate(const GenerateRequest& request, const RunContext& context,
                                         double memory_scale) const {
  HEADSCOPE_TRY(check_request(request));
  const auto prompt = static_cast<std::int64_t>(request.prompt_ids.size());
  HEADSCOPE_ASSIGN(const auto edit_tensors, edits(request.interventions, prompt));
  const auto forced = static_cast<std::int64_t>(request.forced_response.size());
  const std::int64_t room = engine.config().context_length - prompt;
  const std::int64_t most =
      forced > 0 ? forced : std::min<std::int64_t>(request.max_new_tokens, room);
  HEADSCOPE_TRY(require_room(prompt, most,
                             plan_of(request.capture ? &*request.capture : nullptr, most + 1,
                                     std::max<std::int64_t>(1, forced))));
  EngineOptions options;
  options.backend = request.backend;
  options.edits = &edit_tensors;
  options.memory_scale = memory_scale;
  std::optional<AttentionCapture> capture;
  if (request.capture) {
    HEADSCOPE_ASSIGN(capture, AttentionCapture::create(*request.capture, {}, engine.config().heads,
                                                       engine.placement().device_of_layers()));
    options.observer = &*capture;
  }
  AttentionCapture* observer = capture ? &*capture : nullptr;
  HEADSCOPE_ASSIGN(Generation out, request.forced_response.empty()
                                       ? run_sampled(engine, request, options, observer, context)
                                       : run_forced(engine, request, options, observer, context));
  if (capture) {
    const std::int64_t end = prompt + static_cast<std::int64_t>(out.ids.size());
    out.attention = capture->finish({prompt - 1, end}, end);
  }
  return out;
}

}  // namespace headscope
