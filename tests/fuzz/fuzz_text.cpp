// links: headscope_text
// longest: 1024
// words: core/base/json.cpp
// Bytes that should be UTF-8 or JSON, packed or not.
#include "core/base/file.h"
#include "core/text/unicode.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;
using fuzz::require;

FUZZ_READER(text) {
  const std::string_view bytes = fuzz::text_of(input);
  const std::size_t valid = unicode::valid_prefix(bytes);
  const std::string repaired = unicode::lossy(bytes);
  require(unicode::valid_prefix(repaired) == repaired.size(), "what is repaired is UTF-8");
  require(repaired.starts_with(bytes.substr(0, valid)), "what is whole stays");
  for (std::size_t at = 0; at < repaired.size();) unicode::next(repaired, at);
  const auto json = parse_json(bytes, "input");
  if (json) {
    const auto again = parse_json(dump_json(*json), "written");
    require(again && *again == *json, "JSON that was read can be written and read again");
  }
  constexpr std::uint64_t most = 1 << 20;
  const auto unpacked = read_gzip_or_plain(fuzz::file_of(input), most);
  require(!unpacked || unpacked->size() <= most, "a packed file gives no more than is allowed");
}
