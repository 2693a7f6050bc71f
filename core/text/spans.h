// From byte spans of a text to token positions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/types.h"
#include "core/text/tokenizer.h"

namespace headscope {

/// Positions of the tokens whose byte range overlaps `span` (method.md: a token belongs to a span
/// when its byte range overlaps it), ascending. Tokens with an empty byte range belong to none.
std::vector<std::int64_t> tokens_in_span(std::span<const ByteSpan> offsets, ByteSpan span);

/// Union over several spans, ascending, each position once.
std::vector<std::int64_t> tokens_in_spans(std::span<const ByteSpan> offsets,
                                          std::span<const ByteSpan> spans);

/// First to last + 1 of the tokens that overlap; empty range when there are none.
TokenRange token_range(std::span<const ByteSpan> offsets, ByteSpan span);

/// Moves a span of the user's text to where a chat template put that text: `prefix_bytes` is where
/// the user text begins in the templated text.
constexpr ByteSpan shifted(ByteSpan span, std::size_t prefix_bytes) {
  return {span.begin + prefix_bytes, span.end + prefix_bytes};
}

/// A span typed by a person may cut a character in two: widened to whole UTF-8 characters and
/// clipped to the text.
ByteSpan whole_characters(std::string_view text, ByteSpan span);

}  // namespace headscope
