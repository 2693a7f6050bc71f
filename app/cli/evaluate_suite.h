// evaluate --suite: model x task x length, with and without interventions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/cli/experiment_options.h"
#include "app/cli/options.h"

namespace headscope::cli {

struct EvaluateArguments : CommonOptions, ModelChoice, PromptOptions, DataOptions {
  std::string heads, prompt = "all", file;
  std::optional<int> top_k;
  // Of suites alone.
  std::string suite, directions, demo_data;
  std::vector<std::int64_t> lengths;
  std::vector<std::string> tasks;
  std::vector<double> alphas;
  int shots = 2;
  bool new_tokens_given = false;  ///< --max-new-tokens was on the command line
};

void add_suite_options(CLI::App& command, EvaluateArguments& options);

Result<> evaluate_suite(const EvaluateArguments& options);

}  // namespace headscope::cli
