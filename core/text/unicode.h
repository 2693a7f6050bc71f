// UTF-8 and the character classes that tokenizer files rely on (those of Rust's standard library).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headscope::unicode {

/// Bytes of the character that begins with `first` (1 for bytes that begin none).
constexpr std::size_t length_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/// Code point at `at`, which must begin a character of valid UTF-8; `at` moves behind it.
constexpr char32_t next(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const char32_t first = byte(0);
  const std::size_t length = length_of(text[at]);
  char32_t point = first;
  if (length == 2) point = ((first & 0x1f) << 6) | (byte(1) & 0x3fu);
  if (length == 3) point = ((first & 0x0f) << 12) | ((byte(1) & 0x3fu) << 6) | (byte(2) & 0x3fu);
  if (length == 4) {
    point = ((first & 0x07) << 18) | ((byte(1) & 0x3fu) << 12) | ((byte(2) & 0x3fu) << 6) |
            (byte(3) & 0x3fu);
  }
  at += length;
  return point;
}
/// A code point as UTF-8.
void append(std::string& text, char32_t point);
std::string encoded(char32_t point);
/// 10xxxxxx.
bool continues_character(char byte);
/// Start of the character before `at` (0 < at <= size).
std::size_t previous(std::string_view text, std::size_t at);

/// Length of the longest valid UTF-8 prefix.
std::size_t valid_prefix(std::string_view bytes);
/// Broken sequences become U+FFFD, one for each maximal part (as Rust and the WHATWG do it).
std::string lossy(std::string_view bytes);

bool is_whitespace(char32_t point);   ///< White_Space
bool is_numeric(char32_t point);      ///< Nd, Nl, No
bool is_punctuation(char32_t point);  ///< ASCII punctuation and P* of Unicode 8, as the reference
bool is_word(char32_t point);         ///< "w" class of a regular expression
bool is_mark(char32_t point);         ///< Mn, Mc, Me of Unicode 9, as the reference
bool is_nonspacing_mark(char32_t point);  ///< Mn of Unicode 8, as the reference's Bert parts
bool is_other(char32_t point);            ///< Cc, Cf, Co of Unicode 8, likewise
/// Unconditional full lower case: one code point, or two for U+0130.
std::u32string lower(char32_t point);

}  // namespace headscope::unicode
