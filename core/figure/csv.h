// Comma-separated values (RFC 4180), as figures leave their numbers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headscope::figure {

/// A field, in quotes where it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);

/// A number as short as it can be read back; empty when it is not finite.
std::string csv_number(double value);

/// Fields that are ready, joined and ended.
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace headscope::figure
