#include "core/analysis/porter_stemmer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

namespace headscope {
namespace {

using Words = std::pair<std::string_view, std::string_view>;

// Irregular words and what they become.
constexpr std::array<Words, 16> kIrregular{{{"sky", "sky"},
                                            {"skies", "sky"},
                                            {"dying", "die"},
                                            {"lying", "lie"},
                                            {"tying", "tie"},
                                            {"news", "news"},
                                            {"innings", "inning"},
                                            {"inning", "inning"},
                                            {"outings", "outing"},
                                            {"outing", "outing"},
                                            {"cannings", "canning"},
                                            {"canning", "canning"},
                                            {"howe", "howe"},
                                            {"proceed", "proceed"},
                                            {"exceed", "exceed"},
                                            {"succeed", "succeed"}}};

// y is a consonant at the beginning and after a vowel.
bool is_consonant(std::string_view word, std::size_t i) {
  const char c = word[i];
  if (c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u') return false;
  return c != 'y' || i == 0 || !is_consonant(word, i - 1);
}

// m of [C](VC)^m[V].
int measure(std::string_view stem) {
  int count = 0;
  for (std::size_t i = 1; i < stem.size(); ++i) {
    count += !is_consonant(stem, i - 1) && is_consonant(stem, i) ? 1 : 0;
  }
  return count;
}

bool has_vowel(std::string_view stem) {
  for (std::size_t i = 0; i < stem.size(); ++i) {
    if (!is_consonant(stem, i)) return true;
  }
  return false;
}

bool ends_double_consonant(std::string_view word) {
  const std::size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && is_consonant(word, n - 1);
}

// Consonant, vowel, consonant other than w, x, y; or a word of a vowel and a consonant.
bool ends_short(std::string_view word) {
  const std::size_t n = word.size();
  if (n == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
  if (n < 3) return false;
  const char last = word[n - 1];
  return is_consonant(word, n - 3) && !is_consonant(word, n - 2) && is_consonant(word, n - 1) &&
         last != 'w' && last != 'x' && last != 'y';
}

std::string_view without(std::string_view word, std::string_view suffix) {
  return word.substr(0, word.size() - suffix.size());
}

// The first suffix that fits decides: replaced when the measure of what is left exceeds `above`.
std::optional<std::string> replaced(std::string_view word, std::span<const Words> rules,
                                    int above) {
  for (const auto& [suffix, replacement] : rules) {
    if (!word.ends_with(suffix)) continue;
    const std::string_view stem = without(word, suffix);
    return measure(stem) > above ? std::string(stem).append(replacement) : std::string(word);
  }
  return std::nullopt;
}

std::string plural(std::string_view word) {
  if (word.ends_with("ies") && word.size() == 4) return std::string(without(word, "s"));
  if (word.ends_with("sses") || word.ends_with("ies")) return std::string(without(word, "es"));
  if (word.ends_with("ss") || !word.ends_with("s")) return std::string(word);
  return std::string(without(word, "s"));
}

// What is left of a verb after -ed or -ing gets its e back, or loses a doubled letter.
std::string mended(std::string_view stem) {
  if (stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz")) {
    return std::string(stem) + "e";
  }
  if (ends_double_consonant(stem)) {
    const char last = stem.back();
    const bool kept = last == 'l' || last == 's' || last == 'z';
    return std::string(kept ? stem : stem.substr(0, stem.size() - 1));
  }
  if (measure(stem) == 1 && ends_short(stem)) return std::string(stem) + "e";
  return std::string(stem);
}

std::string past_or_progressive(std::string_view word) {
  if (word.ends_with("ied")) return std::string(without(word, word.size() == 4 ? "d" : "ed"));
  if (word.ends_with("eed")) {
    return std::string(measure(without(word, "eed")) > 0 ? without(word, "d") : word);
  }
  for (const std::string_view suffix : {"ed", "ing"}) {
    if (word.ends_with(suffix) && has_vowel(without(word, suffix))) {
      return mended(without(word, suffix));
    }
  }
  return std::string(word);
}

std::string final_y(std::string word) {
  const std::size_t n = word.size();
  if (n > 2 && word.back() == 'y' && is_consonant(word, n - 2)) word.back() = 'i';
  return word;
}

std::string double_suffix(std::string_view word) {
  static constexpr std::array<Words, 21> rules{{
      {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
      {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
      {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
      {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
      {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
      {"fulli", "ful"},
  }};
  if (word.ends_with("alli") && measure(without(word, "alli")) > 0) {
    return double_suffix(std::string(without(word, "li")));
  }
  if (auto result = replaced(word, rules, 0)) return *result;
  const bool science = word.ends_with("logi") && measure(without(word, "ogi")) > 0;
  return std::string(science ? without(word, "i") : word);
}

std::string adjective_suffix(std::string_view word) {
  static constexpr std::array<Words, 7> rules{{{"icate", "ic"},
                                               {"ative", ""},
                                               {"alize", "al"},
                                               {"iciti", "ic"},
                                               {"ical", "ic"},
                                               {"ful", ""},
                                               {"ness", ""}}};
  return replaced(word, rules, 0).value_or(std::string(word));
}

std::string single_suffix(std::string_view word) {
  static constexpr std::array<std::string_view, 19> suffixes{
      "al",  "ance", "ence", "er",  "ic",  "able", "ible", "ant", "ement", "ment",
      "ent", "ion",  "ou",   "ism", "ate", "iti",  "ous",  "ive", "ize"};
  for (const std::string_view suffix : suffixes) {
    if (!word.ends_with(suffix)) continue;
    const std::string_view stem = without(word, suffix);
    const bool allowed = suffix != "ion" || stem.ends_with("s") || stem.ends_with("t");
    return std::string(measure(stem) > 1 && allowed ? stem : word);
  }
  return std::string(word);
}

std::string final_e(std::string_view word) {
  if (!word.ends_with("e")) return std::string(word);
  const std::string_view stem = without(word, "e");
  const int m = measure(stem);
  return std::string(m > 1 || (m == 1 && !ends_short(stem)) ? stem : word);
}

std::string final_l(std::string word) {
  if (word.ends_with("ll") && measure(without(word, "l")) > 1) word.pop_back();
  return word;
}

}  // namespace

std::string porter_stem(std::string_view word) {
  const auto irregular = std::ranges::find(kIrregular, word, &Words::first);
  if (irregular != kIrregular.end()) return std::string(irregular->second);
  if (word.size() <= 2) return std::string(word);
  const std::string verb = past_or_progressive(plural(word));
  const std::string base = adjective_suffix(double_suffix(final_y(verb)));
  return final_l(final_e(single_suffix(base)));
}

}  // namespace headscope
