#include "core/model/weight_source.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <ATen/ATen.h>

#include "core/base/mapped_pages.h"
#include "core/base/safetensors.h"
#include "core/gguf/gguf_file.h"
#include "core/model/adapter.h"
#include "core/model/attention.h"
#include "core/model/gguf_source.h"

namespace headscope {
namespace {

std::optional<at::ScalarType> scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    case DType::f64:
      return at::kDouble;
    default:
      return std::nullopt;
  }
}

/// An owned tensor: the file may be aligned badly, and may change while it is mapped. Copied in
/// pieces whose pages the file's map gives back at once, so that a large matrix neither needs its
/// size twice nor delays cancelling.
at::Tensor copy_tensor(std::span<const std::byte> bytes, const TensorInfo& info, c10::Device device,
                       at::ScalarType dtype, const RunContext& context) {
  constexpr std::int64_t most = 1 << 20;
  const at::ScalarType stored = *scalar_type(info.dtype);
  const auto element = static_cast<std::int64_t>(c10::elementSize(stored));
  const bool as_it_is = stored == dtype && device.is_cpu();
  // Before the tensor and always of one size: the next call's takes its place, and nothing is left
  // between the tensors.
  auto piece = at::empty({as_it_is ? 0 : most}, at::TensorOptions(stored));
  auto tensor = at::empty(info.shape, at::TensorOptions(dtype).device(device));
  auto flat = tensor.view({-1});
  const std::int64_t count =
      std::min(flat.numel(), static_cast<std::int64_t>(bytes.size()) / element);
  for (std::int64_t done = 0; done < count; done += most) {
    poll(context);
    const std::int64_t now = std::min(most, count - done);
    const auto from = bytes.subspan(static_cast<std::size_t>(done * element),
                                    static_cast<std::size_t>(now * element));
    const auto target = flat.narrow(0, done, now);
    std::memcpy((as_it_is ? target : piece).mutable_data_ptr(), from.data(), from.size());
    release_pages(from);
    if (!as_it_is) target.copy_(piece.narrow(0, 0, now));
  }
  return tensor;
}

class SafetensorsSource final : public WeightSource {
 public:
  explicit SafetensorsSource(Checkpoint checkpoint) : checkpoint_(std::move(checkpoint)) {
    for (const auto& [name, entry] : checkpoint_.tensors()) {
      tensors_.emplace(name,
                       StoredTensor{entry.info->shape, std::string(dtype_name(entry.info->dtype)),
                                    scalar_type(entry.info->dtype).has_value()});
    }
  }
  const std::map<std::string, StoredTensor, std::less<>>& tensors() const override {
    return tensors_;
  }
  Result<at::Tensor> read(std::string_view name, c10::Device device, c10::ScalarType dtype,
                          const RunContext& context) const override {
    HEADSCOPE_ASSIGN(const auto entry, checkpoint_.find(name));
    HEADSCOPE_ASSIGN(const auto bytes, checkpoint_.bytes(name));
    return copy_tensor(bytes, *entry.info, device, dtype, context);
  }
  Result<bool> same(std::string_view a, std::string_view b) const override {
    HEADSCOPE_ASSIGN(const auto first, checkpoint_.bytes(a));
    HEADSCOPE_ASSIGN(const auto second, checkpoint_.bytes(b));
    const bool equal = first.size() == second.size() &&
                       std::memcmp(first.data(), second.data(), first.size()) == 0;
    release_pages(first);
    release_pages(second);
    return equal;
  }

  Result<> unchanged() const override { return checkpoint_.unchanged(); }

 private:
  Checkpoint checkpoint_;
  std::map<std::string, StoredTensor, std::less<>> tensors_;
};

}  // namespace

Result<std::unique_ptr<WeightSource>> open_weights(const std::string& folder,
                                                   const std::string& adapter) {
  if (is_gguf(folder)) {
    HEADSCOPE_ASSIGN(auto source, open_gguf_weights(folder));
    if (adapter.empty()) return source;
    return with_adapter(std::move(source), adapter);
  }
  HEADSCOPE_ASSIGN(Checkpoint checkpoint, Checkpoint::open(folder));
  auto source = std::make_unique<SafetensorsSource>(std::move(checkpoint));
  if (!adapter.empty()) return with_adapter(std::move(source), adapter);
  return std::unique_ptr<WeightSource>(std::move(source));
}

}  // namespace headscope
