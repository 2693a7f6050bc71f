#include "core/experiment/direction_data.h"

#include <algorithm>
#include <variant>

namespace headscope {
namespace {

using Skipped = const char*;
using Outcome = std::variant<DirectionSample, Skipped>;

struct Collector {
  Model& model;
  const PromptEncoder& encoder;
  const DirectionDataOptions& options;
  RunContext context;

  Result<std::vector<std::int32_t>> gold_only_answer(const QaSample& sample) const {
    HEADSCOPE_ASSIGN(const auto prompt, make_sample_prompt(sample, PromptKind::gold_only, encoder));
    GenerateRequest request;
    request.prompt_ids = prompt.encoding.ids;
    request.max_new_tokens = options.max_new_tokens;
    HEADSCOPE_ASSIGN(auto generation, model.generate(request, context));
    return std::move(generation.ids);
  }

  Result<Outcome> collect(const QaSample& sample) const {
    HEADSCOPE_ASSIGN(auto prompt, make_sample_prompt(sample, PromptKind::all, encoder));
    if (prompt.gold.empty()) return skip_no_gold;
    if (prompt.tokens() > model.config().context_length) return skip_too_long;
    HEADSCOPE_ASSIGN(const auto answer, gold_only_answer(sample));
    if (answer.empty()) return skip_empty_gold_only;
    std::vector<std::int32_t> ids = prompt.encoding.ids;
    ids.insert(ids.end(), answer.begin(), answer.end());
    const auto all = static_cast<std::int64_t>(ids.size());
    if (all > model.config().context_length) return skip_too_long;
    const std::int64_t early = options.rows == RowConvention::predict ? 1 : 0;
    const TokenRange rows{prompt.tokens() - early, all - early};
    HEADSCOPE_ASSIGN(auto capture, model.capture_queries_keys(ids, rows, context));
    return DirectionSample{std::move(capture), std::move(prompt.gold)};
  }
};

}  // namespace

Result<DirectionData> collect_direction_data(Model& model, const PromptEncoder& encoder,
                                             std::span<const QaSample> samples,
                                             const DirectionDataOptions& options,
                                             const RunContext& context) {
  const Collector collector{model, encoder, options, {context.is_cancelled, {}, {}}};
  DirectionData data;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    context.progress("keys and queries", static_cast<double>(i),
                     static_cast<double>(samples.size()));
    auto outcome = context.cancelled() ? Result<Outcome>(fail(ErrorKind::cancelled, ""))
                                       : collector.collect(samples[i]);
    if (!outcome && outcome.error().kind == ErrorKind::cancelled) {
      data.cancelled = true;
      break;
    }
    if (!outcome) return tl::unexpected(outcome.error());
    if (auto* sample = std::get_if<DirectionSample>(&*outcome)) {
      data.samples.push_back(std::move(*sample));
      data.gold_positions.push_back(samples[i].gold_position().value_or(0));
    } else {
      ++data.skipped[std::get<Skipped>(*outcome)];
    }
  }
  return data;
}

DirectionShape direction_shape(const ModelConfig& config) {
  DirectionShape shape{config.layers,           config.heads,
                       config.kv_heads,         config.head_dim,
                       attention_scale(config), config.attention_softcap};
  for (int layer = 0; layer < config.layers; ++layer) {
    shape.windows.push_back(config.attention_in(layer).window);
  }
  return shape;
}

double direction_sample_bytes(const ModelConfig& config, std::int64_t tokens, std::int64_t rows) {
  const double vectors = static_cast<double>(config.kv_heads) * static_cast<double>(tokens) +
                         static_cast<double>(config.heads) * static_cast<double>(rows);
  return 4.0 * config.layers * config.head_dim * vectors;
}

bool same_gold_position(const std::vector<std::size_t>& positions) {
  return positions.size() > 1 &&
         std::all_of(positions.begin(), positions.end(),
                     [&](std::size_t position) { return position == positions.front(); });
}

}  // namespace headscope
