// The page about a prompt (prompt_report.h) from the runs over it: one for the window and for
// `headscope-cli report`.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
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
  std::string model;     ///< "demo (llama, float32, cpu)"
  int likely = -1;       ///< index of the likely document where none is marked
  int likely_top_k = 0;  ///< of the ranking's heads it was found by; 0 = the model's standard
  std::array<std::optional<Json>, report_tests> tests = {};  ///< nothing = not made
};

/// The report. bad_input: no heads, or results that do not belong to the prompt.
Result<PromptReport> report_of_runs(ReportSource source);

/// Writes it below `folder` as report-HASH.html, named after its content, and beside it the files
/// and the command that make it again (made_by_file). Returns where. Errors: report_of_runs', and
/// those of the files.
Result<std::filesystem::path> save_report(ReportSource source, const std::filesystem::path& folder);

}  // namespace headscope::study
