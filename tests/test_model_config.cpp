// links: headscope_model headscope_intervention
// config.json: both spellings of transformers, and what is refused, by field name.
#include <doctest/doctest.h>

#include <fstream>
#include <limits>

#include "core/base/json.h"
#include "core/model/config.h"
#include "core/model/estimate.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

Json llama() {
  return Json{
      {"model_type", "llama"},       {"num_hidden_layers", 2},    {"num_attention_heads", 6},
      {"num_key_value_heads", 2},    {"hidden_size", 48},         {"intermediate_size", 64},
      {"vocab_size", 100},           {"rms_norm_eps", 1e-5},      {"max_position_embeddings", 512},
      {"tie_word_embeddings", true}, {"torch_dtype", "bfloat16"}, {"rope_theta", 500000.0}};
}

ModelConfig parsed(const Json& json) {
  const auto config = parse_config(json, "config.json");
  if (!config) FAIL(config.error().message);
  return *config;
}

/// The message; empty if it was accepted.
std::string refusal(const Json& json) {
  const auto config = parse_config(json, "config.json");
  if (config) return "";
  CHECK(config.error().kind == ErrorKind::bad_input);
  CHECK(config.error().message.find("config.json") != std::string::npos);
  return config.error().message;
}

std::string refusal_with(const char* field, Json value) {
  Json json = llama();
  json[field] = std::move(value);
  return refusal(json);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the old and the new spelling mean the same") {
  Json old_one = llama();
  old_one["rope_scaling"] = {{"rope_type", "llama3"},
                             {"factor", 8.0},
                             {"low_freq_factor", 1.0},
                             {"high_freq_factor", 4.0},
                             {"original_max_position_embeddings", 8192}};
  Json new_one = llama();
  new_one.erase("torch_dtype");
  new_one.erase("rope_theta");
  new_one["dtype"] = "bfloat16";
  new_one["rope_parameters"] = old_one["rope_scaling"];
  new_one["rope_parameters"]["rope_theta"] = 500000.0;
  for (const Json& json : {old_one, new_one}) {
    const ModelConfig config = parsed(json);
    CHECK(config.layers == 2);
    CHECK(config.heads == 6);
    CHECK(config.kv_heads == 2);
    CHECK(config.head_dim == 8);
    CHECK(config.hidden_size == 48);
    CHECK(config.intermediate_size == 64);
    CHECK(config.vocab_size == 100);
    CHECK(config.context_length == 512);
    CHECK(config.rms_norm_eps == 1e-5);
    CHECK(config.tie_word_embeddings);
    CHECK(config.stored_dtype == "bfloat16");
    CHECK(config.rope.type == "llama3");
    CHECK(config.rope.theta == 500000.0);
    CHECK(config.rope.factor == 8.0);
    CHECK(config.rope.low_freq_factor == 1.0);
    CHECK(config.rope.high_freq_factor == 4.0);
    CHECK(config.rope.original_context == 8192);
  }
}

TEST_CASE("defaults, explicit head_dim, families") {
  Json json = llama();
  json.erase("num_key_value_heads");
  json["head_dim"] = 10;
  json["rope_scaling"] = nullptr;
  const ModelConfig config = parsed(json);
  CHECK(config.kv_heads == 6);
  CHECK(config.head_dim == 10);
  CHECK(config.rope.type == "default");
  CHECK_FALSE(config.attention_bias);
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 4}};
  CHECK(parsed(json).rope.type == "linear");
  CHECK(parsed(json).rope.factor == 4.0);
  json["attention_bias"] = true;
  CHECK(parsed(json).attention_output_bias);
  json["model_type"] = "qwen2";
  CHECK(parsed(json).attention_bias);
  CHECK_FALSE(parsed(json).attention_output_bias);
  json["model_type"] = "mistral";
  CHECK(refusal(json).empty());
  json["sliding_window"] = 4096;
  CHECK(has(refusal(json), "sliding_window"));
  json.erase("max_position_embeddings");
  json["sliding_window"] = nullptr;
  CHECK(parsed(json).notes.size() == 1);
}

