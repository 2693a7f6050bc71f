// Fields of config.json that several families share. Torch-free.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/config/config.h"

namespace headscope {

// Far above every published model and far below what overflows 64-bit products of two of them.
inline constexpr std::int64_t max_context = std::int64_t{1} << 32;

/// A positive number.
Result<double> positive_number(const JsonObject& object, const char* field, double fallback);

/// What a family allows beside the usual in its rotary embedding.
struct RopeRules {
  const char* theta = "rope_theta";
  const char* partial = nullptr;  ///< field with the part of a head that rotates; nullptr = all
  bool phi_names = false;         ///< "su" and "yarn" are old names of longrope
  bool scales_queries = false;    ///< "llama_4_scaling_beta" is understood
};

/// The rotary embedding of `config`, in either spelling. Unknown types and fields: bad_input.
Result<RopeConfig> read_rope(const JsonObject& config, const ModelConfig& model,
                             const RopeRules& rules = {});

/// One set of parameters: `fields` as in "rope_parameters" over `start`.
Result<RopeConfig> read_rope_fields(const JsonObject& config, const JsonObject& fields,
                                    const ModelConfig& model, const RopeRules& rules,
                                    RopeConfig start);

/// Sets the window of every layer whose "layer_types" entry is "sliding_attention", or, without
/// that field, of the layers that `slides` names. A window of 0 = none is given.
using LayerRule = bool (*)(const JsonObject& config, int layer);
Result<> read_windows(const JsonObject& config, ModelConfig& out, std::int64_t window,
                      LayerRule slides);

/// "sliding_window", 0 when null.
Result<std::int64_t> window_of(const JsonObject& config);

/// The activation that `field` names: silu, gelu, gelu_pytorch_tanh and their other names.
Result<Activation> read_activation(const JsonObject& config, const char* field);

}  // namespace headscope
