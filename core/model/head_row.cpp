// One row of a head's map in its parts (core/model/head_map.h).
#include <algorithm>

#include <ATen/ATen.h>

#include "core/model/head_map_impl.h"
#include "core/model/model_impl.h"

namespace headscope {
namespace {

std::vector<float> to_floats(const at::Tensor& values) {
  const auto plain = values.to(at::kCPU, at::kFloat).contiguous();
  const float* data = plain.const_data_ptr<float>();
  return std::vector<float>(data, data + plain.numel());
}

at::Tensor capped(const at::Tensor& scores, double softcap) {
  return softcap > 0 ? (scores / softcap).tanh() * softcap : scores;
}

}  // namespace

Result<HeadRow> HeadMapSource::row(std::int64_t row) const {
  return guarded([&]() -> Result<HeadRow> {
    const Impl& map = *impl_;
    if (row < 0 || row >= map.tokens) {
      return fail(ErrorKind::usage, "row " + std::to_string(row) + " is outside the map of " +
                                        std::to_string(map.tokens) + " tokens");
    }
    HeadRow out;
    out.first_key = map.window > 0 ? std::max<std::int64_t>(0, row - map.window + 1) : 0;
    const std::int64_t keys = row + 1 - out.first_key;
    // In doubles, so that taking the direction away again loses nothing.
    const auto k = map.k.narrow(0, out.first_key, keys).to(at::kDouble);
    const auto whole = map.q[row].to(at::kDouble);
    auto added = at::zeros_like(whole);
    for (const MapFocus& focus : map.focus) {
      if (row >= focus.first_row) added += focus.query.squeeze(0).to(at::kDouble);
    }
    const auto base = at::mv(k, whole - added) * map.scale;
    auto total = at::mv(k, whole) * map.scale;
    if (map.row_bias.defined()) total += map.row_bias[row].to(at::kDouble) * map.scale;
    const auto base_score = capped(base, map.softcap);
    out.base = to_floats(base_score);
    const auto focus = capped(total, map.softcap) - base_score;
    out.focus = to_floats(focus);
    auto weights = (base_score + focus).softmax(0);
    auto factors = at::zeros_like(weights);
    for (const MapMass& mass : map.masses) {
      if (row < mass.first_row) continue;
      const auto marked = mass.marked.narrow(0, out.first_key, keys);
      const auto log_p = weights.masked_select(marked).sum().log().to(at::kFloat);
      const auto [inside, outside, moved] = factors_of(mass.map, log_p);
      const auto factor = at::where(marked, inside, outside).to(at::kDouble);
      weights = weights * factor;
      factors += factor.log();
    }
    out.log_factor = to_floats(factors);
    out.weights = to_floats(weights);
    return out;
  });
}

}  // namespace headscope
