#include "core/model/tensor_slots.h"

#include <string_view>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "core/config/family.h"

namespace headscope {
namespace {

using Shape = std::vector<std::int64_t>;

/// Lists the slots of one model.
class SlotList {
 public:
  SlotList(const ModelConfig& config, const TensorNames& names) : config_(config), names_(names) {}

  std::vector<TensorSlot> take() { return std::move(slots_); }

  void begin_layer(int index) {
    layer_ = index;
    prefix_ = std::string(names_.body) + std::string(names_.layers) + std::to_string(index) + ".";
  }
  void end_layers() {
    layer_ = config_.layers;
    prefix_ = names_.body;
  }

  void add(const std::string& name, Shape shape, at::Tensor& tensor, at::Tensor* scale = nullptr) {
    slots_.push_back({name, std::move(shape), &tensor, {}, layer_, scale});
  }
  /// A matrix without bias.
  void table(const std::string& name, Shape shape, Linear& map) {
    add(name, std::move(shape), map.weight, &map.scale);
  }

  void norm(std::string_view name, std::int64_t size, Norm& norm) {
    add(full(name, ".weight"), {size}, norm.weight);
    if (config_.norm == NormKind::layer) add(full(name, ".bias"), {size}, norm.bias);
  }

  struct Map {
    Linear* map;
    std::int64_t outputs;
  };

  /// Maps of the same input that are stored as one tensor, one after the other or, with `groups`,
  /// a piece of each in every group.
  void maps(std::string_view name, std::int64_t inputs, std::vector<Map> parts, bool has_bias,
            std::int64_t groups = 1) {
    std::int64_t rows = 0;
    for (const Map& part : parts) rows += part.outputs;
    const bool alone = parts.size() == 1;
    const auto part_at = [&](std::int64_t first, bool transposed) {
      if (alone && !transposed) return StoredPart{};
      return StoredPart{rows, first / groups, groups, transposed};
    };
    for (const bool bias : {false, true}) {
      std::int64_t first = 0;
      for (const Map& part : parts) {
        const Shape shape = bias ? Shape{part.outputs} : Shape{part.outputs, inputs};
        if (!bias || has_bias) {
          slots_.push_back({full(name, bias ? ".bias" : ".weight"), shape,
                            bias ? &part.map->bias : &part.map->weight,
                            part_at(first, names_.transposed && !bias), layer_,
                            bias ? nullptr : &part.map->scale});
        }
        first += part.outputs;
      }
    }
  }

 private:
  std::string full(std::string_view name, std::string_view ending) const {
    return prefix_ + std::string(name) + std::string(ending);
  }

  const ModelConfig& config_;
  const TensorNames& names_;
  std::string prefix_ = std::string(names_.body);
  int layer_ = -1;
  std::vector<TensorSlot> slots_;
};

void add_attention(SlotList& list, LayerWeights& layer, const ModelConfig& config,
                   const TensorNames& names) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t q = std::int64_t{config.heads} * config.head_dim;
  const std::int64_t kv = std::int64_t{config.kv_heads} * config.head_dim;
  list.norm(names.input_norm, hidden, layer.input_norm);
  if (!names.qkv.empty()) {
    list.maps(names.qkv, hidden, {{&layer.q, q}, {&layer.k, kv}, {&layer.v, kv}},
              config.attention_bias, names.head_by_head ? config.heads : 1);
  } else {
    list.maps(names.q, hidden, {{&layer.q, q}}, config.attention_bias);
    list.maps(names.k, hidden, {{&layer.k, kv}}, config.attention_bias);
    list.maps(names.v, hidden, {{&layer.v, kv}}, config.attention_bias);
  }
  list.maps(names.o, q, {{&layer.o, hidden}}, config.attention_output_bias);
  if (config.query_key_norm) {
    list.norm(names.q_norm, config.head_dim, layer.q_norm);
    list.norm(names.k_norm, config.head_dim, layer.k_norm);
  }
  if (config.post_norms) list.norm(names.attention_post_norm, hidden, layer.attention_post_norm);
}

void add_mlp(SlotList& list, LayerWeights& layer, const ModelConfig& config,
             const TensorNames& names) {
  const std::int64_t hidden = config.hidden_size, inner = config.intermediate_size;
  list.norm(names.mlp_norm, hidden, layer.mlp_norm);
  if (!names.gate_up.empty()) {
    list.maps(names.gate_up, hidden, {{&layer.gate, inner}, {&layer.up, inner}}, config.mlp_bias);
  } else {
    if (config.gated_mlp) list.maps(names.gate, hidden, {{&layer.gate, inner}}, config.mlp_bias);
    list.maps(names.up, hidden, {{&layer.up, inner}}, config.mlp_bias);
  }
  list.maps(names.down, inner, {{&layer.down, hidden}}, config.mlp_bias);
  if (config.post_norms) list.norm(names.mlp_post_norm, hidden, layer.mlp_post_norm);
}

}  // namespace

