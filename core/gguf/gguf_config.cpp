#include "core/gguf/gguf_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <set>
#include <utility>

#include "core/base/json.h"

namespace headscope {
namespace {

constexpr std::array<GgufArchitecture, 7> architectures = {{
    {.name = "llama", .model_type = "llama", .pairs_rotary_rows = true},
    {.name = "mistral3", .model_type = "mistral", .pairs_rotary_rows = true},
    {.name = "qwen2", .model_type = "qwen2"},
    {.name = "qwen3", .model_type = "qwen3"},
    {.name = "gemma2", .model_type = "gemma2", .norms_with_one = true, .has_sandwich_norms = true},
    {.name = "gemma3",
     .model_type = "gemma3_text",
     .norms_with_one = true,
     .has_sandwich_norms = true},
    {.name = "phi3", .model_type = "phi3"},
}};

/// Values below "<architecture>." that are read here, or that say nothing about the arithmetic.
constexpr std::array known_values = {
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "attn_logit_softcapping",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "final_logit_softcapping",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scale_linear",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "tensor_data_layout",
    "vocab_size",
};

/// Texts of control tokens that end an answer, as llama.cpp finds them.
constexpr std::array end_texts = {
    "<|eot_id|>",    "<|im_end|>",      "<|end|>",    "<end_of_turn>",
    "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>",
};

/// The values of one file, those of its architecture by their short names.
class Values {
 public:
  Values(const GgufFile& file, const JsonObject& all, std::string prefix)
      : file_(file), all_(all), prefix_(std::move(prefix)) {}

  const GgufFile& file() const { return file_; }
  const JsonObject& all() const { return all_; }
  std::string key(std::string_view field) const { return prefix_ + std::string(field); }
  bool has(std::string_view field) const { return all_.has(key(field)); }
  bool has_tensor(std::string_view name) const { return file_.tensors().contains(name); }

  Result<std::int64_t> count(std::string_view field) const {
    return all_.positive_integer(key(field));
  }
  Result<std::int64_t> count_or(std::string_view field, std::int64_t fallback) const {
    return all_.integer_or(key(field), fallback);
  }
  Result<double> number_or(std::string_view field, double fallback) const {
    return all_.number_or(key(field), fallback);
  }
  /// A number that the file may also give for each layer: then all must be equal.
  Result<std::int64_t> same_in_layers(std::string_view field) const {
    const Json* value = all_.find(key(field));
    if (value == nullptr || !value->is_array()) return count(field);
    HEADSCOPE_ASSIGN(const auto list, all_.integers(key(field)));
    const bool same = !list.empty() && list.front() > 0 &&
                      std::all_of(list.begin(), list.end(),
                                  [&](std::int64_t other) { return other == list.front(); });
    if (!same) return tl::unexpected(all_.wrong(key(field), "one number for all layers"));
    return list.front();
  }
  tl::unexpected<Error> refuse(std::string_view field, std::string_view expected) const {
    return tl::unexpected(all_.wrong(key(field), expected));
  }

