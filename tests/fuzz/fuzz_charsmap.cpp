// links: headscope_text
// longest: 1024
// SentencePiece's table of replacements, which tokenizer.json holds as base64.
#include "core/base/base64.h"
#include "core/text/charsmap.h"
#include "core/text/unicode.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(charsmap) {
  const std::string_view bytes = fuzz::text_of(input);
  fuzz::require(base64_decode(base64_encode(bytes)) == bytes, "base64 gives back what it took");
  if (const auto decoded = base64_decode(bytes))
    fuzz::require(base64_encode(*decoded) == bytes, "base64 has one spelling");
  const auto map = Charsmap::read(bytes, "input");
  if (!map) return;
  for (const std::string_view text :
       {"a", "A\xCC\x80", "\xEF\xBC\xA1", "\xE2\x80\x8B", "fi", "\x01", ""}) {
    const auto found = map->replacement(text);
    if (found && *found)
      fuzz::require(unicode::valid_prefix(**found) == (*found)->size(), "a replacement is UTF-8");
  }
}
