// Rotary embeddings as config.json describes them, in both spellings of transformers.
#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "core/config/config_fields.h"

namespace headscope {
namespace {

constexpr std::array<std::string_view, 6> types = {"default", "linear", "dynamic",
                                                   "llama3",  "yarn",   "longrope"};

/// Fields that are read, or that say nothing about the arithmetic.
constexpr std::array<std::string_view, 19> known_fields = {"rope_type",
                                                           "type",
                                                           "rope_theta",
                                                           "factor",
                                                           "beta_fast",
                                                           "beta_slow",
                                                           "mscale",
                                                           "mscale_all_dim",
                                                           "truncate",
                                                           "short_factor",
                                                           "long_factor",
                                                           "low_freq_factor",
                                                           "finetuned",
                                                           "rotary_pct",
                                                           "rotary_emb_base",
                                                           "high_freq_factor",
                                                           "attention_factor",
                                                           "original_max_position_embeddings",
                                                           "partial_rotary_factor"};

Result<> refuse_unknown(const JsonObject& fields, const RopeRules& rules) {
  for (const auto& [field, value] : fields.value().items()) {
    if (value.is_object()) {
      return tl::unexpected(
          fields.wrong(field, "a number (this model type has one set of parameters)"));
    }
    const bool known =
        std::find(known_fields.begin(), known_fields.end(), field) != known_fields.end() ||
        (rules.scales_queries &&
         (field == "llama_4_scaling_beta" || field == "max_position_embeddings"));
    if (!known && !value.is_null()) {
      return tl::unexpected(fields.wrong(field, "no such field: it is not understood"));
    }
  }
  return {};
}

Result<> read_type(const JsonObject& fields, const RopeRules& rules, RopeConfig& rope) {
  HEADSCOPE_ASSIGN(const std::string old_spelling, fields.string_or("type", rope.type));
  HEADSCOPE_ASSIGN(rope.type, fields.string_or("rope_type", old_spelling));
  if (rules.phi_names && (rope.type == "su" || rope.type == "yarn")) rope.type = "longrope";
  if (std::find(types.begin(), types.end(), rope.type) != types.end()) return {};
  return bad_input(fields.name() + ": rope type \"" + rope.type +
                   "\" is not supported (supported: default, linear, dynamic, llama3, yarn, "
                   "longrope)");
}

/// Phi-3 states the original context beside the parameters, and there it counts first.
Result<> read_original_context(const JsonObject& config, const JsonObject& fields,
                               RopeConfig& rope) {
  constexpr const char* field = "original_max_position_embeddings";
  const JsonObject& where = config.has(field) ? config : fields;
  HEADSCOPE_ASSIGN(rope.original_context, where.integer(field, 1, max_context));
  return {};
}

Result<double> required_factor(const JsonObject& fields) {
  if (!fields.has("factor")) return tl::unexpected(fields.wrong("factor", "a positive number"));
  return positive_number(fields, "factor", 1.0);
}

Result<> read_llama3(const JsonObject& fields, RopeConfig& rope) {
  HEADSCOPE_ASSIGN(rope.low_freq_factor,
                   positive_number(fields, "low_freq_factor", rope.low_freq_factor));
  HEADSCOPE_ASSIGN(rope.high_freq_factor,
                   positive_number(fields, "high_freq_factor", rope.high_freq_factor));
  if (rope.high_freq_factor > rope.low_freq_factor) return {};
  return tl::unexpected(fields.wrong("high_freq_factor", "a number above low_freq_factor"));
}

/// Peng et al. 2023 (arXiv 2309.00071), with the m-scales of DeepSeek.
Result<> read_yarn(const JsonObject& fields, RopeConfig& rope) {
  HEADSCOPE_ASSIGN(rope.beta_fast, positive_number(fields, "beta_fast", 32));
  HEADSCOPE_ASSIGN(rope.beta_slow, positive_number(fields, "beta_slow", 1));
  HEADSCOPE_ASSIGN(rope.truncate, fields.boolean_or("truncate", true));
  HEADSCOPE_ASSIGN(const double over, fields.number_or("mscale", 0));
  HEADSCOPE_ASSIGN(const double under, fields.number_or("mscale_all_dim", 0));
  const auto scale = [&](double m) {
    return rope.factor <= 1 ? 1.0 : 0.1 * m * std::log(rope.factor) + 1.0;
  };
  const double usual = over != 0 && under != 0 ? scale(over) / scale(under) : scale(1);
  HEADSCOPE_ASSIGN(rope.attention_factor, positive_number(fields, "attention_factor", usual));
  if (rope.theta <= 1) return tl::unexpected(fields.wrong("rope_theta", "a number above 1"));
  return {};
}

Result<std::vector<double>> read_factors(const JsonObject& fields, const char* field,
                                         std::size_t count) {
  HEADSCOPE_ASSIGN(auto factors, fields.numbers(field));
  const bool fits = factors.size() == count &&
                    std::all_of(factors.begin(), factors.end(), [](double f) { return f > 0; });
  if (fits) return factors;
  return tl::unexpected(fields.wrong(field, std::to_string(count) + " positive numbers"));
}

/// Ding et al. 2024 (arXiv 2402.13753) as Phi-3 uses it.
Result<> read_longrope(const JsonObject& fields, const ModelConfig& model, RopeConfig& rope) {
  const auto pairs = static_cast<std::size_t>(rope.dimensions / 2);
  HEADSCOPE_ASSIGN(rope.short_factor, read_factors(fields, "short_factor", pairs));
  HEADSCOPE_ASSIGN(rope.long_factor, read_factors(fields, "long_factor", pairs));
  const auto original = static_cast<double>(rope.original_context);
  HEADSCOPE_ASSIGN(
      rope.factor,
      positive_number(fields, "factor", static_cast<double>(model.context_length) / original));
  const bool stretched = rope.factor > 1 && rope.original_context > 1;
  const double usual = stretched ? std::sqrt(1 + std::log(rope.factor) / std::log(original)) : 1.0;
  HEADSCOPE_ASSIGN(rope.attention_factor, positive_number(fields, "attention_factor", usual));
  return {};
}

Result<> read_partial(const JsonObject& config, const JsonObject& fields, const ModelConfig& model,
                      const RopeRules& rules, RopeConfig& rope) {
  HEADSCOPE_ASSIGN(const double beside, positive_number(config, "partial_rotary_factor", 1.0));
  HEADSCOPE_ASSIGN(double part, positive_number(fields, "partial_rotary_factor", beside));
  if (rules.partial == nullptr && part != 1.0) {
    return bad_input(config.name() + ": partial rotary embeddings (\"partial_rotary_factor\") " +
                     "are not supported for this model type");
  }
  if (rules.partial != nullptr && !fields.has("partial_rotary_factor")) {
    HEADSCOPE_ASSIGN(part, positive_number(config, rules.partial, part));
  }
  rope.dimensions = static_cast<int>(model.head_dim * std::min(part, 1.0));
  if (part <= 1.0 && rope.dimensions >= 2 && rope.dimensions % 2 == 0) return {};
  return bad_input(
      config.name() + ": rotary embeddings turn " + std::to_string(rope.dimensions) +
      " of a head's " + std::to_string(model.head_dim) +
      " dimensions (head_dim, partial_rotary_factor); expected an even number of them");
}

}  // namespace

Result<RopeConfig> read_rope_fields(const JsonObject& config, const JsonObject& fields,
                                    const ModelConfig& model, const RopeRules& rules,
                                    RopeConfig rope) {
  HEADSCOPE_TRY(refuse_unknown(fields, rules));
  HEADSCOPE_ASSIGN(rope.theta, positive_number(fields, "rope_theta", rope.theta));
  HEADSCOPE_TRY(read_type(fields, rules, rope));
  HEADSCOPE_TRY(read_partial(config, fields, model, rules, rope));
  if (rules.scales_queries) {
    HEADSCOPE_ASSIGN(rope.query_beta, fields.number("llama_4_scaling_beta"));
    HEADSCOPE_TRY(read_original_context(config, fields, rope));
  }
  if (rope.type == "default") return rope;
  if (rope.type != "longrope") {
    HEADSCOPE_ASSIGN(rope.factor, required_factor(fields));
  }
  if (rope.type == "dynamic") rope.original_context = model.context_length;
  if (rope.type == "linear" || rope.type == "dynamic") return rope;
  HEADSCOPE_TRY(read_original_context(config, fields, rope));
  if (rope.type == "llama3") HEADSCOPE_TRY(read_llama3(fields, rope));
  if (rope.type == "yarn") HEADSCOPE_TRY(read_yarn(fields, rope));
  if (rope.type == "longrope") HEADSCOPE_TRY(read_longrope(fields, model, rope));
  return rope;
}

Result<RopeConfig> read_rope(const JsonObject& config, const ModelConfig& model,
                             const RopeRules& rules) {
  RopeConfig rope;
  HEADSCOPE_ASSIGN(rope.theta, positive_number(config, rules.theta, rope.theta));
  const char* key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const Json none = Json::object();
  HEADSCOPE_ASSIGN(const JsonObject empty, JsonObject::open(none, config.name()));
  if (!config.has(key)) return read_rope_fields(config, empty, model, rules, rope);
  HEADSCOPE_ASSIGN(const JsonObject fields, config.object(key));
  return read_rope_fields(config, fields, model, rules, rope);
}

}  // namespace headscope
