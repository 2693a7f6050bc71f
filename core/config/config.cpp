#include "core/config/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "core/base/json.h"
#include "core/config/config_fields.h"
#include "core/config/family.h"
#include "core/gguf/gguf_config.h"

namespace headscope {
namespace {

// Far above every published model and far below what overflows 64-bit products of two of them.
constexpr std::int64_t max_layers = 4096, max_heads = 1 << 14, max_head_dim = 1 << 13;
constexpr std::int64_t max_hidden = 1 << 20, max_intermediate = 1 << 22, max_vocab = 1 << 24;
constexpr std::uint64_t max_file = std::uint64_t{1} << 24;

/// An integer from 1 to `most`; `fallback` 0 = the field is required.
Result<std::int64_t> count(const JsonObject& object, const char* field, std::int64_t most,
                           std::int64_t fallback = 0) {
  if (fallback > 0 && !object.has(field)) return fallback;
  return object.integer(field, 1, most);
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

/// Fields that change the arithmetic in some families. Where a family does not claim them they are
/// refused unless they say "no".
constexpr std::array<std::string_view, 26> claimed_fields = {"attn_logit_softcapping",
                                                             "final_logit_softcapping",
                                                             "logits_scaling",
                                                             "logit_scale",
                                                             "attention_multiplier",
                                                             "embedding_multiplier",
                                                             "residual_multiplier",
                                                             "scale_emb",
                                                             "scale_depth",
                                                             "dim_model_base",
                                                             "query_pre_attn_scalar",
                                                             "qk_layernorm",
                                                             "use_qk_norm",
                                                             "clip_qkv",
                                                             "alibi",
                                                             "num_experts",
                                                             "num_local_experts",
                                                             "n_routed_experts",
                                                             "use_bidirectional_attention",
                                                             "no_rope_layers",
                                                             "attn_temperature_tuning",
                                                             "qk_norm",
                                                             "scale_attn_by_inverse_layer_idx",
                                                             "add_cross_attention",
                                                             "use_mup",
                                                             "layer_scale"};

Result<> refuse_unknown_arithmetic(const JsonObject& config, const Family& family) {
  if (config.has("quantization_config")) {
    return bad_input(config.name() +
                     ": quantised checkpoints (\"quantization_config\") are not "
                     "supported; use the float16, bfloat16 or float32 original");
  }
  const auto claimed = [&](std::string_view field) {
    return std::find(family.claims.begin(), family.claims.end(), field) != family.claims.end();
  };
  for (const std::string_view field : claimed_fields) {
    const Json* value = config.find(field);
    const bool neutral = value == nullptr || value->is_null() || *value == Json(false);
    if (neutral || claimed(field)) continue;
    return bad_input(config.name() + ": field \"" + std::string(field) +
                     "\" is not supported for this model type");
  }
  return {};
}

Result<> read_shape(const JsonObject& config, const Family& family, ModelConfig& out) {
  HEADSCOPE_ASSIGN(out.layers, count(config, "num_hidden_layers", max_layers));
  HEADSCOPE_ASSIGN(out.heads, count(config, "num_attention_heads", max_heads));
  HEADSCOPE_ASSIGN(out.kv_heads, count(config, "num_key_value_heads", max_heads, out.heads));
  HEADSCOPE_ASSIGN(out.hidden_size, count(config, "hidden_size", max_hidden));
  HEADSCOPE_ASSIGN(out.intermediate_size, count(config, "intermediate_size", max_intermediate,
                                                family.inner_per_hidden * out.hidden_size));
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

/// What a checkpoint of text and pictures says about its text, with what stands beside it.
Result<Json> text_part(const JsonObject& config, std::vector<std::string>& notes) {
  HEADSCOPE_ASSIGN(const JsonObject text, config.object("text_config"));
  Json json = text.value();
  for (const char* field :
       {"torch_dtype", "dtype", "eos_token_id", "tie_word_embeddings", "quantization_config"}) {
    if (config.has(field) && !text.has(field)) json[field] = *config.find(field);
  }
  notes.emplace_back("reads text only: the parts for pictures are left out");
  return json;
}

/// The config of the language model alone, with its family's own defaults and usual field names.
Result<Json> completed(const JsonObject& config, const Family& family) {
  Json json = Json::parse(family.defaults, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return fail(ErrorKind::internal, "defaults of a family are no JSON");
  json.update(config.value());
  for (const auto& [own, usual] : family.renamed) {
    if (const auto it = json.find(own); it != json.end()) json[usual] = *it;
  }
  return json;
}

/// Runs may be longer than what the model was trained on where the embedding stretches.
void settle_length(ModelConfig& out) {
  if (out.ropes.empty()) return;
  const RopeConfig& rope = out.ropes.front();
  if (rope.type == "dynamic" || rope.type == "yarn") {
    const double stretched = static_cast<double>(rope.original_context) * rope.factor;
    out.context_length =
        std::max(out.context_length,
                 static_cast<std::int64_t>(std::min(stretched, static_cast<double>(max_context))));
  }
  for (const RopeConfig& one : out.ropes) {
    if (!one.depends_on_length()) continue;
    out.notes.push_back(
        "rotary type \"" + one.type +
        "\" depends on how long a run gets: each run uses the "
        "frequencies of its final length (prompt and all tokens asked for; beyond " +
        std::to_string(one.original_context) + " tokens they change) from its first token on");
  }
}

Result<> read_model(const JsonObject& config, const Family& family, ModelConfig& out) {
  HEADSCOPE_TRY(refuse_unknown_arithmetic(config, family));
  HEADSCOPE_TRY(read_shape(config, family, out));
  if (config.has("rms_norm_eps")) {
    HEADSCOPE_ASSIGN(out.norm_eps, positive_number(config, "rms_norm_eps", out.norm_eps));
  }
  HEADSCOPE_ASSIGN(out.activation, read_activation(config, "hidden_act"));
  HEADSCOPE_ASSIGN(out.tie_word_embeddings, config.boolean_or("tie_word_embeddings", false));
  HEADSCOPE_ASSIGN(const std::string old_dtype, config.string_or("torch_dtype", ""));
  HEADSCOPE_ASSIGN(out.stored_dtype, config.string_or("dtype", old_dtype));
  HEADSCOPE_ASSIGN(out.eos_ids, read_eos(config, out.vocab_size));
  HEADSCOPE_TRY(family.read(config, out));
  if (out.layer_attention.empty()) {
    HEADSCOPE_TRY(read_windows(config, out, 0, nullptr));
  }
  settle_length(out);
  if (!config.has("max_position_embeddings")) {
    out.notes.push_back("max_position_embeddings is not stated; 2048 is assumed");
  }
  return {};
}

}  // namespace

double attention_scale(const ModelConfig& config) {
  return config.query_scale > 0 ? config.query_scale : 1.0 / std::sqrt(double(config.head_dim));
}

Result<double> positive_number(const JsonObject& object, const char* field, double fallback) {
  HEADSCOPE_ASSIGN(const double number, object.number_or(field, fallback));
  // A fallback that was worked out from other fields may be no number.
  if (!(number > 0) || !std::isfinite(number))
    return tl::unexpected(object.wrong(field, "a positive number"));
  return number;
}

Result<Activation> read_activation(const JsonObject& config, const char* field) {
  HEADSCOPE_ASSIGN(const std::string name, config.string_or(field, "silu"));
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::gelu_tanh;
  return bad_input(config.name() + ": activation \"" + name +
                   "\" is not supported (supported: silu, gelu, gelu_pytorch_tanh, gelu_new)");
}

Result<std::int64_t> window_of(const JsonObject& config) {
  if (!config.has("sliding_window")) return 0;
  return config.integer("sliding_window", 1, max_context);
}

Result<> read_windows(const JsonObject& config, ModelConfig& out, std::int64_t window,
                      LayerRule slides) {
  std::vector<std::string> types;
  if (config.has("layer_types")) {
    HEADSCOPE_ASSIGN(types, config.strings("layer_types"));
    if (types.size() != static_cast<std::size_t>(out.layers)) {
      return tl::unexpected(
          config.wrong("layer_types", std::to_string(out.layers) + " entries, one a layer"));
    }
  }
  std::vector<LayerAttention> layers(static_cast<std::size_t>(out.layers));
  for (int layer = 0; layer < out.layers; ++layer) {
    const auto index = static_cast<std::size_t>(layer);
    const bool stated = !types.empty();
    if (stated && types[index] != "sliding_attention" && types[index] != "full_attention") {
      return tl::unexpected(config.wrong(
          "layer_types", "\"full_attention\" or \"sliding_attention\" in every layer"));
    }
    const bool slide = stated ? types[index] == "sliding_attention"
                              : window > 0 && slides != nullptr && slides(config, layer);
    if (slide && window == 0) {
      return tl::unexpected(config.wrong(
          "layer_types", "\"full_attention\" in every layer, as there is no sliding window"));
    }
    if (slide) layers[index].window = window;
  }
  out.layer_attention = std::move(layers);
  return {};
}

Result<ModelConfig> parse_config(const Json& json, const std::string& name) {
  HEADSCOPE_ASSIGN(const JsonObject whole, JsonObject::open(json, name));
  ModelConfig out;
  HEADSCOPE_ASSIGN(out.model_type, whole.string("model_type"));
  Json text = json;
  if (is_text_inside(out.model_type)) {
    HEADSCOPE_ASSIGN(text, text_part(whole, out.notes));
    HEADSCOPE_ASSIGN(const JsonObject inner, JsonObject::open(text, name + ": text_config"));
    HEADSCOPE_ASSIGN(out.model_type, inner.string("model_type"));
  }
  const Family* family = find_family(out.model_type);
  if (family == nullptr) {
    return bad_input(name + ": model_type \"" + out.model_type +
                     "\" is not supported (supported: " + supported_families() + ")");
  }
  HEADSCOPE_ASSIGN(const JsonObject stated, JsonObject::open(text, name));
  HEADSCOPE_ASSIGN(const Json complete, completed(stated, *family));
  HEADSCOPE_ASSIGN(const JsonObject config, JsonObject::open(complete, name));
  HEADSCOPE_TRY(read_model(config, *family, out));
  return out;
}

namespace {

/// The configuration that a GGUF file describes, validated like a config.json.
Result<ModelConfig> load_gguf_config(const std::string& file) {
  HEADSCOPE_ASSIGN(const GgufFile opened, GgufFile::open(file));
  HEADSCOPE_ASSIGN(const Json config, gguf_config(opened));
  HEADSCOPE_ASSIGN(ModelConfig out, parse_config(config, file));
  out.quantised = !out.stored_dtype.starts_with("float") && out.stored_dtype != "bfloat16";
  if (out.quantised) {
    out.notes.push_back("quantised (" + out.stored_dtype +
                        "): weights become bfloat16 unless --dtype says otherwise; on a processor "
                        "float32 reads prompts faster and takes twice the memory");
  }
  return out;
}

}  // namespace

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
