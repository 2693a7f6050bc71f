#include "app/views/expected_answers.h"

#include <algorithm>

namespace headscope {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool is_blank_at(std::string_view text, std::size_t at) {
  return at >= text.size() || kBlanks.find(text[at]) != std::string_view::npos;
}

// Where the answer that begins at `begin` ends.
std::size_t end_of_answer(std::string_view line, std::size_t begin) {
  for (std::size_t i = begin; i < line.size(); ++i) {
    if (line[i] == '\n') return i;
    if (line[i] == '|' && (i == 0 || is_blank_at(line, i - 1)) && is_blank_at(line, i + 1))
      return i;
  }
  return line.size();
}

}  // namespace

std::string answers_as_line(const std::vector<std::string>& answers) {
  std::string line;
  for (const std::string& answer : answers) line += (line.empty() ? "" : " | ") + answer;
  return line;
}

std::vector<std::string> answers_from_line(std::string_view line) {
  std::vector<std::string> answers;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = end_of_answer(line, begin);
    const std::string answer(trimmed(line.substr(begin, end - begin)));
    const bool known = std::find(answers.begin(), answers.end(), answer) != answers.end();
    if (!answer.empty() && !known) answers.push_back(answer);
    begin = end + 1;
  }
  return answers;
}

}  // namespace headscope
