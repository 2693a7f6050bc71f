// Identities that must hold on this machine, on this copy of the program.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"

namespace headscope {
/// One check of an installation.
struct SelfCheck {
  std::string name;
  bool passed = false;
  std::string detail;  ///< what was measured, or what went wrong
};

/// Runs in seconds on a small model. Prompts come from the embedded model's world; `knows_world`
/// says that the model was trained on it, so that its answers are checked too.
std::vector<SelfCheck> run_selftest(Model& model, const Tokenizer& tokenizer, bool knows_world,
                                    const RunContext& context);

}  // namespace headscope
