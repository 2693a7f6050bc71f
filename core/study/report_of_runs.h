// The page about a prompt (prompt_report.h) from the runs over it: one for the window and for
// `headscope-cli report`.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/exhibit/views.h"
#include "core/study/prompt_report.h"

namespace headscope::study {

/// Results of the tests of a prompt: what `headscope-cli positions`, `causal --mask remove` and
/// `tune` write.
enum class ReportTest { positions, removal, tune };
inline constexpr int report_tests = 3;
/// The runs and tests that a report is made of.
struct ReportSource {
  ShownRuns runs;
  ByteSpan question;
  std::vector<HeadId> heads;    ///< whose masses are shown; not empty
  std::vector<HeadId> ranking;  ///< of the model, best first; may be empty
  std::string ranking_source, directions_source;
  std::string model;  ///< "demo (llama, float32, cpu)"
  int likely = -1;    ///< index of the likely document where none is marked
  std::array<const Json*, report_tests> tests = {};  ///< null = not made
};

/// The report. bad_input: no heads, or results that do not belong to the prompt.
Result<PromptReport> report_of_runs(ReportSource source);

}  // namespace headscope::study
