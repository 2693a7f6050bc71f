// Answers over a data set, with or without interventions: EM and attention masses.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/experiment/sample_run.h"
#include "core/text/dataset.h"

namespace headscope {

/// One line of the result file. Masses are NaN where there is no gold mark or no response.
struct EvaluatedSample {
  std::int64_t index = 0;
  std::string question, response;
  std::optional<std::size_t> gold_position;
  bool correct = false;
  double relevant_mass = 0, irrelevant_mass = 0, sink_mass = 0;
  std::optional<double> relevant_mass_after;  ///< after split-softmax
};

struct EvaluateOptions {
  PromptKind prompt = PromptKind::all;
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  std::vector<HeadId> mass_heads = {};  ///< masses are means over these; empty = all heads
  bool before_split = false;            ///< an intervention splits: report masses before and after
  InterventionsFor interventions = {};
  std::vector<EvaluatedSample> finished = {};  ///< of an interrupted run: not run again
};

struct EvaluateRun {
  std::vector<EvaluatedSample> samples;
  SkipCounts skipped;
  bool cancelled = false;
};

/// `on_sample` is called after each sample, with the run so far (to keep what is finished).
Result<EvaluateRun> evaluate_samples(
    Model& model, const Tokenizer& tokenizer, std::span<const QaSample> samples,
    const EvaluateOptions& options, const RunContext& context,
    const std::function<Result<>(const EvaluateRun&)>& on_sample = {});

/// The keys of cli.md: {"index","question","response","em","relevant_mass",...}.
Json to_json(const EvaluatedSample& sample);
/// {"n","em","em_low","em_high","relevant_mass","irrelevant_mass","sink_mass"} and what was
/// skipped; em_low and em_high are Wilson's 95 % interval.
Json summary_json(const EvaluateRun& run);
/// All lines, each ended by a newline.
std::string result_lines(const EvaluateRun& run);
/// ... and back; `name` begins the messages.
Result<std::vector<EvaluatedSample>> parse_result_lines(const std::string& text,
                                                        const std::string& name);

}  // namespace headscope
