#include "core/model/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/safetensors.h"
#include "core/config/family.h"
#include "core/model/attention.h"
#include "core/model/finite.h"
#include "core/model/listing.h"

namespace headscope {
namespace {

/// Tensors that hold nothing which config.json does not say: frequencies, causal masks.
bool is_ignorable(std::string_view name, const TensorNames& names) {
  return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".masked_bias") ||
         (!names.ignored.empty() && name.ends_with(names.ignored));
}

/// Stored tensors by the names that tensor_slots uses. Models of text and pictures keep their text
/// part under other names, and a decoder saved without its output matrix has no prefix at all.
class StoredNames {
 public:
  StoredNames(const WeightSource& source, const ModelConfig& config) {
    const Family* family = find_family(config.model_type);
    if (family != nullptr) names_ = family->names;
    const std::string body(names_.body), head(names_.head);
    const std::pair<std::string, std::string> layouts[] = {
        {body, head},
        {"language_model." + body, "language_model." + head},
        {body + "language_model.", head},
        {"", head}};
    for (const auto& [prefix, output] : layouts) {
      const std::string embedding = prefix + std::string(names_.embedding) + ".weight";
      if (source.tensors().find(embedding) == source.tensors().end()) continue;
      collect(source, prefix, output);
      return;
    }
    collect(source, body, head);
  }

  /// Where the tensor called `name` is stored; source.tensors().end() if nowhere.
  auto find(const WeightSource& source, const std::string& name) const {
    const auto it = stored_.find(name);
    return source.tensors().find(it == stored_.end() ? name : it->second);
  }
  /// Names of text tensors, as tensor_slots calls them.
  const std::map<std::string, std::string>& stored() const { return stored_; }
  const TensorNames& names() const { return names_; }

 private:
  static constexpr std::string_view picture_parts[] = {"vision_tower.", "multi_modal_projector.",
                                                       "model.vision_tower.",
                                                       "model.multi_modal_projector."};

  void collect(const WeightSource& source, const std::string& prefix, const std::string& head) {
    for (const auto& [name, tensor] : source.tensors()) {
      const bool picture =
          std::any_of(std::begin(picture_parts), std::end(picture_parts),
                      [&](std::string_view part) { return name.starts_with(part); });
      if (picture && prefix != names_.body) continue;
      if (name.starts_with(head + ".")) {
        stored_[std::string(names_.head) + name.substr(head.size())] = name;
      } else if (name.starts_with(prefix)) {
        stored_[std::string(names_.body) + name.substr(prefix.size())] = name;
      } else {
        stored_[name] = name;
      }
    }
  }