 private:
  const GgufFile& file_;
  const JsonObject& all_;
  std::string prefix_;
};

Result<> refuse_unknown_values(const Values& values) {
  const std::string prefix = values.key("");
  for (const auto& [key, value] : values.all().value().items()) {
    if (!key.starts_with(prefix)) continue;
    const bool is_off = value == 0 || value == false;
    const std::string_view field = std::string_view(key).substr(prefix.size());
    if (is_off || std::find(known_values.begin(), known_values.end(), field) != known_values.end())
      continue;
    return bad_input(values.file().name() + ": field '" + key + "' is not understood (" +
                     dump_json(value).substr(0, 60) + "): this kind of model is not supported");
  }
  HEADSCOPE_ASSIGN(const bool causal,
                   values.all().boolean_or(values.key("attention.causal"), true));
  if (!causal) return values.refuse("attention.causal", "true: a model that generates text");
  return {};
}

/// Rows of the embedding: files do not always state the size of the vocabulary.
Result<std::int64_t> vocabulary_size(const GgufFile& file) {
  const auto found = file.tensors().find("token_embd.weight");
  if (found == file.tensors().end() || found->second.shape.size() != 2) {
    return bad_input(file.name() +
                     ": tensor 'token_embd.weight' (a matrix) is missing: this file holds no model "
                     "that generates text (a vocabulary or a projector alone?)");
  }
  return found->second.rows();
}

Result<> add_shape(const Values& values, Json& config) {
  HEADSCOPE_ASSIGN(const std::int64_t heads, values.same_in_layers("attention.head_count"));
  HEADSCOPE_ASSIGN(const std::int64_t hidden, values.count("embedding_length"));
  HEADSCOPE_ASSIGN(const std::int64_t head_dim,
                   values.count_or("attention.key_length", hidden / heads));
  HEADSCOPE_ASSIGN(const std::int64_t value_dim,
                   values.count_or("attention.value_length", head_dim));
  if (value_dim != head_dim) {
    return values.refuse("attention.value_length",
                         "the same as attention.key_length (" + std::to_string(head_dim) + ")");
  }
  config["num_attention_heads"] = heads;
  config["hidden_size"] = hidden;
  config["head_dim"] = head_dim;
  config["num_key_value_heads"] = heads;
  if (values.has("attention.head_count_kv")) {
    HEADSCOPE_ASSIGN(config["num_key_value_heads"],
                     values.same_in_layers("attention.head_count_kv"));
  }
  HEADSCOPE_ASSIGN(config["num_hidden_layers"], values.count("block_count"));
  HEADSCOPE_ASSIGN(config["max_position_embeddings"], values.count("context_length"));
  HEADSCOPE_ASSIGN(config["intermediate_size"], values.same_in_layers("feed_forward_length"));
  HEADSCOPE_ASSIGN(config["vocab_size"], vocabulary_size(values.file()));
  HEADSCOPE_ASSIGN(config["rms_norm_eps"],
                   values.all().number(values.key("attention.layer_norm_rms_epsilon")));
  config["tie_word_embeddings"] = !values.has_tensor("output.weight");
  config["attention_bias"] = values.has_tensor("blk.0.attn_q.bias");
  config["mlp_bias"] = values.has_tensor("blk.0.ffn_up.bias");
  return {};
}

Result<std::vector<double>> factors_of(const GgufFile& file, std::string_view name,
                                       std::int64_t count) {
  const GgufTensor& tensor = file.tensors().find(name)->second;
  if (tensor.type != "F32" || tensor.shape != std::vector<std::int64_t>{count}) {
    return bad_input(file.name() + ": tensor '" + std::string(name) + "' expected " +
                     std::to_string(count) + " numbers of type F32");
  }
  std::vector<float> numbers(static_cast<std::size_t>(count));
  read_row(tensor, 0, numbers.data());
  for (const float number : numbers) {
    if (!std::isfinite(number) || number <= 0) {
      return bad_input(file.name() + ": tensor '" + std::string(name) +
                       "' expected positive numbers");
    }
  }
  return std::vector<double>(numbers.begin(), numbers.end());
}

/// Llama 3.1 divides its frequencies by factors that converters store instead of the parameters
/// they come from. All published models share those: then the usual name is given back to them.
bool comes_from_llama3(const std::vector<double>& factors, double theta, double factor) {
  constexpr double low = 1, high = 4, context = 8192;
  const auto count = static_cast<double>(factors.size());
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double wavelength =
        2 * std::numbers::pi * std::pow(theta, static_cast<double>(i) / count);
    const double smooth = std::clamp((context / wavelength - low) / (high - low), 0.0, 1.0);
    const double expected = 1 / ((1 - smooth) / factor + smooth);
    if (std::abs(factors[i] - expected) > 1e-4 * expected) return false;
  }
  return true;
}

Result<Json> stored_factors(const Values& values, double theta, std::int64_t rotated,
                            std::int64_t context) {
  HEADSCOPE_ASSIGN(const auto factors, factors_of(values.file(), "rope_freqs.weight", rotated / 2));
  const double largest = *std::max_element(factors.begin(), factors.end());
  if (comes_from_llama3(factors, theta, largest)) {
    return Json{{"rope_type", "llama3"},
                {"factor", largest},
                {"low_freq_factor", 1.0},
                {"high_freq_factor", 4.0},
                {"original_max_position_embeddings", 8192}};
  }
  // The same division, told by a type that lists its factors.
  return Json{{"rope_type", "longrope"},
              {"short_factor", factors},
              {"long_factor", factors},
              {"attention_factor", 1.0},
              {"original_max_position_embeddings", context}};
}

Result<Json> long_rope(const Values& values, std::int64_t rotated, std::int64_t context) {
  if (!values.has_tensor("rope_factors_short.weight") ||
      !values.has_tensor("rope_factors_long.weight")) {
    return bad_input(values.file().name() +
                     ": tensors 'rope_factors_short.weight' and 'rope_factors_long.weight' are "
                     "needed by the rope scaling of this file");
  }
  Json rope = {{"rope_type", "longrope"}};
  HEADSCOPE_ASSIGN(rope["short_factor"],
                   factors_of(values.file(), "rope_factors_short.weight", rotated / 2));
  HEADSCOPE_ASSIGN(rope["long_factor"],
                   factors_of(values.file(), "rope_factors_long.weight", rotated / 2));
  HEADSCOPE_ASSIGN(rope["original_max_position_embeddings"],
                   values.count_or("rope.scaling.original_context_length", context));
  if (values.has("rope.scaling.attn_factor")) {
    HEADSCOPE_ASSIGN(rope["attention_factor"], values.number_or("rope.scaling.attn_factor", 1.0));
  }
  return rope;
}

Result<Json> yarn(const Values& values, double factor, std::int64_t context) {
  Json rope = {{"rope_type", "yarn"}, {"factor", factor}};
  HEADSCOPE_ASSIGN(rope["original_max_position_embeddings"],
                   values.count_or("rope.scaling.original_context_length", context));
  for (const auto& [stored, field] :
       {std::pair("yarn_attn_factor", "attention_factor"), std::pair("yarn_beta_fast", "beta_fast"),
        std::pair("yarn_beta_slow", "beta_slow")}) {
    const std::string key = std::string("rope.scaling.") + stored;
    if (!values.has(key)) continue;
    HEADSCOPE_ASSIGN(rope[field], values.number_or(key, 0));
  }
  return rope;
}

Result<Json> rope_scaling(const Values& values, double theta, std::int64_t rotated,
                          std::int64_t context) {
  HEADSCOPE_ASSIGN(const double old_factor, values.number_or("rope.scale_linear", 0));
  HEADSCOPE_ASSIGN(const double factor, values.number_or("rope.scaling.factor", old_factor));
  const bool scaled = factor != 0 && factor != 1;
  const bool lists_factors = values.has_tensor("rope_factors_short.weight") ||
                             values.has_tensor("rope_factors_long.weight");
  // Files without a type mean linear when they give a factor.
  const std::string usual = lists_factors ? "longrope" : scaled ? "linear" : "none";
  HEADSCOPE_ASSIGN(const std::string type,
                   values.all().string_or(values.key("rope.scaling.type"), usual));
  if (values.has_tensor("rope_freqs.weight")) {
    if (type == "none" || (type == "linear" && !scaled)) {
      return stored_factors(values, theta, rotated, context);
    }
    return values.refuse("rope.scaling.type", "none beside the tensor 'rope_freqs.weight'");
  }
  if (type == "longrope") return long_rope(values, rotated, context);
  if (type == "yarn") return yarn(values, factor, context);
  if (type == "none" || (type == "linear" && !scaled)) return Json(nullptr);
  if (type == "linear") return Json{{"rope_type", "linear"}, {"factor", factor}};
  return values.refuse("rope.scaling.type", "none, linear, yarn or longrope");
}

Result<> add_rope(const Values& values, Json& config) {
  const auto head_dim = config["head_dim"].get<std::int64_t>();
  const auto context = config["max_position_embeddings"].get<std::int64_t>();
  HEADSCOPE_ASSIGN(const std::int64_t rotated, values.count_or("rope.dimension_count", head_dim));
  if (rotated <= 0 || rotated > head_dim || rotated % 2 != 0) {
    return values.refuse("rope.dimension_count",
                         "an even number up to " + std::to_string(head_dim));
  }
  if (rotated != head_dim) {
    config["partial_rotary_factor"] = static_cast<double>(rotated) / static_cast<double>(head_dim);
  }
  HEADSCOPE_ASSIGN(const double theta, values.number_or("rope.freq_base", 10000));
  config["rope_theta"] = theta;
  HEADSCOPE_ASSIGN(config["rope_scaling"], rope_scaling(values, theta, rotated, context));
  if (values.has("rope.scaling.original_context_length")) {
    HEADSCOPE_ASSIGN(config["original_max_position_embeddings"],
                     values.count("rope.scaling.original_context_length"));
  }
  return {};
}

/// Which layers see a window only: the file's list, or every layer but each `period`-th.
Result<> add_layer_types(const Values& values, std::int64_t period, Json& config) {
  const auto layers = config["num_hidden_layers"].get<std::int64_t>();
  const std::string key = values.key("attention.sliding_window_pattern");
  const Json* pattern = values.all().find(key);
  if (pattern != nullptr && !pattern->is_array()) {
    HEADSCOPE_ASSIGN(period, values.all().positive_integer(key));
    pattern = nullptr;
  }
  if (pattern != nullptr && pattern->size() < static_cast<std::size_t>(layers)) {
    return values.refuse("attention.sliding_window_pattern",
                         "an entry for each of the " + std::to_string(layers) + " layers");
  }
  Json types = Json::array();
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const bool sliding = pattern != nullptr ? (*pattern)[static_cast<std::size_t>(layer)] == true ||
                                                  (*pattern)[static_cast<std::size_t>(layer)] == 1
                                            : layer % period < period - 1;
    types.push_back(sliding ? "sliding_attention" : "full_attention");
  }
  config["layer_types"] = std::move(types);
  return {};
}

