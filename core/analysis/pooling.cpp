#include "core/analysis/pooling.h"

#include <algorithm>

namespace headscope {

std::string_view pooling_name(Pooling pooling) {
  switch (pooling) {
    case Pooling::mean:
      return "mean";
    case Pooling::sum:
      return "sum";
    case Pooling::max:
      break;
  }
  return "largest weight";
}

void RowPool::add(std::span<const float> row) {
  ++rows_;
  const std::size_t keys = std::min(values_.size(), row.size());
  double* values = values_.data();
  if (pooling_ == Pooling::max) {
    for (std::size_t j = 0; j < keys; ++j) values[j] = std::max(values[j], double{row[j]});
  } else {
    for (std::size_t j = 0; j < keys; ++j) values[j] += double{row[j]};
  }
}

std::vector<float> RowPool::values() const {
  std::vector<float> out(values_.size());
  const double share = pooling_ == Pooling::mean && rows_ > 0 ? 1.0 / double(rows_) : 1.0;
  for (std::size_t j = 0; j < out.size(); ++j) out[j] = static_cast<float>(values_[j] * share);
  return out;
}

}  // namespace headscope