std::vector<TensorSlot> tensor_slots(DecoderWeights& weights, const ModelConfig& config) {
  const Family* family = find_family(config.model_type);
  const TensorNames names = family == nullptr ? TensorNames{} : family->names;
  weights.layers.resize(static_cast<std::size_t>(config.layers));
  SlotList list(config, names);
  const std::string body(names.body);
  const Shape vocabulary = {config.vocab_size, config.hidden_size};
  list.table(body + std::string(names.embedding) + ".weight", vocabulary, weights.embedding);
  if (config.learned_positions) {
    list.add(body + std::string(names.positions) + ".weight",
             {config.context_length, config.hidden_size}, weights.positions);
  }
  for (int i = 0; i < config.layers; ++i) {
    list.begin_layer(i);
    add_attention(list, weights.layers[static_cast<std::size_t>(i)], config, names);
    add_mlp(list, weights.layers[static_cast<std::size_t>(i)], config, names);
  }
  list.end_layers();
  list.norm(names.final_norm, config.hidden_size, weights.final_norm);
  if (!config.tie_word_embeddings) {
    list.table(std::string(names.head) + ".weight", vocabulary, weights.lm_head);
  }
  return list.take();
}

std::vector<std::int64_t> stored_shape(const TensorSlot& slot) {
  Shape shape = slot.shape;
  if (slot.part.rows > 0) shape[0] = slot.part.rows;
  if (slot.part.transposed) std::swap(shape[0], shape[1]);
  return shape;
}

at::Tensor slot_part(const TensorSlot& slot, const at::Tensor& stored) {
  if (slot.part.rows == 0) return stored;
  const auto rows = slot.part.transposed ? stored.t() : stored;
  const std::int64_t groups = slot.part.groups;
  return rows.unflatten(0, {groups, slot.part.rows / groups})
      .narrow(1, slot.part.first, slot.shape[0] / groups)
      .flatten(0, 1)
      .contiguous();
}

DecoderWeights random_weights(const ModelConfig& config, std::uint64_t seed, double deviation) {
  DecoderWeights weights;
  const auto generator = at::detail::createCPUGenerator(seed);
  const double neutral = config.norm == NormKind::rms_plus_one ? 0 : 1;
  for (TensorSlot& slot : tensor_slots(weights, config)) {
    if (slot.shape.size() == 2) {
      *slot.tensor = at::empty(slot.shape, at::kFloat).normal_(0.0, deviation, generator);
    } else {
      *slot.tensor = at::full(slot.shape, slot.name.ends_with(".bias") ? 0.0 : neutral, at::kFloat);
    }
  }
  return weights;
}

std::vector<at::Tensor> parameters(DecoderWeights& weights, const ModelConfig& config) {
  std::vector<at::Tensor> all;
  for (const TensorSlot& slot : tensor_slots(weights, config)) all.push_back(*slot.tensor);
  return all;
}

}  // namespace headscope
