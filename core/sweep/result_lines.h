// What an evaluation leaves behind: a line a sample, and their summary. Free of libtorch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope {

/// Why samples were left out, and how often.
using SkipCounts = std::map<std::string, std::int64_t>;

/// One line of the result file. Masses are NaN where there is no gold mark or no response.
struct EvaluatedSample {
  std::int64_t index = 0;
  std::string question, response;
  std::optional<std::size_t> gold_position;
  bool correct = false;
  double relevant_mass = 0, irrelevant_mass = 0, sink_mass = 0;
  std::optional<double> relevant_mass_after;  ///< after split-softmax
};
/// What one evaluation gave.
struct EvaluateRun {
  std::vector<EvaluatedSample> samples;
  SkipCounts skipped;
  bool cancelled = false;
};

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
