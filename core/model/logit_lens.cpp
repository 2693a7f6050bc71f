#include "core/model/logit_lens.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/model/model_impl.h"

namespace headscope {
namespace {

Result<> check_tokens(const GenerateRequest& request, TokenRange which) {
  const std::int64_t count = std::ssize(request.forced_response);
  if (which.begin >= 0 && which.begin < which.end && which.end <= count) return {};
  return fail(ErrorKind::usage, "logit lens: tokens " + std::to_string(which.begin) + ":" +
                                    std::to_string(which.end) + " are outside the response of " +
                                    std::to_string(count));
}

/// [layers, rows, hidden].
ResidualRows lay_out(const LayerOutputs& outputs, TokenRange tokens, std::int64_t hidden) {
  ResidualRows out;
  out.layers = static_cast<int>(outputs.layers.size());
  out.hidden = hidden;
  out.tokens = tokens;
  for (const auto& parts : outputs.layers) {
    for (const at::Tensor& part : parts) {
      const float* data = part.const_data_ptr<float>();
      out.values.insert(out.values.end(), data, data + part.numel());
    }
  }
  return out;
}

}  // namespace

std::vector<float> ResidualRows::at_token(std::int64_t token) const {
  std::vector<float> out;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto from = values.begin() + (layer * tokens.size() + token - tokens.begin) * hidden;
    out.insert(out.end(), from, from + hidden);
  }
  return out;
}

Result<ResidualRows> Model::residual_rows(const GenerateRequest& request, TokenRange which,
                                          const RunContext& context) {
  const auto body = [&](double memory_scale) -> Result<ResidualRows> {
    const DecoderEngine& engine = impl_->engine;
    HEADSCOPE_TRY(impl_->check_request(request));
    HEADSCOPE_TRY(check_tokens(request, which));
    HEADSCOPE_ASSIGN(const auto edits, impl_->edits(request.interventions, request.prompt_ids,
                                                    memory_scale, context));
    const std::int64_t prompt = std::ssize(request.prompt_ids), hidden = config().hidden_size;
    HEADSCOPE_ASSIGN(const auto pass,
                     impl_->prompt_pass(request, impl_->new_tokens(request), memory_scale));
    HEADSCOPE_TRY(require_memory(
        "the logit lens of " + std::to_string(which.size()) + " tokens",
        2.0 * double(sizeof(float)) * config().layers * double(which.size() * hidden),
        "fewer tokens at once would fit"));
    EngineOptions options;
    options.backend = request.backend;
    options.edits = &edits;
    options.memory_scale = memory_scale;
    PromptWork work;
    KvCache cache = run_prompt(engine, pass, options, work, context);
    std::vector<std::int32_t> ids = {request.prompt_ids.back()};
    ids.insert(ids.end(), request.forced_response.begin(),
               request.forced_response.begin() + (which.end - 1));
    LayerOutputs outputs;
    outputs.rows = options.hidden_rows = {prompt - 1 + which.begin, prompt - 1 + which.end};
    options.outputs = &outputs;
    engine.run(ids, cache, options, context);
    return lay_out(outputs, which, hidden);
  };
  return with_less_memory(body, [&] {
    if (request.store != nullptr) request.store->clear();
    return true;
  });
}

Result<std::vector<float>> Model::read_out(const std::vector<float>& residuals,
                                           const RunContext& context) {
  return guarded([&]() -> Result<std::vector<float>> {
    const DecoderEngine& engine = impl_->engine;
    const std::int64_t hidden = config().hidden_size;
    if (residuals.empty() || std::ssize(residuals) % hidden != 0) {
      return fail(ErrorKind::usage, "read_out: expected rows of " + std::to_string(hidden) +
                                        " numbers, got " + std::to_string(residuals.size()));
    }
    const auto rows = at::from_blob(const_cast<float*>(residuals.data()),
                                    {std::ssize(residuals) / hidden, hidden});
    const Norm& norm = engine.weights().final_norm;
    const auto normed = normalise(rows.to(norm.weight.device(), engine.dtype()), norm, config());
    const auto logits = engine.logits(normed, context).contiguous();
    const float* data = logits.const_data_ptr<float>();
    return std::vector<float>(data, data + logits.numel());
  });
}

}  // namespace headscope
