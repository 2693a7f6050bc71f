// Tensors of GGUF files under the names of Hugging Face checkpoints.
#include <array>
#include <charconv>
#include <utility>

#include "core/base/json.h"
#include "core/gguf/gguf_config.h"

namespace headscope {
namespace {

using Name = std::pair<std::string_view, std::string_view>;

constexpr std::array<Name, 3> model_names = {{
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
}};

constexpr std::array<Name, 12> layer_names = {{
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_qkv", "self_attn.qkv_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
}};

/// What is called differently where norms follow attention and MLP too.
constexpr std::array<Name, 3> sandwich_names = {{
    {"post_attention_norm", "post_attention_layernorm"},
    {"ffn_norm", "pre_feedforward_layernorm"},
    {"post_ffw_norm", "post_feedforward_layernorm"},
}};

/// Factors of rotary embeddings: gguf_config reads them.
bool is_of_config(std::string_view name) {
  return name == "rope_freqs.weight" || name == "rope_factors_long.weight" ||
         name == "rope_factors_short.weight";
}

std::string_view translate(std::span<const Name> names, std::string_view name) {
  for (const auto& [stored, usual] : names) {
    if (stored == name) return usual;
  }
  return {};
}

std::string_view layer_name(const GgufArchitecture& architecture, std::string_view name) {
  if (architecture.has_sandwich_norms) {
    if (const auto usual = translate(sandwich_names, name); !usual.empty()) return usual;
  }
  if (architecture.name == "phi3" && name == "ffn_up") return "mlp.gate_up_proj";  // one matrix
  return translate(layer_names, name);
}

/// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; unknown names stay.
std::string usual_name(const GgufArchitecture& architecture, const std::string& stored) {
  const std::string_view whole = stored;
  const std::size_t dot = whole.rfind('.');
  if (dot == whole.npos) return stored;
  std::string_view stem = whole.substr(0, dot);
  const std::string_view kind = whole.substr(dot);
  if (kind != ".weight" && kind != ".bias") return stored;
  if (!stem.starts_with("blk.")) {
    const std::string_view usual = translate(model_names, stem);
    return usual.empty() ? stored : std::string(usual) + std::string(kind);
  }
  stem.remove_prefix(4);
  int layer = 0;
  const auto [end, problem] = std::from_chars(stem.data(), stem.data() + stem.size(), layer);
  stem.remove_prefix(static_cast<std::size_t>(end - stem.data()));
  if (problem != std::errc() || !stem.starts_with('.')) return stored;
  const std::string_view usual = layer_name(architecture, stem.substr(1));
  if (usual.empty()) return stored;
  return "model.layers." + std::to_string(layer) + "." + std::string(usual) + std::string(kind);
}

}  // namespace

std::int64_t GgufWeight::stored_row(std::int64_t row) const {
  if (paired_heads == 0) return row;
  // Stored pair by pair (0, D/2, 1, D/2 + 1 ...), wanted half by half.
  const std::int64_t all = tensor->shape.front(), head_dim = all / paired_heads;
  const std::int64_t head = row / head_dim, within = row % head_dim, half = head_dim / 2;
  return head * head_dim + within % half * 2 + within / half;
}

void GgufWeight::read_rows(std::int64_t first, std::int64_t count, float* out) const {
  const std::int64_t columns = tensor->columns();
  const bool is_vector = tensor->shape.size() == 1;
  for (std::int64_t i = 0; i < count; ++i) {
    read_row(*tensor, is_vector ? 0 : stored_row(first + i), out + i * columns);
  }
  if (is_vector && paired_heads > 0) {
    const std::vector<float> stored(out, out + columns);
    for (std::int64_t i = 0; i < columns; ++i) {
      out[i] = stored[static_cast<std::size_t>(stored_row(i))];
    }
  }
  if (!minus_one) return;
  for (std::int64_t i = 0; i < count * columns; ++i) out[i] -= 1;
}

Result<std::map<std::string, GgufWeight, std::less<>>> gguf_weights(const GgufFile& file) {
  HEADSCOPE_ASSIGN(const GgufArchitecture* architecture, gguf_architecture(file));
  HEADSCOPE_ASSIGN(const Json config, gguf_config(file));
  const auto heads = config["num_attention_heads"].get<std::int64_t>();
  const auto kv_heads = config["num_key_value_heads"].get<std::int64_t>();
  std::map<std::string, GgufWeight, std::less<>> weights;
  for (const auto& [stored, tensor] : file.tensors()) {
    if (is_of_config(stored)) continue;
    const std::string name = usual_name(*architecture, stored);
    GgufWeight weight{.tensor = &tensor};
    weight.minus_one = architecture->norms_with_one && name.ends_with("norm.weight");
    if (architecture->pairs_rotary_rows) {
      if (name.find(".q_proj.") != name.npos) weight.paired_heads = heads;
      if (name.find(".k_proj.") != name.npos) weight.paired_heads = kv_heads;
    }
    if (weight.paired_heads > 0 && tensor.shape.front() % (2 * weight.paired_heads) != 0) {
      return bad_input(file.name() + ": tensor '" + stored + "' has " +
                       std::to_string(tensor.shape.front()) + " rows, expected a multiple of " +
                       std::to_string(2 * weight.paired_heads));
    }
    if (!weights.emplace(name, weight).second) {
      return bad_input(file.name() + ": two tensors are '" + name + "'");
    }
  }
  return weights;
}

}  // namespace headscope
