// Expected answers of a prompt on one line: "Paris | the city of Paris".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headscope {

std::string answers_as_line(const std::vector<std::string>& answers);

/// Answers between " | " or line ends, without blanks around them; empty ones are left out. A bar
/// without blanks beside it is part of an answer.
std::vector<std::string> answers_from_line(std::string_view line);

}  // namespace headscope
