// What tests ask of error messages.
#pragma once

#include <string>
#include <string_view>

namespace headscope::test {

/// The message of a Result that holds an error, or nothing.
std::string message_of(const auto& result) {
  return result ? std::string() : result.error().message;
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace headscope::test
