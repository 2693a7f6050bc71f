#include "core/analysis/helmet_metrics.h"

#include <algorithm>
#include <cmath>

#include "core/analysis/metrics.h"
#include "core/analysis/rouge.h"

namespace headscope {
namespace {

char lower_ascii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(char a, char b) {
  return lower_ascii(a) == lower_ascii(b);
}

std::string_view line_at(std::string_view text, std::size_t begin) {
  return text.substr(begin, text.find('\n', begin) - begin);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::size_t skip(std::string_view text, std::size_t i, bool (*what)(char)) {
  while (i < text.size() && what(text[i])) ++i;
  return i;
}

struct NumberChain {
  std::size_t end = 0;
  std::vector<std::string> numbers;
};

// Numbers joined by ">", from the digit at `begin`.
NumberChain chain_at(std::string_view text, std::size_t begin) {
  NumberChain chain;
  for (std::size_t i = begin;;) {
    chain.end = skip(text, i, is_digit);
    chain.numbers.emplace_back(text.substr(i, chain.end - i));
    const std::size_t joint = skip(text, chain.end, is_blank);
    if (joint >= text.size() || text[joint] != '>') return chain;
    i = skip(text, joint + 1, is_blank);
    if (i >= text.size() || !is_digit(text[i])) return chain;
  }
}

// "[ID: 3] > id4" -> "3 > 4".
std::string without_id_marks(std::string_view output) {
  std::string plain;
  std::ranges::copy_if(output, std::back_inserter(plain),
                       [](char c) { return c != '[' && c != ']' && c != ':'; });
  plain = lower_case(plain);
  for (std::size_t at = plain.find("id"); at != std::string::npos; at = plain.find("id", at)) {
    plain.erase(at, 2);
  }
  return plain;
}

double best_of(const std::vector<std::string>& answers, const auto& score) {
  double best = 0;
  for (const std::string& answer : answers) best = std::max(best, score(answer));
  return best;
}

}  // namespace

std::string parsed_answer(std::string_view output, std::string_view prefix) {
  const auto found =
      std::search(output.begin(), output.end(), prefix.begin(), prefix.end(), equal_ignoring_case);
  const auto at = static_cast<std::size_t>(found - output.begin());
  std::string line = stripped(line_at(output, found == output.end() ? 0 : at + prefix.size()));
  const std::string_view start = std::string_view(line).substr(0, prefix.size());
  if (!prefix.empty() && std::ranges::equal(start, prefix, equal_ignoring_case)) {
    line.erase(0, prefix.size());
  }
  return stripped(line);
}

double exact_match(std::string_view prediction, const std::vector<std::string>& answers) {
  const std::string given = normalize_answer(prediction);
  return best_of(answers, [&](const auto& a) { return normalize_answer(a) == given ? 1.0 : 0.0; });
}

double substring_exact_match(std::string_view prediction, const std::vector<std::string>& answers) {
  const std::string given = normalize_answer(prediction);
  return best_of(answers, [&](const auto& a) {
    return given.find(normalize_answer(a)) != std::string::npos ? 1.0 : 0.0;
  });
}

double answer_recall(std::string_view prediction, const std::vector<std::string>& answers) {
  if (answers.empty()) return 0;
  const std::string given = lower_case(prediction);
  const auto found = std::ranges::count_if(answers, [&](const std::string& answer) {
    return given.find(lower_case(answer)) != std::string::npos;
  });
  return static_cast<double>(found) / static_cast<double>(answers.size());
}

double rouge_l_f1(std::string_view prediction, const std::vector<std::string>& answers) {
  return best_of(answers, [&](const auto& answer) { return rouge_l(answer, prediction).f1; });
}

double choice_match(std::string_view prediction, const std::vector<std::string>& answers) {
  if (exact_match(prediction, answers) > 0) return 1;
  if (exact_match(parsed_answer(prediction), answers) > 0) return 1;
  const bool quotes_option =
      answers.size() > 1 &&
      lower_case(prediction).find(lower_case(answers[1])) != std::string::npos;
  return quotes_option ? 1 : 0;
}

std::vector<std::string> parsed_ranking(std::string_view output) {
  const std::string text = without_id_marks(output);
  NumberChain longest;
  std::size_t longest_bytes = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    NumberChain chain = chain_at(text, i);
    const std::size_t bytes = chain.end - i;
    i = chain.end;
    if (bytes <= longest_bytes) continue;
    longest_bytes = bytes;
    longest = std::move(chain);
  }
  if (longest.numbers.empty()) return {text};
  std::vector<std::string> ranking;
  for (std::string& number : longest.numbers) {
    if (std::ranges::find(ranking, number) == ranking.end()) ranking.push_back(std::move(number));
  }
  return ranking;
}

double ndcg_at(const std::vector<std::string>& ranking, const std::map<std::string, int>& relevance,
               std::size_t k) {
  std::vector<int> given, best;
  for (const std::string& id : ranking) {
    const auto judged = relevance.find(id);
    given.push_back(judged == relevance.end() ? 0 : std::max(judged->second, 0));
  }
  for (const auto& [id, grade] : relevance) best.push_back(std::max(grade, 0));
  std::ranges::sort(best, std::ranges::greater());
  const auto gain = [k](const std::vector<int>& grades) {
    double sum = 0;
    for (std::size_t i = 0; i < std::min(k, grades.size()); ++i) {
      sum += grades[i] / std::log2(static_cast<double>(i) + 2);
    }
    return sum;
  };
  const double ideal = gain(best);
  return ideal > 0 ? gain(given) / ideal : 0;
}

}  // namespace headscope
