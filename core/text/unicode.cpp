#include "core/text/unicode.h"

#include <unicode/uchar.h>

namespace headscope::unicode {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// Length of the well-formed character at `at`, or 0; `broken` = bytes of its well-formed start.
std::size_t well_formed(std::string_view bytes, std::size_t at, std::size_t& broken) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0x100u;
  };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  broken = 1;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return within(1, 0x80, 0xbf) ? 2 : 0;
  // The second byte excludes overlong forms, surrogates and what lies above U+10FFFF.
  const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (!within(1, low, high)) return 0;
  broken = 2;
  if (!within(2, 0x80, 0xbf)) return 0;
  if (first < 0xf0) return 3;
  broken = 3;
  return within(3, 0x80, 0xbf) ? 4 : 0;
}

UChar32 icu(char32_t point) {
  return static_cast<UChar32>(point);
}

/// Some tables of the reference are older than ICU's.
bool is_known_since(char32_t point, int version) {
  UVersionInfo age;
  u_charAge(icu(point), age);
  return age[0] > 0 && age[0] <= version;
}

}  // namespace

void append(std::string& text, char32_t point) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | (point >> 6));
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3f));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

std::string encoded(char32_t point) {
  std::string text;
  append(text, point);
  return text;
}

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0u) == 0x80u;
}

std::size_t previous(std::string_view text, std::size_t at) {
  --at;
  while (at > 0 && continues_character(text[at])) --at;
  return at;
}

std::size_t valid_prefix(std::string_view bytes) {
  std::size_t at = 0;
  std::size_t broken = 0;
  while (at < bytes.size()) {
    const std::size_t length = well_formed(bytes, at, broken);
    if (length == 0) break;
    at += length;
  }
  return at;
}

std::string lossy(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t broken = 0;
    const std::size_t length = well_formed(bytes, at, broken);
    text += length > 0 ? bytes.substr(at, length) : replacement;
    at += length > 0 ? length : broken;
  }
  return text;
}

bool is_whitespace(char32_t point) {
  return u_isUWhiteSpace(icu(point));
}

bool is_numeric(char32_t point) {
  return (U_GET_GC_MASK(icu(point)) & (U_GC_ND_MASK | U_GC_NL_MASK | U_GC_NO_MASK)) != 0;
}

bool is_punctuation(char32_t point) {
  if (point < 0x80) {
    return (point >= '!' && point <= '/') || (point >= ':' && point <= '@') ||
           (point >= '[' && point <= '`') || (point >= '{' && point <= '~');
  }
  if (point == 0x166d || point == 0x111c9) return true;  // were punctuation in Unicode 8
  return is_known_since(point, 8) && (U_GET_GC_MASK(icu(point)) & U_GC_P_MASK) != 0;
}

bool is_word(char32_t point) {
  return u_isUAlphabetic(icu(point)) ||
         (U_GET_GC_MASK(icu(point)) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(icu(point), UCHAR_JOIN_CONTROL);
}

bool is_mark(char32_t point) {
  if (point == 0x1cf2 || point == 0x1cf3) return true;  // were marks in Unicode 9
  if (point == 0x111c9 || !is_known_since(point, 9)) return false;
  return (U_GET_GC_MASK(icu(point)) & U_GC_M_MASK) != 0;
}

bool is_nonspacing_mark(char32_t point) {
  if (point == 0x1734) return true;  // was one in Unicode 8, these were none
  for (const char32_t other : {0x1885u, 0x1886u, 0xa9bdu, 0x111c9u}) {
    if (point == other) return false;
  }
  return is_known_since(point, 8) && (U_GET_GC_MASK(icu(point)) & U_GC_MN_MASK) != 0;
}

bool is_other(char32_t point) {
  return is_known_since(point, 8) &&
         (U_GET_GC_MASK(icu(point)) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0;
}

std::u32string lower(char32_t point) {
  if (point == 0x130) return U"i\u0307";
  return std::u32string(1, static_cast<char32_t>(u_tolower(icu(point))));
}

}  // namespace headscope::unicode
