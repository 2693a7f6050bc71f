// adapter_config.json of a PEFT folder. Torch-free.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/text/regex.h"

namespace headscope {

/// What decides how strongly and where a LoRA adapter acts.
class AdapterConfig {
 public:
  /// Reads `folder`/adapter_config.json. Other kinds of adapters (DoRA, prompts, IA3 ...), biases,
  /// and options that would change the result in ways not implemented are refused by name.
  static Result<AdapterConfig> load(const std::filesystem::path& folder);

  /// The factor on B A for `module` ("model.layers.0.self_attn.q_proj"), whose A has `rank` rows:
  /// lora_alpha / r, or lora_alpha / sqrt(r) with use_rslora. A rank other than the file's r or
  /// rank_pattern call for is an error.
  Result<double> scaling(const std::string& module, std::int64_t rank) const;

  /// Matrices of the model are stored [in, out] (GPT-2).
  bool fan_in_fan_out() const { return fan_in_fan_out_; }
  /// Modules that the adapter brings whole, by the end of their names.
  const std::vector<std::string>& modules_to_save() const { return modules_to_save_; }

 private:
  using Patterns = std::vector<std::pair<Pattern, double>>;
  Result<double> matched(const Patterns& patterns, const std::string& module, const char* field,
                         double otherwise) const;
  static Result<Patterns> read_patterns(const class JsonObject& config, const char* field);

  std::string name_;  ///< file, for messages
  double rank_ = 0, alpha_ = 0;
  Patterns rank_patterns_, alpha_patterns_;
  bool root_scaling_ = false, fan_in_fan_out_ = false;
  std::vector<std::string> modules_to_save_;
};

}  // namespace headscope
