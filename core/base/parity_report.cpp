#include "core/base/parity_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace headscope {
namespace {

/// No number compares as larger than every number.
double ranked(double error) {
  return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

std::string power(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value == 0 ? "%.0f" : "%.1e", value);
  return text;
}

}  // namespace

double ParityReport::worst() const {
  return std::max({ranked(cache_error) / logit_tolerance, ranked(backend_error) / logit_tolerance,
                   ranked(attention_error) / attention_tolerance});
}

bool ParityReport::good() const {
  return checked() && worst() <= 1;
}

std::string parity_badge(const ParityReport& report) {
  if (!report.checked()) return "parity not checked";
  return std::string(report.good() ? "parity ok " : "parity off ") +
         power(std::max(ranked(report.cache_error), ranked(report.backend_error)));
}

std::string parity_text(const ParityReport& report) {
  if (!report.checked()) return "Self-check left out: " + report.note;
  std::string text = "Self-check on " + std::to_string(report.tokens) +
                     " random tokens, the last " + std::to_string(report.steps) + " one by one (" +
                     power(report.seconds) + " s):\n";
  text += "cache against no cache: " + power(report.cache_error) + " of the largest logit\n";
  text += "fused against reference attention: " + power(report.backend_error) + "\n";
  text += "attention weights: " + power(report.attention_error) + "\n";
  text += "tolerances for this dtype: " + power(report.logit_tolerance) + " and " +
          power(report.attention_tolerance);
  if (!report.note.empty()) text += "\n" + report.note;
  return text;
}

}  // namespace headscope
