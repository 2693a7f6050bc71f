#include "core/analysis/logit_lens.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace headscope {

LogitReading read_logits(std::span<const float> logits, int top,
                         std::span<const std::int32_t> followed) {
  const bool finite =
      std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); });
  if (logits.empty() || !finite) return {};
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - largest);
  const auto probability = [&](std::int32_t id) {
    return std::exp(static_cast<double>(logits[static_cast<std::size_t>(id)]) - largest) / sum;
  };
  const auto before = [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  };
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto kept = std::min(std::ssize(order), static_cast<std::ptrdiff_t>(std::max(top, 0)));
  std::partial_sort(order.begin(), order.begin() + kept, order.end(), before);
  LogitReading reading;
  for (std::ptrdiff_t i = 0; i < kept; ++i) {
    const std::int32_t id = order[static_cast<std::size_t>(i)];
    reading.top.push_back({id, probability(id), i + 1});
  }
  for (const std::int32_t id : followed) {
    const bool known = id >= 0 && id < std::ssize(logits);
    reading.followed.push_back({id, 0, 0});
    if (!known) continue;
    const auto ahead = std::count_if(order.begin(), order.end(),
                                     [&](std::int32_t other) { return before(other, id); });
    reading.followed.back() = {id, probability(id), ahead + 1};
  }
  return reading;
}

}  // namespace headscope
