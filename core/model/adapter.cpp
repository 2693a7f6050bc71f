#include "core/model/adapter.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include <ATen/ATen.h>

#include "core/base/safetensors.h"
#include "core/config/adapter_config.h"
#include "core/model/attention.h"
#include "core/model/listing.h"

namespace headscope {
namespace {

/// One module's low-rank change.
struct Addition {
  std::string a, b;  ///< tensors of the adapter: [r, in] and [out, r]
  double scaling = 0;
};

std::optional<std::string> without(const std::string& name, std::string_view prefix,
                                   std::string_view suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  if (name.size() < prefix.size() + suffix.size()) return std::nullopt;
  return name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
}

class AdaptedSource final : public WeightSource {
 public:
  AdaptedSource(std::unique_ptr<WeightSource> base, SafetensorsFile file, AdapterConfig config)
      : base_(std::move(base)), file_(std::move(file)), config_(std::move(config)) {}

  Result<> match();

  const std::map<std::string, StoredTensor, std::less<>>& tensors() const override {
    return base_->tensors();
  }
  Result<at::Tensor> read(std::string_view name, c10::Device device, c10::ScalarType dtype,
                          const RunContext& context) const override;
  Result<bool> same(std::string_view a, std::string_view b) const override;
  Result<> unchanged() const override {
    HEADSCOPE_TRY(base_->unchanged());
    return file_.unchanged();
  }

 private:
  Result<> match_addition(const std::string& module, const std::string& a);
  Result<> match_replacement(const std::string& module, const std::string& stored);
  bool brings_whole(const std::string& module) const;
  Result<at::Tensor> matrix(const std::string& name) const;
  Result<> add(at::Tensor& weight, const Addition& addition, const RunContext& context) const;
  bool changes(std::string_view name) const {
    return additions_.contains(name) || replacements_.contains(name);
  }

