#include "core/analysis/likely_document.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace headscope {

LikelyDocument likely_document(std::span<const double> masses) {
  const double total = std::accumulate(masses.begin(), masses.end(), 0.0);
  if (masses.empty() || !(total > 0)) return {};
  const auto best = std::max_element(masses.begin(), masses.end());
  double second = 0;
  for (auto at = masses.begin(); at != masses.end(); ++at) {
    if (at != best) second = std::max(second, *at);
  }
  return {static_cast<int>(best - masses.begin()), *best, *best / total, (*best - second) / total};
}

double gold_auc(std::span<const double> masses, std::size_t gold) {
  if (gold >= masses.size() || masses.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  double below = 0;
  for (std::size_t i = 0; i < masses.size(); ++i) {
    if (i == gold) continue;
    if (masses[i] < masses[gold]) below += 1;
    if (masses[i] == masses[gold]) below += 0.5;
  }
  return below / static_cast<double>(masses.size() - 1);
}

std::vector<double> document_masses(std::span<const float> span_sums, int model_heads,
                                    std::int64_t captured_rows, TokenRange rows, int sets,
                                    int documents, std::span<const HeadId> heads) {
  if (heads.empty() || rows.size() == 0) return {};
  std::vector<double> masses(static_cast<std::size_t>(documents), 0.0);
  for (const HeadId head : heads) {
    const std::int64_t block = std::int64_t{head.layer} * model_heads + head.head;
    for (auto row = rows.begin; row < rows.end; ++row) {
      const auto at = static_cast<std::size_t>((block * captured_rows + row) * sets);
      for (std::size_t i = 0; i < masses.size(); ++i) {
        masses[i] += static_cast<double>(span_sums[at + i]);
      }
    }
  }
  const double n = static_cast<double>(heads.size()) * static_cast<double>(rows.size());
  for (double& mass : masses) mass /= n;
  return masses;
}

}  // namespace headscope
