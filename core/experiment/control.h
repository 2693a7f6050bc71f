// The control experiment (method.md 3): contextual heads are intervened on, then as many random
// ones, and the relevant mass of the heads that nobody touched is read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/experiment/sample_run.h"
#include "core/sweep/control_result.h"
#include "core/text/dataset.h"

namespace headscope {
/// Settings whose effect on untouched heads is measured.
struct ControlOptions {
  std::vector<HeadId> ranking;                   ///< of the head set
  std::shared_ptr<const Directions> directions;  ///< null when no alpha is given
  std::vector<double> taus, alphas;              ///< a setting each
  int top_k = 20;
  int random_heads = 5;    ///< draws, outside the contextual heads (core/analysis/head_choice.h)
  std::uint64_t seed = 0;  ///< of the first draw; the others count on from it
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  ControlResponse response = ControlResponse::baseline;
  std::vector<ControlSample> finished = {};  ///< of an interrupted run: not run again
};

/// The arms that `options` mean on a model of layers x heads, without samples. Usage errors: no
/// setting, alpha without directions, no room for random heads outside the contextual ones.
Result<ControlRun> plan_control(const ControlOptions& options, int layers, int heads);

/// Runs every sample: its baseline, then every arm. With ControlResponse::baseline, the baseline's
/// greedy response is fed to all of them (the baseline too), so that the same rows are compared; a
/// head in or below the first touched layer then does not move. Samples without gold document,
/// too long, or with an empty response are skipped and counted. `on_sample` is called after each.
Result<ControlRun> run_control(Model& model, const PromptEncoder& encoder,
                               std::span<const QaSample> samples, const ControlOptions& options,
                               const RunContext& context,
                               const std::function<Result<>(const ControlRun&)>& on_sample = {});

}  // namespace headscope
