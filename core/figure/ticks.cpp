#include "core/figure/ticks.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace headscope::figure {
namespace {

constexpr double kTolerance = 1e-9;  // of a step: ends of a range count as inside
constexpr int kMostTicks = 100;
constexpr int kMostDecimals = 12;

// The next of 1, 2, 2.5, 5, 10 times a power of ten that is not below `rough`.
double nice_step(double rough) {
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= rough * (1 - kTolerance)) return factor * power;
  }
  return 10 * power;
}

int decimals_of(double step) {
  for (int decimals = 0; decimals < kMostDecimals; ++decimals) {
    const double scaled = step * std::pow(10.0, decimals);
    if (std::abs(scaled - std::round(scaled)) < 1e-6 * scaled) return decimals;
  }
  return kMostDecimals;
}

std::string superscript(int number) {
  static constexpr std::array<const char*, 10> digits = {"⁰", "¹", "²", "³", "⁴",
                                                         "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = number < 0 ? "⁻" : "";
  for (const char c : std::to_string(std::abs(number)))
    text += digits[static_cast<std::size_t>(c - '0')];
  return text;
}

std::string power_label(double factor, int exponent) {
  const std::string power = "10" + superscript(exponent);
  return factor == 1 ? power : fixed(factor, 0) + "×" + power;
}

}  // namespace

std::string fixed(double value, int decimals) {
  std::array<char, 400> text{};
  const auto [end, problem] = std::to_chars(text.data(), text.data() + text.size(), value,
                                            std::chars_format::fixed, decimals);
  if (problem != std::errc{}) return "?";
  std::string_view digits(text.data(), static_cast<std::size_t>(end - text.data()));
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const bool zero = std::isfinite(value) && digits.find_first_of("123456789") == digits.npos;
  return (negative && !zero ? "−" : "") + std::string(digits);
}

std::string shortest(double value, int digits) {
  if (value == 0) return "0";
  if (!std::isfinite(value)) return std::isnan(value) ? "–" : (value < 0 ? "−∞" : "∞");
  int exponent = static_cast<int>(std::floor(std::log10(std::abs(value))));
  if (exponent < -4 || exponent > 6) {
    const std::string mantissa = shortest(value / std::pow(10.0, exponent), digits);
    return mantissa + "×10" + superscript(exponent);
  }
  std::string text = fixed(value, std::clamp(digits - 1 - exponent, 0, kMostDecimals));
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::vector<Tick> linear_ticks(double low, double high, int wanted) {
  if (!std::isfinite(low) || !std::isfinite(high) || high < low || wanted < 1) return {};
  if (low == high) return {{low, shortest(low)}};
  const double step = nice_step((high - low) / wanted);
  if (!(step > 0) || !std::isfinite(step)) return {};
  const int decimals = decimals_of(step);
  std::vector<Tick> ticks;
  for (double i = std::ceil(low / step - kTolerance);
       i * step <= high + kTolerance * step && ticks.size() < kMostTicks; i += 1) {
    ticks.push_back({i * step, fixed(i * step, decimals)});
  }
  return ticks;
}

std::vector<Tick> whole_ticks(long low, long high, int most) {
  if (high < low || most < 1) return {};
  const double rough = static_cast<double>(high - low) / most;
  long step = 1;
  for (long power = 1; static_cast<double>(step) < rough; power *= 10) {
    for (const long factor : {1L, 2L, 5L, 10L}) {
      step = factor * power;
      if (static_cast<double>(step) >= rough) break;
    }
  }
  std::vector<Tick> ticks;
  const long first = low >= 0 ? (low + step - 1) / step : -((-low) / step);
  for (long i = first; i * step <= high; ++i) {
    ticks.push_back({static_cast<double>(i * step), fixed(static_cast<double>(i * step), 0)});
  }
  return ticks;
}

std::vector<Tick> log_ticks(double low, double high, int wanted) {
  if (!(low > 0) || !(high >= low) || !std::isfinite(high) || wanted < 1) return {};
  const int first = static_cast<int>(std::ceil(std::log10(low) - kTolerance));
  const int last = static_cast<int>(std::floor(std::log10(high) + kTolerance));
  const int powers = last - first + 1;
  const bool fine = powers < 3;
  const int skip = std::max(1, (powers + wanted - 1) / wanted);
  const bool words = first - 1 < -3 || last > 5;  // 10⁻⁴ rather than 0.0001, on the whole axis
  std::vector<Tick> ticks;
  for (int exponent = first - 1; exponent <= last; ++exponent) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * std::pow(10.0, exponent);
      if (value < low * (1 - kTolerance) || value > high * (1 + kTolerance)) continue;
      if (factor != 1 && !fine) continue;
      if ((last - exponent) % skip != 0) continue;
      ticks.push_back({value, words ? power_label(factor, exponent) : shortest(value)});
    }
  }
  return ticks;
}

}  // namespace headscope::figure
