#include "core/study/numbers.h"

#include <charconv>
#include <cmath>

namespace headscope::study {
namespace {

constexpr const char* kMissing = "–";
constexpr double kSmallestP = 0.001;

std::string digits(double value, std::chars_format format, int precision) {
  char text[400];
  const auto end = std::to_chars(text, text + sizeof text, value, format, precision).ptr;
  return {text, end};
}

bool all_zero(const std::string& text) {
  return text.find_first_of("123456789") == std::string::npos;
}

}  // namespace

std::string fixed_number(double value, int decimals) {
  if (!std::isfinite(value)) return kMissing;
  const std::string text = digits(std::abs(value), std::chars_format::fixed, decimals);
  return value < 0 && !all_zero(text) ? "−" + text : text;
}

std::string signed_number(double value, int decimals) {
  const std::string text = fixed_number(value, decimals);
  const bool plain = !std::isfinite(value) || value < 0 || all_zero(text);
  return plain ? text : "+" + text;
}

std::string short_number(double value) {
  if (!std::isfinite(value)) return kMissing;
  const std::string text = digits(std::abs(value), std::chars_format::general, 3);
  return value < 0 ? "−" + text : text;
}

std::string p_number(double p) {
  if (!std::isfinite(p)) return kMissing;
  return p < kSmallestP ? "< 0.001" : fixed_number(p);
}

std::string head_list(const std::vector<HeadId>& heads) {
  std::string text;
  for (const HeadId head : heads) {
    text += (text.empty() ? "[" : " [") + std::to_string(head.layer) + "," +
            std::to_string(head.head) + "]";
  }
  return text;
}

}  // namespace headscope::study