Result<> add_gemma(const Values& values, bool is_gemma3, Json& config) {
  HEADSCOPE_ASSIGN(const std::int64_t window,
                   values.count_or("attention.sliding_window", is_gemma3 ? 0 : 4096));
  if (window > 0) config["sliding_window"] = window;
  HEADSCOPE_TRY(add_layer_types(values, window <= 0 ? 1 : is_gemma3 ? 6 : 2, config));
  config["hidden_activation"] = "gelu_pytorch_tanh";
  // The largest of each scale queries by the width that a head would have without an explicit one;
  // files do not say so, llama.cpp knows it by the number of layers too.
  const bool is_largest = config["num_hidden_layers"] == (is_gemma3 ? 62 : 46);
  config["query_pre_attn_scalar"] = is_largest
                                        ? config["hidden_size"].get<std::int64_t>() /
                                              config["num_attention_heads"].get<std::int64_t>()
                                        : config["head_dim"].get<std::int64_t>();
  HEADSCOPE_ASSIGN(const double final_cap,
                   values.number_or("final_logit_softcapping", is_gemma3 ? 0 : 30));
  if (final_cap != 0) config["final_logit_softcapping"] = final_cap;
  if (is_gemma3) {
    HEADSCOPE_ASSIGN(config["rope_local_base_freq"], values.number_or("rope.freq_base_swa", 10000));
  } else {
    HEADSCOPE_ASSIGN(config["attn_logit_softcapping"],
                     values.number_or("attn_logit_softcapping", 50));
  }
  return {};
}

