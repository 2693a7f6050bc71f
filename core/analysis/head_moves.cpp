#include "core/analysis/head_moves.h"

#include <algorithm>
#include <cmath>

#include "core/analysis/head_scores.h"

namespace headscope {
namespace {

bool usable(const std::vector<float>& scores, std::size_t size) {
  return scores.size() == size &&
         std::none_of(scores.begin(), scores.end(), [](float s) { return std::isnan(s); });
}

}  // namespace

std::vector<HeadMove> head_moves(const std::vector<float>& before, const std::vector<float>& after,
                                 int layers, int heads) {
  const auto size = static_cast<std::size_t>(layers) * static_cast<std::size_t>(heads);
  if (size == 0 || !usable(before, size) || !usable(after, size)) return {};
  const auto index = [heads](HeadId head) {
    return static_cast<std::size_t>(head.layer) * static_cast<std::size_t>(heads) +
           static_cast<std::size_t>(head.head);
  };
  std::vector<int> place(size);
  int next = 0;
  for (const HeadId head : rank_heads(after, layers, heads)) place[index(head)] = next++;
  std::vector<HeadMove> moves;
  for (const HeadId head : rank_heads(before, layers, heads)) {
    const std::size_t i = index(head);
    moves.push_back({head, static_cast<int>(moves.size()), place[i], before[i], after[i]});
  }
  std::stable_sort(moves.begin(), moves.end(), [](const HeadMove& a, const HeadMove& b) {
    return std::abs(a.change()) > std::abs(b.change());
  });
  return moves;
}

}  // namespace headscope
