// The compute thread: owns the runner (and through it every tensor), brings the results up to the
// newest request step by step, and computes nothing that it holds already.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "core/engine/board.h"
#include "core/engine/engine.h"
#include "core/engine/seen_results.h"

namespace headscope {
/// Lives on the compute thread, with everything that it holds.
class Compute {
 public:
  Compute(Board& board, Engine::RunnerFactory make_runner);
  /// Body of the thread; returns when the board stops.
  void loop();

 private:
  using RunPointer = std::shared_ptr<const RunResult>;

  struct Failure {
    Step step;
    std::shared_ptr<const Request> request;
    Error error;
  };

  /// One round of the loop. May throw: what was being done is not done then.
  void turn(std::uint64_t seen);
  void answer(const Work& work);
  /// Answers `work` by an error, giving up what is kept until there is memory for it.
  void give_up(const Work& work, const Error& error) noexcept;
  /// After an exception the board may lack what the next request takes for shown: shows it.
  void show_again(const Work& work);
  /// True when the failure that stopped an earlier request stops this one too.
  bool fails_again(Step step, const Work& work) const;
  Result<> ensure(Step step, const Work& work);
  Result<> ensure_model(const Work& work);
  Result<> ensure_prompt(const Work& work);
  /// Publishes what the runs of `work` will take, before they begin.
  void look_ahead(const Work& work);
  Result<> ensure_baseline(const Work& work);
  Result<> ensure_preview_inputs(const Work& work);
  bool wants_preview_again(const Work& work) const;
  Result<> ensure_intervened(const Work& work);
  Result<> ensure_auto_alpha(const Work& work);
  Result<> ensure_causal(const Work& work);
  Result<> ensure_head_drops(const Work& work);
  /// Drops of `heads` that are not known yet, and of the documents.
  Result<> measure_drops(const std::vector<HeadId>& heads, bool documents,
                         const RunContext& running);
  /// Forgets what belongs to another answer.
  void drops_belong_to_baseline();
  void publish_head_drops();
  Result<> ensure_full_map(const Work& work, bool of_baseline);
  Result<> ensure_lens(const Work& work);
  Result<> ensure_scores(const Work& work);

  bool same_work(Step step, const Request& a, const Request& b) const;
  Tracer tracer(const Work& work) { return {&board_.trace(), TraceLane::compute, work.id}; }
  /// Leaves in the trace that this had been computed before.
  void note_seen(const Work& work, const HeldRun& held);
  void note_seen(const Work& work, const FullMap& map);
  RunContext context(Step step, const Work& work, const std::string& activity);
  void show_activity(EngineStatus::State state, const std::string& activity);
  void show_progress(const std::string& activity, const Progress& progress);

  /// As it was computed, with the scores that `grade` asks for.
  std::optional<HeldRun> known_run(const RunKey& key, const GradeKey& grade);
  /// It is known and holds what the newest outlook says a run shall keep.
  bool keeps_enough(const std::optional<HeldRun>& run) const;
  Result<HeldRun> run_model(const RunKey& key, const Work& work,
                            const InterventionSettings& settings, const std::vector<HeadId>& heads,
                            Step step);
  /// The known run, else a new one; counted.
  Result<HeldRun> known_or_run(const RunKey& key, const Work& work,
                               const InterventionSettings& settings,
                               const std::vector<HeadId>& heads, Step step);
  /// Measures the error of the preview of `settings` against `held`, unless that was done.
  void compare_with_preview(HeldRun& held, const InterventionSettings& settings,
                            const std::vector<HeadId>& heads,
                            const std::function<bool()>& is_stale);
  void take_options(const ReuseOptions& options);
  void note_counts();

  // compute_ahead.cpp: the sliders' next positions.
  /// Plans them for the request that was just answered.
  void plan_ahead(const Work& work);
  /// Computes the next one that is not there yet, until the board's signal is no longer `seen`.
  void go_ahead(std::uint64_t seen);
  /// False when it was dropped.
  bool run_ahead(const Work& work, std::uint64_t seen);
  /// `preview_inputs_` are of the focus directions that `work` asks for.
  bool has_directions_of(const Work& work) const;
  bool map_wanted(const Work& work) const;
  std::vector<HeadId> looked_at(const Work& work) const;
  std::vector<HeadId> heads_to_ablate(const std::vector<HeadId>& wanted) const;
  void forget_prompt();

  Board& board_;
  Engine::RunnerFactory make_runner_;
  std::unique_ptr<Runner> runner_;
  std::shared_ptr<const Request> in_runner_;  ///< the request whose model the runner holds now

  std::shared_ptr<const Request> model_request_, prompt_request_;
  std::shared_ptr<const ModelInfo> model_;
  std::shared_ptr<const PromptView> prompt_;
  std::shared_ptr<const RunOutlook> outlook_;  ///< null = unknown
  std::optional<HeldRun> baseline_, intervened_;
  std::optional<BaselineKey> preview_key_;
  std::shared_ptr<const PreviewInputs> preview_inputs_;
  std::shared_ptr<const Request> preview_failed_;  ///< for want of memory; null = not so
  std::string preview_directions_;  ///< hash of the focus directions that they are of

  SeenResults seen_;
  ReuseCounts counts_;
  /// Positions beside the settings that are shown.
  struct Ahead {
    RunKey of;                ///< the settings' run
    std::deque<Work> todo;    ///< requests that were never submitted
    std::vector<RunKey> ran;  ///< each once: what did not stay in memory is not computed again
    int ready = 0;
  };
  Ahead ahead_;
  InterventionSettings shown_, shown_before_;  ///< the newest that were answered
  std::chrono::steady_clock::time_point answered_at_;
  /// What the answer of one unedited run loses; heads are added as they are asked for.
  struct HeldDrops {
    BaselineKey key;
    double log_probability = 0;
    std::vector<double> documents;
    std::map<HeadId, double> heads;
  };
  std::optional<HeldDrops> drops_;

  /// A part of an answer that is kept while a new request may want it again.
  struct HeldLens {
    RunKey run;
    std::int64_t token = 0;
    std::vector<std::int32_t> followed;
    std::shared_ptr<const LensRun> lens;
  };
  struct HeldScores {
    RunKey run;
    HeadId head;
    std::int64_t row = 0;
    std::shared_ptr<const RowScores> scores;
  };
  Result<std::shared_ptr<const LensRun>> lens_of(const HeldRun& run, std::int64_t token,
                                                 const std::vector<std::int32_t>& followed,
                                                 const Work& work);
  Result<std::shared_ptr<const RowScores>> scores_of(const HeldRun& run, HeadId head,
                                                     std::int64_t row, const Work& work);
  std::deque<HeldLens> lenses_;  ///< of the baseline and of the intervened run
  std::deque<HeldScores> scores_;
  std::optional<Failure> failure_;
  bool unshown_ = false;  ///< an exception came between what is held and the board
  std::chrono::steady_clock::time_point last_progress_;
};

}  // namespace headscope
