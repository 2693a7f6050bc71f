// Samples of a task that fill a prompt of a given length, for any tokenizer.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/run_context.h"
#include "core/suite/task.h"
#include "core/text/chat_prompt.h"

namespace headscope {

inline constexpr std::int64_t longest_suite_prompt = 1'000'000;

/// A sample and what it became for one tokenizer.
struct FittedSample {
  SuiteSample sample;
  std::int64_t length = 0;  ///< wanted, with the answer's tokens
  std::int64_t tokens = 0;  ///< of the prompt
};
/// How many samples of which length.
struct SuiteOrder {
  std::int64_t length = 0;  ///< tokens of prompt and longest answer together
  std::int64_t samples = 1;
  std::uint64_t seed = 0;
};

/// Sample i depends on (seed, task, i) and, in its size, on the tokenizer; not on how many are
/// made. As many documents, pairs or demonstrations as fit: what is left of the length is less than
/// about one of them. Errors: too short for the least, longer than the task can fill, words that
/// the tokenizer does not know.
Result<std::vector<FittedSample>> generate_suite(const SuiteTask& task, const SuiteOrder& order,
                                                 const PromptEncoder& encoder,
                                                 const RunContext& context);

/// Whether prompts of `encoder` are chat messages.
bool is_chat(const PromptEncoder& encoder);

}  // namespace headscope
