// Where an axis has ticks, and what they say.
#pragma once

#include <string>
#include <vector>

namespace headscope::figure {
/// A mark of an axis.
struct Tick {
  double value = 0;
  std::string label;  ///< may be empty: a mark without words
};

/// Multiples of 1, 2, 2.5 or 5 times a power of ten inside [low, high], about `wanted` of them. All
/// labels have the same number of decimals. An empty, reversed or infinite range gives none or one.
std::vector<Tick> linear_ticks(double low, double high, int wanted);

/// Whole numbers from `low` to `high` with steps of 1, 2, 5, 10...; at most `most` of them.
std::vector<Tick> whole_ticks(long low, long high, int most);

/// Powers of ten in [low, high]; also 2 and 5 times them where fewer than three powers fit. Both
/// ends must be above 0.
std::vector<Tick> log_ticks(double low, double high, int wanted);

/// `value` with `decimals` places and a true minus sign, independent of the locale.
std::string fixed(double value, int decimals);

/// As short as it stays true to `digits` significant digits: 0.1, 1200, 3×10⁻⁵.
std::string shortest(double value, int digits = 3);

}  // namespace headscope::figure
