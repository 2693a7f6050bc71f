#include "core/config/adapter_config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/json.h"

namespace headscope {
namespace {

/// Options that change what an adapter computes and are not implemented; null, false and empty are
/// how PEFT writes that they are off.
Result<> refuse_options(const JsonObject& config) {
  for (const char* field :
       {"use_dora", "lora_bias", "use_qalora", "use_bdlora", "layer_replication", "megatron_config",
        "target_parameters", "trainable_token_indices", "alora_invocation_tokens", "arrow_config",
        "kasa_config", "monteclora_config", "velora_config", "loftq_config", "corda_config"}) {
    const Json* value = config.find(field);
    if (value == nullptr || value->is_null() || *value == false || value->empty()) continue;
    return bad_input(config.name() + ": field '" + field +
                     "' asks for what Headscope does not merge; merge the adapter with PEFT "
                     "(merge_and_unload) and open the result");
  }
  return {};
}

/// PiSSA and its like change the base weights when an adapter is made, so that the file's matrices
/// do not belong to the weights as they are stored.
Result<> refuse_changed_base(const JsonObject& config) {
  const Json* how = config.find("init_lora_weights");
  if (how == nullptr || how->is_null() || how->is_boolean()) return {};
  static const std::set<std::string> harmless = {"gaussian", "eva", "orthogonal"};
  if (how->is_string() && harmless.contains(how->get<std::string>())) return {};
  return tl::unexpected(
      config.wrong("init_lora_weights",
                   "true, false, \"gaussian\", \"eva\" or \"orthogonal\": other ways to "
                   "begin change the base weights, and this adapter only fits those"));
}

Result<> check_kind(const JsonObject& config) {
  HEADSCOPE_ASSIGN(const std::string kind, config.string("peft_type"));
  if (kind != "LORA") return tl::unexpected(config.wrong("peft_type", "\"LORA\""));
  HEADSCOPE_ASSIGN(const std::string bias, config.string_or("bias", "none"));
  if (bias != "none") {
    return tl::unexpected(config.wrong("bias", "\"none\": trained biases are not merged"));
  }
  HEADSCOPE_TRY(refuse_changed_base(config));
  return refuse_options(config);
}

}  // namespace

Result<AdapterConfig::Patterns> AdapterConfig::read_patterns(const JsonObject& config,
                                                             const char* field) {
  Patterns patterns;
  if (!config.has(field)) return patterns;
  HEADSCOPE_ASSIGN(const JsonObject object, config.object(field));
  for (const auto& [key, value] : object.value().items()) {
    HEADSCOPE_ASSIGN(const double number, object.number(key));
    HEADSCOPE_ASSIGN(auto pattern, Pattern::regex("\\A(?:.*\\.)?(?:" + key + ")\\z",
                                                  config.name() + ": field '" + field + "'"));
    patterns.emplace_back(std::move(pattern), number);
  }
  return patterns;
}

Result<AdapterConfig> AdapterConfig::load(const std::filesystem::path& folder) {
  const auto path = folder / "adapter_config.json";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    return bad_input("adapter " + folder.string() +
                     ": expected a PEFT folder with adapter_config.json and "
                     "adapter_model.safetensors");
  }
  HEADSCOPE_ASSIGN(const Json json, read_json_file(path));
  HEADSCOPE_ASSIGN(const JsonObject config, JsonObject::open(json, path.string()));
  HEADSCOPE_TRY(check_kind(config));
  AdapterConfig out;
  out.name_ = path.string();
  HEADSCOPE_ASSIGN(const auto rank, config.positive_integer("r"));
  out.rank_ = static_cast<double>(rank);
  HEADSCOPE_ASSIGN(out.alpha_, config.number("lora_alpha"));
  HEADSCOPE_ASSIGN(out.root_scaling_, config.boolean_or("use_rslora", false));
  HEADSCOPE_ASSIGN(out.fan_in_fan_out_, config.boolean_or("fan_in_fan_out", false));
  HEADSCOPE_ASSIGN(out.rank_patterns_, read_patterns(config, "rank_pattern"));
  HEADSCOPE_ASSIGN(out.alpha_patterns_, read_patterns(config, "alpha_pattern"));
  if (config.has("modules_to_save")) {
    HEADSCOPE_ASSIGN(out.modules_to_save_, config.strings("modules_to_save"));
  }
  return out;
}

/// PEFT takes the first pattern that fits, in the order of the file, which JSON does not promise to
/// keep: two that fit and disagree are refused.
Result<double> AdapterConfig::matched(const Patterns& patterns, const std::string& module,
                                      const char* field, double otherwise) const {
  bool found = false;
  double value = otherwise;
  for (const auto& [pattern, number] : patterns) {
    std::vector<Segment> segments;
    HEADSCOPE_TRY(pattern.find(module, segments));
    const bool fits = std::any_of(segments.begin(), segments.end(),
                                  [](const Segment& segment) { return segment.is_match; });
    if (!fits) continue;
    if (found && number != value) {
      return bad_input(name_ + ": field '" + field + "' says two things about " + module);
    }
    found = true;
    value = number;
  }
  return value;
}

Result<double> AdapterConfig::scaling(const std::string& module, std::int64_t rank) const {
  HEADSCOPE_ASSIGN(const double r, matched(rank_patterns_, module, "rank_pattern", rank_));
  HEADSCOPE_ASSIGN(const double alpha, matched(alpha_patterns_, module, "alpha_pattern", alpha_));
  if (r != static_cast<double>(rank)) {
    return bad_input(name_ + ": r and rank_pattern call for rank " +
                     std::to_string(static_cast<std::int64_t>(r)) + " of " + module +
                     ", its lora_A has " + std::to_string(rank) + " rows");
  }
  return alpha / (root_scaling_ ? std::sqrt(r) : r);
}

}  // namespace headscope
