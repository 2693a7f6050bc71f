#include "core/runner/run_outlook.h"

#include <algorithm>

#include "core/model/estimate.h"
#include "core/model/machine_rate.h"
#include "core/model/memory.h"

namespace headscope {
namespace {

PolicyEstimate as_policy(const RunEstimate& run, double free_bytes) {
  return {run.bytes(), run.seconds(), run.bytes() <= free_bytes};
}

// Of a laptop of 2015 with other work to do.
constexpr MachineRate kSlowMachine{.matmul = 1e10, .attention = 5e9, .bytes_per_second = 2e9};

double available_bytes(const std::string& device) {
  refresh_memory_limit();
  return device_memory_left(device);
}

RunOutlook estimates_of(const ModelConfig& config, const OutlookQuestion& question,
                        const MachineRate& rate) {
  RunOutlook outlook;
  outlook.prompt_tokens = question.prompt_tokens;
  outlook.new_tokens = std::clamp<std::int64_t>(config.context_length - question.prompt_tokens, 0,
                                                question.new_tokens);
  outlook.free_bytes = available_bytes(question.device);
  const auto estimate = [&](CapturePolicy policy) {
    CapturePlan plan;
    plan.policy = policy;
    plan.sets = question.sets;
    return as_policy(estimate_run(config, outlook.prompt_tokens, outlook.new_tokens, plan,
                                  bytes_per_number(question.dtype), rate),
                     outlook.free_bytes);
  };
  outlook.nothing = estimate(CapturePolicy::nothing);
  outlook.spans = estimate(CapturePolicy::span_sums);
  outlook.rows = estimate(CapturePolicy::rows);
  outlook.full_map = estimate(CapturePolicy::head_map);
  return outlook;
}

}  // namespace

RunOutlook look_ahead(const ModelConfig& config, const OutlookQuestion& question) {
  RunOutlook outlook = estimates_of(config, question, kSlowMachine);
  if (question.measure || outlook.full_map.seconds >= 1) {
    outlook = estimates_of(config, question, machine_rate(question.dtype, question.device));
  }
  const double weights = outlook.rows.bytes - outlook.spans.bytes;
  const bool affordable = outlook.rows.fits && weights <= question.weights_budget;
  const bool rows = question.wanted == KeepAttention::rows ||
                    (question.wanted == KeepAttention::automatic && affordable);
  outlook.chosen = rows ? KeepAttention::rows : KeepAttention::spans;
  return outlook;
}

RunOutlook look_ahead(const Model& model, OutlookQuestion question) {
  question.dtype = model.dtype_name();
  question.device = model.device_name();
  return look_ahead(model.config(), question);
}

RunOutlook pass_outlook(const Model& model, std::int64_t tokens, const Capture& capture) {
  RunOutlook outlook;
  outlook.prompt_tokens = tokens;
  outlook.free_bytes = available_bytes(model.device_name());
  outlook.chosen = capture.weights ? KeepAttention::rows : KeepAttention::spans;
  const CapturePlan plan{.policy = capture.weights ? CapturePolicy::rows : CapturePolicy::span_sums,
                         .rows = capture.rows.size(),
                         .layers = capture.layers.size(),
                         .sets = std::ssize(capture.span_sets),
                         .logit_rows = capture.rows.size()};
  const auto run =
      estimate_run(model.config(), tokens, 0, plan, model.dtype_name(), model.device_name());
  (capture.weights ? outlook.rows : outlook.spans) = as_policy(run, outlook.free_bytes);
  return outlook;
}

}  // namespace headscope
