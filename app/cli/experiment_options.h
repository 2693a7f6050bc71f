// What the commands over data sets share: their options, their data, their passports.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>

#include "app/cli/options.h"
#include "app/cli/terminal.h"
#include "core/experiment/data_part.h"
#include "core/runner/open_model.h"
#include "core/session/passport.h"

namespace headscope::cli {

struct DataOptions {
  std::string data;
  std::optional<std::int64_t> samples;
  std::string part;  ///< "all", "train", "test" or "" = as the command's rule says
  std::string rows = "input";

  std::optional<DataPart> wanted_part() const;
  RowConvention row_convention() const;
};

/// `required`: the command cannot do without data.
void add_data(CLI::App& command, DataOptions& options, bool required, const std::string& part_help);

/// Who made a result, with which model and which data.
Result<Passport> make_passport(const OpenedModel& model, const Dataset& data,
                               const ChosenSamples& chosen, const CommonOptions& common,
                               const PromptOptions& prompt, const DataOptions& options,
                               const RunContext& context);

/// What a run over all samples will take, judged by the first one.
Result<> announce_samples(ProgressPrinter& progress, const OpenedModel& opened,
                          std::span<const QaSample> samples, int max_new_tokens);

/// Notes to stderr, and to JSON.
void print_notes(ProgressPrinter& progress, const std::vector<std::string>& notes);

}  // namespace headscope::cli
