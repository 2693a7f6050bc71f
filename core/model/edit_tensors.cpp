#include "core/model/edit_tensors.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace headscope {
namespace {

bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.defined() == b.defined() && (!a.defined() || at::equal(a, b));
}

}  // namespace

bool same_before_mass(const LayerEditTensors& a, const LayerEditTensors& b) {
  const auto same_focus = [](const FocusTensors& x, const FocusTensors& y) {
    return x.first_row == y.first_row && x.key_heads == y.key_heads && same(x.query, y.query) &&
           same(x.key, y.key);
  };
  const auto same_mass = [](const MassTensors& x, const MassTensors& y) {
    return x.edit.first_row == y.edit.first_row && x.edit.marked == y.edit.marked &&
           x.edit.heads == y.edit.heads;
  };
  return std::equal(a.focus.begin(), a.focus.end(), b.focus.begin(), b.focus.end(), same_focus) &&
         std::equal(a.mass.begin(), a.mass.end(), b.mass.begin(), b.mass.end(), same_mass);
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

MassTensors upload(const MassEdit& edit, at::Device device) {
  return {edit, at::tensor(edit.marked, at::kLong).to(device)};
}

std::vector<LayerEditTensors> upload(const EditPlan& plan, int heads,
                                     const std::vector<at::Device>& devices, at::ScalarType dtype) {
  std::vector<LayerEditTensors> out;
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    LayerEditTensors tensors;
    for (const FocusEdit& edit : plan.layers[i].focus)
      tensors.focus.push_back(upload(edit, heads, devices[i], dtype));
    for (const MassEdit& edit : plan.layers[i].mass)
      tensors.mass.push_back(upload(edit, devices[i]));
    for (const OutputEdit& edit : plan.layers[i].output) tensors.output.push_back({edit, {}});
    out.push_back(std::move(tensors));
  }
  return out;
}

MassFactorTensors factors_of(const MassMap& map, const at::Tensor& log_p) {
  // A number per row and head: few beside the weights, so a method writes its map for one number,
  // in doubles, and no backend needs another copy of it.
  const auto rows = log_p.to(at::kCPU, at::kDouble).contiguous();
  const auto table = at::empty({3, rows.numel()}, at::kFloat);
  const double* in = rows.const_data_ptr<double>();
  float* out = table.mutable_data_ptr<float>();
  const std::int64_t count = rows.numel();
  at::parallel_for(0, count, 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const MassFactors factors = map.factors(in[i]);
      out[i] = static_cast<float>(factors.inside);
      out[count + i] = static_cast<float>(factors.outside);
      out[2 * count + i] = static_cast<float>(factors.moved);
    }
  });
  const auto there = table.to(log_p.device());
  return {there[0].view(log_p.sizes()), there[1].view(log_p.sizes()), there[2].view(log_p.sizes())};
}

at::Tensor move_mass(const at::Tensor& weights, const at::Tensor& marked, const MassMap& map) {
  const auto on_marked = weights.index_select(-1, marked);
  const auto factors = factors_of(map, on_marked.sum(-1, /*keepdim=*/true).log());
  return (weights * factors.outside).index_copy(-1, marked, on_marked * factors.inside);
}

at::Tensor move_mass(const PartialAttention& whole, const PartialAttention& marked,
                     const MassMap& map) {
  const auto factors = factors_of(map, marked.log_sum - whole.log_sum);
  return (factors.outside.unsqueeze(-1) * whole.output.to(at::kFloat))
      .addcmul_(factors.moved.unsqueeze(-1), marked.output.to(at::kFloat))
      .to(whole.output.scalar_type());
}

}  // namespace headscope
