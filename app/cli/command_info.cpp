// info: what a model is, from its files alone; weights are checked by name and shape, and loaded
// only to be checked further (--check, --accuracy).
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "app/cli/terminal.h"
#include "core/experiment/accuracy.h"
#include "core/runner/inspect_model.h"
#include "core/runner/open_model.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice {
  bool check = false, accuracy = false;
};

/// Nobody waits for a window here: the check takes what it takes.
constexpr double kNoLimit = 1e9;

Json to_json(const ModelSummary& summary) {
  const ModelConfig& config = summary.config;
  return {{"model_type", config.model_type},
          {"layers", config.layers},
          {"heads", config.heads},
          {"kv_heads", config.kv_heads},
          {"head_dim", config.head_dim},
          {"hidden_size", config.hidden_size},
          {"vocab_size", config.vocab_size},
          {"context_length", config.context_length},
          {"parameters", summary.parameters},
          {"dtype", summary.dtype},
          {"weights_bytes", summary.weights_bytes},
          {"supported", true},
          {"notes", summary.notes}};
}

// Scripts that ask whether a model can be used get an answer on stdout beside the exit code.
Json refusal(const std::filesystem::path& folder, const Error& error) {
  Json answer = {{"supported", false}, {"notes", {error.message}}};
  const auto config = read_json_file(folder / "config.json");
  if (config && config->is_object() && config->contains("model_type")) {
    answer["model_type"] = (*config)["model_type"];
  }
  return answer;
}

Json to_json(const ParityReport& report) {
  return {{"good", report.good()},
          {"tokens", report.tokens},
          {"steps", report.steps},
          {"cache_error", report.cache_error},
          {"backend_error", report.backend_error},
          {"attention_error", report.attention_error},
          {"logit_tolerance", report.logit_tolerance},
          {"attention_tolerance", report.attention_tolerance},
          {"seconds", report.seconds},
          {"note", report.note}};
}

// Loads the model and looks whether its ways of computing agree.
Result<> add_check(const Options& options, const RunContext& context, Json& answer) {
  HEADSCOPE_ASSIGN(const auto opened, open_model(options.model, load_options(options, options),
                                                 context, TokenizerNeed::optional));
  HEADSCOPE_ASSIGN(const auto report, opened.model->self_check(kNoLimit, context));
  answer["parity"] = to_json(report);
  answer["loaded"] = {{"dtype", opened.model->dtype_name()},
                      {"device", opened.model->device_name()}};
  return {};
}

struct ProbeResult {
  std::vector<std::int32_t> ids;
  std::vector<float> log_probabilities;
  std::string dtype;
};

Result<ProbeResult> run_probe(const Options& options, const std::string& dtype,
                              const RunContext& context) {
  LoadOptions load = load_options(options, options);
  load.dtype = dtype;
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load, context, TokenizerNeed::optional));
  ProbeResult result;
  HEADSCOPE_ASSIGN(result.ids, accuracy_probe(opened.model->config(),
                                              opened.tokenizer ? &*opened.tokenizer : nullptr));
  HEADSCOPE_ASSIGN(result.log_probabilities, log_probabilities(*opened.model, result.ids, context));
  result.dtype = opened.model->dtype_name();
  return result;
}

// One model after the other: both need not fit beside each other. fp32 may not fit at all.
Result<> add_accuracy(const Options& options, const RunContext& context, Json& answer) {
  auto exact = run_probe(options, "float32", context);
  if (!exact && exact.error().kind == ErrorKind::out_of_memory) {
    exact = run_probe(options, "bfloat16", context);
  }
  if (!exact) return tl::unexpected(exact.error());
  HEADSCOPE_ASSIGN(const auto narrow, run_probe(options, options.dtype, context));
  const auto vocabulary =
      static_cast<std::int64_t>(exact->log_probabilities.size() / exact->ids.size());
  const AccuracyReport report =
      compare_log_probabilities(exact->log_probabilities, narrow.log_probabilities, vocabulary);
  answer["accuracy"] = {{"dtype", narrow.dtype},
                        {"against", exact->dtype},
                        {"tokens", report.tokens},
                        {"largest_difference", report.largest},
                        {"mean_difference", report.mean},
                        {"kl_divergence", report.divergence},
                        {"same_most_likely", report.same_first}};
  return {};
}

Result<> info(const Options& options) {
  HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
  const auto summary = inspect_model(folder.string(), options.adapter);
  if (!summary) {
    HEADSCOPE_TRY(write_json(refusal(folder, summary.error()), options.out));
    return tl::unexpected(summary.error());
  }
  Json answer = to_json(*summary);
  ProgressPrinter progress(options.quiet);
  if (options.check) HEADSCOPE_TRY(add_check(options, progress.context(), answer));
  if (options.accuracy) HEADSCOPE_TRY(add_accuracy(options, progress.context(), answer));
  return write_json(answer, options.out);
}

}  // namespace

void add_info(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("info", "shape, size and support of a model", [options] { return info(*options); });
  add_model(*command, *options);
  command->add_flag("--check", options->check,
                    "load it, and compare cached with uncached and fused with plain computation");
  command->add_flag("--accuracy", options->accuracy,
                    "load it, and compare next-token probabilities under --dtype with float32");
  add_common(*command, *options);
}

}  // namespace headscope::cli
