// Lines and words of a text, as the finders of split_formats.h read them.
#pragma once

#include <cctype>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/types.h"

namespace headscope::split {
/// White space of ASCII.
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// `span` without blanks at both ends.
constexpr ByteSpan trimmed(std::string_view text, ByteSpan span) {
  while (span.begin < span.end && is_blank(text[span.begin])) ++span.begin;
  while (span.end > span.begin && is_blank(text[span.end - 1])) --span.end;
  return span;
}
/// The bytes of a span.
inline std::string_view slice(std::string_view text, ByteSpan span) {
  return text.substr(span.begin, span.end - span.begin);
}

/// Calls `visit` with the bytes of every line, without its newline.
template <class Visit>
void each_line(std::string_view text, Visit visit) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t newline = text.find('\n', at);
    const std::size_t end = newline == std::string_view::npos ? text.size() : newline;
    visit(ByteSpan{at, end});
    at = end + 1;
  }
}
/// ASCII.
inline char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// A reader that takes pieces off the front of a line.
struct Reader {
  std::string_view text;
  std::size_t at = 0;
  /// What is in front of the reader; `take` moves behind it if it is `c`.
  bool done() const { return at >= text.size(); }
  char peek() const { return done() ? '\0' : text[at]; }
  bool take(char c) {  ///< only if it is next
    if (peek() != c || done()) return false;
    ++at;
    return true;
  }
  /// ASCII, in any case.
  bool take_word(std::string_view word) {
    if (text.size() - at < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (lower(text[at + i]) != word[i]) return false;
    }
    at += word.size();
    return true;
  }
  bool take_one_of(std::initializer_list<std::string_view> words) {  ///< the first that fits
    for (const std::string_view word : words) {
      if (take_word(word)) return true;
    }
    return false;
  }
  void skip(std::string_view set) {  ///< any number of these characters
    while (!done() && set.find(peek()) != std::string_view::npos) ++at;
  }
  void skip_spaces() { skip(" \t"); }
  /// A number of at most four digits, not followed by a digit.
  std::optional<int> number() {
    std::size_t end = at;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    if (end == at || end - at > 4) return {};
    int value = 0;
    std::from_chars(text.data() + at, text.data() + end, value);
    at = end;
    return value;
  }
};

}  // namespace headscope::split
