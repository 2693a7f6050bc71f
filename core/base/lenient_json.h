// Reading results of our own commands for display: what is missing is shown as missing.
#pragma once

#include <limits>
#include <string>

#include "core/base/json.h"

namespace headscope {

/// NaN where `object` has no number `field`.
inline double number_or_nan(const Json& object, const char* field) {
  const auto at = object.find(field);
  return at != object.end() && at->is_number() ? at->get<double>()
                                               : std::numeric_limits<double>::quiet_NaN();
}

/// Empty where `object` has no text `field`.
inline std::string text_or_empty(const Json& object, const char* field) {
  const auto at = object.find(field);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace headscope
