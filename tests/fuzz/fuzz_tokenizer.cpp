// links: headscope_text
// longest: 4096
// words: core/text/*token*.cpp core/text/normalizers.cpp core/text/decoders.cpp core/text/bpe.cpp
// core/text/unigram.cpp core/text/word*.cpp core/text/post_processor.cpp core/text/precompiled.cpp
// core/text/metaspace.* A tokenizer.json, and after a zero byte (which JSON cannot hold) a text for
// it.
#include <algorithm>

#include "core/text/tokenizer.h"
#include "core/text/unicode.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;
using fuzz::require;

namespace {

constexpr std::string_view kText =
    "Hello  world, it's\n\nna\xC3\xAFve 12 \xE6\x9D\xB1\xF0\x9F\x99\x82 <s>[UNK] aab\t";

void check_encoding(const Tokenizer& tokenizer, std::string_view text, const Encoding& encoding) {
  const std::size_t count = encoding.size();
  require(encoding.offsets.size() == count && encoding.special.size() == count &&
              encoding.unknown.size() == count,
          "an entry a token");
  for (std::size_t i = 0; i < count; ++i) {
    require(encoding.ids[i] >= 0 && encoding.ids[i] < tokenizer.vocab_size(),
            "ids are in the vocabulary");
    const ByteSpan span = encoding.offsets[i];
    require(span.begin <= span.end && span.end <= text.size(), "offsets lie within the text");
  }
}

void check_decoding(const Tokenizer& tokenizer, const Encoding& encoding) {
  for (const bool skip : {false, true}) {
    const std::string text = tokenizer.decode(encoding.ids, skip);
    require(unicode::valid_prefix(text) == text.size(), "decoded text is UTF-8");
    StreamDecoder stream(tokenizer, skip);
    std::string streamed;
    for (const auto id : encoding.ids) streamed += stream.push(id);
    streamed += stream.finish();
    require(streamed == text, "token by token the text is the same");
  }
  for (const auto id : encoding.ids) {
    const std::string label = tokenizer.token_label(id);
    require(unicode::valid_prefix(label) == label.size(), "labels are UTF-8");
  }
}

}  // namespace

FUZZ_READER(tokenizer) {
  const std::string_view all = fuzz::text_of(input);
  const std::size_t end = all.find('\0');
  const std::string_view text = end == std::string_view::npos ? kText : all.substr(end + 1);
  const auto tokenizer = Tokenizer::from_json(all.substr(0, end), "input");
  if (!tokenizer) return;
  for (const bool special : {true, false}) {
    const auto encoding = tokenizer->encode(text, special);
    if (!encoding) continue;
    check_encoding(*tokenizer, text, *encoding);
    check_decoding(*tokenizer, *encoding);
  }
  (void)tokenizer->special_ids();
  (void)tokenizer->prefix_length();
}
