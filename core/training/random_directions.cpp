#include <cmath>

#include "core/base/rng.h"
#include "core/training/directions.h"

namespace headscope {
namespace {

double norm(const float* values, int count) {
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += double{values[i]} * values[i];
  return std::sqrt(sum);
}

// A direction drawn evenly from the sphere whose radius is the norm of the vector it stands for.
std::vector<float> randomised(const std::vector<float>& like, int width, Rng& rng) {
  std::vector<float> values(like.size());
  for (std::size_t begin = 0; width > 0 && begin + width <= like.size(); begin += width) {
    float* const vector = values.data() + begin;
    for (int i = 0; i < width; ++i) vector[i] = static_cast<float>(rng.normal());
    const double drawn = norm(vector, width);
    const double factor = drawn > 0 ? norm(like.data() + begin, width) / drawn : 0;
    for (int i = 0; i < width; ++i) vector[i] = static_cast<float>(vector[i] * factor);
  }
  return values;
}

}  // namespace

Directions random_directions(const Directions& like, std::uint64_t seed) {
  Directions random = like;
  Rng rng(seed, 3);
  random.query = randomised(like.query, like.head_dim, rng);
  random.key = randomised(like.key, like.head_dim, rng);
  return random;
}

}  // namespace headscope
