#include "core/model/linear.h"

#include <optional>

#include <ATen/ATen.h>

namespace headscope {

at::Tensor Linear::operator()(const at::Tensor& x) const {
  return at::linear(x, weight, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
}

}  // namespace headscope
