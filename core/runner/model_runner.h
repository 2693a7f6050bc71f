// The engine's Runner over a real model (core/model). Keeps the model between requests.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "core/engine/runner.h"
#include "core/runner/open_model.h"

namespace headscope {

class ModelRunner final : public Runner {
 public:
  /// Unless the request says what to keep, attention weights are kept up to this many bytes; span
  /// sums always are.
  static constexpr std::uint64_t default_weights_budget = std::uint64_t{1} << 30;
  explicit ModelRunner(std::uint64_t weights_budget = default_weights_budget);

  Result<std::shared_ptr<const ModelInfo>> load(const Request& request,
                                                const RunContext& context) override;
  Result<std::shared_ptr<const PromptView>> prepare(const PromptRequest& prompt) override;
  Result<std::shared_ptr<const RunOutlook>> outlook(const PromptView& prompt,
                                                    const Request& request) override;
  Result<std::shared_ptr<const RunResult>> run(const PromptView& prompt,
                                               const InterventionSettings& settings,
                                               const std::vector<HeadId>& heads,
                                               const Request& request,
                                               const RunContext& context) override;
  Result<std::shared_ptr<const FullMap>> full_map(const PromptView& prompt, const RunResult& run,
                                                  HeadId head, const RunContext& context) override;
  Result<std::shared_ptr<const PreviewInputs>> preview_inputs(const PromptView& prompt,
                                                              const RunResult& baseline,
                                                              const RunContext& context) override;

 private:
  struct Key {
    std::string model, device, dtype;
    int threads = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  Result<> require_model() const;
  RunOutlook look_ahead_at(const PromptView& prompt, const Request& request) const;

  std::uint64_t weights_budget_;
  std::optional<Key> key_;
  std::optional<OpenedModel> opened_;
  std::shared_ptr<const ModelInfo> info_;
  std::shared_ptr<const Directions> directions_;
};

}  // namespace headscope
