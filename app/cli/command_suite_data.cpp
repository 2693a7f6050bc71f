// suite-data: samples of the long-context suites, to look at or to use elsewhere.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/made_by.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "app/cli/terminal.h"
#include "core/base/file.h"
#include "core/suite/generate.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice, PromptOptions {
  std::string suite = "all", tokenizer, file;
  std::vector<std::int64_t> lengths;
  std::int64_t samples = 1;
};

// Of --tokenizer alone, or of the model with its chat template.
Result<PromptEncoder> encoder_of(const Options& options) {
  if (!options.tokenizer.empty()) {
    if (options.chat) {
      return fail(ErrorKind::usage,
                  "--chat needs a model's template: give --model instead of "
                  "--tokenizer");
    }
    HEADSCOPE_ASSIGN(auto tokenizer, Tokenizer::load(options.tokenizer));
    return PromptEncoder(std::move(tokenizer));
  }
  HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
  HEADSCOPE_ASSIGN(const auto tokenizer, open_tokenizer(folder, TokenizerNeed::required));
  return prompt_encoder(options, options.model, folder, *tokenizer);
}

Json line_of(const FittedSample& fitted, const PromptEncoder& encoder) {
  Json line = to_json(fitted.sample, is_chat(encoder));
  line["length"] = fitted.length;
  line["tokens"] = fitted.tokens;
  return line;
}

struct Export {
  std::string lines;
  Json made = Json::array();
};

Result<> add(const SuiteTask& task, std::int64_t length, const Options& options,
             const PromptEncoder& encoder, const RunContext& context, Export& result) {
  const SuiteOrder order{.length = length, .samples = options.samples, .seed = options.seed};
  HEADSCOPE_ASSIGN(const auto samples, generate_suite(task, order, encoder, context));
  double tokens = 0;
  for (const FittedSample& fitted : samples) {
    result.lines += dump_json(line_of(fitted, encoder)) + "\n";
    tokens += static_cast<double>(fitted.tokens);
  }
  result.made.push_back({{"task", task.name},
                         {"length", length},
                         {"samples", samples.size()},
                         {"mean_tokens", tokens / static_cast<double>(samples.size())}});
  return {};
}

Result<> suite_data(const Options& options) {
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto encoder, encoder_of(options));
  const bool embedded = options.tokenizer.empty() && options.model == kDemoModel;
  HEADSCOPE_ASSIGN(const auto tasks, tasks_of_suite(options.suite, embedded));
  Export result;
  for (const SuiteTask* task : tasks) {
    for (const std::int64_t length : options.lengths) {
      HEADSCOPE_TRY(add(*task, length, options, encoder, context, result));
    }
  }
  HEADSCOPE_TRY(write_file_atomically(options.file, result.lines));
  HEADSCOPE_TRY(write_made_by(options.file));
  return write_json(
      {{"file", options.file}, {"seed", options.seed}, {"made", std::move(result.made)}}, "");
}

}  // namespace

void add_suite_data(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add("suite-data", "samples of long-context tasks, of any length",
                               [options] { return suite_data(*options); });
  add_model(*command, *options);
  command->add_option("--tokenizer", options->tokenizer,
                      "tokenizer.json or its folder, instead of a model's");
  command
      ->add_option("--suite,--task", options->suite,
                   "all, recall, needles, rag, icl, rerank, demo, or one task")
      ->capture_default_str();
  command->add_option("--length", options->lengths, "tokens of prompt and answer: 1024,4096")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{64}, longest_suite_prompt))
      ->required();
  command->add_option("--samples", options->samples, "how many of each task and length")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  add_chat_options(*command, *options);
  command->add_option("--out,-o", options->file, "JSON lines to write")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
