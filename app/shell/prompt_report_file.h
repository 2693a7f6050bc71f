// The page about the prompt that the window shows (core/study/prompt_report.h), as a file.
#pragma once

#include <array>
#include <filesystem>

#include "app/shell/prompt_test_plan.h"
#include "app/views/app_state.h"
#include "core/study/report_of_runs.h"

namespace headscope {

/// Results of the tests of this prompt by PromptTest; null = not run.
using PromptTestResults = std::array<const Json*, prompt_tests>;

/// What is shown, with the newest answers. bad_input before the first run and while the prompt is
/// being read.
Result<study::PromptReport> report_of(const AppState& state, const PromptTestResults& tests);

/// Writes it below `folder`, named after its content, and returns where.
Result<std::filesystem::path> save_report(const study::PromptReport& report,
                                          const std::filesystem::path& folder);

}  // namespace headscope
