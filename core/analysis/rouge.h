// ROUGE-L of a prediction against a reference (Lin 2004).
#pragma once

#include <string_view>

namespace headscope {
/// All from 0 to 1.
struct RougeScore {
  double precision = 0, recall = 0, f1 = 0;
};

/// Longest common subsequence of words, as rouge_score's RougeScorer(["rougeL"], use_stemmer=True)
/// counts it: lower-case, words are runs of a-z and 0-9, those longer than three letters are
/// stemmed. With L the length of the subsequence: precision L / words of the prediction, recall L /
/// words of the reference, F1 their harmonic mean; all 0 where either has no words.
RougeScore rouge_l(std::string_view reference, std::string_view prediction);

}  // namespace headscope
