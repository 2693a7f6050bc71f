#include "core/model/gguf_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/base/mapped_pages.h"
#include "core/gguf/gguf_config.h"
#include "core/model/attention.h"

namespace headscope {
namespace {

class GgufSource final : public WeightSource {
 public:
  GgufSource(GgufFile file, std::map<std::string, GgufWeight, std::less<>> weights)
      : file_(std::move(file)), weights_(std::move(weights)) {
    for (const auto& [name, weight] : weights_) {
      const GgufTensor& tensor = *weight.tensor;
      tensors_.emplace(name, StoredTensor{tensor.shape, tensor.type, tensor.readable});
    }
  }
  const std::map<std::string, StoredTensor, std::less<>>& tensors() const override {
    return tensors_;
  }
  Result<at::Tensor> read(std::string_view name, c10::Device device, c10::ScalarType dtype,
                          const RunContext& context) const override;
  Result<bool> same(std::string_view a, std::string_view b) const override;
  Result<> unchanged() const override { return file_.unchanged(); }

 private:
  Result<const GgufWeight*> find(std::string_view name) const;

  GgufFile file_;
  std::map<std::string, GgufWeight, std::less<>> weights_;  ///< point into the file
  std::map<std::string, StoredTensor, std::less<>> tensors_;
};

Result<const GgufWeight*> GgufSource::find(std::string_view name) const {
  const auto found = weights_.find(name);
  if (found != weights_.end()) return &found->second;
  return bad_input(file_.name() + ": tensor '" + std::string(name) + "' is missing");
}

/// In pieces of whole rows, so that a large matrix neither needs room as float nor delays
/// cancelling.
Result<at::Tensor> GgufSource::read(std::string_view name, c10::Device device,
                                    c10::ScalarType dtype, const RunContext& context) const {
  constexpr std::int64_t most = 1 << 22;  // numbers a piece
  HEADSCOPE_ASSIGN(const GgufWeight* weight, find(name));
  const std::int64_t rows = weight->tensor->rows(), columns = weight->tensor->columns();
  const std::int64_t step = std::clamp<std::int64_t>(most / columns, 1, rows);
  auto tensor = at::empty(weight->tensor->shape, at::TensorOptions(dtype).device(device));
  auto table = tensor.view({rows, columns});
  auto piece = at::empty({step, columns}, at::kFloat);
  float* numbers = piece.mutable_data_ptr<float>();
  for (std::int64_t done = 0; done < rows; done += step) {
    poll(context);
    const std::int64_t now = std::min(step, rows - done);
    at::parallel_for(0, now, 16, [&](std::int64_t begin, std::int64_t end) {
      weight->read_rows(done + begin, end - begin, numbers + begin * columns);
    });
    table.narrow(0, done, now).copy_(piece.narrow(0, 0, now));
  }
  release_pages(weight->tensor->bytes);
  return tensor;
}

Result<bool> GgufSource::same(std::string_view a, std::string_view b) const {
  HEADSCOPE_ASSIGN(const GgufWeight* first, find(a));
  HEADSCOPE_ASSIGN(const GgufWeight* second, find(b));
  const auto one = first->tensor->bytes, other = second->tensor->bytes;
  return first->tensor->type == second->tensor->type && one.size() == other.size() &&
         std::memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace

Result<std::unique_ptr<WeightSource>> open_gguf_weights(const std::string& file) {
  HEADSCOPE_ASSIGN(GgufFile opened, GgufFile::open(file));
  HEADSCOPE_ASSIGN(auto weights, gguf_weights(opened));
  return std::unique_ptr<WeightSource>(new GgufSource(std::move(opened), std::move(weights)));
}

}  // namespace headscope
