#include "core/analysis/head_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace headscope {
namespace {

/// Mean over rows of every key set of one head.
std::vector<double> mean_masses(const float* sums, std::int64_t sets, TokenRange rows) {
  std::vector<double> mean(static_cast<std::size_t>(sets), 0.0);
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    for (std::int64_t set = 0; set < sets; ++set)
      mean[static_cast<std::size_t>(set)] += sums[row * sets + set];
  }
  for (auto& value : mean) value /= static_cast<double>(rows.size());
  return mean;
}

HeadScores empty_scores(int layers, int heads) {
  HeadScores scores;
  scores.layers = layers;
  scores.heads = heads;
  const auto n = static_cast<std::size_t>(layers) * static_cast<std::size_t>(heads);
  const float none = std::numeric_limits<float>::quiet_NaN();
  for (auto* values :
       {&scores.relevant, &scores.sink, &scores.irrelevant_sum, &scores.irrelevant_max})
    values->assign(n, none);
  return scores;
}

}  // namespace

HeadScores scores_from_span_sums(const std::vector<float>& span_sums, int layers, int heads,
                                 std::int64_t rows, TokenRange use_rows, const SpanLayout& layout) {
  HeadScores scores = empty_scores(layers, heads);
  const TokenRange used{std::max<std::int64_t>(use_rows.begin, 0), std::min(use_rows.end, rows)};
  const std::int64_t sets = layout.sets();
  const auto n = scores.relevant.size();
  if (used.size() == 0 || span_sums.size() != n * static_cast<std::size_t>(rows * sets))
    return scores;
  for (std::size_t i = 0; i < n; ++i) {
    const float* sums = span_sums.data() + i * static_cast<std::size_t>(rows * sets);
    const auto mean = mean_masses(sums, sets, used);
    scores.sink[i] = static_cast<float>(mean[static_cast<std::size_t>(layout.sink_set())]);
    if (layout.gold.empty()) continue;
    double relevant = 0, other_sum = 0, other_max = 0;
    for (int d = 0; d < layout.documents; ++d) {
      const double mass = mean[static_cast<std::size_t>(d)];
      if (std::binary_search(layout.gold.begin(), layout.gold.end(), d)) {
        relevant += mass;
        continue;
      }
      other_sum += mass;
      other_max = std::max(other_max, mass);
    }
    scores.relevant[i] = static_cast<float>(relevant);
    scores.irrelevant_sum[i] = static_cast<float>(other_sum);
    scores.irrelevant_max[i] = static_cast<float>(other_max);
  }
  return scores;
}

std::vector<HeadId> rank_heads(const std::vector<float>& score, int layers, int heads) {
  std::vector<HeadId> ranking;
  for (int layer = 0; layer < layers; ++layer)
    for (int head = 0; head < heads; ++head) ranking.push_back({layer, head});
  const auto value = [&](HeadId id) {
    const auto i = static_cast<std::size_t>(id.layer) * static_cast<std::size_t>(heads) +
                   static_cast<std::size_t>(id.head);
    const bool known = i < score.size() && !std::isnan(score[i]);
    return known ? score[i] : -std::numeric_limits<float>::infinity();
  };
  // Heads lie in (layer, head) order already, so a stable sort breaks ties that way.
  std::stable_sort(ranking.begin(), ranking.end(),
                   [&](HeadId a, HeadId b) { return value(a) > value(b); });
  return ranking;
}

}  // namespace headscope
