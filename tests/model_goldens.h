// What Hugging Face computed on the tiny checkpoints of tests/goldens/models
// (make_model_goldens.py).
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "core/base/safetensors.h"
#include "core/model/model.h"
#include "tests/resources.h"

namespace headscope::test {

inline const std::vector<std::string> golden_models = {"llama_gqa",
                                                       "llama_tied_llama3",
                                                       "llama_head_dim_bias",
                                                       "llama_bf16",
                                                       "llama_sharded_fp16",
                                                       "rope_dynamic_within",
                                                       "rope_dynamic_beyond",
                                                       "rope_yarn",
                                                       "rope_yarn_untruncated",
                                                       "rope_yarn_factor",
                                                       "mistral",
                                                       "mistral_window",
                                                       "ministral",
                                                       "ministral3",
                                                       "qwen2",
                                                       "qwen2_window",
                                                       "qwen3",
                                                       "qwen3_window",
                                                       "gemma2",
                                                       "gemma2_bf16",
                                                       "gemma3_text",
                                                       "gemma3",
                                                       "phi3",
                                                       "phi3_long_within",
                                                       "phi3_long_beyond",
                                                       "gpt_neox",
                                                       "gpt_neox_sequential",
                                                       "gpt2"};

inline std::filesystem::path golden_folder(const std::string& model) {
  return source_folder() / "tests" / "goldens" / "models" / model;
}

/// The value, or a failed test with the error's message.
template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message);
  return std::move(*result);
}

/// Largest absolute difference; infinite when sizes differ, anything is not finite or all is empty.
inline float difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return std::numeric_limits<float>::infinity();
  float most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float d = std::abs(a[i] - b[i]);
    if (!std::isfinite(d)) return std::numeric_limits<float>::infinity();
    most = std::max(most, d);
  }
  return most;
}

inline std::vector<std::int32_t> to_ids(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

/// A checkpoint with what the reference says about it.
struct GoldenModel {
  static constexpr std::int64_t prompt = 20;
  std::unique_ptr<Model> model;
  std::vector<std::int32_t> tokens, greedy;
  std::vector<float> logits, attention;  ///< [T, V], [L, H, T, T]

  explicit GoldenModel(const std::string& name) {
    LoadOptions options;
    options.device = "cpu";
    options.threads = 1;
    model = must(Model::load(golden_folder(name).string(), options, {}));
    const auto file = must(SafetensorsFile::open(golden_folder(name) / "golden.safetensors"));
    tokens = to_ids(must(file.floats("tokens")));
    greedy = to_ids(must(file.floats("greedy")));
    logits = must(file.floats("logits"));
    attention = must(file.floats("attention"));
  }
  std::vector<std::int32_t> prompt_ids() const { return {tokens.begin(), tokens.begin() + prompt}; }
  std::int64_t length() const { return static_cast<std::int64_t>(tokens.size()); }

  /// A forward over all tokens that returns and captures every row.
  ForwardRequest everything() const {
    ForwardRequest request;
    request.ids = tokens;
    request.logit_rows = {0, length()};
    request.capture = Capture{};
    request.capture->rows = {0, length()};
    return request;
  }
};

}  // namespace headscope::test
