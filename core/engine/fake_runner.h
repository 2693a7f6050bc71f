// A Runner without a model: deterministic, with delays, failures and counts that tests choose.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/fake_world.h"

namespace headscope {

/// The functions of Runner.
enum class FakeCall { load, prepare, run, full_map, preview_inputs, causal, lens, row_scores };

/// What a test or a demonstration does to fake runners from outside; safe from any thread.
class FakeControl {
 public:
  /// Sleep per step (a layer of the prefill, a token, a part of a map), in polls of 2 ms.
  void set_step_delay_ms(int milliseconds) { delay_ms_ = milliseconds; }

  /// The next `times` calls of this kind fail (after half their steps); times < 0: all from now on.
  void fail(FakeCall call, Error error, int times = 1);

  /// Calls of this kind stop after their first step until `release`, polling for cancellation.
  void hold(FakeCall call);
  void release();  ///< lets held calls go on
  /// Blocks until a held call has been reached. False after `seconds`.
  bool wait_held(double seconds = 20);

  int count(FakeCall call) const;     ///< calls begun
  int finished(FakeCall call) const;  ///< calls that returned a value
  int cancelled() const;              ///< calls that ended because the context said so
  int steps() const;                  ///< steps of all calls together

 private:
  friend class FakeRunner;
  struct Failure {
    Error error;
    int times = 0;
  };
  std::optional<Error> take_failure(FakeCall call);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<FakeCall, Failure> failures_;
  std::map<FakeCall, int> begun_, finished_;
  std::optional<FakeCall> held_call_;
  bool is_held_ = false;
  int cancelled_ = 0;
  int steps_ = 0;
  std::atomic<int> delay_ms_{0};
};

/// The made-up model behind the Runner interface. A request whose model is "missing" fails to load.
class FakeRunner : public Runner {
 public:
  explicit FakeRunner(const FakeOptions& options = {}, std::shared_ptr<FakeControl> control = {});

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
  /// A document's drop is ten times its mean mass, the gold one's a hundred times; a head's is its
  /// mass on the gold document.
  Result<CausalDrops> causal_drops(const PromptView& prompt, const RunResult& baseline,
                                   bool documents, const std::vector<HeadId>& heads,
                                   const RunContext& context) override;
  /// The candidates at the token, less certain the lower the layer; other tokens are unlikely.
  Result<std::shared_ptr<const LensRun>> lens(const PromptView& prompt, const RunResult& run,
                                              std::int64_t token,
                                              const std::vector<std::int32_t>& followed,
                                              const RunContext& context) override;
  /// Base scores are the logarithms of the unedited weights.
  Result<std::shared_ptr<const RowScores>> row_scores(const PromptView& prompt,
                                                      const RunResult& run, HeadId head,
                                                      std::int64_t row,
                                                      const RunContext& context) override;

 private:
  class Steps;
  Result<> prefill(const FakeScene& scene, const FakeEdit& edit, const RunContext& context,
                   Steps& steps) const;
  Result<> generate(const FakeScene& scene, const FakeEdit& edit, const Request& request,
                    bool keep_weights, const AnswerContext& context, Steps& steps,
                    RunResult& result) const;
  /// Rows of the response, their masses and scores, and their weights where they are kept.
  Result<> capture(const FakeScene& scene, const FakeEdit& edit, RowConvention convention,
                   bool keep_weights, const RunContext& context, Steps& steps,
                   RunResult& result) const;

  FakeWorld world_;
  std::string directions_hash_;  ///< of the last request loaded
  std::shared_ptr<FakeControl> control_;
  std::string run_text_;  ///< of the last prompt that was run to its end
};

/// For Engine's constructor.
Engine::RunnerFactory fake_runner_factory(const FakeOptions& options = {},
                                          const std::shared_ptr<FakeControl>& control = {});

}  // namespace headscope
