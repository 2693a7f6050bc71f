#include "core/model/config.h"

#include <algorithm>
#include <filesystem>

#include "core/base/json.h"
#include "core/gguf/gguf_file.h"
#include "core/model/family.h"
#include "core/model/gguf_source.h"

namespace headscope {
namespace {

// Far above every published model and far below what overflows 64-bit products of two of them.
constexpr std::int64_t max_layers = 4096, max_heads = 1 << 14, max_head_dim = 1 << 13;
constexpr std::int64_t max_hidden = 1 << 20, max_intermediate = 1 << 22, max_vocab = 1 << 24;
constexpr std::int64_t max_context = std::int64_t{1} << 32;
constexpr std::uint64_t max_file = std::uint64_t{1} << 24;

/// An integer from 1 to `most`; `fallback` 0 = the field is required.
Result<std::int64_t> count(const JsonObject& object, const char* field, std::int64_t most,
                           std::int64_t fallback = 0) {
  if (fallback > 0 && !object.has(field)) return fallback;
  return object.integer(field, 1, most);
}

Result<double> positive(const JsonObject& object, const char* field, double fallback) {
  HEADSCOPE_ASSIGN(const double number, object.number_or(field, fallback));
  if (number <= 0) return tl::unexpected(object.wrong(field, "a positive number"));
  return number;
}

Result<> refuse_partial_rotation(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const double partial, positive(object, "partial_rotary_factor", 1.0));
  if (partial == 1.0) return {};
  return bad_input(object.name() + ": partial rotary embeddings are not supported");
}

Result<> read_scaling(const JsonObject& fields, const std::string& key, RopeConfig& rope) {
  HEADSCOPE_ASSIGN(rope.theta, positive(fields, "rope_theta", rope.theta));
  HEADSCOPE_ASSIGN(const std::string old_spelling, fields.string_or("type", rope.type));
  HEADSCOPE_ASSIGN(rope.type, fields.string_or("rope_type", old_spelling));
  if (rope.type != "default" && rope.type != "linear" && rope.type != "llama3") {
    return bad_input(fields.name() + ": " + key + ": rope type \"" + rope.type +
                     "\" is not supported (supported: default, linear, llama3)");
  }
  for (const auto& [field, value] : fields.value().items()) {
    if (value.is_object()) {
      return tl::unexpected(
          fields.wrong(field, "a number (parameters per layer type are not supported)"));
    }
  }
  HEADSCOPE_TRY(refuse_partial_rotation(fields));
  if (rope.type == "default") return {};
  if (!fields.has("factor")) return tl::unexpected(fields.wrong("factor", "a positive number"));
  HEADSCOPE_ASSIGN(rope.factor, positive(fields, "factor", 1.0));
  if (rope.type == "linear") return {};
  HEADSCOPE_ASSIGN(rope.low_freq_factor, positive(fields, "low_freq_factor", rope.low_freq_factor));
  HEADSCOPE_ASSIGN(rope.high_freq_factor,
                   positive(fields, "high_freq_factor", rope.high_freq_factor));
  HEADSCOPE_ASSIGN(rope.original_context,
                   count(fields, "original_max_position_embeddings", max_context));
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    return tl::unexpected(fields.wrong("high_freq_factor", "a number above low_freq_factor"));
  }
  return {};
}

Result<RopeConfig> read_rope(const JsonObject& config) {
  RopeConfig rope;
  HEADSCOPE_ASSIGN(rope.theta, positive(config, "rope_theta", rope.theta));
  const std::string key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!config.has(key)) return rope;
  HEADSCOPE_ASSIGN(const JsonObject fields, config.object(key));
  HEADSCOPE_TRY(read_scaling(fields, key, rope));
  return rope;
}

Result<std::vector<std::int32_t>> read_eos(const JsonObject& config, std::int64_t vocab_size) {
  std::vector<std::int32_t> ids;
  const Json* field = config.find("eos_token_id");
  if (field == nullptr || field->is_null()) return ids;
  const Json list = field->is_array() ? *field : Json::array({*field});
  for (const Json& value : list) {
    const bool is_id = value.is_number_integer() && value.get<std::int64_t>() >= 0 &&
                       value.get<std::int64_t>() < vocab_size;
    if (!is_id) {
      return tl::unexpected(config.wrong(
          "eos_token_id", "token ids below vocab_size (" + std::to_string(vocab_size) + ")"));
    }
    ids.push_back(value.get<std::int32_t>());
  }
  return ids;
}

