// The preview's inner loop: one row of weights at a time, three passes that stay in the cache.
#pragma once

#include <span>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// Sum in double precision, fast (several lanes).
double sum_of(std::span<const float> values);

/// What one head's rows become: softmax(log a + alpha * bias), then split-softmax.
class RowEdit {
 public:
  /// `bias` [keys] may be empty when alpha = 0; it must outlive the object. `marked`: ascending and
  /// disjoint; clipped to the row.
  RowEdit(std::span<const float> bias, double alpha, std::vector<TokenRange> marked, double tau);
  /// Writes what becomes of `from` to `to`, of the same size.
  void apply(std::span<const float> from, float* to) const;

 private:
  /// Sum of the weights times what focus multiplies them by.
  double mass_of(std::span<const float> from, TokenRange keys) const;
  void apply_in_logarithms(std::span<const float> from, float* to) const;
  template <class Visit>
  void each_part(std::int64_t keys, Visit visit) const;

  std::span<const float> bias_;
  double alpha_ = 0;
  std::vector<float> factors_;  ///< exp(alpha * bias - max): the same for every row of the head
  std::vector<TokenRange> marked_;
  double tau_ = 1;
};

}  // namespace headscope