Result<> add_window(const Values& values, Json& config) {
  HEADSCOPE_ASSIGN(const std::int64_t window, values.count_or("attention.sliding_window", 0));
  if (window <= 0) return {};
  config["sliding_window"] = window;
  if (config["model_type"] == "llama") config["model_type"] = "mistral";  // Llama with windows
  return {};
}

/// How most numbers of the matrices are stored: "float32", "float16", "bfloat16", or a quantisation
/// as llama.cpp names it.
std::string stored_dtype(const GgufFile& file) {
  std::map<std::string, std::uint64_t> bytes;
  for (const auto& [name, tensor] : file.tensors()) {
    if (tensor.shape.size() > 1) bytes[tensor.type] += tensor.bytes.size();
  }
  if (bytes.empty()) return "float32";
  const auto larger = [](const auto& a, const auto& b) { return a.second < b.second; };
  const std::string type = std::max_element(bytes.begin(), bytes.end(), larger)->first;
  if (type == "F32") return "float32";
  if (type == "F16") return "float16";
  if (type == "BF16") return "bfloat16";
  static const std::map<std::int64_t, const char*> mixtures = {
      {11, "Q3_K_S"}, {12, "Q3_K_M"}, {13, "Q3_K_L"}, {14, "Q4_K_S"},
      {15, "Q4_K_M"}, {16, "Q5_K_S"}, {17, "Q5_K_M"}};
  const auto stated = file.metadata().find("general.file_type");
  if (stated == file.metadata().end() || !stated->is_number_integer()) return type;
  const auto mixture = mixtures.find(stated->get<std::int64_t>());
  return mixture != mixtures.end() && std::string_view(mixture->second).starts_with(type)
             ? mixture->second
             : type;
}

