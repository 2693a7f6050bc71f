// The engine's Runner over a real model (core/model). Keeps the model between requests.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/engine/runner.h"
#include "core/model/head_map.h"
#include "core/model/logit_lens.h"
#include "core/runner/open_model.h"
#include "core/text/chat_prompt.h"

namespace headscope {
/// The runner that owns a real model.
class ModelRunner : public Runner {
 public:
  /// Unless the request says what to keep, attention weights are kept up to this many bytes; span
  /// sums always are.
  static constexpr std::uint64_t default_weights_budget = std::uint64_t{1} << 30;
  /// `map_side`: longer prompts' full maps are pooled to at most this many cells a side.
  explicit ModelRunner(std::uint64_t weights_budget = default_weights_budget,
                       std::int64_t map_side = FullMap::max_side);

  Result<std::shared_ptr<const ModelInfo>> load(const Request& request,
                                                const RunContext& context) override;
  Result<std::shared_ptr<const PromptView>> prepare(const PromptRequest& prompt) override;
  Result<std::shared_ptr<const RunOutlook>> outlook(const PromptView& prompt,
                                                    const Request& request) override;
  Result<std::shared_ptr<const RunResult>> run(const PromptView& prompt,
                                               const InterventionSettings& settings,
                                               const std::vector<HeadId>& heads,
                                               const Request& request,
                                               const AnswerContext& context) override;
  Result<std::shared_ptr<const FullMap>> full_map(const PromptView& prompt, const RunResult& run,
                                                  HeadId head, const MapRegion& region,
                                                  const RunContext& context) override;
  Result<std::shared_ptr<const PreviewInputs>> preview_inputs(const PromptView& prompt,
                                                              const RunResult& baseline,
                                                              const RunContext& context) override;
  Result<CausalDrops> causal_drops(const PromptView& prompt, const RunResult& baseline,
                                   bool documents, const std::vector<HeadId>& heads,
                                   const RunContext& context) override;
  Result<std::shared_ptr<const LensRun>> lens(const PromptView& prompt, const RunResult& run,
                                              std::int64_t token,
                                              const std::vector<std::int32_t>& followed,
                                              const RunContext& context) override;
  Result<std::shared_ptr<const RowScores>> row_scores(const PromptView& prompt,
                                                      const RunResult& run, HeadId head,
                                                      std::int64_t row,
                                                      const RunContext& context) override;

 private:
  struct Key {
    std::string model, adapter, device, dtype;
    int threads = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  Result<> require_model() const;
  RunOutlook look_ahead_at(const PromptView& prompt, const Request& request) const;
  /// Opens the model of `request`, with its own focus directions.
  Result<> open(const Request& request, const RunContext& context);
  /// Takes the focus directions that the settings name; those that cannot be read or do not fit
  /// leave the model without any, and `info_` says why.
  void use_directions(const InterventionSettings& settings);
  /// Forgets the store of another prompt than `ids`.
  void store_belongs_to(const std::vector<std::int32_t>& ids);
  /// The tokens of `run` once more, without its intervention, on what the store holds.
  GenerateRequest replay(const PromptView& prompt, const RunResult& run);
  Result<GenerateRequest> edited_replay(const PromptView& prompt, const RunResult& run);
  Result<PromptEncoder> encoder_for(const PromptRequest& prompt) const;

  std::uint64_t weights_budget_;
  std::int64_t map_side_;
  std::optional<Key> key_;
  std::optional<OpenedModel> opened_;
  /// An error where the model has a template that is not understood: prompts can go without it.
  Result<std::optional<ChatTemplate>> chat_ = std::nullopt;
  std::shared_ptr<const ModelInfo> info_;
  /// Sources of head maps: looking closer at one shall not run the model again.
  struct HeldSource {
    std::vector<std::int32_t> ids;
    HeadId head;
    InterventionSettings settings;
    std::vector<HeadId> touched;
    std::shared_ptr<const HeadMapSource> source;
    HeadWeights overview;  ///< of the source, shared by the maps of its regions
  };
  Result<const HeldSource*> map_source(const PromptView& prompt, const RunResult& run, HeadId head,
                                       const RunContext& context);

  /// Null when there is none of the same tokens, head and edits.
  static const HeldSource* known_source(const std::deque<HeldSource>& all,
                                        const HeldSource& wanted);
  /// As map_source, without the pass over all pairs of tokens.
  Result<std::shared_ptr<const HeadMapSource>> row_source(const PromptView& prompt,
                                                          const RunResult& run, HeadId head,
                                                          const RunContext& context);

  /// Residual streams of responses: the lens at another token shall not run the model again.
  struct HeldResiduals {
    std::vector<std::int32_t> ids;
    InterventionSettings settings;
    std::vector<HeadId> touched;
    std::shared_ptr<const ResidualRows> rows;
  };
  Result<std::shared_ptr<const ResidualRows>> residuals(const PromptView& prompt,
                                                        const RunResult& run, std::int64_t token,
                                                        const RunContext& context);

  std::shared_ptr<const Directions> directions_;   ///< in use; null = none
  std::string directions_file_, directions_hash_;  ///< as the settings named them
  std::shared_ptr<const Directions> own_directions_;
  std::string own_source_;
  std::deque<HeldResiduals> residuals_;  ///< of the baseline and of the intervened run
  std::deque<HeldSource> sources_;       ///< of the baseline and of the intervened run
  std::deque<HeldSource> row_sources_;   ///< the same, of heads whose rows alone were asked for
  /// What runs over the current prompt share: a slider's run begins at its first touched layer.
  PromptStore store_{std::uint64_t{4} << 30};
  std::vector<std::int32_t> stored_ids_;
  int max_new_tokens_ = 100;  ///< of the last run
};

}  // namespace headscope
