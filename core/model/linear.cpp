#include "core/model/linear.h"

#include <algorithm>
#include <limits>
#include <optional>

#include <ATen/ATen.h>

namespace headscope {
namespace {

/// Numbers of W widened at once. Measured on two cores: for few rows of x what is widened should
/// stay in the cache, for many the product is what counts. (torch's own _weight_int8pack_mm is
/// exact for fp32 but three times slower than this; for bf16 it is fast and rounds to 4e-3, and
/// reads past the end where `in` is no multiple of 32.)
std::int64_t widened_at_once(std::int64_t rows) {
  return rows < 64 ? 1 << 19 : 1 << 22;
}

at::Tensor int8_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale) {
  const std::int64_t outputs = weight.size(0), inputs = weight.size(1);
  const std::int64_t step = std::min(
      outputs,
      std::max<std::int64_t>(1, widened_at_once(x.size(0)) / std::max<std::int64_t>(1, inputs)));
  auto y = at::empty({x.size(0), outputs}, x.options());
  auto wide = at::empty({step, inputs}, x.options());
  for (std::int64_t begin = 0; begin < outputs; begin += step) {
    const std::int64_t count = std::min(step, outputs - begin);
    auto block = wide.narrow(0, 0, count).copy_(weight.narrow(0, begin, count));
    auto part = y.narrow(1, begin, count);
    at::mm_out(part, x, block.t());
    part.mul_(scale.narrow(0, begin, count));
  }
  return y;
}

}  // namespace

at::Tensor Linear::operator()(const at::Tensor& x) const {
  if (!scale.defined()) {
    return at::linear(x, weight, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
  }
  auto y = int8_product(x.reshape({-1, weight.size(1)}), weight, scale);
  if (bias.defined()) y.add_(bias);
  auto shape = x.sizes().vec();
  shape.back() = weight.size(0);
  return y.view(shape);
}

at::Tensor Linear::rows(const at::Tensor& index, at::ScalarType dtype) const {
  auto found = at::embedding(weight, index).to(dtype);
  if (scale.defined()) found.mul_(at::embedding(scale.unsqueeze(1), index));
  return found;
}

Linear Linear::outputs(std::int64_t begin, std::int64_t count) const {
  const auto part = [&](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.narrow(0, begin, count) : at::Tensor();
  };
  return {part(weight), part(bias), part(scale)};
}

Int8Matrix to_int8(const at::Tensor& matrix) {
  constexpr std::int64_t at_once = 1 << 22;
  const std::int64_t rows = matrix.size(0), columns = std::max<std::int64_t>(1, matrix.size(1));
  const std::int64_t step = std::max<std::int64_t>(1, at_once / columns);
  Int8Matrix out{at::empty(matrix.sizes(), matrix.options().dtype(at::kChar)),
                 at::empty({rows}, matrix.options().dtype(at::kFloat))};
  for (std::int64_t begin = 0; begin < rows; begin += step) {
    const std::int64_t count = std::min(step, rows - begin);
    const auto piece = matrix.narrow(0, begin, count).to(at::kFloat);
    // A row of zeros keeps a scale that can be divided by.
    auto scale = out.scale.narrow(0, begin, count);
    scale.copy_(piece.abs().amax(1).div_(127).clamp_min_(std::numeric_limits<float>::min()));
    out.values.narrow(0, begin, count).copy_(piece.div(scale.unsqueeze(1)).round_());
  }
  return out;
}

}  // namespace headscope
