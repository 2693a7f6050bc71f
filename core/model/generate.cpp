// Model::generate: prefill, then one token after another.
#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

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

/// What the capture of a run has kept, as its result.
void take_attention(AttentionCapture& capture, std::int64_t prompt, const RunContext& context,
                    Generation& out) {
  const std::int64_t end = prompt + std::ssize(out.ids);
  TimedSpan timed(tracer_of(context), TraceKind::read_back, "read-back");
  out.attention = capture.finish({prompt - 1, end}, end, context);
  timed.span.bytes =
      (out.attention.weights.size() + out.attention.span_sums.size()) * sizeof(float);
}

void tell_row(const GenerateRequest& request, const AttentionCapture* capture) {
  if (!request.on_row || capture == nullptr) return;
  AttentionRow row{capture->newest_sums(), {}};
  if (request.row_head) row.weights = capture->newest_weights(*request.row_head);
  request.on_row(row);
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
  tell_row(request, capture);
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
    tell_row(request, capture);
  }
  timed.reset();
  out.decode_seconds = seconds_since(start);
  return out;
}

constexpr std::size_t kLanes = 16;  // runs that decode side by side

/// One of them, after its prompt has been run but for the last token.
struct Lane {
  const GenerateRequest& request;
  Sampler sampler;
  std::vector<LayerEditTensors> edits;
  std::optional<AttentionCapture> capture;
  KvCache cache;
  Generation out;
  std::int32_t next = 0;  ///< token to run
  bool running = true;

  DecodeLane step() {
    if (capture) capture->set_rows({cache.length(), cache.length() + 1});
    return {next, &cache, &edits, capture ? &*capture : nullptr};
  }
  /// Picks the token after the one that has been run.
  Result<> read(std::span<const float> logits, const std::vector<std::int32_t>& eos,
                std::int64_t limit) {
    // The last token was only run for its row of attention.
    running = std::ssize(out.ids) < limit;
    if (!running) return {};
    HEADSCOPE_ASSIGN(next, sampler.pick(logits));
    out.stopped_at_eos = std::find(eos.begin(), eos.end(), next) != eos.end();
    running = !out.stopped_at_eos;
    if (!running) return {};
    keep_token(out, request, logits, next);
    if (request.on_token) request.on_token(next);
    running = std::ssize(out.ids) < limit || capture.has_value();
    return {};
  }
};

