// Which heads an intervention acts on: the best of a ranking, or the random control.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// How many heads are contextual when nobody says so (method.md 5): 20, of a small model (the
/// embedded one and others made for trying) 5.
int default_top_k(int layers, int heads);

/// The first `k` heads of `ids` that exist in a model of layers x heads, each once.
std::vector<HeadId> first_heads(const std::vector<HeadId>& ids, int k, int layers, int heads);

/// How two choices of heads become one.
enum class HeadSetOperation { unite, subtract, intersect };

/// a and b together, a without b, or what is in both: the heads of `a` in its order, then those of
/// `b` in its order; each once.
std::vector<HeadId> combined_heads(const std::vector<HeadId>& a, HeadSetOperation operation,
                                   const std::vector<HeadId>& b);

/// All heads but the contextual ones, which are the first max(k, a tenth of the heads, at most 20)
/// of `ranking`; by layer and head.
std::vector<HeadId> heads_outside(const std::vector<HeadId>& ranking, int k, int layers, int heads);

/// The control of method.md 3: `k` heads drawn (seeded) among heads_outside. Each head once; fewer
/// than `k` when fewer are left.
std::vector<HeadId> random_heads(const std::vector<HeadId>& ranking, int k, std::uint64_t seed,
                                 int layers, int heads);

}  // namespace headscope
