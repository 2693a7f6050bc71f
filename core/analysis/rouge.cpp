#include "core/analysis/rouge.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/analysis/metrics.h"
#include "core/analysis/porter_stemmer.h"

namespace headscope {
namespace {

constexpr std::size_t kStemmedFrom = 4;  // letters

// Words of both texts as numbers: what is compared a million times should be cheap to compare.
class Vocabulary {
 public:
  std::vector<int> words(std::string_view text) {
    const std::string lower = lower_case(text);
    std::vector<int> numbers;
    std::string word;
    const auto end_word = [&] {
      if (word.empty()) return;
      if (word.size() >= kStemmedFrom) word = porter_stem(word);
      numbers.push_back(
          numbers_.try_emplace(word, static_cast<int>(numbers_.size())).first->second);
      word.clear();
    };
    for (const char c : lower) {
      if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
        word += c;
      } else {
        end_word();
      }
    }
    end_word();
    return numbers;
  }

 private:
  std::map<std::string, int> numbers_;
};

std::size_t common_subsequence(const std::vector<int>& a, const std::vector<int>& b) {
  std::vector<std::size_t> row(b.size() + 1, 0);  // lengths for a's first words and b's first j
  for (const int word : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = word == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

RougeScore rouge_l(std::string_view reference, std::string_view prediction) {
  Vocabulary vocabulary;
  const auto wanted = vocabulary.words(reference);
  const auto given = vocabulary.words(prediction);
  if (wanted.empty() || given.empty()) return {};
  const auto common = static_cast<double>(common_subsequence(wanted, given));
  RougeScore score;
  score.precision = common / static_cast<double>(given.size());
  score.recall = common / static_cast<double>(wanted.size());
  const double sum = score.precision + score.recall;
  if (sum > 0) score.f1 = 2 * score.precision * score.recall / sum;
  return score;
}

}  // namespace headscope
