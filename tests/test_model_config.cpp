// links: headscope_model headscope_intervention
// config.json: both spellings of transformers, and what is refused, by field name.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "core/base/json.h"
#include "core/config/config.h"
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
    CHECK(config.norm_eps == 1e-5);
    CHECK(config.tie_word_embeddings);
    CHECK(config.stored_dtype == "bfloat16");
    CHECK(config.ropes.front().type == "llama3");
    CHECK(config.ropes.front().theta == 500000.0);
    CHECK(config.ropes.front().factor == 8.0);
    CHECK(config.ropes.front().low_freq_factor == 1.0);
    CHECK(config.ropes.front().high_freq_factor == 4.0);
    CHECK(config.ropes.front().original_context == 8192);
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
  CHECK(config.ropes.front().type == "default");
  CHECK_FALSE(config.attention_bias);
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 4}};
  CHECK(parsed(json).ropes.front().type == "linear");
  CHECK(parsed(json).ropes.front().factor == 4.0);
  json["attention_bias"] = true;
  CHECK(parsed(json).attention_output_bias);
  json["model_type"] = "qwen2";
  CHECK(parsed(json).attention_bias);
  CHECK_FALSE(parsed(json).attention_output_bias);
  json["model_type"] = "mistral";
  CHECK(parsed(json).attention_in(1).window == 4096);  // what transformers does if it is not stated
  json["sliding_window"] = 100;
  CHECK(parsed(json).attention_in(0).window == 100);
  json.erase("max_position_embeddings");
  json["sliding_window"] = nullptr;
  CHECK(parsed(json).attention_in(0).window == 0);
  CHECK(parsed(json).notes.size() == 1);
}

TEST_CASE("which layers have a window") {
  const auto windows = [](const Json& json) {
    std::vector<std::int64_t> all;
    const ModelConfig config = parsed(json);
    for (int layer = 0; layer < config.layers; ++layer) {
      all.push_back(config.attention_in(layer).window);
    }
    return all;
  };
  using Windows = std::vector<std::int64_t>;
  Json json = llama();
  json["num_hidden_layers"] = 4;
  CHECK(windows(json) == Windows{0, 0, 0, 0});
  json["model_type"] = "qwen2";
  json["sliding_window"] = 32;
  CHECK(windows(json) == Windows{0, 0, 0, 0});
  json["use_sliding_window"] = true;
  CHECK(windows(json) == Windows{0, 0, 0, 0});  // max_window_layers is 28 where it is not stated
  json["max_window_layers"] = 3;
  CHECK(windows(json) == Windows{0, 0, 0, 32});
  json["layer_types"] = {"full_attention", "sliding_attention", "full_attention", "full_attention"};
  CHECK(windows(json) == Windows{0, 32, 0, 0});
  json["use_sliding_window"] = false;
  CHECK(has(refusal(json), "layer_types"));
  json["model_type"] = "ministral";
  CHECK(windows(json) == Windows{0, 32, 0, 0});
  json["model_type"] = "mistral";
  CHECK(has(refusal(json), "ministral"));
  json["layer_types"] = {"sliding_attention"};
  CHECK(has(refusal(json), "layer_types"));
  json.erase("layer_types");
  json["head_dim"] = 8;
  json["model_type"] = "gemma2";
  CHECK(windows(json) == Windows{32, 0, 32, 0});
  json["model_type"] = "gemma3_text";
  CHECK(windows(json) == Windows{32, 32, 32, 32});
  json["num_hidden_layers"] = 7;
  CHECK(windows(json) == Windows{32, 32, 32, 32, 32, 0, 32});
  json["sliding_window_pattern"] = 2;
  CHECK(windows(json) == Windows{32, 0, 32, 0, 32, 0, 32});
  for (int layer = 0; layer < 7; ++layer) {
    CHECK(parsed(json).attention_in(layer).rope == (layer % 2 == 0 ? 1 : 0));
  }
}

