#include "core/experiment/direction_data.h"

#include <set>
#include <variant>

namespace headscope {
namespace {

using Skipped = const char*;
using Outcome = std::variant<DirectionSample, Skipped>;

TokenSet union_of(const std::vector<TokenSet>& sets) {
  std::set<std::int64_t> tokens;
  for (const TokenSet& set : sets) tokens.insert(set.begin(), set.end());
  return {tokens.begin(), tokens.end()};
}

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
    return DirectionSample{std::move(capture), std::move(prompt.gold), union_of(prompt.others)};
  }
};

}  // namespace

Result<bool> collect_direction_data(Model& model, const PromptEncoder& encoder,
                                    std::span<const QaSample> samples,
                                    const DirectionDataOptions& options, DirectionStore& store,
                                    const RunContext& context) {
  const Collector collector{model, encoder, options, {context.is_cancelled, {}, {}}};
  for (std::size_t i = store.finished(); i < samples.size(); ++i) {
    context.progress("keys and queries", static_cast<double>(i),
                     static_cast<double>(samples.size()));
    if (context.cancelled()) return false;
    auto outcome = collector.collect(samples[i]);
    if (!outcome && outcome.error().kind == ErrorKind::cancelled) return false;
    if (!outcome) return tl::unexpected(outcome.error());
    if (auto* sample = std::get_if<DirectionSample>(&*outcome)) {
      HEADSCOPE_TRY(store.add(std::move(*sample)));
    } else {
      HEADSCOPE_TRY(store.skip(std::get<Skipped>(*outcome)));
    }
  }
  return true;
}

Result<DirectionData> collect_direction_data(Model& model, const PromptEncoder& encoder,
                                             std::span<const QaSample> samples,
                                             const DirectionDataOptions& options,
                                             const RunContext& context) {
  HEADSCOPE_ASSIGN(auto store, DirectionStore::open({}, direction_shape(model.config()), 0));
  HEADSCOPE_ASSIGN(const bool whole,
                   collect_direction_data(model, encoder, samples, options, store, context));
  DirectionData data;
  data.cancelled = !whole;
  data.skipped = store.skipped();
  for (std::size_t i = 0; i < store.size(); ++i) {
    HEADSCOPE_ASSIGN(const auto* sample, store.at(i));
    data.samples.push_back(*sample);
  }
  return data;
}

double direction_sample_bytes(const ModelConfig& config, std::int64_t tokens, std::int64_t rows) {
  const double vectors = static_cast<double>(config.kv_heads) * static_cast<double>(tokens) +
                         static_cast<double>(config.heads) * static_cast<double>(rows);
  return 4.0 * config.layers * config.head_dim * vectors;
}

}  // namespace headscope
