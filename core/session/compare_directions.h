// Agreement of two sets of focus directions.
#pragma once

#include <vector>

#include "core/base/error.h"
#include "core/intervention/spec.h"

namespace headscope {

/// Cosine between the query directions of each head [layers * heads]; NaN where one is zero.
/// Unrelated directions have cosines around 0 with deviation 1 / sqrt(head_dim). bad_input when the
/// shapes differ.
Result<std::vector<float>> direction_cosines(const Directions& a, const Directions& b);

/// Mean of the cosines of `heads` (all where empty), NaN left out.
double mean_cosine(const std::vector<float>& cosines, int heads_per_layer,
                   const std::vector<HeadId>& heads);

}  // namespace headscope
