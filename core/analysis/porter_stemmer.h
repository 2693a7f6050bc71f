// The Porter stemmer that ROUGE is computed with.
#pragma once

#include <string>
#include <string_view>

namespace headscope {

/// Porter's algorithm (Porter 1980, "An algorithm for suffix stripping") with the departures of
/// NLTK's default mode, which rouge_score uses: a table of irregular words, "ies" and "ied" of
/// short words, y after a consonant only, "alli", "fulli" and "logi". Snowball's "porter" puts 0.4
/// % of a vocabulary of 43 000 words into other classes, so that ROUGE would differ from published
/// figures. `word` is lower-case ASCII letters and digits.
std::string porter_stem(std::string_view word);

}  // namespace headscope
