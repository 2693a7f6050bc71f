#include "core/session/compare_directions.h"

#include <cmath>
#include <limits>
#include <string>

namespace headscope {
namespace {

std::string shape_text(const Directions& directions) {
  return "[" + std::to_string(directions.layers) + ", " + std::to_string(directions.heads) + ", " +
         std::to_string(directions.head_dim) + "]";
}

float cosine(const float* a, const float* b, int width) {
  double product = 0, norm_a = 0, norm_b = 0;
  for (int i = 0; i < width; ++i) {
    product += double{a[i]} * double{b[i]};
    norm_a += double{a[i]} * double{a[i]};
    norm_b += double{b[i]} * double{b[i]};
  }
  if (norm_a == 0 || norm_b == 0) return std::numeric_limits<float>::quiet_NaN();
  return static_cast<float>(product / std::sqrt(norm_a * norm_b));
}

}  // namespace

Result<std::vector<float>> direction_cosines(const Directions& a, const Directions& b) {
  if (a.layers != b.layers || a.heads != b.heads || a.head_dim != b.head_dim) {
    return bad_input("directions of shape " + shape_text(a) + " and " + shape_text(b) +
                     " cannot be compared: they are of different models");
  }
  std::vector<float> cosines;
  for (int layer = 0; layer < a.layers; ++layer) {
    for (int head = 0; head < a.heads; ++head) {
      const HeadId id{layer, head};
      cosines.push_back(cosine(a.query_of(id), b.query_of(id), a.head_dim));
    }
  }
  return cosines;
}

double mean_cosine(const std::vector<float>& cosines, int heads_per_layer,
                   const std::vector<HeadId>& heads) {
  double sum = 0;
  int count = 0;
  const auto add = [&](float value) {
    if (std::isnan(value)) return;
    sum += double{value};
    ++count;
  };
  if (heads.empty()) {
    for (const float value : cosines) add(value);
  }
  for (const HeadId id : heads)
    add(cosines[static_cast<std::size_t>(id.layer) * static_cast<std::size_t>(heads_per_layer) +
                static_cast<std::size_t>(id.head)]);
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace headscope