/// Tokens that end an answer: those that the file names and those that are known by their texts.
Result<Json> end_tokens(const Values& values, std::int64_t vocab_size) {
  std::set<std::int64_t> ids;
  for (const char* kind : {"eos", "eot", "eom"}) {
    const std::string key = std::string("tokenizer.ggml.") + kind + "_token_id";
    HEADSCOPE_ASSIGN(const std::int64_t id, values.all().integer_or(key, -1));
    if (id >= 0 && id < vocab_size) ids.insert(id);
  }
  HEADSCOPE_ASSIGN(const auto tokens, values.file().strings("tokenizer.ggml.tokens"));
  const std::size_t end = std::min(tokens.size(), static_cast<std::size_t>(vocab_size));
  for (std::size_t id = 0; id < end; ++id) {
    if (std::find(end_texts.begin(), end_texts.end(), tokens[id]) != end_texts.end()) {
      ids.insert(static_cast<std::int64_t>(id));
    }
  }
  return Json(ids);
}

}  // namespace

Result<const GgufArchitecture*> gguf_architecture(const GgufFile& file) {
  HEADSCOPE_ASSIGN(const JsonObject all, JsonObject::open(file.metadata(), file.name()));
  HEADSCOPE_ASSIGN(const std::string type, all.string_or("general.type", "model"));
  if (type != "model") return tl::unexpected(all.wrong("general.type", "\"model\""));
  HEADSCOPE_ASSIGN(const std::string name, all.string("general.architecture"));
  std::string names;
  for (const GgufArchitecture& architecture : architectures) {
    if (architecture.name == name) return &architecture;
    names += (names.empty() ? "" : ", ") + std::string(architecture.name);
  }
  return bad_input(file.name() + ": general.architecture \"" + name +
                   "\" is not supported (supported: " + names + ")");
}

Result<Json> gguf_config(const GgufFile& file) {
  HEADSCOPE_ASSIGN(const GgufArchitecture* architecture, gguf_architecture(file));
  HEADSCOPE_ASSIGN(const JsonObject all, JsonObject::open(file.metadata(), file.name()));
  const Values values(file, all, std::string(architecture->name) + ".");
  HEADSCOPE_TRY(refuse_unknown_values(values));
  // A window that is absent here may have a default there: it is said that there is none.
  Json config = {{"model_type", architecture->model_type},
                 {"torch_dtype", stored_dtype(file)},
                 {"sliding_window", nullptr}};
  HEADSCOPE_TRY(add_shape(values, config));
  HEADSCOPE_TRY(add_rope(values, config));
  if (architecture->has_sandwich_norms) {
    HEADSCOPE_TRY(add_gemma(values, architecture->name == "gemma3", config));
  } else {
    HEADSCOPE_TRY(add_window(values, config));
  }
  HEADSCOPE_ASSIGN(config["eos_token_id"],
                   end_tokens(values, config["vocab_size"].get<std::int64_t>()));
  return config;
}

}  // namespace headscope
