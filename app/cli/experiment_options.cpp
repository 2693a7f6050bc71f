#include "app/cli/experiment_options.h"

#include <iterator>

#include "app/cli/outlook_note.h"
#include "core/experiment/sample_prompt.h"
#include "core/runner/run_outlook.h"
#include "core/sweep/weights_hash.h"

namespace headscope::cli {

std::optional<DataPart> DataOptions::wanted_part() const {
  if (part == "all") return DataPart::all;
  if (part == "train") return DataPart::train;
  if (part == "test") return DataPart::test;
  return std::nullopt;
}

RowConvention DataOptions::row_convention() const {
  return rows == "predict" ? RowConvention::predict : RowConvention::input;
}

void add_data(CLI::App& command, DataOptions& options, bool required,
              const std::string& part_help) {
  command.add_option("--data", options.data, "JSON lines of questions with documents, .gz allowed")
      ->required(required);
  command.add_option("--samples", options.samples, "at most so many samples")
      ->check(CLI::PositiveNumber);
  command.add_option("--part", options.part, part_help)
      ->check(CLI::IsMember({"all", "train", "test"}));
  command
      .add_option("--rows", options.rows,
                  "rows that are read: where response tokens are the input, or predicted")
      ->check(CLI::IsMember({"input", "predict"}))
      ->capture_default_str();
}

Result<Passport> make_passport(const OpenedModel& model, const PromptEncoder& encoder,
                               const Dataset& data, const ChosenSamples& chosen,
                               const CommonOptions& common, const PromptOptions& prompt,
                               const DataOptions& options, const RunContext& context) {
  Passport passport = new_passport();
  passport.model = model.name;
  HEADSCOPE_ASSIGN(passport.weights_sha256, weights_sha256(model.folder, context, model.adapter));
  passport.tokenizer_sha256 = model.tokenizer->sha256();
  passport.data = data.name;
  passport.data_sha256 = data.sha256;
  passport.n = static_cast<std::int64_t>(chosen.samples.size());
  passport.seed = common.seed;
  passport.chat_template = encoder.template_name();
  passport.dtype = model.model->dtype_name();
  passport.device = model.model->device_name();
  passport.options = {{"part", part_name(chosen.part)},
                      {"rows", options.rows},
                      {"max_new_tokens", prompt.max_new_tokens}};
  return passport;
}

Result<> announce_samples(ProgressPrinter& progress, const OpenedModel& opened,
                          std::span<const QaSample> samples, int max_new_tokens) {
  if (samples.empty()) return {};
  HEADSCOPE_ASSIGN(const auto prompt,
                   make_sample_prompt(samples.front(), PromptKind::all, *opened.tokenizer));
  const OutlookQuestion question{.prompt_tokens = prompt.tokens(),
                                 .new_tokens = max_new_tokens,
                                 .sets = std::ssize(prompt.span_sets()),
                                 .wanted = KeepAttention::spans};
  const RunOutlook outlook = look_ahead(*opened.model, question);
  announce(progress, outlook, outlook.spans, "span sums", std::ssize(samples));
  return {};
}

void print_notes(ProgressPrinter& progress, const std::vector<std::string>& notes) {
  for (const std::string& note : notes) progress.note("note: " + note);
}

}  // namespace headscope::cli
