#include "core/engine/causal_view.h"

#include <algorithm>

namespace headscope {

std::vector<double> masses_of(const PromptView& prompt, const RunResult& run,
                              std::span<const HeadId> heads) {
  const auto documents = static_cast<int>(prompt.documents.size());
  const std::int64_t rows = run.rows.size();
  const auto expected = static_cast<std::size_t>(run.layers) * static_cast<std::size_t>(run.heads) *
                        static_cast<std::size_t>(rows * run.sets);
  const bool inside = std::all_of(heads.begin(), heads.end(), [&](HeadId head) {
    return head.layer >= 0 && head.layer < run.layers && head.head >= 0 && head.head < run.heads;
  });
  if (run.sets != documents + 1 || run.span_sums.size() != expected || !inside) return {};
  return document_masses(run.span_sums, run.heads, rows, {0, rows}, run.sets, documents, heads);
}

LikelyDocument likely_document_of(const PromptView& prompt, const RunResult& run,
                                  std::span<const HeadId> heads) {
  return likely_document(masses_of(prompt, run, heads));
}

CausalCheck causal_check_of(const PromptView& prompt, const RunResult& baseline,
                            std::span<const HeadId> heads, const CausalDrops& drops) {
  CausalCheck check;
  check.tokens = static_cast<std::int64_t>(baseline.response.size());
  check.log_probability = drops.log_probability;
  const auto masses = masses_of(prompt, baseline, heads);
  for (std::size_t i = 0; i < std::min(masses.size(), drops.documents.size()); ++i) {
    const DocumentView& document = prompt.documents[i];
    check.documents.push_back({document.number, document.gold, masses[i], drops.documents[i]});
  }
  auto looked_at = prompt.gold_documents();
  check.mass_document = looked_at.empty() ? likely_document(masses).index : looked_at.front();
  if (check.mass_document < 0) return check;
  if (looked_at.empty()) looked_at = {check.mass_document};
  for (std::size_t i = 0; i < std::min(heads.size(), drops.heads.size()); ++i) {
    const auto own = masses_of(prompt, baseline, heads.subspan(i, 1));
    double mass = 0;
    for (const int document : looked_at)
      mass += static_cast<std::size_t>(document) < own.size()
                  ? own[static_cast<std::size_t>(document)]
                  : 0;
    if (!own.empty()) check.heads.push_back({heads[i], mass, drops.heads[i]});
  }
  return check;
}

}  // namespace headscope
