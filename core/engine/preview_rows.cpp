#include "core/engine/preview_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/analysis/split_softmax.h"
#include "core/base/wide_loops.h"

namespace headscope {
namespace {

/// Below this the keys that hold the row's weight lie so far under the largest factor that floats
/// lose them: such a row is done in logarithms.
constexpr double smallest_total = 1e-25;

constexpr std::size_t lanes = 16;

double total_of(const std::array<double, lanes>& sums) {
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

HEADSCOPE_WIDE double sum(const float* values, std::size_t n) {
  std::array<double, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += static_cast<double>(values[i + lane]);
  for (; i < n; ++i) sums[0] += static_cast<double>(values[i]);
  return total_of(sums);
}

HEADSCOPE_WIDE double sum_of_products(const float* a, const float* b, std::size_t n) {
  std::array<double, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
  for (; i < n; ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return total_of(sums);
}

HEADSCOPE_WIDE void scale(const float* from, float factor, float* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) to[i] = from[i] * factor;
}

// First the weight times its own factor: that is a float wherever the row's total is.
HEADSCOPE_WIDE void scale_each(const float* from, const float* factors, float factor, float* to,
                               std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) to[i] = from[i] * factors[i] * factor;
}

}  // namespace

double sum_of(std::span<const float> values) {
  return sum(values.data(), values.size());
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

/// Calls `visit(range, is_marked)` for the parts of a row in order.
template <class Visit>
void RowEdit::each_part(std::int64_t keys, Visit visit) const {
  std::int64_t done = 0;
  const auto part = [&](std::int64_t end, bool marked) {
    if (end <= done) return;
    visit(TokenRange{done, end}, marked);
    done = end;
  };
  for (const TokenRange range : marked_) {
    part(std::min(range.begin, keys), false);
    part(std::min(range.end, keys), true);
  }
  part(keys, false);
}

double RowEdit::mass_of(std::span<const float> from, TokenRange keys) const {
  const auto size = static_cast<std::size_t>(keys.size());
  const float* weights = from.data() + keys.begin;
  return factors_.empty() ? sum(weights, size)
                          : sum_of_products(weights, factors_.data() + keys.begin, size);
}

void RowEdit::apply_in_logarithms(std::span<const float> from, float* to) const {
  std::copy(from.begin(), from.end(), to);
  apply_focus_bias({to, from.size()}, bias_, alpha_);
  RowEdit({}, 0, marked_, tau_).apply({to, from.size()}, to);
}

void RowEdit::apply(std::span<const float> from, float* to) const {
  double marked = 0, rest = 0;
  each_part(std::ssize(from),
            [&](TokenRange part, bool inside) { (inside ? marked : rest) += mass_of(from, part); });
  const double total = factors_.empty() ? 1 : marked + rest;
  if (total < smallest_total) return apply_in_logarithms(from, to);
  SplitFactors factors;
  if (tau_ != 1) factors = split_factors(marked / total, rest / total, tau_);
  each_part(std::ssize(from), [&](TokenRange part, bool inside) {
    const auto size = static_cast<std::size_t>(part.size());
    const auto factor = static_cast<float>((inside ? factors.marked : factors.rest) / total);
    const float* weights = from.data() + part.begin;
    if (factors_.empty()) {
      scale(weights, factor, to + part.begin, size);
    } else {
      scale_each(weights, factors_.data() + part.begin, factor, to + part.begin, size);
    }
  });
}

}  // namespace headscope
