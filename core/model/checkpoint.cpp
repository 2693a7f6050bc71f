#include "core/model/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <ATen/ATen.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/safetensors.h"
#include "core/model/family.h"

namespace headscope {
namespace {

std::string shown(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// "a, b, c and 12 more".
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

/// Tensors of old exporters that hold nothing which config.json does not say.
bool is_ignorable(const std::string& name) {
  return name.ends_with(".rotary_emb.inv_freq");
}

/// A stored output matrix beside tied embeddings must be the embedding itself.
Result<bool> is_copy_of_embedding(const WeightSource& source, const std::string& name,
                                  const ModelConfig& config) {
  if (name != "lm_head.weight" || !config.tie_word_embeddings) return false;
  return source.same(name, "model.embed_tokens.weight");
}

Result<> check_tensors(const WeightSource& source, const std::vector<TensorSlot>& slots,
                       const ModelConfig& config, const std::string& folder) {
  std::vector<std::string> missing, misshapen, unused;
  std::set<std::string> expected;
  for (const TensorSlot& slot : slots) {
    expected.insert(slot.name);
    const auto it = source.tensors().find(slot.name);
    if (it == source.tensors().end()) {
      missing.push_back(slot.name);
    } else if (it->second.shape != slot.shape) {
      misshapen.push_back(slot.name + " is " + shown(it->second.shape) +
                          ", config.json calls for " + shown(slot.shape));
    } else if (!it->second.readable) {
      misshapen.push_back(slot.name + " has type " + it->second.dtype +
                          ", expected F32, F16 or BF16");
    }
  }
  if (!missing.empty()) return bad_input(folder + ": tensors are missing: " + listed(missing));
  if (!misshapen.empty()) return bad_input(folder + ": tensors do not fit: " + listed(misshapen));
  for (const auto& [name, stored] : source.tensors()) {
    if (expected.contains(name) || is_ignorable(name)) continue;
    HEADSCOPE_ASSIGN(const bool copy, is_copy_of_embedding(source, name, config));
    if (!copy) unused.push_back(name);
  }
  if (unused.empty()) return {};
  return bad_input(folder + ": tensors that model_type \"" + config.model_type +
                   "\" with this config.json has no use for: " + listed(unused) +
                   "; the checkpoint is of another kind");
}

Json config_json(const ModelConfig& config) {
  const Family* family = find_family(config.model_type);
  Json rope = {{"rope_type", config.rope.type}, {"rope_theta", config.rope.theta}};
  if (config.rope.type != "default") rope["factor"] = config.rope.factor;
  if (config.rope.type == "llama3") {
    rope["low_freq_factor"] = config.rope.low_freq_factor;
    rope["high_freq_factor"] = config.rope.high_freq_factor;
    rope["original_max_position_embeddings"] = config.rope.original_context;
  }
  Json json = {
      {"model_type", config.model_type},
      {"num_hidden_layers", config.layers},
      {"num_attention_heads", config.heads},
      {"num_key_value_heads", config.kv_heads},
      {"head_dim", config.head_dim},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"vocab_size", config.vocab_size},
      {"max_position_embeddings", config.context_length},
      {"rms_norm_eps", config.rms_norm_eps},
      {"tie_word_embeddings", config.tie_word_embeddings},
      {"attention_bias", config.attention_bias},
      {"mlp_bias", config.mlp_bias},
      {"hidden_act", "silu"},
      {"torch_dtype", "float32"},
      {"rope_theta", config.rope.theta},
      {"rope_scaling", config.rope.type == "default" ? Json(nullptr) : rope},
      {"rope_parameters", rope},
  };
  if (family != nullptr) json["architectures"] = Json::array({family->architecture});
  if (config.eos_ids.size() == 1) json["eos_token_id"] = config.eos_ids.front();
  if (config.eos_ids.size() > 1) json["eos_token_id"] = config.eos_ids;
  return json;
}

}  // namespace

Result<> check_weights(const WeightSource& source, const std::string& name,
                       const ModelConfig& config) {
  DecoderWeights weights;
  return check_tensors(source, tensor_slots(weights, config), config, name);
}

Result<DecoderWeights> load_weights(const WeightSource& source, const std::string& name,
                                    const ModelConfig& config, c10::Device device,
                                    c10::ScalarType dtype, const RunContext& context) {
  DecoderWeights weights;
  const std::vector<TensorSlot> slots = tensor_slots(weights, config);
  HEADSCOPE_TRY(check_tensors(source, slots, config, name));
  double done = 0;
  for (const TensorSlot& slot : slots) {
    HEADSCOPE_ASSIGN(*slot.tensor, source.read(slot.name, device, dtype, context));
    context.progress("load", ++done, static_cast<double>(slots.size()));
  }
  return weights;
}

Result<> save_checkpoint(const std::string& folder, DecoderWeights& weights,
                         const ModelConfig& config) {
  HEADSCOPE_TRY(create_folders(folder));
  std::vector<at::Tensor> kept;  // the bytes that the writer reads
  std::vector<TensorToWrite> tensors;
  for (const TensorSlot& slot : tensor_slots(weights, config)) {
    if (!slot.tensor->defined() || slot.tensor->sizes() != at::IntArrayRef(slot.shape)) {
      return fail(ErrorKind::internal, slot.name + " does not have the shape " + shown(slot.shape));
    }
    kept.push_back(slot.tensor->detach().to(at::kCPU, at::kFloat).contiguous());
    const auto* data = static_cast<const std::byte*>(kept.back().const_data_ptr());
    tensors.push_back({slot.name, DType::f32, slot.shape, {data, kept.back().nbytes()}});
  }
  const std::filesystem::path root(folder);
  HEADSCOPE_TRY(
      write_safetensors(root / "model.safetensors", std::move(tensors), {{"format", "pt"}}));
  return write_file_atomically(root / "config.json", dump_json(config_json(config), 2) + "\n");
}

}  // namespace headscope
