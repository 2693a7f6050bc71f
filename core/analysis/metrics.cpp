#include "core/analysis/metrics.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

namespace headscope {
namespace {

icu::UnicodeString wide(std::string_view text) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

std::string narrow(const icu::UnicodeString& text) {
  std::string bytes;
  text.toUTF8String(bytes);
  return bytes;
}

/// ICU's lower-casing has Python's special cases (final sigma, dotted capital I); the root locale
/// keeps the machine's language out of it.
icu::UnicodeString wide_lower_case(std::string_view text) {
  return wide(text).toLower(icu::Locale::getRoot());
}

bool is_ascii_punctuation(UChar32 c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

/// Python's str.isspace: bidirectional type WS, B or S, or category Zs.
bool is_space(UChar32 c) {
  const auto direction = u_charDirection(c);
  return direction == U_WHITE_SPACE_NEUTRAL || direction == U_BLOCK_SEPARATOR ||
         direction == U_SEGMENT_SEPARATOR || u_charType(c) == U_SPACE_SEPARATOR;
}

/// Python's \w: str.isalnum or underscore. isalnum is isalpha (L*), isdecimal, isdigit, isnumeric.
bool is_word(UChar32 c) {
  return c == '_' || u_isalpha(c) || u_getIntPropertyValue(c, UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

bool is_article(const icu::UnicodeString& word) {
  return word == u"a" || word == u"an" || word == u"the";
}

icu::UnicodeString without_punctuation(const icu::UnicodeString& text) {
  icu::UnicodeString kept;
  for (std::int32_t i = 0; i < text.length();) {
    const UChar32 c = text.char32At(i);
    if (!is_ascii_punctuation(c)) kept.append(c);
    i += U16_LENGTH(c);
  }
  return kept;
}

/// `\b(a|an|the)\b` -> " ": a word is a maximal run of \w.
icu::UnicodeString without_articles(const icu::UnicodeString& text) {
  icu::UnicodeString kept;
  for (std::int32_t i = 0; i < text.length();) {
    std::int32_t end = i;
    while (end < text.length() && is_word(text.char32At(end)))
      end += U16_LENGTH(text.char32At(end));
    if (end == i) {
      const UChar32 c = text.char32At(i);
      kept.append(c);
      i += U16_LENGTH(c);
      continue;
    }
    const icu::UnicodeString word(text, i, end - i);
    if (is_article(word)) {
      kept.append(u' ');
    } else {
      kept.append(word);
    }
    i = end;
  }
  return kept;
}

/// `" ".join(text.split())`
icu::UnicodeString collapse_spaces(const icu::UnicodeString& text) {
  icu::UnicodeString joined;
  bool gap = false;
  for (std::int32_t i = 0; i < text.length();) {
    const UChar32 c = text.char32At(i);
    i += U16_LENGTH(c);
    if (is_space(c)) {
      gap = true;
      continue;
    }
    if (gap && !joined.isEmpty()) joined.append(u' ');
    gap = false;
    joined.append(c);
  }
  return joined;
}

}  // namespace

std::string lower_case(std::string_view text) {
  return narrow(wide_lower_case(text));
}

std::string stripped(std::string_view text) {
  const icu::UnicodeString all = wide(text);
  std::int32_t begin = 0;
  std::int32_t end = all.length();
  while (begin < end && is_space(all[begin])) ++begin;
  while (end > begin && is_space(all[end - 1])) --end;
  return narrow(all.tempSubStringBetween(begin, end));
}

std::string normalize_answer(std::string_view text) {
  return narrow(collapse_spaces(without_articles(without_punctuation(wide_lower_case(text)))));
}

bool best_subspan_em(std::string_view prediction, const std::vector<std::string>& answers) {
  const std::string normalized = normalize_answer(prediction);
  for (const auto& answer : answers) {
    const std::string wanted = normalize_answer(answer);
    if (!wanted.empty() && normalized.find(wanted) != std::string::npos) return true;
  }
  return false;
}

}  // namespace headscope
