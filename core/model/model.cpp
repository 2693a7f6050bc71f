#include "core/model/model.h"

#include <algorithm>
#include <thread>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/model/checkpoint.h"
#include "core/model/device.h"
#include "core/model/dtype_choice.h"
#include "core/model/estimate.h"
#include "core/model/head_means.h"
#include "core/model/model_impl.h"
#include "core/model/parity.h"

namespace headscope {
namespace {

Result<WeightFormat> weight_format(const std::string& name, const ModelConfig& config,
                                   at::Device device) {
  const bool int8 = name == "int8";
  // Activations of int8 stay wide on a processor, whatever is faster.
  if (int8 && device.is_cpu() && !config.quantised) return WeightFormat{at::kFloat, true};
  const std::string wanted =
      int8 || name == "auto" ? usual_dtype(config, !device.is_cpu()).dtype : name;
  if (wanted == "float32") return WeightFormat{at::kFloat, int8};
  if (wanted == "bfloat16") return WeightFormat{at::kBFloat16, int8};
  if (wanted == "float16") return WeightFormat{at::kHalf, int8};
  return fail(ErrorKind::usage,
              "dtype \"" + name + "\": expected auto, float32, bfloat16, float16 or int8");
}

/// Narrower formats that would fit, for an error's advice.
std::string narrower(const ModelConfig& config, const WeightFormat& format) {
  if (format.int8) return "a smaller model would fit";
  std::string advice;
  if (c10::elementSize(format.dtype) > 2) {
    advice =
        "--dtype bfloat16 would need " + memory_text(weights_bytes(config, {at::kBFloat16})) + ", ";
  }
  return advice + "--dtype int8 " + memory_text(weights_bytes(config, {at::kFloat, true}));
}

Result<> require_room_for_weights(const ModelConfig& config, const WeightFormat& format) {
  return require_memory("loading " + std::to_string(parameter_count(config)) + " parameters",
                        weights_bytes(config, format), narrower(config, format));
}

/// Prompts of this length fit beside the weights wherever layers were placed.
constexpr std::int64_t usual_tokens = 4096;

Result<Placement> place(const ModelConfig& config, const WeightFormat& format,
                        const std::vector<ComputeDevice>& devices) {
  if (devices.front().device.is_cpu()) HEADSCOPE_TRY(require_room_for_weights(config, format));
  if (devices.front().bytes == 0) return place_on(devices.front(), config.layers);
  return place_layers(part_bytes(config, format, std::min(config.context_length, usual_tokens)),
                      devices);
}

/// One thread for each quarter million numbers of a layer, at most one for each core: handing out
/// smaller pieces costs more than it saves, and much more when other programs are busy.
int usual_threads(const ModelConfig& config) {
  const std::int64_t cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const std::int64_t pieces = parameter_count(config) / config.layers / 250'000;
  return static_cast<int>(std::clamp<std::int64_t>(pieces, 1, cores));
}

std::vector<float> to_floats(const at::Tensor& tensor) {
  const auto plain = tensor.to(at::kCPU, at::kFloat).contiguous();
  const float* data = plain.const_data_ptr<float>();
  return std::vector<float>(data, data + plain.numel());
}

Result<> check_rows(const char* what, TokenRange rows, std::int64_t tokens) {
  if (rows.size() == 0 || (rows.begin >= 0 && rows.end <= tokens)) return {};
  return fail(ErrorKind::usage, std::string(what) + " rows " + std::to_string(rows.begin) + ":" +
                                    std::to_string(rows.end) + " are outside the " +
                                    std::to_string(tokens) + " tokens");
}

}  // namespace

Error current_error() {
  try {
    throw;
  } catch (const Cancelled&) {
    return {ErrorKind::cancelled, "cancelled"};
  } catch (const std::bad_alloc& error) {
    return {ErrorKind::out_of_memory, error.what()};
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    const bool memory = text.find("allocate memory") != std::string::npos ||
                        text.find("out of memory") != std::string::npos;
    return {memory ? ErrorKind::out_of_memory : ErrorKind::internal, text};
  } catch (const std::exception& error) {
    return {ErrorKind::internal, error.what()};
  }
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

Result<std::unique_ptr<Model>> Model::load(const std::string& folder, const LoadOptions& options,
                                           const RunContext& context) {
  return guarded([&]() -> Result<std::unique_ptr<Model>> {
    HEADSCOPE_ASSIGN(ModelConfig config, load_config(folder));
    HEADSCOPE_ASSIGN(const auto devices, select_devices(options.device, options.device_gibibytes));
    at::set_num_threads(options.threads > 0 ? options.threads : usual_threads(config));
    HEADSCOPE_ASSIGN(const auto format,
                     weight_format(options.dtype, config, devices.front().device));
    HEADSCOPE_ASSIGN(const auto source, open_weights(folder, options.adapter));
    HEADSCOPE_TRY(settle_output(*source, config));
    HEADSCOPE_ASSIGN(Placement placement, place(config, format, devices));
    HEADSCOPE_ASSIGN(DecoderWeights weights,
                     load_weights(*source, folder, config, placement, format, context));
    auto impl = std::make_unique<Impl>(
        Impl{DecoderEngine(std::move(config), std::move(weights), std::move(placement))});
    return std::unique_ptr<Model>(new Model(std::move(impl)));
  });
}

const ModelConfig& Model::config() const {
  return impl_->engine.config();
}
std::string Model::device_name() const {
  return impl_->engine.placement().text();
}
std::string Model::dtype_name() const {
  return WeightFormat{impl_->engine.dtype(), impl_->engine.is_int8()}.name();
}

std::int64_t Model::parameters() const {
  return parameter_count(config());
}

Result<ParityReport> Model::self_check(double seconds, const RunContext& context) {
  return guarded([&]() -> Result<ParityReport> {
    const DecoderEngine& engine = impl_->engine;
    return measure_parity({engine, engine, engine}, plan_probe(engine, seconds), context);
  });
}

Result<> Model::Impl::check_ids(const std::vector<std::int32_t>& ids) const {
  const ModelConfig& config = engine.config();
  if (ids.empty()) return bad_input("the prompt is empty: at least one token is needed");
  if (static_cast<std::int64_t>(ids.size()) > config.context_length) {
    return bad_input("the prompt has " + std::to_string(ids.size()) +
                     " tokens, the model's context length is " +
                     std::to_string(config.context_length));
  }
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= config.vocab_size) {
      return bad_input("token id " + std::to_string(id) + " is outside the vocabulary of " +
                       std::to_string(config.vocab_size));
    }
  }
  return {};
}

