// What commands that explain an answer share: one prompt or a data set, and the heads to look at.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/experiment_options.h"
#include "app/cli/options.h"
#include "app/cli/prompt_input.h"
#include "app/cli/terminal.h"
#include "core/exhibit/prompt_tests.h"
#include "core/runner/companions.h"

namespace headscope::cli {

struct ExplainOptions : CommonOptions, ModelChoice, PromptOptions, PromptSource, DataOptions {
  std::string heads;         ///< head set; empty = the one beside the model
  std::optional<int> top_k;  ///< of its heads
  std::string directions;    ///< file; empty = those beside the model
  bool needs_directions = false;
};

/// The opened model with what it shall be looked at on.
struct ExplainInput {
  OpenedModel opened;
  PromptEncoder encoder;
  Companions beside;
  std::vector<HeadId> heads;                     ///< the first of the head set
  std::shared_ptr<const Directions> directions;  ///< where they are needed
  std::vector<QaSample> samples;                 ///< of --data
  std::optional<BuiltPrompt> one;                ///< the prompt given instead
  std::vector<std::string> notes;
  Passport passport;
};

/// Reads everything; what heads and directions were made from is left out of --data. Errors: usage
/// (neither or both of a prompt and --data, no head set, no directions where they are needed), bad
/// input.
Result<ExplainInput> open_explain(const ExplainOptions& options, ProgressPrinter& progress);

/// The result of one prompt (`kind`: write_result): to stdout or the file --out, which may be a
/// picture that `draw` makes of it (then the JSON goes to stdout). `heads_acted_on`: by
/// --intervene.
Result<> write_explained(const char* kind, const ExplainOptions& options, const ExplainInput& input,
                         const Json& result, Result<Exhibit> (*draw)(const Json&, Origin),
                         std::size_t heads_acted_on, const RunContext& context);

/// --prompt, --prompt-file, --data and theirs, --heads, --top-k, and what all commands accept.
void add_explain(CLI::App& command, ExplainOptions& options, const std::string& out_help);

}  // namespace headscope::cli
