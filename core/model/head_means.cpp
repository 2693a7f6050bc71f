#include "core/model/head_means.h"

#include <algorithm>
#include <map>

#include <ATen/ATen.h>

namespace headscope {
namespace {

bool asks_for_mean(const LayerEditTensors& layer) {
  return std::any_of(layer.output.begin(), layer.output.end(),
                     [](const OutputTensors& output) { return output.edit.mean; });
}

/// Sums of every head's outputs over all rows that come by, in fp64: [H, D] of each wanted layer.
class OutputSums : public AttentionObserver {
 public:
  explicit OutputSums(const std::vector<LayerEditTensors>& edits) : edits_(edits) {}
  TokenRange rows(int) const override { return {}; }
  std::vector<int> heads(int) const override { return {}; }
  void weights(int, WeightsOrigin, const at::Tensor&, const at::Tensor&) override {}
  void outputs(int layer, const at::Tensor& outputs) override {
    if (!asks_for_mean(edits_[static_cast<std::size_t>(layer)])) return;
    const auto sum = outputs.sum(1, /*keepdim=*/false, at::kDouble);
    at::Tensor& total = sums[layer];
    total = total.defined() ? total + sum : sum;
  }
  std::map<int, at::Tensor> sums;

 private:
  const std::vector<LayerEditTensors>& edits_;
};

}  // namespace

void fill_output_means(const DecoderEngine& engine, std::span<const std::int32_t> ids,
                       std::vector<LayerEditTensors>& edits, double memory_scale,
                       const RunContext& context) {
  const auto last = std::find_if(edits.rbegin(), edits.rend(), asks_for_mean);
  if (last == edits.rend()) return;
  OutputSums observer(edits);
  EngineOptions options;
  options.observer = &observer;
  options.memory_scale = memory_scale;
  // A run stops after the named layer's queries and keys, so it is the one above that is named; in
  // the last layer only rows are run that somebody reads.
  const auto above = static_cast<int>(edits.rend() - last);
  if (above < engine.config().layers) {
    options.layers = above;
  } else {
    options.hidden_rows = {0, std::ssize(ids)};
  }
  KvCache cache = engine.new_cache(static_cast<std::int64_t>(ids.size()));
  engine.run(ids, cache, options, context);
  for (const auto& [layer, sum] : observer.sums) {
    const auto mean = (sum / static_cast<double>(ids.size())).to(engine.dtype()).unsqueeze(1);
    for (OutputTensors& output : edits[static_cast<std::size_t>(layer)].output) {
      if (!output.edit.mean) continue;
      const auto heads = at::tensor(output.edit.heads, at::kLong).to(mean.device());
      output.values = mean.index_select(0, heads);
    }
  }
}

}  // namespace headscope
