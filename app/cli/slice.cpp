#include "app/cli/slice.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace headscope::cli {
namespace {

// Empty text is no number but an open end.
Result<std::optional<std::int64_t>> parse_end(std::string_view text, const std::string& message) {
  if (text.empty()) return std::nullopt;
  if (text.front() == '+') text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) {
    return fail(ErrorKind::usage, message);
  }
  return value;
}

std::int64_t resolve(std::int64_t place, std::int64_t length) {
  if (place < 0) place = std::max(place, -length) + length;
  return std::min(place, length);
}

}  // namespace

Result<TokenRange> parse_slice(const std::string& text, std::int64_t length,
                               const std::string& option) {
  const std::string wrong =
      option + ": expected A:B as in Python (such as -5: or 0:3), found '" + text + "'";
  const auto colon = text.find(':');
  if (text.empty()) return fail(ErrorKind::usage, wrong);
  const std::string_view all = text;
  HEADSCOPE_ASSIGN(const auto first, parse_end(all.substr(0, colon), wrong));
  TokenRange range{0, length};
  if (colon == std::string::npos) {
    if (*first < -length || *first >= length) {
      return fail(ErrorKind::usage,
                  option + " " + text + ": there are only " + std::to_string(length));
    }
    range.begin = resolve(*first, length);
    range.end = range.begin + 1;
    return range;
  }
  HEADSCOPE_ASSIGN(const auto last, parse_end(all.substr(colon + 1), wrong));
  if (first) range.begin = resolve(*first, length);
  if (last) range.end = resolve(*last, length);
  if (range.size() == 0) {
    return fail(ErrorKind::usage,
                option + " " + text + " selects nothing of " + std::to_string(length));
  }
  return range;
}

}  // namespace headscope::cli
