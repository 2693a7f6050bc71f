// Answers over a data set, with or without interventions: EM and attention masses.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/experiment/result_lines.h"
#include "core/experiment/sample_run.h"
#include "core/text/dataset.h"

namespace headscope {

struct EvaluateOptions {
  PromptKind prompt = PromptKind::all;
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  std::vector<HeadId> mass_heads = {};  ///< masses are means over these; empty = all heads
  bool before_split = false;            ///< an intervention splits: report masses before and after
  InterventionsFor interventions = {};
  std::vector<EvaluatedSample> finished = {};  ///< of an interrupted run: not run again
};

/// `on_sample` is called after each sample, with the run so far (to keep what is finished).
Result<EvaluateRun> evaluate_samples(
    Model& model, const PromptEncoder& encoder, std::span<const QaSample> samples,
    const EvaluateOptions& options, const RunContext& context,
    const std::function<Result<>(const EvaluateRun&)>& on_sample = {});

}  // namespace headscope
