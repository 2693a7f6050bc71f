// Many attention rows as one: what several heads and query rows look at together.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace headscope {

/// How the weights of several rows on one key become one number.
enum class Pooling { mean, sum, max };

/// "mean", "sum", "largest weight"
std::string_view pooling_name(Pooling pooling);

/// Rows of attention weights, added one after the other: v_j = mean, sum or max over rows r of
/// a_r[j]. Sums are kept in double precision.
class RowPool {
 public:
  RowPool(std::size_t keys, Pooling pooling) : pooling_(pooling), values_(keys, 0.0) {}

  /// The first `keys` weights of a row; a shorter row counts as 0 behind its end.
  void add(std::span<const float> row);
  std::size_t rows() const { return rows_; }
  /// [keys]; zeros without rows.
  std::vector<float> values() const;

 private:
  Pooling pooling_;
  std::size_t rows_ = 0;
  std::vector<double> values_;
};

}  // namespace headscope
