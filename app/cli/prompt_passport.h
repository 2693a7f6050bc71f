// The passport of what one prompt of the command line gave.
#pragma once

#include "app/cli/options.h"
#include "app/cli/prompt_input.h"
#include "core/session/passport.h"

namespace headscope::cli {

/// Model, prompt (the hash of its text, or of --ids as given), seed and intervention. Errors: as
/// weights_sha256.
Result<Passport> prompt_passport(const OpenedPrompt& input, const CommonOptions& common,
                                 const PromptOptions& options, const PromptSource& source,
                                 const RunContext& context);

}  // namespace headscope::cli
