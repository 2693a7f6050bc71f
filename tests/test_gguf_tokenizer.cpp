// links: headscope_gguf headscope_text headscope_base
// Tokenizers of GGUF files against the ids that llama.cpp keeps beside its vocabularies (made with
// the tokenizers of the original models).
#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/gguf/gguf_tokenizer.h"
#include "core/text/tokenizer.h"
#include "tests/resources.h"
#include "tests/skip.h"

namespace headscope {
namespace {

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t at; (at = text.find(separator, begin)) != std::string::npos;
       begin = at + separator.size()) {
    parts.push_back(text.substr(begin, at - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::vector<std::int32_t> numbers(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::int32_t> list;
  for (std::int32_t number; words >> number;) list.push_back(number);
  return list;
}

Result<Tokenizer> tokenizer_of(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(const GgufFile file, GgufFile::open(path));
  HEADSCOPE_ASSIGN(const std::string json, gguf_tokenizer_json(file));
  return Tokenizer::from_json(json, path.string());
}

void compare(const std::string& name, const Tokenizer& tokenizer,
             const std::filesystem::path& texts) {
  const auto inputs = read_text_file(texts.string() + ".inp");
  const auto outputs = read_text_file(texts.string() + ".out");
  REQUIRE(inputs.has_value());
  REQUIRE(outputs.has_value());
  const auto wanted = split(*outputs, "\n");
  const auto cases = split(*inputs, "\n__ggml_vocab_test__\n");
  int equal = 0;
  REQUIRE(wanted.size() >= cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto encoding = tokenizer.encode(cases[i], false);
    REQUIRE(encoding.has_value());
    CAPTURE(name);
    CAPTURE(cases[i]);
    CHECK(encoding->ids == numbers(wanted[i]));
    equal += encoding->ids == numbers(wanted[i]);
  }
  MESSAGE(name << ": " << equal << " of " << cases.size());
}

TEST_CASE("ids equal those that llama.cpp keeps for its vocabularies") {
  const auto models = test::llama_resource("models");
  if (!models) SKIP_TEST("llama.cpp's source is not there");
  for (const char* name :
       {"llama-spm", "llama-bpe", "phi-3", "qwen2", "qwen35", "deepseek-llm", "deepseek-coder",
        "falcon", "mpt", "starcoder", "gpt-2", "refact", "command-r"}) {
    const auto path = *models / ("ggml-vocab-" + std::string(name) + ".gguf");
    const auto tokenizer = tokenizer_of(path);
    REQUIRE_MESSAGE(tokenizer.has_value(), tokenizer.error().message);
    compare(name, *tokenizer, path);
  }
}

TEST_CASE("tokenizers of kinds that are not understood are refused by name") {
  const auto models = test::llama_resource("models");
  if (!models) SKIP_TEST("llama.cpp's source is not there");
  for (const auto& [name, reason] :
       std::vector<std::pair<std::string, std::string>>{{"bert-bge", "tokenizer \"bert\""},
                                                        {"gemma-4", "tokenizer \"gemma4\""},
                                                        {"nomic-bert-moe", "tokenizer \"t5\""},
                                                        {"gpt-neox", "'tokenizer.ggml.pre'"},
                                                        {"aquila", "'tokenizer.ggml.pre'"}}) {
    const auto tokenizer = tokenizer_of(*models / ("ggml-vocab-" + name + ".gguf"));
    REQUIRE_FALSE(tokenizer.has_value());
    CHECK(tokenizer.error().message.find(reason) != std::string::npos);
    CHECK(tokenizer.error().kind == ErrorKind::bad_input);
  }
}

}  // namespace
}  // namespace headscope
