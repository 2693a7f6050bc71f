// Model::generate: prefill, then one token after another.
#include <algorithm>
#include <chrono>
#include <optional>

#include <ATen/ATen.h>

#include "core/base/run_trace.h"
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
  Decoding(const DecoderEngine& engine, const PromptPass& prompt, EngineOptions options,
           AttentionCapture* capture)
      : engine_(engine),
        options_(options),
        capture_(capture),
        ids_(prompt.key.ids),
        capacity_(prompt.key.capacity) {}

  /// The prompt but its last token; from then on only what is new is run.
  void use_cache(const PromptPass& prompt, PromptWork& work, const RunContext& context) {
    cache_ = run_prompt(engine_, prompt, options_, work, context);
  }

  void append(std::int32_t id) { ids_.push_back(id); }
  std::int64_t length() const { return static_cast<std::int64_t>(ids_.size()); }

  /// Runs what is new and returns the hidden state of the last row, capturing that row.
  at::Tensor run(const RunContext& context) {
    const TokenRange last{length() - 1, length()};
    if (capture_ != nullptr) capture_->set_rows(last);
    options_.hidden_rows = last;
    if (!cache_) {
      KvCache cache = engine_.new_cache(capacity_);
      return engine_.run(ids_, cache, options_, context);
    }
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

void name_token(TimedSpan& timed, std::int64_t number) {
  if (!timed.active()) return;
  timed.span.name = "token";
  timed.span.number = static_cast<int>(number);
}

/// Teacher forcing: the prompt's last token and the response in one pass, which is the same as step
/// by step.
Result<Generation> run_forced(const DecoderEngine& engine, const GenerateRequest& request,
                              const PromptPass& pass, EngineOptions options,
                              AttentionCapture* capture, const RunContext& context) {
  const auto start = std::chrono::steady_clock::now();
  const auto prompt = static_cast<std::int64_t>(request.prompt_ids.size());
  const auto count = static_cast<std::int64_t>(request.forced_response.size());
  Generation out;
  KvCache cache = run_prompt(engine, pass, options, out.prompt_work, context);
  std::vector<std::int32_t> ids = {request.prompt_ids.back()};
  ids.insert(ids.end(), request.forced_response.begin(), request.forced_response.end());
  options.hidden_rows = {prompt - 1, prompt - 1 + count};
  if (capture != nullptr) capture->set_rows({prompt - 1, prompt + count});
  const TimedSpan timed(tracer_of(context), TraceKind::token, "response rows");
  const auto hidden = engine.run(ids, cache, options, context);
  const auto logits = engine.logits(hidden, context).contiguous();
  for (std::int64_t i = 0; i < count; ++i) {
    poll(context);
    const float* row = logits.const_data_ptr<float>() + i * logits.size(1);
    const std::span<const float> scores(row, static_cast<std::size_t>(logits.size(1)));
    keep_token(out, request, scores, request.forced_response[static_cast<std::size_t>(i)]);
  }
  out.prefill_seconds = seconds_since(start);
  return out;
}

Result<Generation> run_sampled(const DecoderEngine& engine, const GenerateRequest& request,
                               const PromptPass& pass, const EngineOptions& options,
                               AttentionCapture* capture, const RunContext& context) {
  HEADSCOPE_ASSIGN(Sampler sampler, Sampler::create(request.sampling));
  const std::int64_t limit = pass.key.capacity - std::ssize(request.prompt_ids);
  const auto& eos = engine.config().eos_ids;
  auto start = std::chrono::steady_clock::now();
  Generation out;
  Decoding decoding(engine, pass, options, capture);
  if (request.use_cache) decoding.use_cache(pass, out.prompt_work, context);
  // A row is a token once one is chosen after it: not at the end of the text, and not where only
  // its attention is wanted.
  std::optional<TimedSpan> timed(std::in_place, tracer_of(context), TraceKind::token, "row");
  auto hidden = decoding.run(context);
  out.prefill_seconds = seconds_since(start);
  start = std::chrono::steady_clock::now();
  while (static_cast<std::int64_t>(out.ids.size()) < limit) {
    poll(context);
    const auto logits = decoding.logits(hidden, context);
    HEADSCOPE_ASSIGN(const std::int32_t id, sampler.pick(logits));
    out.stopped_at_eos = std::find(eos.begin(), eos.end(), id) != eos.end();
    if (out.stopped_at_eos) break;
    keep_token(out, request, logits, id);
    name_token(*timed, std::ssize(out.ids));
    if (request.on_token) request.on_token(id);
    context.progress("decode", double(out.ids.size()), double(limit));
    decoding.append(id);
    // Nothing is predicted from the last token, but its row of attention may be wanted.
    const bool is_last = static_cast<std::int64_t>(out.ids.size()) == limit;
    if (is_last && capture == nullptr) break;
    timed.emplace(tracer_of(context), TraceKind::token, "row");
    hidden = decoding.run(context);
  }
  timed.reset();
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

Result<PromptPass> Model::Impl::prompt_pass(const GenerateRequest& request, std::int64_t new_tokens,
                                            double memory_scale) const {
  const ModelConfig& config = engine.config();
  const auto prompt = std::ssize(request.prompt_ids);
  PromptPass pass;
  pass.key = {engine.weights().final_norm.weight, request.prompt_ids, prompt + new_tokens,
              request.backend, engine.chunk_rows(memory_scale)};
  std::vector<Intervention> early;
  for (const Intervention& intervention : request.interventions) {
    if (intervention.rows.first_row(prompt) < prompt - 1) early.push_back(intervention);
  }
  HEADSCOPE_ASSIGN(const auto plan,
                   compile_edits(early, {config.layers, config.heads, config.head_dim}, prompt));
  pass.touched = plan.first_touched_layer();
  if (request.use_cache && request.store != nullptr) pass.store = &request.store->impl();
  const CapturePlan wanted =
      plan_of(request.capture ? &*request.capture : nullptr, new_tokens + 1,
              std::max<std::int64_t>(1, std::ssize(request.forced_response)));
  const auto held = [&] {
    double bytes = 0;
    if (pass.store == nullptr || !(pass.store->key == pass.key)) return bytes;
    for (const LayerCache& layer : pass.store->shared(pass.touched)) {
      bytes += double(layer.keys.nbytes() + layer.values.nbytes());
    }
    return bytes;
  };
  if (pass.store != nullptr && !require_room(prompt, new_tokens, wanted, held())) {
    pass.store->clear();
    drop_memory_caches();
  }
  HEADSCOPE_TRY(require_room(prompt, new_tokens, wanted, held()));
  const auto estimate =
      estimate_run(config, prompt, new_tokens, wanted,
                   static_cast<int>(c10::elementSize(engine.dtype())), MachineRate{1, 1, 1});
  pass.spare_bytes = std::max(
      0.0, device_memory_left(engine.placement().first().name) + held() - estimate.bytes());
  return pass;
}

std::int64_t Model::Impl::new_tokens(const GenerateRequest& request) const {
  const std::int64_t room = engine.config().context_length - std::ssize(request.prompt_ids);
  return std::max<std::int64_t>(std::ssize(request.forced_response),
                                std::min<std::int64_t>(request.max_new_tokens, room));
}

Result<KvCache> Model::Impl::keys_of(const GenerateRequest& request, double memory_scale,
                                     const RunContext& context) const {
  HEADSCOPE_TRY(check_request(request));
  HEADSCOPE_ASSIGN(const auto pass, prompt_pass(request, new_tokens(request), memory_scale));
  EngineOptions options;
  options.backend = request.backend;
  options.memory_scale = memory_scale;
  PromptWork work;
  KvCache cache = run_prompt(engine, pass, options, work, context);
  std::vector<std::int32_t> ids = {request.prompt_ids.back()};
  ids.insert(ids.end(), request.forced_response.begin(), request.forced_response.end());
  engine.run(ids, cache, options, context);
  return cache;
}

Result<Generation> Model::Impl::generate(const GenerateRequest& request, const RunContext& context,
                                         double memory_scale) const {
  HEADSCOPE_TRY(check_request(request));
  const auto prompt = static_cast<std::int64_t>(request.prompt_ids.size());
  HEADSCOPE_ASSIGN(const auto edit_tensors,
                   edits(request.interventions, request.prompt_ids, memory_scale, context));
  const auto forced = static_cast<std::int64_t>(request.forced_response.size());
  const std::int64_t room = engine.config().context_length - prompt;
  const std::int64_t most =
      forced > 0 ? forced : std::min<std::int64_t>(request.max_new_tokens, room);
  HEADSCOPE_ASSIGN(const auto pass, prompt_pass(request, most, memory_scale));
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
  HEADSCOPE_ASSIGN(Generation out,
                   request.forced_response.empty()
                       ? run_sampled(engine, request, pass, options, observer, context)
                       : run_forced(engine, request, pass, options, observer, context));
  if (capture) {
    const std::int64_t end = prompt + static_cast<std::int64_t>(out.ids.size());
    TimedSpan timed(tracer_of(context), TraceKind::read_back, "read-back");
    out.attention = capture->finish({prompt - 1, end}, end, context);
    timed.span.bytes =
        (out.attention.weights.size() + out.attention.span_sums.size()) * sizeof(float);
  }
  return out;
}

}  // namespace headscope
