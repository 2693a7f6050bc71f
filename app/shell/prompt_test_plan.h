// Tests of one prompt that the window starts: commands of headscope-cli on the prompt as it stands,
// so that they can be stopped, copied into a terminal, and found again.
#pragma once

#include <filesystem>

#include "app/shell/experiment_plan.h"
#include "core/engine/snapshot.h"

namespace headscope {

enum class PromptTest {
  positions,  ///< the relevant (or likely) document at every place
  removal,    ///< every document taken out in turn
  tune,       ///< a small grid of strengths and numbers of heads
};
inline constexpr int prompt_tests = 3;

/// "Position", and one sentence on what it shows.
const char* prompt_test_name(PromptTest test);
const char* prompt_test_note(PromptTest test);

/// What a test is made of.
struct PromptTestInput {
  Request request;  ///< model, prompt, number of heads
  const PromptView* prompt = nullptr;
  const ModelInfo* model = nullptr;
  std::vector<HeadId> ranking;  ///< whose first heads are looked at; empty = all heads
  int likely = -1;              ///< where no document is marked
};

/// The command, in a folder below `root` named after everything that decides the result; writes the
/// prompt, its splitting and the heads there. The result is `plan.results`. bad_input: fewer than
/// two documents, no document to move, nothing to tune.
Result<ExperimentPlan> plan_prompt_test(PromptTest test, const PromptTestInput& input,
                                        const std::filesystem::path& root);

/// The same folder without writing anything: what a result is found by. `prompt_key` is
/// `prompt_test_key` of the prompt, worked out where it is empty: hashing a long one at every move
/// of a slider would be felt.
std::filesystem::path prompt_test_folder(PromptTest test, const PromptTestInput& input,
                                         const std::filesystem::path& root,
                                         const std::string& prompt_key = {});
/// What a prompt's text and splitting add to the folder's name.
std::string prompt_test_key(const PromptView& prompt);

}  // namespace headscope
