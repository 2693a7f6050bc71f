// What a caption says of a run on the command line, and of the command that repeats it.
#pragma once

#include <cstddef>
#include <string>

#include "app/cli/options.h"
#include "core/base/run_context.h"
#include "core/exhibit/origin.h"
#include "core/runner/open_model.h"
#include "core/text/chat_prompt.h"

namespace headscope::cli {

/// What was run: its intervention (`options.intervene`) acts on so many heads.
struct FigureRun {
  const OpenedModel& opened;
  const PromptEncoder* encoder = nullptr;  ///< null: the prompt is given as ids
  RowConvention rows = RowConvention::input;
  std::size_t heads_acted_on = 0;
};

/// Names model, numbers, chat template and intervention. Errors: weights or intervention that
/// cannot be read, cancelled.
Result<> name_run(const FigureRun& run, const CommonOptions& common, const PromptOptions& options,
                  const RunContext& context, Origin& origin);

/// Names the prompt, `text`, that came from `source`. Errors: --split names an unreadable file.
Result<> name_prompt(const PromptSource& source, const std::string& text, Origin& origin);

/// `file` is to be a picture (.png, .svg, .pdf) rather than JSON or a folder.
bool is_picture(const std::string& file);

/// Where the picture is to go, checked before a model runs for minutes. Errors: another ending, no
/// such folder.
Result<> check_picture(const std::string& file);
/// The same of any file: no such folder.
Result<> check_folder_of(const std::string& file);

}  // namespace headscope::cli
