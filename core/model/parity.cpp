#include "core/model/parity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <span>
#include <tuple>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/base/rng.h"
#include "core/model/capture.h"
#include "core/model/checkpoint.h"

namespace headscope {
namespace {

/// Logits [T, V] and, if asked for, attention weights [L, H, T, T].
struct Observed {
  at::Tensor logits;
  std::vector<float> weights;
};

std::vector<std::int32_t> random_ids(const ModelConfig& config, std::int64_t count) {
  Rng rng(2503'23306);
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < count; ++i) {
    ids.push_back(
        static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(config.vocab_size))));
  }
  return ids;
}

/// Feeds a probe to an engine, piece by piece.
class Probe {
 public:
  Probe(const DecoderEngine& engine, const std::vector<std::int32_t>& ids, AttentionBackend backend,
        const RunContext& context)
      : engine_(engine),
        ids_(ids),
        context_(context),
        cache_(engine.new_cache(static_cast<std::int64_t>(ids.size()))) {
    options_.backend = backend;
  }

  /// The next `count` tokens in one call; their weights are kept with an observer.
  void run(std::int64_t count, AttentionCapture* observer) {
    const std::int64_t begin = cache_.length();
    options_.hidden_rows = {begin, begin + count};
    options_.observer = observer;
    if (observer != nullptr) observer->set_rows(options_.hidden_rows);
    const auto part =
        std::span(ids_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    hidden_.push_back(engine_.run(part, cache_, options_, context_));
  }
  at::Tensor logits() const { return engine_.logits(at::cat(hidden_, 0), context_); }

 private:
  const DecoderEngine& engine_;
  const std::vector<std::int32_t>& ids_;
  const RunContext& context_;
  KvCache cache_;
  EngineOptions options_;
  std::vector<at::Tensor> hidden_;
};

AttentionCapture capture_of(const DecoderEngine& engine) {
  return *AttentionCapture::create(Capture{}, {}, engine.config().heads,
                                   engine.placement().device_of_layers());
}

Observed one_pass(const DecoderEngine& engine, const std::vector<std::int32_t>& ids,
                  AttentionBackend backend, bool with_weights, const RunContext& context) {
  const auto tokens = static_cast<std::int64_t>(ids.size());
  auto capture = capture_of(engine);
  Probe probe(engine, ids, backend, context);
  probe.run(tokens, with_weights ? &capture : nullptr);
  Observed out{probe.logits(), {}};
  if (with_weights) out.weights = capture.finish({0, tokens}, tokens).weights;
  return out;
}

/// As generation goes: a first piece, a piece that begins in the middle, then single tokens, every
/// other one without anybody looking (which takes another way through attention).
Observed from_cache(const DecoderEngine& engine, const std::vector<std::int32_t>& ids,
                    std::int64_t steps, const RunContext& context) {
  const auto tokens = static_cast<std::int64_t>(ids.size());
  auto capture = capture_of(engine);
  Probe probe(engine, ids, AttentionBackend::fused, context);
  const std::int64_t first = (tokens - steps) / 2;
  probe.run(first, &capture);
  probe.run(tokens - steps - first, &capture);
  for (std::int64_t i = 0; i < steps; ++i) probe.run(1, i % 2 == 0 ? &capture : nullptr);
  return {probe.logits(), capture.finish({0, tokens}, tokens).weights};
}

double relative_error(const at::Tensor& a, const at::Tensor& exact) {
  const double scale = exact.abs().max().item<double>();
  const double error = (a - exact).abs().max().item<double>();
  return error / std::max(scale, std::numeric_limits<double>::min());
}

/// Rows that were not captured are zeros, whose sum is not one; they are left out.
double weights_error(const std::vector<float>& weights, const std::vector<float>& exact,
                     std::int64_t tokens) {
  if (weights.size() != exact.size()) return std::numeric_limits<double>::quiet_NaN();
  const auto of = [&](const std::vector<float>& values) {
    return at::from_blob(const_cast<float*>(values.data()),
                         {static_cast<std::int64_t>(values.size()) / tokens, tokens});
  };
  const auto rows = of(weights).abs().sum(1).gt(0);
  return (of(weights) - of(exact))
      .abs()
      .amax(1)
      .masked_fill(rows.logical_not(), 0)
      .max()
      .item<double>();
}

/// Rounding that a dtype's arithmetic leaves after some tens of layers; measured errors of correct
/// models are a tenth of these or less.
std::pair<double, double> tolerances(at::ScalarType dtype) {
  if (dtype == at::kFloat) return {1e-4, 1e-4};
  return dtype == at::kHalf ? std::pair{2e-2, 2e-2} : std::pair{1e-1, 1e-1};
}

}  // namespace