TEST_CASE("what published checkpoints leave out is what transformers takes") {
  // config.json of gemma-3-4b-it, shortened: the rest of the text part is in the defaults.
  const Json gemma = {{"model_type", "gemma3"},
                      {"eos_token_id", {1, 106}},
                      {"torch_dtype", "bfloat16"},
                      {"vision_config", {{"hidden_size", 1152}}},
                      {"text_config",
                       {{"hidden_size", 2560},
                        {"intermediate_size", 10240},
                        {"model_type", "gemma3_text"},
                        {"num_hidden_layers", 34},
                        {"rope_scaling", {{"factor", 8.0}, {"rope_type", "linear"}}},
                        {"sliding_window", 1024}}}};
  const ModelConfig config = parsed(gemma);
  CHECK(config.model_type == "gemma3_text");
  CHECK(config.heads == 8);
  CHECK(config.kv_heads == 4);
  CHECK(config.head_dim == 256);
  CHECK(config.vocab_size == 262208);
  CHECK(config.context_length == 131072);
  CHECK(config.tie_word_embeddings);
  CHECK(config.query_scale == 1.0 / 16);
  CHECK(config.activation == Activation::gelu_tanh);
  CHECK(config.eos_ids == std::vector<std::int32_t>{1, 106});
  CHECK(config.stored_dtype == "bfloat16");
  REQUIRE(config.ropes.size() == 2);
  CHECK(config.ropes[0].theta == 1e6);
  CHECK(config.ropes[0].factor == 8);
  CHECK(config.ropes[1].theta == 1e4);
  CHECK(config.ropes[1].type == "default");
  CHECK(config.notes.size() == 1);
  CHECK(parameter_count(config) == 3880263168);  // as transformers counts
  Json neither = gemma;
  neither["text_config"]["model_type"] = "chatglm";
  CHECK(has(refusal(neither), "chatglm"));
  neither.erase("text_config");
  CHECK(has(refusal(neither), "text_config"));
  const ModelConfig gpt2 = parsed({{"model_type", "gpt2"},
                                   {"n_layer", 12},
                                   {"n_head", 12},
                                   {"n_embd", 768},
                                   {"n_positions", 1024},
                                   {"vocab_size", 50257}});
  CHECK(gpt2.intermediate_size == 3072);
  CHECK(parameter_count(gpt2) == 124439808);  // as published
}

TEST_CASE("rotary types: lengths, factors and notes") {
  Json json = llama();
  json["rope_scaling"] = {{"rope_type", "dynamic"}, {"factor", 4.0}};
  CHECK(parsed(json).context_length == 2048);
  CHECK(parsed(json).ropes[0].original_context == 512);
  REQUIRE(parsed(json).notes.size() == 1);
  CHECK(has(parsed(json).notes[0], "512 tokens"));
  json["rope_scaling"] = {
      {"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 256}};
  CHECK(parsed(json).context_length == 1024);
  CHECK(parsed(json).notes.empty());
  CHECK(parsed(json).ropes[0].attention_factor == doctest::Approx(0.1 * std::log(4.0) + 1));
  json["rope_scaling"] = {{"type", "su"},
                          {"short_factor", {1, 1, 1, 1}},
                          {"long_factor", {2, 2, 2, 2}},
                          {"original_max_position_embeddings", 128}};
  CHECK(has(refusal(json), "\"su\""));
  json["model_type"] = "phi3";
  CHECK(parsed(json).ropes[0].type == "longrope");
  CHECK(parsed(json).ropes[0].attention_factor ==
        doctest::Approx(std::sqrt(1 + std::log(4.0) / std::log(128.0))));
  json["original_max_position_embeddings"] = 64;  // goes before the one inside
  CHECK(parsed(json).ropes[0].original_context == 64);
  json["partial_rotary_factor"] = 0.5;
  CHECK(has(refusal(json), "short_factor"));
  json["rope_scaling"]["short_mscale"] = 1.2;
  CHECK(has(refusal(json), "short_mscale"));
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
  CHECK(has(refusal_with("model_type", "mamba"), "mamba"));
  CHECK(has(refusal_with("model_type", nullptr), "model_type"));
  CHECK(
      has(refusal_with("quantization_config", {{"quant_method", "gptq"}}), "quantization_config"));
  CHECK(has(refusal_with("rope_scaling", {{"rope_type", "ntk"}, {"factor", 4}}), "ntk"));
  CHECK(has(refusal_with("rope_scaling", {{"type", "linear"}}), "factor"));
  CHECK(has(refusal_with("rope_scaling", {{"type", "linear"}, {"factor", 0}}), "factor"));
  CHECK(has(refusal_with("rope_scaling", {{"type", "llama3"}, {"factor", 8}}),
            "original_max_position_embeddings"));
  CHECK(has(refusal_with("rope_scaling", {{"full_attention", {{"rope_type", "default"}}}}),
            "full_attention"));
  CHECK(has(refusal_with("rope_scaling", 3), "rope_scaling"));
  CHECK(has(refusal_with("partial_rotary_factor", 0.5), "rotary"));
  CHECK(has(refusal_with("hidden_act", "relu"), "relu"));
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
  const auto estimate = estimate_run(config, 50, 0, plan_of(&capture, 3, 1), 4, {1, 1, 1});
  CHECK(estimate.capture_bytes == 4 * 2 * 6 * 3 * (50 + 2));
}