Result<std::vector<LayerEditTensors>> Model::Impl::edits(
    const std::vector<Intervention>& interventions, std::span<const std::int32_t> prompt,
    double memory_scale, const RunContext& context) const {
  const ModelConfig& config = engine.config();
  const HeadShape shape{config.layers, config.heads, config.head_dim};
  HEADSCOPE_ASSIGN(const EditPlan plan, compile_edits(interventions, shape, std::ssize(prompt)));
  auto tensors = upload(plan, config.heads, engine.placement().device_of_layers(), engine.dtype());
  fill_output_means(engine, prompt, tensors, memory_scale, context);
  return tensors;
}

Result<> Model::Impl::require_room(std::int64_t tokens, std::int64_t new_tokens,
                                   const CapturePlan& plan, double held) const {
  return require_fit(engine.config(), tokens, new_tokens, plan,
                     static_cast<int>(c10::elementSize(engine.dtype())),
                     device_memory_left(engine.placement().first().name) + held);
}

Result<ForwardResult> Model::Impl::forward(const ForwardRequest& request, const RunContext& context,
                                           double memory_scale) const {
  HEADSCOPE_TRY(check_ids(request.ids));
  const auto tokens = static_cast<std::int64_t>(request.ids.size());
  HEADSCOPE_TRY(check_rows("logit", request.logit_rows, tokens));
  if (request.prompt_tokens < 0 || request.prompt_tokens > tokens) {
    return fail(ErrorKind::usage, "prompt_tokens is outside the ids");
  }
  const auto prompt = std::span(request.ids)
                          .first(static_cast<std::size_t>(
                              request.prompt_tokens > 0 ? request.prompt_tokens : tokens));
  HEADSCOPE_ASSIGN(const auto edit_tensors,
                   edits(request.interventions, prompt, memory_scale, context));
  EngineOptions options;
  options.backend = request.backend;
  options.edits = &edit_tensors;
  options.hidden_rows = request.logit_rows;
  options.memory_scale = memory_scale;
  std::optional<AttentionCapture> capture;
  if (request.capture && request.capture->rows.size() > 0) {
    HEADSCOPE_TRY(check_rows("attention", request.capture->rows, tokens));
    HEADSCOPE_ASSIGN(capture, AttentionCapture::create(*request.capture, request.capture->rows,
                                                       engine.config().heads,
                                                       engine.placement().device_of_layers()));
    options.observer = &*capture;
  }
  HEADSCOPE_TRY(
      require_room(tokens, 0,
                   plan_of(capture ? &*request.capture : nullptr,
                           capture ? request.capture->rows.size() : 0, request.logit_rows.size())));
  KvCache cache = engine.new_cache(tokens);
  const auto hidden = engine.run(request.ids, cache, options, context);
  ForwardResult result;
  if (request.logit_rows.size() > 0) result.logits = to_floats(engine.logits(hidden, context));
  if (capture) result.attention = capture->finish(request.capture->rows, tokens, context);
  return result;
}