ProbePlan plan_probe(const DecoderEngine& engine, double seconds) {
  const ModelConfig& config = engine.config();
  const WeightFormat format{engine.dtype(), engine.is_int8()};
  const double bytes = weights_bytes(config, format);
  const double numbers = weights_bytes(config, {at::kFloat}) / 4;
  // 8 GB/s of weights for every call, 20 G multiply-adds a second for each core.
  const double speed = engine.device().is_cpu() ? 1 : 50;
  const auto cost = [&](std::int64_t tokens, std::int64_t steps) {
    const double calls = 4.0 + static_cast<double>(steps);
    return (calls * bytes / 8e9 + 3.0 * double(tokens) * numbers / 2e10 / at::get_num_threads()) /
           speed;
  };
  ProbePlan plan;
  std::int64_t window = 0;  // the shortest
  for (const LayerAttention& layer : config.layer_attention) {
    if (layer.window > 0) window = window == 0 ? layer.window : std::min(window, layer.window);
  }
  const bool short_window = window > 0 && window <= 256;
  const std::int64_t wanted = short_window ? std::max<std::int64_t>(40, window + 16) : 40;
  const std::int64_t longest = std::min(wanted, config.context_length);
  for (const auto& [tokens, steps] : {std::pair<std::int64_t, std::int64_t>{longest, 8},
                                      {std::min<std::int64_t>(longest, 16), 4},
                                      {std::min<std::int64_t>(longest, 8), 2}}) {
    if (tokens < 2 * steps || cost(tokens, steps) > seconds) continue;
    plan.tokens = tokens;
    plan.steps = steps;
    break;
  }
  if (plan.tokens == 0) {
    plan.note = "the model is too large for a check in passing, or its context too short";
  } else if (plan.tokens < longest) {
    plan.note = "shortened: the model is large";
  }
  if (plan.tokens > 0 && window >= plan.tokens) {
    plan.note += (plan.note.empty() ? "" : "; ") + std::string("windows of ") +
                 std::to_string(window) + " tokens and more are longer than the probe";
  }
  return plan;
}

ParityReport measure_parity(const ProbeEngines& engines, const ProbePlan& plan,
                            const RunContext& context) {
  const auto start = std::chrono::steady_clock::now();
  ParityReport report;
  report.note = plan.note;
  std::tie(report.logit_tolerance, report.attention_tolerance) = tolerances(engines.fused.dtype());
  if (plan.tokens == 0) return report;
  RunContext quiet = context;  // this is part of loading: no progress of its own
  quiet.on_progress = {};
  const auto ids = random_ids(engines.reference.config(), plan.tokens);
  const auto reference = one_pass(engines.reference, ids, AttentionBackend::reference, true, quiet);
  const auto fused = one_pass(engines.fused, ids, AttentionBackend::fused, false, quiet);
  const auto cached = from_cache(engines.cached, ids, plan.steps, quiet);
  report.backend_error = relative_error(fused.logits, reference.logits);
  report.cache_error = relative_error(cached.logits, fused.logits);
  report.attention_error = weights_error(cached.weights, reference.weights, plan.tokens);
  report.tokens = plan.tokens;
  report.steps = plan.steps;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace headscope