  TensorNames names_;
  std::map<std::string, std::string> stored_;
};

Result<> check_tensors(const WeightSource& source, const StoredNames& stored,
                       const std::vector<TensorSlot>& slots, const ModelConfig& config,
                       const std::string& folder) {
  std::vector<std::string> missing, misshapen, unused;
  std::set<std::string> expected;
  for (const TensorSlot& slot : slots) {
    if (!expected.insert(slot.name).second) continue;  // another part of the same tensor
    const auto it = stored.find(source, slot.name);
    const auto shape = stored_shape(slot);
    if (it == source.tensors().end()) {
      missing.push_back(slot.name);
    } else if (it->second.shape != shape) {
      misshapen.push_back(slot.name + " is " + shape_text(it->second.shape) +
                          ", config.json calls for " + shape_text(shape));
    } else if (!it->second.readable) {
      misshapen.push_back(slot.name + " has type " + it->second.dtype +
                          ", expected F32, F16 or BF16");
    }
  }
  if (!missing.empty()) return bad_input(folder + ": tensors are missing: " + listed(missing));
  if (!misshapen.empty()) return bad_input(folder + ": tensors do not fit: " + listed(misshapen));
  const std::string head = std::string(stored.names().head) + ".weight";
  for (const auto& [name, place] : stored.stored()) {
    const bool tied = config.tie_word_embeddings && name == head;
    if (expected.contains(name) || tied || is_ignorable(name, stored.names())) continue;
    unused.push_back(name);
  }
  if (unused.empty()) return {};
  return bad_input(folder + ": tensors that model_type \"" + config.model_type +
                   "\" with this config.json has no use for: " + listed(unused) +
                   "; the checkpoint is of another kind");
}

Json config_json(const ModelConfig& config) {
  const Family* family = find_family(config.model_type);
  const RopeConfig& embedding = config.ropes.front();
  Json rope = {{"rope_type", embedding.type}, {"rope_theta", embedding.theta}};
  if (embedding.type != "default") rope["factor"] = embedding.factor;
  if (embedding.type == "llama3") {
    rope["low_freq_factor"] = embedding.low_freq_factor;
    rope["high_freq_factor"] = embedding.high_freq_factor;
    rope["original_max_position_embeddings"] = embedding.original_context;
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
      {"rms_norm_eps", config.norm_eps},
      {"tie_word_embeddings", config.tie_word_embeddings},
      {"attention_bias", config.attention_bias},
      {"mlp_bias", config.mlp_bias},
      {"hidden_act", "silu"},
      {"torch_dtype", "float32"},
      {"rope_theta", embedding.theta},
      {"rope_scaling", embedding.type == "default" ? Json(nullptr) : rope},
      {"rope_parameters", rope},
  };
  if (family != nullptr) json["architectures"] = Json::array({family->architecture});
  if (config.eos_ids.size() == 1) json["eos_token_id"] = config.eos_ids.front();
  if (config.eos_ids.size() > 1) json["eos_token_id"] = config.eos_ids;
  return json;
}

/// Reads tensors for slots, some of which are parts of one stored tensor, one at a time.
class SlotReader {
 public:
  SlotReader(const WeightSource& source, const StoredNames& names, const std::string& folder,
             const WeightFormat& format)
      : source_(source), names_(names), folder_(folder), format_(format) {}

  /// Fills a slot. For int8 a matrix is read in fp32 on the processor first.
  Result<> fill(const TensorSlot& slot, at::Device device, const RunContext& context) {
    const bool narrow = format_.int8 && slot.scale != nullptr;
    if (slot.name != name_) {
      HEADSCOPE_TRY(read(slot.name, narrow ? at::kCPU : device, narrow ? at::kFloat : format_.dtype,
                         context));
    }
    if (!narrow) {
      *slot.tensor = slot_part(slot, stored_);
      return {};
    }
    poll(context);
    const Int8Matrix matrix = to_int8(slot_part(slot, stored_));
    *slot.tensor = matrix.values.to(device);
    *slot.scale = matrix.scale.to(device);
    return {};
  }

 private:
  Result<> read(const std::string& name, at::Device device, at::ScalarType dtype,
                const RunContext& context) {
    stored_ = at::Tensor();  // before the next one is there
    const auto place = names_.find(source_, name);
    HEADSCOPE_ASSIGN(stored_, source_.read(place->first, device, dtype, context));
    name_ = name;
    if (is_finite(stored_, context)) return {};
    return bad_input(folder_ + ": " + place->first +
                     " holds infinite numbers or no numbers (NaN) as " +
                     WeightFormat{dtype}.name() +
                     "; the file is damaged, or its numbers are too large for this dtype");
  }

  const WeightSource& source_;
  const StoredNames& names_;
  const std::string& folder_;
  const WeightFormat& format_;
  std::string name_;  ///< of what is in stored_
  at::Tensor stored_;
};

}  // namespace

Result<> settle_output(const WeightSource& source, ModelConfig& config) {
  if (!config.tie_word_embeddings) return {};
  const StoredNames stored(source, config);
  const TensorNames& names = stored.names();
  const std::string head = std::string(names.head) + ".weight";
  const auto output = stored.find(source, head);
  const auto embedding =
      stored.find(source, std::string(names.body) + std::string(names.embedding) + ".weight");
  if (output == source.tensors().end() || embedding == source.tensors().end()) return {};
  HEADSCOPE_ASSIGN(const bool same, source.same(output->first, embedding->first));
  if (same) return {};
  config.tie_word_embeddings = false;
  config.notes.push_back("config.json ties " + head +
                         " to the embedding, but another one is stored: the stored one is used");
  return {};
}

