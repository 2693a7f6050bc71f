// links: headscope_text
// Tokenizers of well-known models against ids, offsets and texts made by the reference library.
#include <doctest/doctest.h>

#include "core/base/json.h"
#include "core/text/tokenizer.h"
#include "core/text/unicode.h"
#include "tests/resources.h"
#include "tests/skip.h"

using namespace headscope;

namespace {

/// Byte position of each character of `text`, and its size at the end.
std::vector<std::size_t> character_starts(std::string_view text) {
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < text.size(); at += unicode::length_of(text[at]))
    starts.push_back(at);
  starts.push_back(text.size());
  return starts;
}

void check_golden(const Tokenizer& tokenizer, const Json& golden) {
  const auto text = golden["text"].get<std::string>();
  CAPTURE(text);
  const auto encoding = tokenizer.encode(text);
  REQUIRE_MESSAGE(encoding.has_value(), (encoding ? "" : encoding.error().message));
  const auto ids = golden["ids"].get<std::vector<std::int32_t>>();
  CHECK(encoding->ids == ids);
  REQUIRE(encoding->offsets.size() == golden["offsets"].size());
  const std::vector<std::size_t> starts = character_starts(text);
  for (std::size_t i = 0; i < encoding->offsets.size(); ++i) {
    CAPTURE(i);
    CHECK(encoding->offsets[i].begin == starts.at(golden["offsets"][i][0].get<std::size_t>()));
    CHECK(encoding->offsets[i].end == starts.at(golden["offsets"][i][1].get<std::size_t>()));
  }
  CHECK(tokenizer.decode(ids, false) == golden["decoded"].get<std::string>());

  StreamDecoder stream(tokenizer, false);
  std::string streamed;
  for (const std::int32_t id : ids) streamed += stream.push(id);
  streamed += stream.finish();
  CHECK(streamed == golden["decoded"].get<std::string>());
}

void check_model(const char* name) {
  const auto folder = test::shared_resource("tokenizers");
  if (!folder) SKIP_TEST("../shared/tokenizers not present");
  const auto tokenizer = Tokenizer::load(*folder / name);
  REQUIRE_MESSAGE(tokenizer.has_value(), (tokenizer ? "" : tokenizer.error().message));
  const auto goldens = read_json_file(*folder / name / "golden.json");
  REQUIRE(goldens.has_value());
  CHECK(goldens->size() == 16);
  for (const Json& golden : *goldens) check_golden(*tokenizer, golden);
}

}  // namespace

TEST_CASE("llama3: byte-level BPE that ignores merges for whole words") {
  check_model("llama3");
}
TEST_CASE("qwen2: byte-level BPE after NFC") {
  check_model("qwen2");
}
TEST_CASE("neox: GPT-2's expression, added white space, trimmed offsets") {
  check_model("neox");
}
TEST_CASE("mistral: SentencePiece-like BPE with byte fallback") {
  check_model("mistral");
}
