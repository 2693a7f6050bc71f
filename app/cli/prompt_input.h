// The prompt of a command: read, tokenised, its documents found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/options.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/runner/open_model.h"
#include "core/text/chat_prompt.h"
#include "core/text/prompt.h"
#include "core/text/splitting.h"
#include "core/text/tokenizer.h"

namespace headscope::cli {

struct PromptInput {
  std::string text;   ///< empty when ids were given
  Encoding encoding;  ///< ids alone when ids were given
  std::vector<DocumentSpan> documents;
  ByteSpan question;
  std::string split_reason;  ///< how they were found
};

/// The splitting that `--split` names. Errors: unreadable file, empty pattern.
Result<Splitting> read_splitting(const std::string& name);
/// `text` with the documents of `--split` and the marks of `--gold`. bad_input: no such number.
Result<SplitPrompt> split_source(const std::string& text, const PromptSource& source);

/// Reads what the user gave. Errors: unreadable file, empty prompt, malformed ids, no document with
/// a number of `source.gold`. `encoder` may be missing when ids are given.
Result<PromptInput> read_prompt(const PromptSource& source,
                                const std::optional<PromptEncoder>& encoder);

/// Ids need no tokenizer.
TokenizerNeed tokenizer_need(const PromptSource& source);

/// A model with the one prompt of the command line.
struct OpenedPrompt {
  OpenedModel opened;
  std::optional<PromptEncoder> encoder;  ///< nothing for ids
  PromptInput prompt;
};
/// Opens the model, then reads the prompt as above.
Result<OpenedPrompt> open_with_prompt(const CommonOptions& common, const ModelChoice& choice,
                                      const PromptOptions& options, const PromptSource& source,
                                      const RunContext& context);

/// "1,2,3"; usage error when it is anything else.
Result<std::vector<std::int32_t>> parse_ids(const std::string& text);

/// The chat template that prompts are wrapped in: the model's own if it has one, unless --no-chat;
/// none by default for the embedded model. Error: --chat where there is none, or a template that is
/// not understood.
Result<PromptEncoder> prompt_encoder(const PromptOptions& options, const std::string& model,
                                     const std::filesystem::path& folder, Tokenizer tokenizer);
/// The same for an opened model; `tokenizer` must be there.
Result<PromptEncoder> prompt_encoder(const PromptOptions& options, const OpenedModel& opened);
/// The same for one prompt of the command line: nothing where it is given as ids, which are used as
/// they are (--chat with them is a usage error).
Result<std::optional<PromptEncoder>> prompt_encoder(const PromptOptions& options,
                                                    const PromptSource& source,
                                                    const std::string& model,
                                                    const std::filesystem::path& folder,
                                                    const std::optional<Tokenizer>& tokenizer);

}  // namespace headscope::cli