Result<> check_weights(const WeightSource& source, const std::string& name,
                       const ModelConfig& config) {
  DecoderWeights weights;
  return check_tensors(source, StoredNames(source, config), tensor_slots(weights, config), config,
                       name);
}

std::string WeightFormat::name() const {
  if (int8) return "int8";
  return dtype == at::kBFloat16 ? "bfloat16" : dtype == at::kHalf ? "float16" : "float32";
}

double weights_bytes(const ModelConfig& config, const WeightFormat& format) {
  const PartBytes parts = part_bytes(config, format, 0);
  return std::accumulate(parts.layers.begin(), parts.layers.end(), parts.before + parts.after);
}

PartBytes part_bytes(const ModelConfig& config, const WeightFormat& format, std::int64_t tokens) {
  const double number = static_cast<double>(c10::elementSize(format.dtype));
  const double cache =
      2.0 * config.kv_heads * config.head_dim * static_cast<double>(tokens) * number;
  PartBytes parts;
  parts.layers.assign(static_cast<std::size_t>(config.layers), cache);
  DecoderWeights weights;
  for (const TensorSlot& slot : tensor_slots(weights, config)) {
    double numbers = 1;
    for (const std::int64_t size : slot.shape) numbers *= static_cast<double>(size);
    const bool narrow = format.int8 && slot.scale != nullptr;
    const double bytes =
        narrow ? numbers + 4.0 * static_cast<double>(slot.shape[0]) : numbers * number;
    if (slot.layer < 0) {
      parts.before += bytes;
    } else if (slot.layer < config.layers) {
      parts.layers[static_cast<std::size_t>(slot.layer)] += bytes;
    } else {
      parts.after += bytes;
    }
  }
  return parts;
}

Result<DecoderWeights> load_weights(const WeightSource& source, const std::string& name,
                                    const ModelConfig& config, const Placement& placement,
                                    const WeightFormat& format, const RunContext& context) {
  DecoderWeights weights;
  const std::vector<TensorSlot> slots = tensor_slots(weights, config);
  const StoredNames names(source, config);
  HEADSCOPE_TRY(check_tensors(source, names, slots, config, name));
  SlotReader reader(source, names, name, format);
  double done = 0;
  Result<> read;
  for (std::size_t i = 0; i < slots.size() && read; ++i) {
    const int layer = std::clamp(slots[i].layer, 0, config.layers - 1);
    read = reader.fill(slots[i], placement.of_layer(layer).device, context);
    context.progress("load", ++done, static_cast<double>(slots.size()));
  }
  // Whatever came of reading a file that changed meanwhile, this is why.
  if (!read && read.error().kind == ErrorKind::cancelled) return tl::unexpected(read.error());
  HEADSCOPE_TRY(source.unchanged());
  HEADSCOPE_TRY(read);
  return weights;
}

Result<> save_checkpoint(const std::string& folder, DecoderWeights& weights,
                         const ModelConfig& config) {
  if (config.model_type != "llama") {
    return fail(ErrorKind::usage,
                "only checkpoints of model_type \"llama\" can be written, not \"" +
                    config.model_type + "\"");
  }
  HEADSCOPE_TRY(create_folders(folder));
  std::vector<at::Tensor> kept;  // the bytes that the writer reads
  std::vector<TensorToWrite> tensors;
  for (const TensorSlot& slot : tensor_slots(weights, config)) {
    if (!slot.tensor->defined() || slot.tensor->sizes() != at::IntArrayRef(slot.shape)) {
      return fail(ErrorKind::internal,
                  slot.name + " does not have the shape " + shape_text(slot.shape));
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