Result<Generation> Model::generate(const GenerateRequest& request, const RunContext& context) {
  GenerateRequest watched = request;
  bool streamed = false;  // what a listener heard cannot be taken back
  if (request.on_token) {
    watched.on_token = [&](std::int32_t id) {
      streamed = true;
      request.on_token(id);
    };
  }
  return with_less_memory([&](double scale) { return impl_->generate(watched, context, scale); },
                          [&] {
                            if (request.store != nullptr) request.store->clear();
                            return !streamed;
                          });
}

Result<ForwardResult> Model::forward(const ForwardRequest& request, const RunContext& context) {
  return with_less_memory([&](double scale) { return impl_->forward(request, context, scale); },
                          [] { return true; });
}

Result<QueryKeyCapture> Model::capture_queries_keys(const std::vector<std::int32_t>& ids,
                                                    TokenRange rows, const RunContext& context) {
  return guarded([&]() -> Result<QueryKeyCapture> {
    HEADSCOPE_TRY(impl_->check_ids(ids));
    const auto tokens = static_cast<std::int64_t>(ids.size());
    HEADSCOPE_TRY(check_rows("query", rows, tokens));
    HEADSCOPE_TRY(impl_->require_room(2 * tokens, 0,
                                      plan_of(nullptr, 0, 0)));  // the cache, and the keys again
    ProjectionObserver observer(config().layers, rows, tokens);
    EngineOptions options;
    options.observer = &observer;
    KvCache cache = impl_->engine.new_cache(tokens);
    impl_->engine.run(ids, cache, options, context);
    return observer.take();
  });
}

Result<std::vector<float>> Model::focus_bias(const GenerateRequest& run,
                                             const Directions& directions,
                                             const RunContext& context) {
  const ModelConfig& shape = config();
  const auto size = static_cast<std::size_t>(shape.layers) * shape.heads * shape.head_dim;
  if (directions.query.size() != size || directions.layers != shape.layers ||
      directions.heads != shape.heads || directions.head_dim != shape.head_dim) {
    return bad_input("focus: the directions do not have the model's shape");
  }
  const auto body = [&](double memory_scale) -> Result<std::vector<float>> {
    HEADSCOPE_ASSIGN(const KvCache cache, impl_->keys_of(run, memory_scale, context));
    std::vector<float> bias;
    for (int layer = 0; layer < shape.layers; ++layer) {
      poll(context);
      const auto k = cache.keys(layer, cache.length()).squeeze(0).to(at::kCPU, at::kFloat);
      const auto d = at::from_blob(const_cast<float*>(directions.query_of({layer, 0})),
                                   {shape.kv_heads, shape.heads / shape.kv_heads, shape.head_dim});
      const auto scores = to_floats(at::bmm(d, k.transpose(1, 2)) * attention_scale(shape));
      bias.insert(bias.end(), scores.begin(), scores.end());
    }
    return bias;
  };
  return with_less_memory(body, [&] {
    if (run.store != nullptr) run.store->clear();
    return true;
  });
}

}  // namespace headscope
