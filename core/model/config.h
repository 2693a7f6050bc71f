// config.json of a Hugging Face checkpoint, validated. Torch-free.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/base/error.h"

namespace headscope {

/// Rotary position embedding parameters ("rope_scaling" or "rope_parameters").
struct RopeConfig {
  std::string type = "default";  ///< default, linear, llama3 (others are refused for now)
  double theta = 10000.0;
  double factor = 1.0;
  double low_freq_factor = 1.0, high_freq_factor = 4.0;  ///< llama3
  std::int64_t original_context = 0;                     ///< llama3
};

/// How a layer's queries see keys.
struct LayerAttention {
  std::int64_t window =
      0;         ///< keys a row sees, itself included (sliding window); 0 = all before it
  int rope = 0;  ///< which of the model's rotary embeddings (Gemma 3 has two)
};

/// Shape and options of a decoder. All counts are validated to be positive and consistent.
struct ModelConfig {
  std::string model_type;
  int layers = 0;
  int heads = 0;     ///< query heads H
  int kv_heads = 0;  ///< key/value heads H_kv, divides H
  int head_dim = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;
  std::int64_t context_length = 0;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  bool attention_bias = false;         ///< projections of q, k and v carry a bias
  bool attention_output_bias = false;  ///< so does the projection after attention
  bool mlp_bias = false;
  std::string
      stored_dtype;  ///< as config.json says: "float32", "bfloat16" ...; empty if not stated
  bool quantised = false;  ///< stored_dtype is a kind of quantisation of GGUF: "Q4_K_M"
  RopeConfig rope;
  std::vector<LayerAttention> layer_attention;  ///< one entry a layer; empty = all see everything
  double query_scale = 0;        ///< factor on query-key products; 0 = 1 / sqrt(head_dim)
  double attention_softcap = 0;  ///< scores become cap * tanh(score / cap); 0 = none
  double final_softcap = 0;      ///< the same for logits; 0 = none
  std::vector<std::int32_t> eos_ids;
  std::vector<std::string> notes;  ///< what a user should know (options read but without effect)

  LayerAttention attention_in(int layer) const {
    return layer_attention.empty() ? LayerAttention{}
                                   : layer_attention[static_cast<std::size_t>(layer)];
  }
};

/// Parses config.json (and generation_config.json's eos ids when present) of `folder`, or what a
/// GGUF file says of its model.
Result<ModelConfig> load_config(const std::string& folder);

/// Parses one config object; `name` is used in messages.
Result<ModelConfig> parse_config(const nlohmann::json& config, const std::string& name);

}  // namespace headscope
