// How an intervention moves heads in the ranking.
#pragma once

#include <vector>

#include "core/base/types.h"

namespace headscope {

/// A head's score and place (from 0) in the ranking of all heads, before and after.
struct HeadMove {
  HeadId head;
  int rank_before = 0, rank_after = 0;
  float before = 0, after = 0;

  int up() const { return rank_before - rank_after; }  ///< places gained; negative = lost
  float change() const { return after - before; }
};

/// Every head, those whose score [layers * heads] changed most first, ties in the order of
/// rank_heads. Empty where scores are missing or not numbers.
std::vector<HeadMove> head_moves(const std::vector<float>& before, const std::vector<float>& after,
                                 int layers, int heads);

}  // namespace headscope