TEST_CASE("absurd values are refused and the field is named") {
  CHECK(refusal(llama()).empty());
  for (const char* field :
       {"num_hidden_layers", "num_attention_heads", "num_key_value_heads", "hidden_size",
        "intermediate_size", "vocab_size", "max_position_embeddings", "head_dim"}) {
    CAPTURE(field);
    for (const Json& value :
         {Json(0), Json(-1), Json("8"), Json(2.5), Json(std::numeric_limits<std::int64_t>::max()),
          Json(std::numeric_limits<std::uint64_t>::max()),
          Json(std::numeric_limits<std::int64_t>::min()), Json::array({2})}) {
      CAPTURE(value.dump());
      CHECK(has(refusal_with(field, value), field));
    }
  }
  for (const char* field : {"num_hidden_layers", "num_attention_heads", "hidden_size",
                            "intermediate_size", "vocab_size"}) {
    Json json = llama();
    json.erase(field);
    CHECK(has(refusal(json), field));
  }
  CHECK(has(refusal_with("num_key_value_heads", 4), "num_key_value_heads"));  // does not divide 6
  CHECK(has(refusal_with("hidden_size", 50), "num_attention_heads"));         // 50 / 6
  CHECK(has(refusal_with("head_dim", 7), "odd"));
  CHECK(has(refusal_with("rms_norm_eps", -1.0), "rms_norm_eps"));
  CHECK(has(refusal_with("rope_theta", 0), "rope_theta"));
  CHECK(has(refusal_with("tie_word_embeddings", "yes"), "tie_word_embeddings"));
  CHECK(has(refusal_with("eos_token_id", 100), "eos_token_id"));
  CHECK(has(refusal_with("eos_token_id", Json::array({1, -1})), "eos_token_id"));
  CHECK(has(refusal(Json::array()), "object"));
}

TEST_CASE("what is not understood is refused in one sentence") {
  CHECK(has(refusal_with("model_type", "gpt_neox"), "gpt_neox"));
  CHECK(has(refusal_with("model_type", nullptr), "model_type"));
  CHECK(
      has(refusal_with("quantization_config", {{"quant_method", "gptq"}}), "quantization_config"));
  CHECK(has(refusal_with("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4}}), "yarn"));
  CHECK(has(refusal_with("rope_scaling", {{"type", "linear"}}), "factor"));
  CHECK(has(refusal_with("rope_scaling", {{"type", "linear"}, {"factor", 0}}), "factor"));
  CHECK(has(refusal_with("rope_scaling", {{"type", "llama3"}, {"factor", 8}}),
            "original_max_position_embeddings"));
  CHECK(has(refusal_with("rope_scaling", {{"full_attention", {{"rope_type", "default"}}}}),
            "full_attention"));
  CHECK(has(refusal_with("rope_scaling", 3), "rope_scaling"));
  CHECK(has(refusal_with("partial_rotary_factor", 0.5), "rotary"));
  CHECK(has(refusal_with("hidden_act", "gelu"), "gelu"));
  CHECK(has(refusal_with("attn_logit_softcapping", 50.0), "attn_logit_softcapping"));
  CHECK(has(refusal_with("layer_types", Json::array({"full_attention", "sliding_attention"})),
            "layer_types"));
}

TEST_CASE("end-of-sequence ids: generation_config.json goes before config.json") {
  const test::TemporaryFolder folder;
  const auto write = [&](const char* name, const Json& json) {
    std::ofstream(folder / name) << json.dump();
  };
  Json json = llama();
  json["eos_token_id"] = 7;
  write("config.json", json);
  CHECK(load_config(folder.path().string())->eos_ids == std::vector<std::int32_t>{7});
  write("generation_config.json", {{"eos_token_id", {8, 9}}});
  CHECK(load_config(folder.path().string())->eos_ids == std::vector<std::int32_t>{8, 9});
  write("generation_config.json", {{"temperature", 0.6}});
  CHECK(load_config(folder.path().string())->eos_ids == std::vector<std::int32_t>{7});
  write("generation_config.json", {{"eos_token_id", 5000}});
  CHECK_FALSE(load_config(folder.path().string()));
  std::ofstream(folder / "config.json") << "{\"model_type\": ";
  const auto broken = load_config(folder.path().string());
  REQUIRE_FALSE(broken);
  CHECK(has(broken.error().message, "config.json"));
  CHECK_FALSE(load_config((folder / "nowhere").string()));
}

TEST_CASE("estimates follow the shape") {
  ModelConfig config = parsed(llama());
  // 2 layers of q, o [48, 48], k, v [16, 48], three [48, 64] and two norms; the embedding; the last
  // norm.
  CHECK(parameter_count(config) ==
        2 * (2 * 48 * 48 + 2 * 16 * 48 + 3 * 48 * 64 + 2 * 48) + 100 * 48 + 48);
  CHECK(cache_bytes(config, 10, 4) == 2 * 2 * 16 * 10 * 4);
  Capture capture;
  capture.span_sets = {{1}, {2}};
  CHECK(capture_bytes(config, capture, 3, 50) == 4 * 2 * 6 * 3 * (50 + 2));
}
