#include "core/text/spans.h"

#include <algorithm>

namespace headscope {
namespace {

bool belongs(const ByteSpan& token, const ByteSpan& span) {
  return !token.empty() && !span.empty() && token.overlaps(span);
}

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0u) == 0x80u;
}

}  // namespace

std::vector<std::int64_t> tokens_in_span(std::span<const ByteSpan> offsets, ByteSpan span) {
  return tokens_in_spans(offsets, std::span<const ByteSpan>(&span, 1));
}

std::vector<std::int64_t> tokens_in_spans(std::span<const ByteSpan> offsets,
                                          std::span<const ByteSpan> spans) {
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const auto hit = [&](const ByteSpan& span) { return belongs(offsets[i], span); };
    if (std::any_of(spans.begin(), spans.end(), hit)) {
      positions.push_back(static_cast<std::int64_t>(i));
    }
  }
  return positions;
}

TokenRange token_range(std::span<const ByteSpan> offsets, ByteSpan span) {
  const std::vector<std::int64_t> positions = tokens_in_span(offsets, span);
  if (positions.empty()) return {};
  return {positions.front(), positions.back() + 1};
}

ByteSpan whole_characters(std::string_view text, ByteSpan span) {
  span.begin = std::min(span.begin, text.size());
  span.end = std::clamp(span.end, span.begin, text.size());
  if (span.empty()) return span;
  while (span.begin > 0 && continues_character(text[span.begin])) --span.begin;
  while (span.end < text.size() && continues_character(text[span.end])) ++span.end;
  return span;
}

}  // namespace headscope
