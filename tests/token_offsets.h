// Offsets of tokens as tests compare them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/types.h"
#include "core/text/unicode.h"

namespace headscope::test {

/// The reference counts characters: [[begin, end]] in characters of `text` as bytes.
inline std::vector<ByteSpan> byte_offsets(std::string_view text, const Json& characters) {
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < text.size(); at += unicode::length_of(text[at])) {
    starts.push_back(at);
  }
  starts.push_back(text.size());
  std::vector<ByteSpan> offsets;
  for (const Json& pair : characters) {
    offsets.push_back(
        {starts.at(pair[0].get<std::size_t>()), starts.at(pair[1].get<std::size_t>())});
  }
  return offsets;
}

/// "[0,1][1,4]", so that a failed comparison shows them.
inline std::string offsets_text(const std::vector<ByteSpan>& offsets) {
  std::string text;
  for (const ByteSpan& span : offsets) {
    text += "[" + std::to_string(span.begin) + "," + std::to_string(span.end) + "]";
  }
  return text;
}

}  // namespace headscope::test
