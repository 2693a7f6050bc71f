#include "core/model/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace headscope {
namespace {

double log_sum_exp(std::span<const float> logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - top);
  return top + std::log(sum);
}

/// Ids by descending logit, ties by id; the first `count` are in order.
std::vector<std::int32_t> ordered(std::span<const float> logits, std::size_t count) {
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(count, ids.size()));
  std::partial_sort(ids.begin(), end, ids.end(), [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  });
  ids.erase(end, ids.end());
  return ids;
}

}  // namespace

Result<std::int32_t> argmax(std::span<const float> logits) {
  const bool finite =
      std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); });
  if (logits.empty() || !finite) {
    return bad_input(
        "the model's logits are not finite: its weights are damaged, or its dtype is too narrow");
  }
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

std::vector<Candidate> most_likely(std::span<const float> logits, int count) {
  std::vector<Candidate> out;
  if (count <= 0 || logits.empty()) return out;
  const double total = log_sum_exp(logits);
  for (const std::int32_t id : ordered(logits, static_cast<std::size_t>(count))) {
    out.push_back({id, static_cast<float>(std::exp(logits[static_cast<std::size_t>(id)] - total))});
  }
  return out;
}

float log_probability(std::span<const float> logits, std::int32_t id) {
  return static_cast<float>(logits[static_cast<std::size_t>(id)] - log_sum_exp(logits));
}

Result<Sampler> Sampler::create(const Sampling& sampling) {
  if (!(sampling.temperature >= 0) || !std::isfinite(sampling.temperature)) {
    return fail(ErrorKind::usage, "temperature must be 0 or above");
  }
  if (sampling.top_k < 0) return fail(ErrorKind::usage, "top-k must be 0 (off) or above");
  if (!(sampling.top_p > 0 && sampling.top_p <= 1)) {
    return fail(ErrorKind::usage, "top-p must be above 0 and at most 1");
  }
  return Sampler(sampling);
}

Result<std::int32_t> Sampler::pick(std::span<const float> logits) {
  HEADSCOPE_ASSIGN(const std::int32_t best, argmax(logits));
  if (sampling_.temperature == 0) return best;
  const std::size_t most =
      sampling_.top_k > 0 ? static_cast<std::size_t>(sampling_.top_k) : logits.size();
  const std::vector<std::int32_t> ids = ordered(logits, most);
  const double top = logits[static_cast<std::size_t>(best)];
  std::vector<double> weights;
  for (const std::int32_t id : ids) {
    weights.push_back(
        std::exp((logits[static_cast<std::size_t>(id)] - top) / sampling_.temperature));
  }
  // Top-p keeps the shortest run of likely tokens whose probability reaches top_p.
  const double wanted = sampling_.top_p * std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  std::size_t kept = 0;
  while (kept < weights.size() && sum < wanted) sum += weights[kept++];
  if (sampling_.top_p < 1) weights.resize(std::max<std::size_t>(1, kept));
  return ids[rng_.weighted(weights)];
}

}  // namespace headscope
