// The prompt of a command: read, tokenised, its documents found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "app/cli/options.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/runner/open_model.h"
#include "core/text/prompt.h"
#include "core/text/tokenizer.h"

namespace headscope::cli {

struct PromptInput {
  std::string text;   ///< empty when ids were given
  Encoding encoding;  ///< ids alone when ids were given
  std::vector<DocumentSpan> documents;
};

/// Reads what the user gave. Errors: unreadable file, empty prompt, malformed ids, no document with
/// the number `source.gold`.
/// `tokenizer` may be missing when ids are given.
Result<PromptInput> read_prompt(const PromptSource& source,
                                const std::optional<Tokenizer>& tokenizer);

/// Ids need no tokenizer.
TokenizerNeed tokenizer_need(const PromptSource& source);

/// "1,2,3"; usage error when it is anything else.
Result<std::vector<std::int32_t>> parse_ids(const std::string& text);

/// Chat templates are not read yet: says so when one was asked for.
Result<> check_chat(const PromptOptions& options);
/// ... and notes it when the model has one and nobody said --no-chat.
void note_chat_template(const PromptOptions& options, const std::filesystem::path& folder,
                        ProgressPrinter& progress);

}  // namespace headscope::cli
