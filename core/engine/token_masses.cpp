#include "core/engine/token_masses.h"

#include <algorithm>

namespace headscope {

std::vector<float> token_masses(const PromptView& prompt, const RunResult& run,
                                std::span<const HeadId> heads) {
  const std::int64_t rows = run.rows.size();
  const auto expected = static_cast<std::size_t>(run.layers) * static_cast<std::size_t>(run.heads) *
                        static_cast<std::size_t>(rows * run.sets);
  const bool inside = std::all_of(heads.begin(), heads.end(), [&](HeadId head) {
    return head.layer >= 0 && head.layer < run.layers && head.head >= 0 && head.head < run.heads;
  });
  const bool fits =
      run.sets == static_cast<int>(prompt.documents.size()) + 1 && run.span_sums.size() == expected;
  if (heads.empty() || rows == 0 || !fits || !inside) return {};
  std::vector<float> masses(static_cast<std::size_t>(rows * run.sets));
  for (int set = 0; set < run.sets; ++set) {
    for (std::int64_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (const HeadId head : heads) sum += static_cast<double>(run.span_sum(head, row, set));
      masses[static_cast<std::size_t>(set * rows + row)] =
          static_cast<float>(sum / static_cast<double>(heads.size()));
    }
  }
  return masses;
}

}  // namespace headscope
