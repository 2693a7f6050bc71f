#include "core/config/family.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/config/config_fields.h"

namespace headscope {
namespace {

bool every_layer(const JsonObject&, int) {
  return true;
}

/// One switch for q, k, v and the projection after attention.
Result<> read_attention_bias(const JsonObject& config, ModelConfig& out) {
  HEADSCOPE_ASSIGN(out.attention_bias, config.boolean_or("attention_bias", false));
  out.attention_output_bias = out.attention_bias;
  return {};
}

Result<> read_single_rope(const JsonObject& config, ModelConfig& out, const RopeRules& rules = {}) {
  HEADSCOPE_ASSIGN(RopeConfig rope, read_rope(config, out, rules));
  out.ropes = {std::move(rope)};
  return {};
}

Result<> read_llama(const JsonObject& config, ModelConfig& out) {
  HEADSCOPE_TRY(read_attention_bias(config, out));
  HEADSCOPE_ASSIGN(out.mlp_bias, config.boolean_or("mlp_bias", false));
  return read_single_rope(config, out);
}

Result<> read_mistral(const JsonObject& config, ModelConfig& out) {
  HEADSCOPE_TRY(read_single_rope(config, out));
  HEADSCOPE_ASSIGN(const std::int64_t window, window_of(config));
  HEADSCOPE_TRY(read_windows(config, out, window, every_layer));
  // transformers pays no attention to "layer_types" here, so they must say what it does.
  for (const LayerAttention& layer : out.layer_attention) {
    if (layer.window != window) {
      return tl::unexpected(
          config.wrong("layer_types",
                       "the same in every layer; with alternating layers the model_type is "
                       "\"ministral\""));
    }
  }
  return {};
}

Result<> read_ministral(const JsonObject& config, ModelConfig& out) {
  HEADSCOPE_TRY(read_single_rope(config, out));
  HEADSCOPE_ASSIGN(const std::int64_t window, window_of(config));
  return read_windows(config, out, window, every_layer);
}

Result<> read_ministral3(const JsonObject& config, ModelConfig& out) {
  RopeRules rules;
  rules.scales_queries = true;
  HEADSCOPE_TRY(read_single_rope(config, out, rules));
  HEADSCOPE_ASSIGN(const std::int64_t window, window_of(config));
  return read_windows(config, out, window, every_layer);
}

bool above_full_layers(const JsonObject& config, int layer) {
  return layer >= config.integer_or("max_window_layers", 0).value_or(0);
}

Result<> read_qwen_windows(const JsonObject& config, ModelConfig& out) {
  HEADSCOPE_ASSIGN(const bool sliding, config.boolean_or("use_sliding_window", false));
  HEADSCOPE_ASSIGN(const std::int64_t window, window_of(config));
  HEADSCOPE_TRY(config.integer_or("max_window_layers", 0));
  return read_windows(config, out, sliding ? window : 0, above_full_layers);
}

Result<> read_qwen2(const JsonObject& config, ModelConfig& out) {
  out.attention_bias = true;  // q, k and v only
  HEADSCOPE_TRY(read_single_rope(config, out));
  return read_qwen_windows(config, out);
}

Result<> read_qwen3(const JsonObject& config, ModelConfig& out) {
  out.query_key_norm = true;
  HEADSCOPE_TRY(read_attention_bias(config, out));
  HEADSCOPE_TRY(read_single_rope(config, out));
  return read_qwen_windows(config, out);
}

/// What Gemma 2 and 3 share.
Result<> read_gemma(const JsonObject& config, ModelConfig& out) {
  out.norm = NormKind::rms_plus_one;
  out.post_norms = true;
  out.embedding_scale = std::sqrt(static_cast<double>(out.hidden_size));
  HEADSCOPE_ASSIGN(out.activation, read_activation(config, "hidden_activation"));
  HEADSCOPE_TRY(read_attention_bias(config, out));
  HEADSCOPE_ASSIGN(const double scalar, positive_number(config, "query_pre_attn_scalar", 256));
  out.query_scale = 1 / std::sqrt(scalar);
  if (config.has("final_logit_softcapping")) {
    HEADSCOPE_ASSIGN(out.final_softcap, positive_number(config, "final_logit_softcapping", 0));
  }
  return {};
}

bool every_other_layer(const JsonObject&, int layer) {
  return layer % 2 == 0;
}

Result<> read_gemma2(const JsonObject& config, ModelConfig& out) {
  HEADSCOPE_TRY(read_gemma(config, out));
  if (config.has("attn_logit_softcapping")) {
    HEADSCOPE_ASSIGN(out.attention_softcap, positive_number(config, "attn_logit_softcapping", 0));
  }
  HEADSCOPE_TRY(read_single_rope(config, out));
  HEADSCOPE_ASSIGN(const std::int64_t window, window_of(config));
  return read_windows(config, out, window, every_other_layer);
}

bool all_but_every_sixth_layer(const JsonObject& config, int layer) {
  const std::int64_t pattern = config.integer_or("sliding_window_pattern", 6).value_or(6);
  return pattern > 0 && (layer + 1) % pattern != 0;
}

/// The embedding of layers that see everything, then that of layers with a window.
Result<> read_gemma3_ropes(const JsonObject& config, ModelConfig& out) {
  const char* key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  Json stretched = Json::object(), local = Json::object();
  if (config.has(key)) {
    HEADSCOPE_ASSIGN(const JsonObject fields, config.object(key));
    const bool by_type = fields.has("full_attention") || fields.has("sliding_attention");
    if (by_type && fields.has("full_attention")) stretched = *fields.find("full_attention");
    if (by_type && fields.has("sliding_attention")) local = *fields.find("sliding_attention");
    if (!by_type) stretched = fields.value();
  }
  out.ropes.clear();
  for (const auto& [own, theta] :
       {std::pair(&stretched, "rope_theta"), std::pair(&local, "rope_local_base_freq")}) {
    RopeConfig rope;
    HEADSCOPE_ASSIGN(rope.theta, positive_number(config, theta, rope.theta));
    HEADSCOPE_ASSIGN(const JsonObject fields, JsonObject::open(*own, config.name()));
    HEADSCOPE_ASSIGN(rope, read_rope_fields(config, fields, out, {}, rope));
    out.ropes.push_back(std::move(rope));
  }
  return {};
}

Result<> read_gemma3(const JsonObject& config, ModelConfig& out) {
  HEADSCOPE_TRY(read_gemma(config, out));
  out.query_key_norm = true;
  HEADSCOPE_TRY(read_gemma3_ropes(config, out));
  HEADSCOPE_TRY(config.integer_or("sliding_window_pattern", 6));
  HEADSCOPE_ASSIGN(const std::int64_t window, window_of(config));
  HEADSCOPE_TRY(read_windows(config, out, window, all_but_every_sixth_layer));
  for (LayerAttention& layer : out.layer_attention) layer.rope = layer.window > 0 ? 1 : 0;
  return {};
}

Result<> read_phi3(const JsonObject& config, ModelConfig& out) {
  RopeRules rules;
  rules.partial = "partial_rotary_factor";
  rules.phi_names = true;
  HEADSCOPE_TRY(read_single_rope(config, out, rules));
  HEADSCOPE_ASSIGN(const std::int64_t window, window_of(config));
  return read_windows(config, out, window, every_layer);
}

Result<> read_neox(const JsonObject& config, ModelConfig& out) {
  out.norm = NormKind::layer;
  out.gated_mlp = false;
  out.mlp_bias = true;
  HEADSCOPE_ASSIGN(out.norm_eps, positive_number(config, "layer_norm_eps", 1e-5));
  HEADSCOPE_TRY(read_attention_bias(config, out));
  HEADSCOPE_ASSIGN(out.parallel_residual, config.boolean_or("use_parallel_residual", true));
  RopeRules rules;
  rules.theta = "rotary_emb_base";
  rules.partial = "rotary_pct";
  return read_single_rope(config, out, rules);
}

Result<> read_gpt2(const JsonObject& config, ModelConfig& out) {
  out.norm = NormKind::layer;
  out.gated_mlp = false;
  out.learned_positions = true;
  out.attention_bias = out.attention_output_bias = out.mlp_bias = true;
  out.ropes.clear();
  HEADSCOPE_ASSIGN(out.norm_eps, positive_number(config, "layer_norm_epsilon", 1e-5));
  HEADSCOPE_ASSIGN(const bool scaled, config.boolean_or("scale_attn_weights", true));
  if (!scaled) out.query_scale = 1;
  return {};
}

constexpr std::array<std::string_view, 3> gemma2_claims = {
    "query_pre_attn_scalar", "final_logit_softcapping", "attn_logit_softcapping"};
constexpr std::array<std::string_view, 2> gemma3_claims = {"query_pre_attn_scalar",
                                                           "final_logit_softcapping"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> gpt2_fields = {{
    {"n_layer", "num_hidden_layers"},
    {"n_head", "num_attention_heads"},
    {"n_embd", "hidden_size"},
    {"n_inner", "intermediate_size"},
    {"n_positions", "max_position_embeddings"},
    {"activation_function", "hidden_act"},
}};

constexpr TensorNames gemma_names = {.mlp_norm = "pre_feedforward_layernorm",
                                     .attention_post_norm = "post_attention_layernorm",
                                     .mlp_post_norm = "post_feedforward_layernorm"};
constexpr TensorNames phi3_names = {.qkv = "self_attn.qkv_proj", .gate_up = "mlp.gate_up_proj"};
constexpr TensorNames neox_names = {.body = "gpt_neox.",
                                    .embedding = "embed_in",
                                    .final_norm = "final_layer_norm",
                                    .head = "embed_out",
                                    .qkv = "attention.query_key_value",
                                    .o = "attention.dense",
                                    .up = "mlp.dense_h_to_4h",
                                    .down = "mlp.dense_4h_to_h",
                                    .head_by_head = true,
                                    .ignored = ".attention.bias"};
constexpr TensorNames gpt2_names = {.body = "transformer.",
                                    .embedding = "wte",
                                    .positions = "wpe",
                                    .layers = "h.",
                                    .final_norm = "ln_f",
                                    .input_norm = "ln_1",
                                    .mlp_norm = "ln_2",
                                    .qkv = "attn.c_attn",
                                    .o = "attn.c_proj",
                                    .up = "mlp.c_fc",
                                    .down = "mlp.c_proj",
                                    .transposed = true,
                                    .ignored = ".attn.bias"};

constexpr std::string_view qwen2_defaults = R"({"sliding_window": 4096, "max_window_layers": 28})";
constexpr std::string_view qwen3_defaults =
    R"({"head_dim": 128, "sliding_window": 4096, "max_window_layers": 28})";
constexpr std::string_view gemma2_defaults =
    R"({"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
        "max_position_embeddings": 8192, "tie_word_embeddings": true, "sliding_window": 4096,
        "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256,
        "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0})";
constexpr std::string_view gemma3_defaults =
    R"({"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262208,
        "max_position_embeddings": 131072, "tie_word_embeddings": true, "sliding_window": 4096,
        "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256,
        "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0})";

constexpr std::array<Family, 11> families = {{
    {"llama", "LlamaForCausalLM", read_llama},
    {"mistral", "MistralForCausalLM", read_mistral, R"({"sliding_window": 4096})"},
    {"ministral", "MinistralForCausalLM", read_ministral, R"({"sliding_window": 4096})"},
    {"ministral3", "Ministral3ForCausalLM", read_ministral3, R"({"head_dim": 128})"},
    {"qwen2", "Qwen2ForCausalLM", read_qwen2, qwen2_defaults},
    {"qwen3", "Qwen3ForCausalLM", read_qwen3, qwen3_defaults},
    {.model_type = "gemma2",
     .architecture = "Gemma2ForCausalLM",
     .read = read_gemma2,
     .defaults = gemma2_defaults,
     .claims = gemma2_claims,
     .names = gemma_names},
    {.model_type = "gemma3_text",
     .architecture = "Gemma3ForCausalLM",
     .read = read_gemma3,
     .defaults = gemma3_defaults,
     .claims = gemma3_claims,
     .names = gemma_names},
    {.model_type = "phi3",
     .architecture = "Phi3ForCausalLM",
     .read = read_phi3,
     .names = phi3_names},
    {.model_type = "gpt_neox",
     .architecture = "GPTNeoXForCausalLM",
     .read = read_neox,
     .defaults = R"({"hidden_act": "gelu", "attention_bias": true, "rotary_pct": 0.25})",
     .names = neox_names},
    {.model_type = "gpt2",
     .architecture = "GPT2LMHeadModel",
     .read = read_gpt2,
     .defaults = R"({"activation_function": "gelu_new", "tie_word_embeddings": true})",
     .renamed = gpt2_fields,
     .inner_per_hidden = 4,
     .names = gpt2_names},
}};

}  // namespace

const Family* find_family(std::string_view model_type) {
  for (const Family& family : families) {
    if (family.model_type == model_type) return &family;
  }
  return nullptr;
}

bool is_text_inside(std::string_view model_type) {
  return model_type == "gemma3" || model_type == "mistral3";
}

std::string supported_families() {
  std::string names;
  for (const Family& family : families) {
    if (!names.empty()) names += ", ";
    names += family.model_type;
  }
  return names + ", and the text of gemma3 and mistral3";
}

}  // namespace headscope