  std::unique_ptr<WeightSource> base_;
  SafetensorsFile file_;
  AdapterConfig config_;
  std::map<std::string, Addition, std::less<>> additions_;        ///< by name of the base's tensor
  std::map<std::string, std::string, std::less<>> replacements_;  ///< to tensors of the adapter
  std::vector<std::string> strangers_, misshapen_;
};

bool AdaptedSource::brings_whole(const std::string& module) const {
  const auto& saved = config_.modules_to_save();
  return std::any_of(saved.begin(), saved.end(), [&](const std::string& end) {
    return module == end || module.ends_with("." + end);
  });
}

/// Every tensor of the adapter finds its place, or is named in an error.
Result<> AdaptedSource::match() {
  constexpr std::string_view prefix = "base_model.model.";
  for (const auto& [name, info] : file_.tensors()) {
    if (without(name, prefix, ".lora_B.weight")) continue;  // goes with its A
    if (name.find(".lora_embedding_") != std::string::npos) {
      return bad_input(file_.name() + ": " + name +
                       " adapts an embedding, which is not merged; merge the adapter with PEFT "
                       "(merge_and_unload) and open the result");
    }
    if (const auto module = without(name, prefix, ".lora_A.weight")) {
      HEADSCOPE_TRY(match_addition(*module, name));
    } else if (const auto copied = without(name, prefix, ".base_layer.weight")) {
      HEADSCOPE_TRY(match_replacement(*copied, name));
    } else if (const auto whole = without(name, prefix, ".weight"); whole && brings_whole(*whole)) {
      HEADSCOPE_TRY(match_replacement(*whole, name));
    } else {
      strangers_.push_back(name);
    }
  }
  for (const auto& [name, info] : file_.tensors()) {
    const auto module = without(name, prefix, ".lora_B.weight");
    if (module && !additions_.contains(*module + ".weight")) strangers_.push_back(name);
  }
  if (!misshapen_.empty())
    return bad_input(file_.name() + ": tensors do not fit the model: " + listed(misshapen_));
  if (!strangers_.empty()) {
    return bad_input(file_.name() + ": tensors that the model has no place for: " +
                     listed(strangers_) + "; the adapter is of another model or kind");
  }
  if (additions_.empty() && replacements_.empty())
    return bad_input(file_.name() + ": holds no lora_A and lora_B tensors");
  return {};
}

Result<> AdaptedSource::match_addition(const std::string& module, const std::string& a) {
  const std::string b = a.substr(0, a.size() - std::string_view("A.weight").size()) + "B.weight";
  const auto weight = base_->tensors().find(module + ".weight");
  const TensorInfo *down = file_.find(a), *up = file_.find(b);
  if (weight == base_->tensors().end() || up == nullptr) {
    strangers_.push_back(a);
    return {};
  }
  auto shape = weight->second.shape;
  if (config_.fan_in_fan_out()) std::reverse(shape.begin(), shape.end());
  const bool fits = shape.size() == 2 && down->shape.size() == 2 && up->shape.size() == 2 &&
                    down->shape[1] == shape[1] && up->shape[0] == shape[0] &&
                    down->shape[0] == up->shape[1];
  if (!fits) {
    misshapen_.push_back(module + " is " + shape_text(weight->second.shape) + ", lora_A " +
                         shape_text(down->shape) + ", lora_B " + shape_text(up->shape));
  }
  HEADSCOPE_ASSIGN(const double scaling,
                   config_.scaling(module, down->shape.empty() ? 0 : down->shape[0]));
  additions_[weight->first] = {a, b, scaling};
  return {};
}

Result<> AdaptedSource::match_replacement(const std::string& module, const std::string& stored) {
  const auto weight = base_->tensors().find(module + ".weight");
  if (weight == base_->tensors().end()) {
    strangers_.push_back(stored);
    return {};
  }
  const bool is_embedding = module.ends_with("embed_tokens");
  if (is_embedding && !base_->tensors().contains("lm_head.weight")) {
    return bad_input(file_.name() + ": " + stored +
                     " would change the output matrix too, which is tied to it; merge the adapter "
                     "with PEFT (merge_and_unload) and open the result");
  }
  if (weight->second.shape != file_.find(stored)->shape) {
    misshapen_.push_back(stored + " is " + shape_text(file_.find(stored)->shape) +
                         ", the model's is " + shape_text(weight->second.shape));
  }
  replacements_[weight->first] = stored;
  return {};
}

Result<at::Tensor> AdaptedSource::matrix(const std::string& name) const {
  HEADSCOPE_ASSIGN(auto numbers, file_.floats(name));
  return at::tensor(numbers, at::kFloat).view(file_.find(name)->shape);
}

/// Some rows at a time: B A is as large as the weight itself.
Result<> AdaptedSource::add(at::Tensor& weight, const Addition& addition,
                            const RunContext& context) const {
  HEADSCOPE_ASSIGN(at::Tensor a, matrix(addition.a));
  HEADSCOPE_ASSIGN(at::Tensor b, matrix(addition.b));
  const at::Tensor left = config_.fan_in_fan_out() ? a.t() : b,
                   right = config_.fan_in_fan_out() ? b.t() : a;
  const std::int64_t step =
      std::max<std::int64_t>(1, (1 << 22) / std::max<std::int64_t>(1, weight.size(1)));
  for (std::int64_t row = 0; row < weight.size(0); row += step) {
    poll(context);
    const std::int64_t rows = std::min(step, weight.size(0) - row);
    weight.narrow(0, row, rows).addmm_(left.narrow(0, row, rows), right, 1, addition.scaling);
  }
  return {};
}

Result<at::Tensor> AdaptedSource::read(std::string_view name, c10::Device device,
                                       c10::ScalarType dtype, const RunContext& context) const {
  if (!changes(name)) return base_->read(name, device, dtype, context);
  at::Tensor weight;
  if (const auto whole = replacements_.find(name); whole != replacements_.end()) {
    HEADSCOPE_ASSIGN(weight, matrix(whole->second));
  } else {
    HEADSCOPE_ASSIGN(weight, base_->read(name, c10::kCPU, at::kFloat, context));
  }
  if (const auto found = additions_.find(name); found != additions_.end()) {
    HEADSCOPE_TRY(add(weight, found->second, context));
  }
  return weight.to(device, dtype);
}

Result<bool> AdaptedSource::same(std::string_view a, std::string_view b) const {
  if (changes(a) || changes(b)) return false;
  return base_->same(a, b);
}

}  // namespace

Result<std::unique_ptr<WeightSource>> with_adapter(std::unique_ptr<WeightSource> base,
                                                   const std::string& folder) {
  HEADSCOPE_ASSIGN(AdapterConfig config, AdapterConfig::load(folder));
  const auto path = std::filesystem::path(folder) / "adapter_model.safetensors";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    return bad_input(path.string() +
                     ": no such file; adapters are read as safetensors only (PEFT's "
                     "save_pretrained writes them)");
  }
  HEADSCOPE_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
  auto adapted =
      std::make_unique<AdaptedSource>(std::move(base), std::move(file), std::move(config));
  HEADSCOPE_TRY(adapted->match());
  return std::unique_ptr<WeightSource>(std::move(adapted));
}

}  // namespace headscope
