// Long-context suites on a model, with and without interventions.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/experiment/sample_run.h"
#include "core/suite/generate.h"
#include "core/suite/result.h"

namespace headscope {
/// A name in the results and what it stands for.
struct SuiteMethod {
  std::string name;
  const InterventionSet* set = nullptr;  ///< null = nothing is changed
};
/// Methods that every sample of a suite is run with.
struct SuiteRunOptions {
  std::vector<SuiteMethod> methods = {{suite_baseline, nullptr}};
  RowConvention rows = RowConvention::input;
  std::vector<HeadId> mass_heads = {};     ///< masses are means over these; empty = all heads
  std::optional<int> max_new_tokens = {};  ///< nothing = the task's
  std::vector<SuiteLine> finished = {};    ///< of an interrupted run: not run again
};

/// Prompt of a sample with the tokens of what is relevant and of what is not (one set each).
Result<SamplePrompt> suite_prompt(const SuiteSample& sample, const PromptEncoder& encoder);

/// Answers every sample under every method, one sample after the other. `on_line` is called with
/// each line as soon as it is there; lines of `finished` are passed on without a run. A sample
/// longer than the model's context is an error: lengths are chosen before.
Result<> run_suite(Model& model, const PromptEncoder& encoder,
                   std::span<const FittedSample> samples, const SuiteRunOptions& options,
                   const RunContext& context, const std::function<Result<>(SuiteLine)>& on_line);

}  // namespace headscope
