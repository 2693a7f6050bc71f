// --intervene FILE, made ready for the opened model.
#pragma once

#include <vector>

#include "app/cli/options.h"
#include "app/cli/prompt_input.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/experiment/intervention_set.h"
#include "core/runner/open_model.h"

namespace headscope::cli {

/// Heads that a top-k means when nobody says how many (method.md 5).
int default_top_k(const OpenedModel& model);

/// What `options.intervene` asks for; empty without the option. Notes go to `progress`.
Result<InterventionSet> read_interventions(const PromptOptions& options, const OpenedModel& model,
                                           std::uint64_t seed, ProgressPrinter& progress);

/// The content of an --intervene file for passports, with the hashes of the files it names; null
/// when it cannot be read any more.
Json described_file(const std::string& path);

/// The same on one prompt of the command line.
Result<std::vector<Intervention>> interventions_for(const InterventionSet& set,
                                                    const PromptInput& prompt);

}  // namespace headscope::cli
