// Answers over a data set, with or without interventions: EM and attention masses.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/experiment/sample_run.h"
#include "core/sweep/result_lines.h"
#include "core/text/dataset.h"

namespace headscope {
/// How the prompts of an evaluation are run.
struct EvaluateOptions {
  PromptKind prompt = PromptKind::all;
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  std::vector<HeadId> mass_heads = {};  ///< masses are means over these; empty = all heads
  bool before_split = false;            ///< an intervention splits: report masses before and after
  InterventionsFor interventions = {};
  std::vector<EvaluatedSample> finished = {};  ///< of an interrupted run: not run again
};

/// What evaluating settings together took, beside what they would take one by one. Prompts count in
/// rows times layers (PromptWork); everything else - building prompts, answers, masses - in
/// seconds. What settings save by decoding side by side is not counted: it is only known by running
/// them one by one.
struct SharedCost {
  std::int64_t layer_rows = 0;  ///< that were run
  std::int64_t separate = 0;    ///< of every setting on its own
  /// That the touched layers allow: layers that no setting of a sample touches once, and for each
  /// different setting what it touches.
  std::int64_t bound = 0;
  double prompt_seconds = 0;  ///< that layer_rows took, summed over workers as the others
  double other_seconds = 0;
  double separate_other_seconds = 0;  ///< counted once for each setting
  /// Sums of both.
  void add(const SharedCost& more);
  double seconds() const { return prompt_seconds + other_seconds; }
  /// What the settings take one by one, at the measured time of a layer's row.
  double separate_seconds() const { return at_rate(separate) + separate_other_seconds; }
  double bound_seconds() const { return at_rate(bound) + other_seconds; }

 private:
  double at_rate(std::int64_t rows) const {
    return layer_rows > 0 ? prompt_seconds / double(layer_rows) * double(rows) : 0;
  }
};

/// `on_sample` is called after each sample, with the run so far (to keep what is finished).
Result<EvaluateRun> evaluate_samples(
    Model& model, const PromptEncoder& encoder, std::span<const QaSample> samples,
    const EvaluateOptions& options, const RunContext& context,
    const std::function<Result<>(const EvaluateRun&)>& on_sample = {});

/// How settings share the work.
struct TogetherOptions {
  /// Threads that take samples in turn, each with as many threads of its own as the caller has; the
  /// context is then asked by all of them whether to stop.
  int workers = 1;
  /// Settings of a sample decode side by side (Model::generate_together), a single one too.
  bool decode_together = false;
};
/// Several settings, evaluated over the same prompts.
struct EvaluatedTogether {
  std::vector<EvaluateRun> runs;  ///< of each setting
  SharedCost cost;
  bool cancelled = false;
};

/// Several settings over the same samples, whose prompt kind, new tokens and rows agree. Every
/// prompt is built once, its unedited layers are run once, and settings that change the same are
/// run once. Every setting's run is the one that evaluate_samples gives, up to rounding where they
/// decode together. `on_sample` is called in the order of the samples.
Result<EvaluatedTogether> evaluate_together(
    Model& model, const PromptEncoder& encoder, std::span<const QaSample> samples,
    std::span<const EvaluateOptions> settings, const RunContext& context,
    const std::function<Result<>(const std::vector<EvaluateRun>&)>& on_sample = {},
    const TogetherOptions& how = {});

}  // namespace headscope
