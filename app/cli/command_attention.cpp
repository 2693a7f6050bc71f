// attention: weights and logits of some rows, as safetensors.
#include <algorithm>
#include <memory>
#include <span>

#include "app/cli/command_line.h"
#include "app/cli/intervene.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "app/cli/slice.h"
#include "app/cli/terminal.h"
#include "core/base/safetensors.h"
#include "core/model/config.h"
#include "core/model/estimate.h"
#include "core/model/memory.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice, PromptOptions, PromptSource {
  std::string rows;
  std::string layers = ":";
  std::string file;
};

// What part of the attention is asked for, once the prompt's length is known.
struct Selection {
  TokenRange rows, layers;
};

Result<Selection> select(const Options& options, const ModelConfig& config, std::int64_t tokens) {
  Selection selection;
  HEADSCOPE_ASSIGN(selection.rows, parse_slice(options.rows, tokens, "--rows"));
  HEADSCOPE_ASSIGN(selection.layers, parse_slice(options.layers, config.layers, "--layers"));
  return selection;
}

Result<> check_size(const Selection& selection, const ModelConfig& config, std::int64_t tokens) {
  Capture capture;
  capture.layers = selection.layers;
  const auto bytes_of_rows = [&](std::int64_t rows) {
    return run_bytes(config, tokens, sizeof(float), rows, &capture, rows);
  };
  const std::int64_t rows = selection.rows.size();
  refresh_memory_limit();
  const double none = bytes_of_rows(0), each = bytes_of_rows(1) - none;
  const double fit = std::max(0.0, (static_cast<double>(memory_left()) - none) / each);
  return require_memory("attention of " + std::to_string(rows) + " rows x " +
                            std::to_string(tokens) + " keys in " +
                            std::to_string(selection.layers.size()) + " layers",
                        bytes_of_rows(rows),
                        "ask for fewer --layers, or fewer --rows: about " +
                            std::to_string(static_cast<std::int64_t>(fit)) + " fit");
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span<const T>(values));
}

Result<> write_result(const Options& options, const Selection& selection,
                      const std::vector<std::int32_t>& ids, const ModelConfig& config,
                      const ForwardResult& result) {
  const std::vector<std::int64_t> tokens(ids.begin(), ids.end());
  const auto length = static_cast<std::int64_t>(ids.size());
  const std::int64_t rows = selection.rows.size();
  return write_safetensors(
      options.file,
      {{"tokens", DType::i64, {length}, bytes_of(tokens)},
       {"attention",
        DType::f32,
        {selection.layers.size(), config.heads, rows, length},
        bytes_of(result.attention.weights)},
       {"logits", DType::f32, {rows, config.vocab_size}, bytes_of(result.logits)}},
      {{"format", "pt"},
       {"row_begin", std::to_string(selection.rows.begin)},
       {"layer_begin", std::to_string(selection.layers.begin)}});
}

// What can be refused from the headers alone is refused before the weights are read.
Result<> check_before_loading(const Options& options) {
  HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
  HEADSCOPE_ASSIGN(const auto config, load_config(folder.string()));
  HEADSCOPE_ASSIGN(const auto tokenizer, open_tokenizer(folder, tokenizer_need(options)));
  HEADSCOPE_ASSIGN(const auto prompt, read_prompt(options, tokenizer));
  const auto tokens = static_cast<std::int64_t>(prompt.encoding.size());
  if (tokens > config.context_length) {
    return bad_input("the prompt has " + std::to_string(tokens) + " tokens, the model's context " +
                     std::to_string(config.context_length));
  }
  HEADSCOPE_ASSIGN(const auto selection, select(options, config, tokens));
  return check_size(selection, config, tokens);
}

Result<> attention(const Options& options) {
  HEADSCOPE_TRY(check_chat(options));
  HEADSCOPE_TRY(check_before_loading(options));
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(const auto opened, open_model(options.model, load_options(options, options),
                                                 progress.context(), tokenizer_need(options)));
  if (!options.ids) note_chat_template(options, opened.folder, progress);
  HEADSCOPE_ASSIGN(const auto prompt, read_prompt(options, opened.tokenizer));
  const ModelConfig& config = opened.model->config();
  ForwardRequest request;
  request.ids = prompt.encoding.ids;
  const auto tokens = static_cast<std::int64_t>(request.ids.size());
  HEADSCOPE_ASSIGN(const auto selection, select(options, config, tokens));
  HEADSCOPE_ASSIGN(const auto set, read_interventions(options, opened, options.seed, progress));
  HEADSCOPE_ASSIGN(request.interventions, interventions_for(set, prompt));
  request.logit_rows = selection.rows;
  Capture capture;
  capture.rows = selection.rows;
  capture.layers = selection.layers;
  request.capture = std::move(capture);
  HEADSCOPE_ASSIGN(const auto result, opened.model->forward(request, progress.context()));
  HEADSCOPE_TRY(write_result(options, selection, request.ids, config, result));
  return write_json({{"file", options.file},
                     {"tokens", tokens},
                     {"rows", {selection.rows.begin, selection.rows.end}},
                     {"layers", {selection.layers.begin, selection.layers.end}},
                     {"heads", config.heads}},
                    "");
}

}  // namespace

void add_attention(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add("attention", "attention weights and logits of some rows",
                               [options] { return attention(*options); });
  add_model(*command, *options);
  add_prompt_source(*command, *options);
  add_prompt_options(*command, *options);
  command->add_option("--rows", options->rows, "rows A:B as in Python, such as --rows=-5:")
      ->required();
  command->add_option("--layers", options->layers, "layers A:B as in Python")
      ->capture_default_str();
  command->add_option("--out,-o", options->file, "safetensors file to write")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
