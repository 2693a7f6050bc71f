// The page about the prompt that the window shows (core/study/report_of_runs.h), written beside the
// window's thread.
#pragma once

#include <array>
#include <filesystem>

#include "app/shell/export_job.h"
#include "app/shell/prompt_test_plan.h"
#include "app/views/app_state.h"
#include "core/study/report_of_runs.h"

namespace headscope {

/// Results of the tests of this prompt by PromptTest; null = not run.
using PromptTestResults = std::array<const Json*, prompt_tests>;

/// What is shown, with the newest answers. bad_input before the first run and while the prompt is
/// being read.
Result<study::ReportSource> report_source(const AppState& state, const PromptTestResults& tests);

/// Writes it below `folder` and opens it; the outcome says where it is. It may know nothing of
/// `state` any more when it runs.
ExportQueue::Work report_job(const AppState& state, study::ReportSource source,
                             std::filesystem::path folder);

}  // namespace headscope
