// The engine's view of a model: a plain-array interface with a real implementation
// (core/runner, torch) and a fake (core/engine/fake_runner.h) for tests and for UI work.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/engine/explain.h"
#include "core/engine/snapshot.h"

namespace headscope {

/// What a run of the model tells while it goes on.
struct AnswerContext : RunContext {
  AnswerContext() = default;
  AnswerContext(RunContext context) : RunContext(std::move(context)) {}

  /// The run so far, as it would end with the newest token (Quality::growing), with weights of the
  /// request's selected head alone; some times a second at most. May be empty.
  std::function<void(std::shared_ptr<const RunResult>)> on_growth;
};

/// Called on the compute thread only. Every function polls `context` and returns
/// ErrorKind::cancelled soon (50 ms) after it says so. No exception leaves.
class Runner {
 public:
  virtual ~Runner() = default;

  /// Loads (or keeps, when nothing differs) the model of `request`.
  virtual Result<std::shared_ptr<const ModelInfo>> load(const Request& request,
                                                        const RunContext& context) = 0;
  /// Tokenises and finds documents. Errors: empty prompt, longer than the context.
  virtual Result<std::shared_ptr<const PromptView>> prepare(const PromptRequest& prompt) = 0;
  /// What running `prompt` will take and, for KeepAttention::automatic, what it will keep. Quick:
  /// looks at sizes only.
  virtual Result<std::shared_ptr<const RunOutlook>> outlook(const PromptView& prompt,
                                                            const Request& request) = 0;
  /// Generates with `heads` acted on as `settings` says and captures the response rows.
  /// `settings.is_identity()` or empty `heads` = baseline. Keeps what `request.keep` says.
  virtual Result<std::shared_ptr<const RunResult>> run(const PromptView& prompt,
                                                       const InterventionSettings& settings,
                                                       const std::vector<HeadId>& heads,
                                                       const Request& request,
                                                       const AnswerContext& context) = 0;
  /// Full map of one head over prompt + response of `run`; if it is pooled, with `region` exactly.
  virtual Result<std::shared_ptr<const FullMap>> full_map(const PromptView& prompt,
                                                          const RunResult& run, HeadId head,
                                                          const MapRegion& region,
                                                          const RunContext& context) = 0;
  /// Focus bias of the unedited run for the live preview.
  virtual Result<std::shared_ptr<const PreviewInputs>> preview_inputs(
      const PromptView& prompt, const RunResult& baseline, const RunContext& context) = 0;
  /// What the unedited run's answer loses without each document (hidden from every later row), if
  /// `documents`, and without each of `heads` (ablated). Errors: an empty answer.
  virtual Result<CausalDrops> causal_drops(const PromptView& prompt, const RunResult& baseline,
                                           bool documents, const std::vector<HeadId>& heads,
                                           const RunContext& context) = 0;
  /// What every layer of `run` says at the row where its response token `token` was chosen; ids
  /// `followed` are looked for. Errors: no such token.
  virtual Result<std::shared_ptr<const LensRun>> lens(const PromptView& prompt,
                                                      const RunResult& run, std::int64_t token,
                                                      const std::vector<std::int32_t>& followed,
                                                      const RunContext& context) = 0;
  /// One row of one head's attention in its parts; `row` counts prompt and response. Errors: no
  /// such row.
  virtual Result<std::shared_ptr<const RowScores>> row_scores(const PromptView& prompt,
                                                              const RunResult& run, HeadId head,
                                                              std::int64_t row,
                                                              const RunContext& context) = 0;
};

}  // namespace headscope
