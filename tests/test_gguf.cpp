// links: headscope_gguf headscope_text headscope_base
// GGUF files without libtorch: reading, refusing, de-quantisation, configuration, names. Files:
// make_gguf_goldens.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/gguf/gguf_config.h"
#include "core/gguf/gguf_tokenizer.h"
#include "core/text/tokenizer.h"
#include "tests/resources.h"
#include "tests/temporary_folder.h"

namespace headscope {
namespace {

std::filesystem::path golden(const std::string& name) {
  return test::source_folder() / "tests" / "goldens" / "gguf" / name;
}

std::string bytes_of(const std::string& name) {
  return read_text_file(golden(name)).value();
}

template <class T>
std::string message_of(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

/// The file with the first `from` replaced by `to`, which has the same length.
std::string replaced(std::string bytes, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  const auto at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  return bytes.replace(at, from.size(), to);
}

/// Opens the bytes as a file and asks everything that opening a model asks.
Result<> read_everything(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(const GgufFile file, GgufFile::open(path));
  const auto tokenizer = gguf_tokenizer_json(file);
  const auto chat = gguf_chat_template(file);
  HEADSCOPE_ASSIGN(const Json config, gguf_config(file));
  HEADSCOPE_ASSIGN(const auto weights, gguf_weights(file));
  std::vector<float> numbers;
  for (const auto& [name, weight] : weights) {
    if (!weight.tensor->readable) continue;
    numbers.resize(static_cast<std::size_t>(weight.tensor->columns()));
    weight.read_rows(weight.tensor->rows() - 1, 1, numbers.data());
  }
  if (tokenizer) HEADSCOPE_TRY(Tokenizer::from_json(*tokenizer, path.string()));
  return {};
}

Result<> read_bytes(const std::string& bytes) {
  const test::TemporaryFolder folder;
  REQUIRE(write_file_atomically(folder / "x.gguf", bytes).has_value());
  return read_everything(folder / "x.gguf");
}

TEST_CASE("blocks of every type are de-quantised to what the Python package finds") {
  const Json types = read_json_file(golden("blocks.json")).value();
  CHECK(types.size() == 25);
  for (const auto& [name, type] : types.items()) {
    CAPTURE(name);
    const std::string stored = from_hex(type["bytes"]), wanted = from_hex(type["floats"]);
    GgufTensor tensor;
    tensor.shape = {2, 256};
    tensor.type_code = type["code"];
    tensor.bytes = std::as_bytes(std::span(stored));
    std::vector<float> numbers(512), expected(512);
    REQUIRE(wanted.size() == 512 * sizeof(float));
    std::memcpy(expected.data(), wanted.data(), wanted.size());
    for (int row = 0; row < 2; ++row) read_row(tensor, row, numbers.data() + 256 * row);
    float most = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      most = std::max(most, std::abs(numbers[i] - expected[i]));
    }
    CHECK(most <= 1e-6f);
    CHECK(*std::max_element(expected.begin(), expected.end()) > 0);
  }
}

TEST_CASE("a file is recognised by its first bytes, not by its name") {
  const test::TemporaryFolder folder;
  REQUIRE(write_file_atomically(folder / "sha256-12ab", bytes_of("qwen2.gguf")).has_value());
  REQUIRE(write_file_atomically(folder / "not.gguf", "GGML and more").has_value());
  CHECK(is_gguf(folder / "sha256-12ab"));
  CHECK_FALSE(is_gguf(folder / "not.gguf"));
  CHECK_FALSE(is_gguf(folder.path()));
  CHECK_FALSE(is_gguf(folder / "none"));
  CHECK(message_of(GgufFile::open(folder / "not.gguf")).find("not a GGUF file") !=
        std::string::npos);
  CHECK(read_everything(folder / "sha256-12ab").has_value());
}

TEST_CASE("metadata becomes the configuration of Hugging Face") {
  const auto config_of = [](const char* name) {
    return gguf_config(GgufFile::open(golden(name)).value()).value();
  };
  const Json llama = config_of("llama3.gguf");
  CHECK(llama["model_type"] == "llama");
  CHECK(llama["torch_dtype"] == "float16");
  CHECK(llama["num_attention_heads"] == 4);
  CHECK(llama["num_key_value_heads"] == 2);
  CHECK(llama["head_dim"] == 16);
  CHECK(llama["vocab_size"] == 302);
  CHECK(llama["rms_norm_eps"] == 1e-5);
  CHECK(llama["rope_theta"] == 5e5);
  CHECK(llama["rope_scaling"]["rope_type"] == "llama3");  // told by the factors that are stored
  CHECK(llama["rope_scaling"]["factor"] == 8.0);
  CHECK(llama["tie_word_embeddings"] == false);
  const Json spm = config_of("llama_spm.gguf");
  CHECK(spm["attention_bias"] == true);
  CHECK(spm["rope_scaling"] == Json{{"rope_type", "linear"}, {"factor", 2.5}});
  CHECK(spm["tie_word_embeddings"] == true);
  CHECK(config_of("mistral_yarn.gguf")["rope_scaling"]["original_max_position_embeddings"] == 8);
  CHECK(config_of("qwen2.gguf")["torch_dtype"] == "Q8_0");
  const Json gemma = config_of("gemma3.gguf");
  CHECK(gemma["model_type"] == "gemma3_text");
  CHECK(gemma["rope_local_base_freq"] == 1e4);
  CHECK(gemma["layer_types"][5] == "full_attention");
  CHECK(gemma["layer_types"][6] == "sliding_attention");
  CHECK(config_of("gemma2.gguf")["attn_logit_softcapping"] == 20.0);
  const Json phi = config_of("phi3.gguf");
  CHECK(phi["partial_rotary_factor"] == 0.75);
  CHECK(phi["rope_scaling"]["long_factor"].size() == 6);
  CHECK(phi["sliding_window"] == 9);
}

TEST_CASE("what is not understood is refused by name") {
  const auto says = [](const std::string& bytes, const std::string& part) {
    const auto result = read_bytes(bytes);
    CAPTURE(message_of(result));
    CHECK_FALSE(result.has_value());
    CHECK(message_of(result).find(part) != std::string::npos);
  };
  const std::string file = bytes_of("llama3.gguf");
  says(replaced(file, "general.architecture\x08", "general.architecturX\x08"),
       "'general.architecture'");
  says(replaced(file, "llama.vocab_size", "llama.logit_size"),
       "'llama.logit_size' is not understood");
  says(replaced(file, "token_embd.weight", "token_embX.weight"), "'token_embd.weight'");
  says(replaced(file, "llama.block_count", "llamX.block_count"), "'llama.block_count'");
  says(file.substr(0, file.size() - 100), "goes beyond the end of the file");
  says(file.substr(0, 3000), "damaged GGUF file");
  says("GGUF", "not a GGUF file");
  says(replaced(file, std::string("GGUF\x03\0", 6), std::string("GGUF\0\x03", 6)), "GGUF version");
  says(replaced(file, "GGUF", "GGXF"), "not a GGUF file");
}

TEST_CASE("tensors get the names of Hugging Face, rotary rows their order") {
  const GgufFile file = GgufFile::open(golden("llama_spm.gguf")).value();
  const auto weights = gguf_weights(file).value();
  CHECK(weights.contains("model.layers.1.self_attn.q_proj.bias"));
  CHECK(weights.contains("model.layers.0.post_attention_layernorm.weight"));
  CHECK_FALSE(weights.contains("lm_head.weight"));
  // 4 heads of 8: row 1 of a head is the second of the first halves, stored behind the first of the
  // second ones.
  const GgufWeight& bias = weights.find("model.layers.0.self_attn.q_proj.bias")->second;
  std::vector<float> stored(32), usual(32);
  read_row(*bias.tensor, 0, stored.data());
  bias.read_rows(0, 1, usual.data());
  CHECK(usual[1] == stored[2]);
  CHECK(usual[4] == stored[1]);
  CHECK(usual[8 + 7] == stored[8 + 7]);
  const GgufFile gemma = GgufFile::open(golden("gemma2.gguf")).value();
  const auto norms = gguf_weights(gemma).value();
  const GgufWeight& norm = norms.find("model.layers.0.pre_feedforward_layernorm.weight")->second;
  read_row(*norm.tensor, 0, stored.data());
  norm.read_rows(0, 1, usual.data());
  CHECK(usual[3] == stored[3] - 1);
}

TEST_CASE("tokenizers of converted files give the ids of those they were made from") {
  for (const char* name : {"llama3", "llama_spm", "mistral_yarn", "qwen2", "every_type", "qwen3",
                           "gemma2", "gemma3", "phi3"}) {
    INFO(name);
    const GgufFile file = GgufFile::open(golden(std::string(name) + ".gguf")).value();
    const auto json = gguf_tokenizer_json(file);
    REQUIRE_MESSAGE(json.has_value(), message_of(json));
    const auto tokenizer = Tokenizer::from_json(*json, name);
    REQUIRE_MESSAGE(tokenizer.has_value(), message_of(tokenizer));
    const Json texts = read_json_file(golden(std::string(name) + ".json")).value();
    REQUIRE(texts["texts"].size() == 8);
    for (std::size_t i = 0; i < texts["texts"].size(); ++i) {
      const std::string text = texts["texts"][i];
      CAPTURE(text);
      CHECK(tokenizer->encode(text).value().ids ==
            texts["ids"][i].get<std::vector<std::int32_t>>());
      CHECK(tokenizer->decode(tokenizer->encode(text).value().ids) == text);
    }
  }
}

TEST_CASE("the chat template comes with the texts that it may ask for") {
  const auto found = gguf_chat_template(GgufFile::open(golden("llama3.gguf")).value()).value();
  REQUIRE(found.has_value());
  CHECK(found->text.starts_with("{{ bos_token }}"));
  CHECK(found->bos_token == "<|begin_of_text|>");
  CHECK(found->eos_token == "<|eot_id|>");
  CHECK_FALSE(
      gguf_chat_template(GgufFile::open(golden("gemma2.gguf")).value()).value().has_value());
}

TEST_CASE("damaged headers give errors, never a crash") {
  Rng random(11);
  const std::string intact = bytes_of("llama3.gguf");
  const auto header = static_cast<std::uint32_t>(intact.find("blk.0.attn_q.weight"));
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string bytes = intact;
    const int changes = 1 + static_cast<int>(random.below(4));
    for (int i = 0; i < changes; ++i) {
      // Half of them where lengths and types of single values stand, away from the long token
      // lists.
      const std::size_t at =
          random.below(2) == 0 ? random.below(1200) : random.below(header + 3000);
      const std::uint32_t kind = random.below(3);
      bytes[at] = kind == 0 ? '\xff' : kind == 1 ? '\0' : static_cast<char>(random.below(256));
    }
    if (random.below(8) == 0) bytes.resize(random.below(static_cast<std::uint32_t>(bytes.size())));
    if (!read_bytes(bytes)) ++refused;
  }
  CHECK(refused > 100);
}

}  // namespace
}  // namespace headscope
