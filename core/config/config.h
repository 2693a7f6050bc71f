// config.json of a Hugging Face checkpoint, validated. Torch-free.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/base/error.h"

namespace headscope {

/// One rotary position embedding ("rope_scaling" or "rope_parameters"), as rope.h computes it.
struct RopeConfig {
  std::string type = "default";  ///< default, linear, dynamic, llama3, yarn, longrope
  double theta = 10000.0;
  double factor = 1.0;
  double low_freq_factor = 1.0, high_freq_factor = 4.0;  ///< llama3
  std::int64_t original_context = 0;     ///< tokens before stretching; not of default and linear
  int dimensions = 0;                    ///< of a head that rotate; 0 = all
  double attention_factor = 1.0;         ///< on cosines and sines: yarn, longrope
  double beta_fast = 32, beta_slow = 1;  ///< yarn: rotations within the original context
  bool truncate = true;                  ///< yarn: the range between them in whole dimensions
  std::vector<double> short_factor = {}, long_factor = {};  ///< longrope, one a pair of dimensions
  /// Ministral 3: queries at position t are multiplied by 1 + beta log(1 + t / original_context),
  /// the quotient rounded down; 0 = not.
  double query_beta = 0;

  /// Whether frequencies depend on how long a run gets: they are fixed from its final length.
  bool depends_on_length() const { return type == "dynamic" || type == "longrope"; }
};

/// How a layer's queries see keys.
struct LayerAttention {
  std::int64_t window =
      0;         ///< keys a row sees, itself included (sliding window); 0 = all before it
  int rope = 0;  ///< which of the model's rotary embeddings (Gemma 3 has two)
};

/// What is done to a vector before a block, with mean and variance over the vector:
enum class NormKind {
  rms,           ///< x / sqrt(mean(x^2) + eps) * w
  rms_plus_one,  ///< the same with 1 + w (Gemma)
  layer,         ///< (x - mean) / sqrt(variance + eps) * w + b
};
/// Of the MLP; gelu_tanh is the approximation by tanh.
enum class Activation { silu, gelu, gelu_tanh };

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
  NormKind norm = NormKind::rms;
  double norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  bool attention_bias = false;         ///< projections of q, k and v carry a bias
  bool attention_output_bias = false;  ///< so does the projection after attention
  bool mlp_bias = false;
  bool query_key_norm = false;     ///< queries and keys of each head are normalised before RoPE
  bool post_norms = false;         ///< what attention and MLP give is normalised before it is added
  bool gated_mlp = true;           ///< down(act(gate x) * up x), otherwise down(act(up x))
  bool parallel_residual = false;  ///< the MLP reads what attention reads, not what it gave
  bool learned_positions = false;  ///< a vector a position is added to the embedding
  Activation activation = Activation::silu;
  double embedding_scale = 1;  ///< factor on embeddings, rounded to their dtype
  std::string
      stored_dtype;        ///< as config.json says: "float32", "bfloat16" ...; empty if not stated
  bool quantised = false;  ///< stored_dtype is a kind of quantisation of GGUF: "Q4_K_M"
  std::vector<RopeConfig> ropes = {RopeConfig{}};  ///< empty = no rotation
  std::vector<LayerAttention> layer_attention;  ///< one entry a layer; empty = all see everything
  double query_scale = 0;        ///< factor on query-key products; 0 = 1 / sqrt(head_dim)
  double attention_softcap = 0;  ///< scores become cap * tanh(score / cap); 0 = none
  double final_softcap = 0;      ///< the same for logits; 0 = none
  std::vector<std::int32_t> eos_ids;
  std::vector<std::string> notes;  ///< what a user should know (options read but without effect)

  LayerAttention attention_in(int layer) const {  ///< of one layer
    return layer_attention.empty() ? LayerAttention{}
                                   : layer_attention[static_cast<std::size_t>(layer)];
  }
};

/// The factor on query-key products before soft-cap and softmax.
double attention_scale(const ModelConfig& config);

/// Parses config.json (and generation_config.json's eos ids when present) of `folder`, or what a
/// GGUF file says of its model.
Result<ModelConfig> load_config(const std::string& folder);

/// Parses one config object; `name` is used in messages.
Result<ModelConfig> parse_config(const nlohmann::json& config, const std::string& name);

}  // namespace headscope
