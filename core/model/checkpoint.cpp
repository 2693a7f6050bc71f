#include "core/model/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include <ATen/ATen.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/safetensors.h"
#include "core/model/attention.h"
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

std::optional<at::ScalarType> scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    case DType::f64:
      return at::kDouble;
    default:
      return std::nullopt;
  }
}

/// Tensors of old exporters that hold nothing which config.json does not say.
bool is_ignorable(const std::string& name) {
  return name.ends_with(".rotary_emb.inv_freq");
}

/// A stored output matrix beside tied embeddings must be the embedding itself.
Result<bool> is_copy_of_embedding(const Checkpoint& checkpoint, const std::string& name,
                                  const ModelConfig& config) {
  if (name != "lm_head.weight" || !config.tie_word_embeddings) return false;
  HEADSCOPE_ASSIGN(const auto head, checkpoint.bytes(name));
  HEADSCOPE_ASSIGN(const auto embedding, checkpoint.bytes("model.embed_tokens.weight"));
  return head.size() == embedding.size() &&
         std::memcmp(head.data(), embedding.data(), head.size()) == 0;
}

Result<> check_tensors(const Checkpoint& checkpoint, const std::vector<TensorSlot>& slots,
                       const ModelConfig& config, const std::string& folder) {
  std::vector<std::string> missing, misshapen, unused;
  std::set<std::string> expected;
  for (const TensorSlot& slot : slots) {
    expected.insert(slot.name);
    const auto it = checkpoint.tensors().find(slot.name);
    if (it == checkpoint.tensors().end()) {
      missing.push_back(slot.name);
    } else if (it->second.info->shape != slot.shape) {
      misshapen.push_back(slot.name + " is " + shown(it->second.info->shape) +
                          ", config.json calls for " + shown(slot.shape));
    } else if (!scalar_type(it->second.info->dtype)) {
      misshapen.push_back(slot.name + " has type " +
                          std::string(dtype_name(it->second.info->dtype)) +
                          ", expected F32, F16 or BF16");
    }
  }
  if (!missing.empty()) return bad_input(folder + ": tensors are missing: " + listed(missing));
  if (!misshapen.empty()) return bad_input(folder + ": tensors do not fit: " + listed(misshapen));
  for (const auto& [name, entry] : checkpoint.tensors()) {
    if (expected.contains(name) || is_ignorable(name)) continue;
    HEADSCOPE_ASSIGN(const bool copy, is_copy_of_embedding(checkpoint, name, config));
    if (!copy) unused.push_back(name);
  }
  if (unused.empty()) return {};
  return bad_input(folder + ": tensors that model_type \"" + config.model_type +
                   "\" with this config.json has no use for: " + listed(unused) +
                   "; the checkpoint is of another kind");
}

/// An owned tensor: the file may be aligned badly, and may change while it is mapped. Copied in
/// pieces, so that a large matrix neither needs its size twice nor delays cancelling.
at::Tensor copy_tensor(std::span<const std::byte> bytes, const TensorInfo& info, c10::Device device,
                       at::ScalarType dtype, const RunContext& context) {
  constexpr std::int64_t most = 1 << 22;
  const at::ScalarType stored = *scalar_type(info.dtype);
  const auto element = static_cast<std::int64_t>(c10::elementSize(stored));
  auto tensor = at::empty(info.shape, at::TensorOptions(dtype).device(device));
  auto flat = tensor.view({-1});
  const std::int64_t count =
      std::min(flat.numel(), static_cast<std::int64_t>(bytes.size()) / element);
  auto piece = at::empty({std::min(count, most)}, at::TensorOptions(stored));
  for (std::int64_t done = 0; done < count; done += most) {
    poll(context);
    const std::int64_t now = std::min(most, count - done);
    std::memcpy(piece.data_ptr(), bytes.data() + done * element,
                static_cast<std::size_t>(now * element));
    flat.narrow(0, done, now).copy_(piece.narrow(0, 0, now));
  }
  return tensor;
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

Result<> check_weights(const std::string& folder, const ModelConfig& config) {
  HEADSCOPE_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(folder));
  DecoderWeights weights;
  return check_tensors(checkpoint, tensor_slots(weights, config), config, folder);
}

Result<DecoderWeights> load_weights(const std::string& folder, const ModelConfig& config,
                                    c10::Device device, c10::ScalarType dtype,
                                    const RunContext& context) {
  HEADSCOPE_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(folder));
  DecoderWeights weights;
  const std::vector<TensorSlot> slots = tensor_slots(weights, config);
  HEADSCOPE_TRY(check_tensors(checkpoint, slots, config, folder));
  double done = 0;
  for (const TensorSlot& slot : slots) {
    HEADSCOPE_ASSIGN(const auto entry, checkpoint.find(slot.name));
    HEADSCOPE_ASSIGN(const auto bytes, entry.file->bytes(slot.name));
    *slot.tensor = copy_tensor(bytes, *entry.info, device, dtype, context);
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
