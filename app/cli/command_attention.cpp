// attention: weights and logits of some rows, as safetensors.
#include <algorithm>
#include <memory>
#include <span>

#include "app/cli/command_line.h"
#include "app/cli/intervene.h"
#include "app/cli/made_by.h"
#include "app/cli/options.h"
#include "app/cli/outlook_note.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "app/cli/prompt_passport.h"
#include "app/cli/slice.h"
#include "app/cli/terminal.h"
#include "core/analysis/row_metrics.h"
#include "core/base/safetensors.h"
#include "core/config/config.h"
#include "core/model/estimate.h"
#include "core/model/memory.h"
#include "core/runner/run_outlook.h"
#include "core/text/spans.h"

namespace headscope::cli {
namespace {

constexpr std::int64_t kSinkTokens = 2;  // S0 of method.md

struct Options : CommonOptions, ModelChoice, PromptOptions, PromptSource {
  std::string rows;
  std::string layers = ":";
  std::string capture = "rows";
  bool metrics = false;

  bool spans() const { return capture == "spans"; }
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

// The documents of the prompt in their order, then the sink.
std::vector<TokenSet> key_sets(const PromptInput& prompt) {
  std::vector<TokenSet> sets;
  const auto add = [&sets](TokenRange range) {
    TokenSet set;
    for (auto t = range.begin; t < range.end; ++t) set.push_back(t);
    sets.push_back(std::move(set));
  };
  for (const DocumentSpan& document : prompt.documents) {
    add(token_range(prompt.encoding.offsets, document.relevant));
  }
  add({0, std::min<std::int64_t>(kSinkTokens, std::ssize(prompt.encoding.ids))});
  return sets;
}

Capture wanted_capture(const Options& options, const Selection& selection,
                       const PromptInput& prompt) {
  Capture capture;
  capture.rows = selection.rows;
  capture.layers = selection.layers;
  capture.weights = !options.spans();
  if (options.spans()) capture.span_sets = key_sets(prompt);
  return capture;
}

Result<> check_size(const Selection& selection, const Capture& capture, const ModelConfig& config,
                    std::int64_t tokens) {
  const auto bytes_of_rows = [&](std::int64_t rows) {
    constexpr MachineRate any{1, 1, 1};  // of bytes, not of time
    return estimate_run(config, tokens, 0, plan_of(&capture, rows, rows), sizeof(float), any)
        .bytes();
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
                            std::to_string(static_cast<std::int64_t>(fit)) + " fit" +
                            (capture.weights ? ", or for --capture spans" : ""));
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span<const T>(values));
}

// "document 1,document 2,sink": what the last axis of span_sums counts.
std::string set_names(const PromptInput& prompt) {
  std::string names;
  for (const DocumentSpan& document : prompt.documents) {
    names += "document " + std::to_string(document.number) + ",";
  }
  return names + "sink";
}

// Of every head and row, [L, H, R] each.
struct Metrics {
  std::vector<float> entropy, distance;
};

Metrics metrics_of(const CapturedAttention& attention) {
  Metrics metrics;
  const auto keys = static_cast<std::size_t>(attention.keys);
  const auto rows = attention.weights.size() / keys;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto row = static_cast<std::int64_t>(i) % attention.rows.size();
    const RowMetrics found = row_metrics(std::span(attention.weights).subspan(i * keys, keys),
                                         attention.rows.begin + row);
    metrics.entropy.push_back(static_cast<float>(found.entropy));
    metrics.distance.push_back(static_cast<float>(found.distance));
  }
  return metrics;
}

Result<> write_tensors(const Options& options, const Selection& selection,
                       const PromptInput& prompt, const ModelConfig& config,
                       const ForwardResult& result, const Passport& passport) {
  const auto& ids = prompt.encoding.ids;
  const std::vector<std::int64_t> tokens(ids.begin(), ids.end());
  const std::int64_t length = std::ssize(ids), rows = selection.rows.size();
  const std::int64_t width = options.spans() ? std::ssize(prompt.documents) + 1 : length;
  std::vector<TensorToWrite> tensors = {
      {"tokens", DType::i64, {length}, bytes_of(tokens)},
      {options.spans() ? "span_sums" : "attention",
       DType::f32,
       {selection.layers.size(), config.heads, rows, width},
       bytes_of(options.spans() ? result.attention.span_sums : result.attention.weights)},
      {"logits", DType::f32, {rows, config.vocab_size}, bytes_of(result.logits)}};
  Metrics metrics;
  if (options.metrics) {
    metrics = metrics_of(result.attention);
    const std::vector<std::int64_t> shape = {selection.layers.size(), config.heads, rows};
    tensors.push_back({"entropy", DType::f32, shape, bytes_of(metrics.entropy)});
    tensors.push_back({"distance", DType::f32, shape, bytes_of(metrics.distance)});
  }
  return write_safetensors(options.file, tensors,
                           {{"format", "pt"},
                            {"headscope", "attention"},
                            {"passport", dump_json(to_json(passport))},
                            {"made_by", dump_json(made_by())},
                            {"sets", options.spans() ? set_names(prompt) : ""},
                            {"row_begin", std::to_string(selection.rows.begin)},
                            {"layer_begin", std::to_string(selection.layers.begin)}});
}

// What can be refused from the headers alone is refused before the weights are read.
Result<> check_before_loading(const Options& options) {
  HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
  HEADSCOPE_ASSIGN(const auto config, load_config(folder.string()));
  HEADSCOPE_ASSIGN(const auto tokenizer, open_tokenizer(folder, tokenizer_need(options)));
  HEADSCOPE_ASSIGN(const auto encoder,
                   prompt_encoder(options, options, model_name(options.model), folder, tokenizer));
  HEADSCOPE_ASSIGN(const auto prompt, read_prompt(options, encoder));
  const auto tokens = static_cast<std::int64_t>(prompt.encoding.size());
  if (tokens > config.context_length) {
    return bad_input("the prompt has " + std::to_string(tokens) + " tokens, the model's context " +
                     std::to_string(config.context_length));
  }
  HEADSCOPE_ASSIGN(const auto selection, select(options, config, tokens));
  return check_size(selection, wanted_capture(options, selection, prompt), config, tokens);
}

Result<> attention(const Options& options) {
  if (options.metrics && options.spans())
    return fail(ErrorKind::usage, "--metrics needs every weight: leave --capture spans out");
  HEADSCOPE_TRY(check_before_loading(options));
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(const auto input,
                   open_with_prompt(options, options, options, options, progress.context()));
  const auto& [opened, encoder, prompt] = input;
  const ModelConfig& config = opened.model->config();
  ForwardRequest request;
  request.ids = prompt.encoding.ids;
  const auto tokens = static_cast<std::int64_t>(request.ids.size());
  HEADSCOPE_ASSIGN(const auto selection, select(options, config, tokens));
  HEADSCOPE_ASSIGN(const auto set, read_interventions(options, opened, options.seed, progress));
  HEADSCOPE_ASSIGN(request.interventions, interventions_for(set, prompt));
  request.logit_rows = selection.rows;
  request.capture = wanted_capture(options, selection, prompt);
  const RunOutlook outlook = pass_outlook(*opened.model, tokens, *request.capture);
  announce(progress, outlook, outlook.of_run(),
           std::to_string(selection.rows.size()) + " rows, " +
               (options.spans() ? "span sums" : "weights"));
  HEADSCOPE_ASSIGN(const auto result, opened.model->forward(request, progress.context()));
  HEADSCOPE_ASSIGN(const auto passport,
                   prompt_passport(input, options, options, options, progress.context()));
  HEADSCOPE_TRY(write_tensors(options, selection, prompt, config, result, passport));
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
  CLI::App* command =
      line.add("attention", "attention weights and logits of chosen tokens, as a safetensors file",
               [options] { return attention(*options); });
  add_loaded_model(*command, *options);
  add_prompt_source(*command, *options);
  add_prompt_options(*command, *options);
  command
      ->add_option(
          "--rows", options->rows,
          "tokens whose attention is written, A:B as in Python: --rows=-5: for the last five")
      ->required();
  command->add_option("--layers", options->layers, "layers A:B as in Python")
      ->capture_default_str();
  command
      ->add_option("--capture", options->capture,
                   "rows: every weight; spans: their sums over each document and the sink, which "
                   "fits at any length")
      ->check(CLI::IsMember({"rows", "spans"}))
      ->capture_default_str();
  command->add_flag("--metrics", options->metrics,
                    "also tensors entropy (nats) and distance (tokens) of every row, [L,H,R]");
  command->add_option("--out,-o", options->file, "safetensors file to write")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