/// Options that would change the arithmetic and are not implemented: refuse unless neutral.
Result<> refuse_unknown_arithmetic(const JsonObject& config) {
  if (config.has("quantization_config")) {
    return bad_input(config.name() +
                     ": quantised checkpoints (\"quantization_config\") are not "
                     "supported; use the float16, bfloat16 or float32 original");
  }
  HEADSCOPE_ASSIGN(const std::string activation, config.string_or("hidden_act", "silu"));
  if (activation != "silu" && activation != "swish") {
    return bad_input(config.name() + ": activation \"" + activation +
                     "\" is not supported (expected silu)");
  }
  HEADSCOPE_TRY(refuse_partial_rotation(config));
  for (const char* field :
       {"attn_logit_softcapping", "final_logit_softcapping", "logits_scaling",
        "attention_multiplier", "embedding_multiplier", "residual_multiplier"}) {
    if (config.has(field)) {
      return bad_input(config.name() + ": field \"" + field +
                       "\" is not supported for this model type");
    }
  }
  if (!config.has("layer_types")) return {};
  HEADSCOPE_ASSIGN(const auto types, config.strings("layer_types"));
  for (const std::string& type : types) {
    if (type != "full_attention") {
      return tl::unexpected(config.wrong("layer_types", "\"full_attention\" in every layer"));
    }
  }
  return {};
}

Result<> read_shape(const JsonObject& config, ModelConfig& out) {
  HEADSCOPE_ASSIGN(out.layers, count(config, "num_hidden_layers", max_layers));
  HEADSCOPE_ASSIGN(out.heads, count(config, "num_attention_heads", max_heads));
  HEADSCOPE_ASSIGN(out.kv_heads, count(config, "num_key_value_heads", max_heads, out.heads));
  HEADSCOPE_ASSIGN(out.hidden_size, count(config, "hidden_size", max_hidden));
  HEADSCOPE_ASSIGN(out.intermediate_size, count(config, "intermediate_size", max_intermediate));
  HEADSCOPE_ASSIGN(out.vocab_size, count(config, "vocab_size", max_vocab));
  HEADSCOPE_ASSIGN(out.context_length, count(config, "max_position_embeddings", max_context, 2048));
  if (out.heads % out.kv_heads != 0) {
    return tl::unexpected(config.wrong("num_key_value_heads", "a divisor of num_attention_heads (" +
                                                                  std::to_string(out.heads) + ")"));
  }
  if (!config.has("head_dim") && out.hidden_size % out.heads != 0) {
    return tl::unexpected(config.wrong("num_attention_heads", "a divisor of hidden_size (" +
                                                                  std::to_string(out.hidden_size) +
                                                                  "), since no head_dim is given"));
  }
  const std::int64_t usual = std::max<std::int64_t>(1, out.hidden_size / out.heads);
  HEADSCOPE_ASSIGN(out.head_dim, count(config, "head_dim", max_head_dim, usual));
  if (out.head_dim % 2 != 0) {
    return bad_input(config.name() + ": head_dim " + std::to_string(out.head_dim) +
                     " is odd; rotary embeddings need an even one");
  }
  if (std::int64_t{out.head_dim} * out.heads > max_hidden) {
    return tl::unexpected(config.wrong(
        "head_dim", "at most " + std::to_string(max_hidden) + " for all heads together"));
  }
  return {};
}

}  // namespace

Result<ModelConfig> parse_config(const Json& json, const std::string& name) {
  HEADSCOPE_ASSIGN(const JsonObject config, JsonObject::open(json, name));
  ModelConfig out;
  HEADSCOPE_ASSIGN(out.model_type, config.string("model_type"));
  const Family* family = find_family(out.model_type);
  if (family == nullptr) {
    return bad_input(name + ": model_type \"" + out.model_type +
                     "\" is not supported (supported: " + supported_families() + ")");
  }
  HEADSCOPE_TRY(refuse_unknown_arithmetic(config));
  HEADSCOPE_TRY(read_shape(config, out));
  HEADSCOPE_ASSIGN(out.rms_norm_eps, positive(config, "rms_norm_eps", out.rms_norm_eps));
  HEADSCOPE_ASSIGN(out.tie_word_embeddings, config.boolean_or("tie_word_embeddings", false));
  HEADSCOPE_ASSIGN(const std::string old_dtype, config.string_or("torch_dtype", ""));
  HEADSCOPE_ASSIGN(out.stored_dtype, config.string_or("dtype", old_dtype));
  HEADSCOPE_ASSIGN(out.rope, read_rope(config));
  HEADSCOPE_ASSIGN(out.eos_ids, read_eos(config, out.vocab_size));
  HEADSCOPE_TRY(family->read(config, out));
  if (!config.has("max_position_embeddings")) {
    out.notes.push_back("max_position_embeddings is not stated; 2048 is assumed");
  }
  return out;
}

Result<ModelConfig> load_config(const std::string& folder) {
  if (is_gguf(folder)) return load_gguf_config(folder);
  const std::filesystem::path root(folder);
  HEADSCOPE_ASSIGN(const Json config, read_json_file(root / "config.json", max_file));
  HEADSCOPE_ASSIGN(ModelConfig out, parse_config(config, (root / "config.json").string()));
  const std::filesystem::path generation = root / "generation_config.json";
  std::error_code ignored;
  if (std::filesystem::exists(generation, ignored)) {
    HEADSCOPE_ASSIGN(const Json options, read_json_file(generation, max_file));
    HEADSCOPE_ASSIGN(const JsonObject object, JsonObject::open(options, generation.string()));
    HEADSCOPE_ASSIGN(const auto eos, read_eos(object, out.vocab_size));
    if (!eos.empty()) out.eos_ids = eos;
  }
  return out;
}

}  // namespace headscope
