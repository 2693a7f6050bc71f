// Focus directions (method.md 3, arXiv 2503.23306): q' = q + alpha d_q after RoPE; optionally
// k' = k + alpha d_k, which shifts every score of a row alike and so does nothing.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/intervention/method.h"

namespace headscope {
namespace {

Result<> check(const MethodCall& call, const HeadShape& shape) {
  if (call.directions == nullptr) return bad_input("focus: no directions are given");
  const Directions& directions = *call.directions;
  const auto size = static_cast<std::size_t>(shape.layers) * shape.heads * shape.head_dim;
  const bool same_shape = directions.layers == shape.layers && directions.heads == shape.heads &&
                          directions.head_dim == shape.head_dim;
  if (!same_shape || directions.query.size() != size ||
      (!directions.key.empty() && directions.key.size() != size)) {
    const auto text = [](int layers, int heads, int dim) {
      return "[" + std::to_string(layers) + ", " + std::to_string(heads) + ", " +
             std::to_string(dim) + "]";
    };
    return bad_input("focus: directions have the shape " +
                     text(directions.layers, directions.heads, directions.head_dim) +
                     ", the model needs " + text(shape.layers, shape.heads, shape.head_dim) +
                     " (layers, heads, head_dim)");
  }
  const auto finite = [](float x) { return std::isfinite(x); };
  if (!std::all_of(directions.query.begin(), directions.query.end(), finite) ||
      !std::all_of(directions.key.begin(), directions.key.end(), finite)) {
    return bad_input("focus: directions hold numbers that are not finite");
  }
  return {};
}

/// The edit of this layer that begins at `first_row`, created if there is none.
FocusEdit& edit_at(LayerEdits& layer, std::int64_t first_row, std::size_t size) {
  auto it = std::find_if(layer.focus.begin(), layer.focus.end(),
                         [&](const FocusEdit& edit) { return edit.first_row >= first_row; });
  if (it == layer.focus.end() || it->first_row != first_row) {
    it = layer.focus.insert(it, FocusEdit{first_row, std::vector<float>(size), {}, {}});
  }
  return *it;
}

void add_scaled(double alpha, const float* direction, float* sum, int size) {
  for (int i = 0; i < size; ++i) sum[i] += static_cast<float>(alpha * direction[i]);
}

Result<> add(const MethodCall& call, const EditTarget& target, EditPlan& plan) {
  const HeadShape& shape = target.shape;
  HEADSCOPE_TRY(check(call, shape));
  const double alpha = call.values[0];
  if (alpha == 0) return {};
  const bool use_key = call.values[1] != 0 && !call.directions->key.empty();
  const auto size = static_cast<std::size_t>(shape.heads) * shape.head_dim;
  for (int layer = 0; layer < shape.layers; ++layer) {
    const auto& heads = target.heads_by_layer[static_cast<std::size_t>(layer)];
    if (heads.empty()) continue;
    FocusEdit& edit = edit_at(plan.layers[static_cast<std::size_t>(layer)], target.first_row, size);
    for (const int head : heads) {
      const auto offset = static_cast<std::size_t>(head) * shape.head_dim;
      add_scaled(alpha, call.directions->query_of({layer, head}), &edit.query[offset],
                 shape.head_dim);
      if (!use_key) continue;
      edit.key.resize(size);
      add_scaled(alpha, call.directions->key_of({layer, head}), &edit.key[offset], shape.head_dim);
      const auto place = std::lower_bound(edit.key_heads.begin(), edit.key_heads.end(), head);
      if (place == edit.key_heads.end() || *place != head) edit.key_heads.insert(place, head);
    }
  }
  return {};
}

}  // namespace

const InterventionMethod focus_method = {
    .name = "focus",
    .label = "Focus directions",
    .summary = "alpha times a trained vector is added to the head's queries",
    .parameters = {{.name = "alpha",
                    .meaning = "0 changes nothing; negative is less focus",
                    .low = -std::numeric_limits<double>::max(),
                    .high = std::numeric_limits<double>::max(),
                    .standard = {}},
                   {.kind = MethodParameter::Kind::flag,
                    .name = "use_key",
                    .meaning = "add the key half too, which changes nothing",
                    .standard = 0}},
    .adds_directions = true,
    .is_identity = [](const MethodValues& values) { return values[0] == 0; },
    .add = add,
};

Focus::operator MethodCall() const {
  return {&focus_method, {alpha, use_key ? 1.0 : 0.0}, {}, directions};
}

}  // namespace headscope
