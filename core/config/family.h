// Which model_type values are understood, and what is special about each. A new family of the same
// block structure is one more entry of the table in family.cpp. Torch-free.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/config/config.h"

namespace headscope {

/// Names of a checkpoint's tensors, without ".weight" and ".bias": those of Llama unless said
/// otherwise. Where several matrices are stored as one, its name goes before theirs.
struct TensorNames {
  std::string_view body = "model.";  ///< begins all names but the output matrix's
  std::string_view embedding = "embed_tokens", positions = "", layers = "layers.";
  std::string_view final_norm = "norm", head = "lm_head";
  std::string_view input_norm = "input_layernorm", mlp_norm = "post_attention_layernorm";
  std::string_view attention_post_norm = "", mlp_post_norm = "";
  std::string_view q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj";
  std::string_view q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm";
  std::string_view qkv = "", o = "self_attn.o_proj";
  std::string_view gate = "mlp.gate_proj", up = "mlp.up_proj", gate_up = "";
  std::string_view down = "mlp.down_proj";
  bool head_by_head = false;      ///< qkv holds q, k and v of the first head, then of the next ...
  bool transposed = false;        ///< matrices are stored [in, out]
  std::string_view ignored = "";  ///< ending of tensors that hold nothing
};

/// One model_type of the decoder that decoder.h implements.
struct Family {
  std::string_view model_type;
  std::string_view architecture;  ///< name written to and expected in "architectures"
  /// Reads what only this family has, after the shared fields; refuses what is not implemented.
  Result<> (*read)(const JsonObject& config, ModelConfig& out) = nullptr;
  std::string_view defaults = "{}";  ///< of fields that published checkpoints leave out
  std::span<const std::string_view> claims = {};  ///< fields that others must not have
  std::span<const std::pair<std::string_view, std::string_view>> renamed = {};  ///< own, usual name
  int inner_per_hidden = 0;  ///< intermediate over hidden size where it is not stated; 0 = required
  TensorNames names = {};
};

/// The entry for `model_type`, or nullptr.
const Family* find_family(std::string_view model_type);

/// Whether `model_type` is a model of text and pictures whose "text_config" is what counts here.
bool is_text_inside(std::string_view model_type);

/// "llama, mistral, qwen2": for messages.
std::string supported_families();

}  // namespace headscope
