#include "core/engine/head_metrics.h"

#include <algorithm>
#include <limits>
#include <span>

namespace headscope {
namespace {

std::size_t heads_of(const RunResult& run) {
  return static_cast<std::size_t>(run.layers) * static_cast<std::size_t>(run.heads);
}

bool has_span_sums(const RunResult& run) {
  return run.sets > 0 && run.span_sums.size() ==
                             heads_of(run) * static_cast<std::size_t>(run.rows.size() * run.sets);
}

// A row's shares: all its weights, or the masses on the key sets and what is left of 1.
std::vector<float> shares_of(const RunResult& run, std::size_t head, std::int64_t row,
                             SimilarityOver over) {
  if (over == SimilarityOver::tokens) {
    const float* first = run.weights[head]->data() + row * run.keys;
    return {first, first + run.keys};
  }
  const auto sets = static_cast<std::size_t>(run.sets);
  const float* first =
      run.span_sums.data() +
      (head * static_cast<std::size_t>(run.rows.size()) + static_cast<std::size_t>(row)) * sets;
  std::vector<float> shares(first, first + sets);
  float rest = 1;
  for (const float share : shares) rest -= share;
  shares.push_back(std::max(rest, 0.0f));
  return shares;
}

}  // namespace

bool keeps_rows(const RunResult& run) {
  return run.rows.size() > 0 && run.weights.size() == heads_of(run) &&
         std::all_of(run.weights.begin(), run.weights.end(),
                     [](const HeadWeights& block) { return block != nullptr; });
}

std::optional<HeadMetrics> head_metrics(const RunResult& run, const KnownMetrics* known,
                                        const std::function<bool()>& is_stale) {
  const std::size_t count = heads_of(run);
  HeadMetrics metrics;
  metrics.entropy.assign(count, std::numeric_limits<float>::quiet_NaN());
  metrics.distance = metrics.entropy;
  const bool shares = known != nullptr && known->run && known->run->rows == run.rows &&
                      known->run->weights.size() == run.weights.size();
  for (std::size_t i = 0; i < std::min(count, run.weights.size()); ++i) {
    if (is_stale && is_stale()) return std::nullopt;
    if (run.weights[i] == nullptr) continue;
    if (shares && known->run->weights[i] == run.weights[i]) {
      metrics.entropy[i] = known->metrics.entropy[i];
      metrics.distance[i] = known->metrics.distance[i];
      continue;
    }
    const RowMetrics mean = mean_row_metrics(*run.weights[i], run.rows, run.keys);
    metrics.entropy[i] = static_cast<float>(mean.entropy);
    metrics.distance[i] = static_cast<float>(mean.distance);
  }
  return metrics;
}

std::optional<HeadSimilarity> head_similarity(const RunResult& run, HeadId head,
                                              const std::function<bool()>& is_stale) {
  const bool inside =
      head.layer >= 0 && head.layer < run.layers && head.head >= 0 && head.head < run.heads;
  const bool tokens = keeps_rows(run);
  if (!inside || run.rows.size() == 0 || (!tokens && !has_span_sums(run))) return std::nullopt;
  HeadSimilarity similarity;
  similarity.to = head;
  similarity.over = tokens ? SimilarityOver::tokens : SimilarityOver::documents;
  std::vector<double> sums(heads_of(run), 0.0);
  for (std::int64_t row = 0; row < run.rows.size(); ++row) {
    const auto own = shares_of(run, run.index(head), row, similarity.over);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (is_stale && is_stale()) return std::nullopt;
      sums[i] += jensen_shannon_similarity(own, shares_of(run, i, row, similarity.over));
    }
  }
  for (const double sum : sums)
    similarity.values.push_back(static_cast<float>(sum / static_cast<double>(run.rows.size())));
  return similarity;
}

}  // namespace headscope