/// Runs lanes until the last has ended.
Result<> decode_together(const DecoderEngine& engine, std::vector<Lane>& lanes, std::int64_t limit,
                         const EngineOptions& options, const RunContext& context) {
  for (std::int64_t steps = 0;; ++steps) {
    std::vector<Lane*> running;
    std::vector<DecodeLane> rows;
    for (Lane& lane : lanes) {
      if (!lane.running) continue;
      running.push_back(&lane);
      rows.push_back(lane.step());
    }
    if (running.empty()) return {};
    const auto hidden = engine.step(rows, kLanes, options, context);
    const auto logits = engine.logits(hidden, context).contiguous();
    const auto vocab = static_cast<std::size_t>(logits.size(1));
    for (std::size_t i = 0; i < running.size(); ++i) {
      const std::span<const float> row(logits.const_data_ptr<float>() + i * vocab, vocab);
      HEADSCOPE_TRY(running[i]->read(row, engine.config().eos_ids, limit));
    }
    context.progress("decode", double(std::min(steps + 1, limit)), double(limit));
  }
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

Result<std::optional<AttentionCapture>> Model::Impl::capture_for(
    const GenerateRequest& request) const {
  if (!request.capture) return std::nullopt;
  HEADSCOPE_ASSIGN(auto capture,
                   AttentionCapture::create(*request.capture, {}, engine.config().heads,
                                            engine.placement().device_of_layers()));
  return capture;
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
  HEADSCOPE_ASSIGN(const auto pass, prompt_pass(request, new_tokens(request), memory_scale));
  EngineOptions options;
  options.backend = request.backend;
  options.edits = &edit_tensors;
  options.memory_scale = memory_scale;
  HEADSCOPE_ASSIGN(auto capture, capture_for(request));
  AttentionCapture* observer = capture ? &*capture : nullptr;
  options.observer = observer;
  HEADSCOPE_ASSIGN(Generation out,
                   request.forced_response.empty()
                       ? run_sampled(engine, request, pass, options, observer, context)
                       : run_forced(engine, request, pass, options, observer, context));
  if (capture) take_attention(*capture, prompt, context, out);
  return out;
}

Result<> Model::Impl::generate_some(std::span<const GenerateRequest> requests,
                                    std::vector<Generation>& out, const RunContext& context,
                                    double memory_scale) const {
  const GenerateRequest& first = requests.front();
  const auto prompt = std::ssize(first.prompt_ids);
  const std::int64_t limit = new_tokens(first);
  EngineOptions options;
  options.backend = first.backend;
  options.memory_scale = memory_scale;
  const auto begin = [&](const GenerateRequest& request) -> Result<Lane> {
    HEADSCOPE_ASSIGN(const auto pass, prompt_pass(request, limit, memory_scale));
    HEADSCOPE_ASSIGN(auto sampler, Sampler::create(request.sampling));
    HEADSCOPE_ASSIGN(auto tensors,
                     edits(request.interventions, request.prompt_ids, memory_scale, context));
    HEADSCOPE_ASSIGN(auto capture, capture_for(request));
    EngineOptions own = options;
    own.edits = &tensors;
    Generation begun;
    KvCache cache = run_prompt(engine, pass, own, begun.prompt_work, context);
    // Lanes grow side by side, unlike runs one after the other.
    if (pass.store != nullptr) cache.own(pass.store->shared(pass.touched).size());
    begun.prefill_seconds = begun.prompt_work.seconds;
    return Lane{request,          std::move(sampler), std::move(tensors),       std::move(capture),
                std::move(cache), std::move(begun),   request.prompt_ids.back()};
  };
  std::vector<Lane> lanes;
  for (const GenerateRequest& request : requests) {
    auto lane = begin(request);
    // Those that do not fit beside the others come later.
    if (!lane && lane.error().kind == ErrorKind::out_of_memory && !lanes.empty()) break;
    HEADSCOPE_TRY(lane);
    lanes.push_back(std::move(*lane));
  }
  const auto start = std::chrono::steady_clock::now();
  HEADSCOPE_TRY(decode_together(engine, lanes, limit, options, context));
  const double share = seconds_since(start) / double(lanes.size());
  for (Lane& lane : lanes) {
    lane.out.decode_seconds = share;
    if (lane.capture) take_attention(*lane.capture, prompt, context, lane.out);
    out.push_back(std::move(lane.out));
  }
  return {};
}

Result<std::vector<Generation>> Model::generate_together(std::span<const GenerateRequest> requests,
                                                         const RunContext& context) {
  for (const GenerateRequest& request : requests) {
    const GenerateRequest& first = requests.front();
    HEADSCOPE_TRY(impl_->check_request(request));
    if (request.prompt_ids != first.prompt_ids || !request.forced_response.empty() ||
        request.max_new_tokens != first.max_new_tokens || request.backend != first.backend ||
        !request.use_cache) {
      return fail(ErrorKind::usage,
                  "runs that decode together need one prompt, one number of new tokens, one "
                  "backend, a cache, and no forced response");
    }
  }
  std::vector<Generation> out;
  while (out.size() < requests.size()) {
    const auto left = requests.subspan(out.size());
    HEADSCOPE_TRY(with_less_memory(
        [&](double scale) {
          const std::size_t lanes = scale < 1 ? 1 : kLanes;  // the cheapest way to take less memory
          return impl_->generate_some(left.first(std::min(left.size(), lanes)), out, context,
                                      scale);
        },
        [&] {
          if (left.front().store != nullptr) left.front().store->clear();
          return !left.front().on_token;
        }));
  }
  return out;
}

}  // namespace headscope
