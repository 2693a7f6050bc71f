#include "core/engine/preview_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/analysis/split_softmax.h"

namespace headscope {
namespace {

/// Below this the keys that hold the row's weight lie so far under the largest factor that floats
/// lose them: such a row is done in logarithms.
constexpr double smallest_total = 1e-25;

/// Sum of term(i) for i < n in several lanes, which the compiler turns into vector instructions.
template <class Term>
double sum_in_lanes(std::size_t n, Term term) {
  constexpr std::size_t lanes = 8;
  std::array<double, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += term(i + lane);
  double total = 0;
  for (; i < n; ++i) total += term(i);
  for (const double sum : sums) total += sum;
  return total;
}

void multiply(std::span<float> row, const std::vector<float>& factors) {
  for (std::size_t j = 0; j < row.size(); ++j) row[j] *= factors[j];
}

void scale(std::span<float> row, double factor) {
  const auto f = static_cast<float>(factor);
  for (auto& weight : row) weight *= f;
}

}  // namespace

double sum_of(std::span<const float> values) {
  return sum_in_lanes(values.size(), [&](std::size_t i) { return static_cast<double>(values[i]); });
}

RowEdit::RowEdit(std::span<const float> bias, double alpha, std::vector<TokenRange> marked,
                 double tau)
    : bias_(bias), alpha_(alpha), marked_(std::move(marked)), tau_(tau) {
  if (alpha == 0 || bias.empty()) return;
  double top = alpha * static_cast<double>(bias[0]);
  for (const float b : bias) top = std::max(top, alpha * static_cast<double>(b));
  factors_.reserve(bias.size());
  for (const float b : bias)
    factors_.push_back(static_cast<float>(std::exp(alpha * static_cast<double>(b) - top)));
}

/// Returns what the row must be divided by.
double RowEdit::focus(std::span<float> row) const {
  const double total = sum_in_lanes(row.size(), [&](std::size_t j) {
    return static_cast<double>(row[j]) * static_cast<double>(factors_[j]);
  });
  if (total < smallest_total) {
    apply_focus_bias(row, bias_, alpha_);
    return 1;
  }
  multiply(row, factors_);
  return total;
}

/// Calls `visit(part, is_marked)` for the parts of `row` in order.
template <class Visit>
void RowEdit::each_part(std::span<float> row, Visit visit) const {
  const auto keys = static_cast<std::int64_t>(row.size());
  std::int64_t done = 0;
  const auto part = [&](std::int64_t end, bool marked) {
    if (end <= done) return;
    visit(row.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(end - done)),
          marked);
    done = end;
  };
  for (const TokenRange range : marked_) {
    part(std::min(range.begin, keys), false);
    part(std::min(range.end, keys), true);
  }
  part(keys, false);
}

void RowEdit::apply(std::span<float> row) const {
  double total = 1;
  if (!factors_.empty()) total = focus(row);
  SplitFactors factors;
  if (tau_ != 1) {
    double marked = 0, rest = 0;
    each_part(
        row, [&](std::span<float> part, bool inside) { (inside ? marked : rest) += sum_of(part); });
    factors = split_factors(marked, rest, tau_);
  }
  each_part(row, [&](std::span<float> part, bool inside) {
    scale(part, (inside ? factors.marked : factors.rest) / total);
  });
}

}  // namespace headscope
