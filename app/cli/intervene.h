// --intervene FILE, resolved against a model and a prompt.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/cli/options.h"
#include "app/cli/prompt_input.h"
#include "core/base/error.h"
#include "core/runner/open_model.h"

namespace headscope::cli {

/// What `options.intervene` asks for on this prompt; empty without the option.
Result<std::vector<Intervention>> read_interventions(const PromptOptions& options,
                                                     const OpenedModel& model,
                                                     const PromptInput& prompt, std::uint64_t seed);

}  // namespace headscope::cli
