#include "core/intervention/focus.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

namespace headscope {
namespace {

Result<> check(const Focus& focus, const HeadShape& shape) {
  if (!std::isfinite(focus.alpha)) return bad_input("focus: alpha must be a finite number");
  if (focus.directions == nullptr) return bad_input("focus: no directions are given");
  const Directions& directions = *focus.directions;
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

}  // namespace

Result<> add_focus(const Focus& focus, const std::vector<std::vector<int>>& heads_by_layer,
                   std::int64_t first_row, const HeadShape& shape, EditPlan& plan) {
  HEADSCOPE_TRY(check(focus, shape));
  if (focus.alpha == 0) return {};
  const auto size = static_cast<std::size_t>(shape.heads) * shape.head_dim;
  for (int layer = 0; layer < shape.layers; ++layer) {
    const auto& heads = heads_by_layer[static_cast<std::size_t>(layer)];
    if (heads.empty()) continue;
    FocusEdit& edit = edit_at(plan.layers[static_cast<std::size_t>(layer)], first_row, size);
    for (const int head : heads) {
      const auto offset = static_cast<std::size_t>(head) * shape.head_dim;
      add_scaled(focus.alpha, focus.directions->query_of({layer, head}), &edit.query[offset],
                 shape.head_dim);
      if (!focus.use_key || focus.directions->key.empty()) continue;
      edit.key.resize(size);
      add_scaled(focus.alpha, focus.directions->key_of({layer, head}), &edit.key[offset],
                 shape.head_dim);
      const auto place = std::lower_bound(edit.key_heads.begin(), edit.key_heads.end(), head);
      if (place == edit.key_heads.end() || *place != head) edit.key_heads.insert(place, head);
    }
  }
  return {};
}

FocusTensors upload(const FocusEdit& edit, int heads, at::Device device, at::ScalarType dtype) {
  FocusTensors out;
  out.first_row = edit.first_row;
  out.key_heads = edit.key_heads;
  out.query = at::tensor(edit.query, at::kFloat).view({heads, 1, -1}).to(device, dtype);
  if (edit.key_heads.empty()) return out;
  const auto chosen = at::tensor(edit.key_heads, at::kLong);
  out.key = at::tensor(edit.key, at::kFloat)
                .view({heads, 1, -1})
                .index_select(0, chosen)
                .to(device, dtype);
  return out;
}

}  // namespace headscope
