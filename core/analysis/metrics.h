// Metrics of responses (method.md 6).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headscope {

/// Python's str.lower (Unicode, whatever the machine's language). Invalid UTF-8 becomes U+FFFD.
std::string lower_case(std::string_view text);

/// Python's str.strip: white space taken off both ends. Invalid UTF-8 becomes U+FFFD.
std::string stripped(std::string_view text);

/// SQuAD's normalisation as "Lost in the Middle" uses it: lower-case (Unicode, as Python's
/// str.lower), delete ASCII punctuation, replace the whole words a, an, the by a space, collapse
/// white space. Invalid UTF-8 becomes U+FFFD.
std::string normalize_answer(std::string_view text);

/// True when any normalised answer is a substring of the normalised prediction; an answer that
/// normalises to nothing is skipped. The whole response counts.
bool best_subspan_em(std::string_view prediction, const std::vector<std::string>& answers);

}  // namespace headscope
