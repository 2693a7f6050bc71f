#include "core/engine/alpha_scan.h"

#include <algorithm>
#include <limits>

#include "core/analysis/likely_document.h"

namespace headscope {
namespace {

constexpr std::int64_t sink_tokens = 2;  // S0 = {0,1} of method.md

ContextSets sets_of(const PromptView& prompt) {
  ContextSets sets;
  for (const DocumentView& document : prompt.documents) sets.documents.push_back(document.tokens);
  sets.gold = prompt.gold_documents();
  sets.sink = {0, std::min(sink_tokens, prompt.prompt_tokens())};
  return sets;
}

bool valid(HeadId head, const RunResult& run) {
  return head.layer >= 0 && head.layer < run.layers && head.head >= 0 && head.head < run.heads;
}

/// The rows of one head that are looked at, one after another.
std::vector<float> chosen_rows(const RunResult& run, HeadId head) {
  const std::int64_t rows = run.rows.size(), used = std::min(rows, alpha_scan_rows);
  std::vector<float> chosen;
  chosen.reserve(static_cast<std::size_t>(used * run.keys));
  for (std::int64_t i = 0; i < used; ++i) {
    const float* row = run.row(head, i * rows / used);
    chosen.insert(chosen.end(), row, row + run.keys);
  }
  return chosen;
}

}  // namespace

std::optional<AttentionShares> shares_of(const PromptView& prompt, const RunResult& run,
                                         std::span<const HeadId> heads) {
  const std::int64_t rows = run.rows.size();
  const auto expected = static_cast<std::size_t>(run.layers) * static_cast<std::size_t>(run.heads) *
                        static_cast<std::size_t>(rows * run.sets);
  const auto documents = static_cast<int>(prompt.documents.size());
  const bool fits = run.sets == documents + 1 && run.span_sums.size() == expected;
  const bool all_valid =
      std::all_of(heads.begin(), heads.end(), [&](HeadId head) { return valid(head, run); });
  if (heads.empty() || rows == 0 || !fits || !all_valid) return std::nullopt;
  const auto masses =
      document_masses(run.span_sums, run.heads, rows, {0, rows}, run.sets, run.sets, heads);
  const auto gold = prompt.gold_documents();
  AttentionShares shares;
  shares.sink = masses.back();
  if (gold.empty()) shares.relevant = std::numeric_limits<double>::quiet_NaN();
  for (const int document : gold) shares.relevant += masses[static_cast<std::size_t>(document)];
  for (int i = 0; i < documents; ++i) shares.context += masses[static_cast<std::size_t>(i)];
  return shares;
}

std::vector<AlphaPoint> scan_alpha(const PromptView& prompt, const RunResult& baseline,
                                   const PreviewInputs& inputs, std::span<const HeadId> heads,
                                   const std::vector<double>& alphas,
                                   const std::function<bool()>& is_stale) {
  const auto keys = static_cast<std::size_t>(baseline.keys);
  const auto all =
      static_cast<std::size_t>(baseline.layers) * static_cast<std::size_t>(baseline.heads);
  if (inputs.focus_bias.size() != all * keys || heads.empty() || baseline.rows.size() == 0)
    return {};
  std::vector<std::vector<float>> rows;
  for (const HeadId head : heads) {
    if (!valid(head, baseline) || !baseline.has_weights(head)) return {};
    rows.push_back(chosen_rows(baseline, head));
  }
  std::vector<HeadRows> cached;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    cached.push_back(
        {rows[i], std::span(inputs.focus_bias).subspan(baseline.index(heads[i]) * keys, keys)});
  }
  const ContextSets sets = sets_of(prompt);
  std::vector<AlphaPoint> scan;
  for (const double alpha : alphas) {
    if (is_stale && is_stale()) return {};
    scan.push_back({alpha, shares_under(cached, sets, alpha)});
  }
  return scan;
}

}  // namespace headscope
