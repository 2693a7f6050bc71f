// info: what a model is, from its files alone; weights are checked by name and shape, and loaded
// only to be checked further (--check, --accuracy).
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "app/cli/terminal.h"
#include "core/engine/outlook.h"
#include "core/experiment/accuracy.h"
#include "core/runner/inspect_model.h"
#include "core/runner/open_model.h"
#include "core/runner/run_outlook.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice {
  bool check = false, accuracy = false;
  std::int64_t tokens = 0;  ///< length to estimate runs at; 0 = no estimate
  int new_tokens = 100;
};

/// Nobody waits for a window here: the check takes what it takes.
constexpr double kNoLimit = 1e9;
constexpr std::int64_t kDocuments = 20;  // of a usual prompt; the sink is one more key set

Json estimate_json(const char* policy, const char* what, const PolicyEstimate& estimate) {
  return {{"policy", policy},        {"what", what},
          {"bytes", estimate.bytes}, {"seconds", estimate.seconds},
          {"fits", estimate.fits},   {"text", estimate_text(estimate)}};
}

// Memory beside the weights and time of a run, for each way of keeping attention.
Json estimates(const Options& options, const ModelSummary& summary) {
  OutlookQuestion question;
  question.prompt_tokens = options.tokens;
  question.new_tokens = options.new_tokens;
  question.sets = kDocuments + 1;
  question.measure = true;
  question.dtype = options.dtype != "auto" ? options.dtype : summary.auto_dtype;
  const RunOutlook outlook = look_ahead(summary.config, question);
  return {{"prompt_tokens", outlook.prompt_tokens},
          {"new_tokens", outlook.new_tokens},
          {"device", question.device},
          {"dtype", question.dtype},
          {"free_bytes", outlook.free_bytes},
          {"advice", long_run_advice(outlook.spans)},
          {"policies",
           {estimate_json("nothing", "the answer alone", outlook.nothing),
            estimate_json("spans", "mass per document and sink, every head", outlook.spans),
            estimate_json("rows", "every weight of the response rows, every head", outlook.rows),
            estimate_json("full_map", "the map of one head, made afterwards", outlook.full_map)}}};
}

Result<> check_tokens(const Options& options, const ModelConfig& config) {
  if (options.device == "cuda") {
    return fail(ErrorKind::usage,
                "info --tokens estimates runs on the processor; a model that is "
                "loaded on a card is estimated before it runs");
  }
  if (options.tokens <= config.context_length) return {};
  return bad_input("--tokens " + std::to_string(options.tokens) + ": the model's context is " +
                   std::to_string(config.context_length));
}

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
          {"auto_dtype", summary.auto_dtype},
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
    HEADSCOPE_TRY(write_result("model_info", refusal(folder, summary.error()), options.out));
    return tl::unexpected(summary.error());
  }
  Json answer = to_json(*summary);
  ProgressPrinter progress(options.quiet);
  if (options.check) HEADSCOPE_TRY(add_check(options, progress.context(), answer));
  if (options.accuracy) HEADSCOPE_TRY(add_accuracy(options, progress.context(), answer));
  if (options.tokens > 0) {
    HEADSCOPE_TRY(check_tokens(options, summary->config));
    answer["estimates"] = estimates(options, *summary);
  }
  return write_result("model_info", std::move(answer), options.out);
}

}  // namespace

void add_info(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add(
      "info", "a model's shape and size, whether it can be used, and what a run would take",
      [options] { return info(*options); });
  add_loaded_model(*command, *options);
  command->add_flag("--check", options->check,
                    "load it, and compare cached with uncached and fused with plain computation");
  command->add_flag("--accuracy", options->accuracy,
                    "load it, and compare next-token probabilities under --dtype with float32");
  command
      ->add_option("--tokens", options->tokens,
                   "estimate memory and time of a run over so many prompt tokens")
      ->check(CLI::PositiveNumber);
  command->add_option("--max-new-tokens", options->new_tokens, "longest answer, for --tokens")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_common(*command, *options);
}

}  // namespace headscope::cli
