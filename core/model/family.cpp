#include "core/model/family.h"

#include <array>

namespace headscope {
namespace {

Result<> refuse_sliding_window(const JsonObject& config) {
  if (!config.has("sliding_window")) return {};
  return tl::unexpected(config.wrong("sliding_window", "null: only full attention is supported"));
}

Result<> read_llama(const JsonObject& config, ModelConfig& out) {
  HEADSCOPE_ASSIGN(out.attention_bias, config.boolean_or("attention_bias", false));
  out.attention_output_bias = out.attention_bias;
  HEADSCOPE_ASSIGN(out.mlp_bias, config.boolean_or("mlp_bias", false));
  return {};
}

Result<> read_mistral(const JsonObject& config, ModelConfig&) {
  return refuse_sliding_window(config);
}

Result<> read_qwen2(const JsonObject& config, ModelConfig& out) {
  out.attention_bias = true;  // q, k and v only
  HEADSCOPE_ASSIGN(const bool sliding, config.boolean_or("use_sliding_window", false));
  return sliding ? refuse_sliding_window(config) : Result<>{};
}

constexpr std::array<Family, 3> families = {{
    {"llama", "LlamaForCausalLM", read_llama},
    {"mistral", "MistralForCausalLM", read_mistral},
    {"qwen2", "Qwen2ForCausalLM", read_qwen2},
}};

}  // namespace

const Family* find_family(std::string_view model_type) {
  for (const Family& family : families) {
    if (family.model_type == model_type) return &family;
  }
  return nullptr;
}

std::string supported_families() {
  std::string names;
  for (const Family& family : families) {
    if (!names.empty()) names += ", ";
    names += family.model_type;
  }
  return names;
}

}  // namespace headscope
