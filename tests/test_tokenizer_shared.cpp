// links: headscope_text
// Tokenizers of well-known models against ids, offsets and texts made by the reference library.
#include <doctest/doctest.h>

#include "core/base/json.h"
#include "core/text/tokenizer.h"
#include "tests/resources.h"
#include "tests/skip.h"
#include "tests/token_offsets.h"

using namespace headscope;

namespace {

void check_golden(const Tokenizer& tokenizer, const Json& golden) {
  const auto text = golden["text"].get<std::string>();
  CAPTURE(text);
  const auto encoding = tokenizer.encode(text);
  REQUIRE_MESSAGE(encoding.has_value(), (encoding ? "" : encoding.error().message));
  const auto ids = golden["ids"].get<std::vector<std::int32_t>>();
  CHECK(encoding->ids == ids);
  CHECK(test::offsets_text(encoding->offsets) ==
        test::offsets_text(test::byte_offsets(text, golden["offsets"])));
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
