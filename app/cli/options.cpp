#include "app/cli/options.h"

#include <limits>

#include "core/base/file.h"
#include "core/intervention/method.h"
#include "core/model/memory.h"
#include "core/text/splitting.h"

namespace headscope::cli {
namespace {

constexpr const char* kCommonGroup = "Common";
constexpr int kMaxThreads = 1024;

void limit_memory(const double& gibibytes) {
  set_memory_budget(static_cast<std::uint64_t>(gibibytes * static_cast<double>(gibibyte)));
}

}  // namespace

void add_common(CLI::App& command, CommonOptions& options, const std::string& out_help) {
  command
      .add_option("--device", options.device,
                  "where to compute: processor, NVIDIA GPU, or the GPU where there is one")
      ->check(CLI::IsMember({"cpu", "cuda", "auto"}))
      ->capture_default_str()
      ->group(kCommonGroup);
  command
      .add_option("--dtype", options.dtype,
                  "type of the weights; auto: what suits them and the machine, int8: matrices in a "
                  "quarter of float32's memory")
      ->check(CLI::IsMember({"auto", "float32", "bfloat16", "float16", "int8"}))
      ->capture_default_str()
      ->group(kCommonGroup);
  command
      .add_option("--device-memory", options.device_memory,
                  "GiB to take of each card, separated by commas (default: what is free); layers "
                  "are split over the cards. With --device cpu every number stands in for a card")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->group(kCommonGroup);
  command.add_option("--threads", options.threads, "processor threads, 0: all")
      ->check(CLI::Range(0, kMaxThreads))
      ->capture_default_str()
      ->group(kCommonGroup);
  command.add_option("--seed", options.seed, "seed of everything drawn at random")
      ->capture_default_str()
      ->group(kCommonGroup);
  command
      .add_option_function<double>("--memory-limit", limit_memory,
                                   "GiB that tensors may take (default: what is free)")
      ->check(CLI::PositiveNumber)
      ->group(kCommonGroup);
  command.add_flag("--quiet,-q", options.quiet, "print no progress and no notes")
      ->group(kCommonGroup);
  if (!out_help.empty()) command.add_option("--out,-o", options.out, out_help);
}

void add_model(CLI::App& command, ModelChoice& options) {
  command
      .add_option("--model,-m", options.model,
                  "demo (the small model inside), a Hugging Face folder or a GGUF file")
      ->capture_default_str();
}

void add_loaded_model(CLI::App& command, ModelChoice& options) {
  add_model(command, options);
  command.add_option("--adapter", options.adapter,
                     "PEFT folder whose LoRA adapter is merged into the model");
}

LoadOptions load_options(const CommonOptions& common, const ModelChoice& choice) {
  return {common.device, common.dtype, common.threads, common.device_memory, choice.adapter};
}

void add_chat_options(CLI::App& command, PromptOptions& options) {
  auto* chat =
      command.add_flag("--chat", options.chat,
                       "wrap the prompt in the model's chat template (default if it has one)");
  command.add_flag("--no-chat", options.no_chat, "use the prompt as it is")->excludes(chat);
}

void add_prompt_options(CLI::App& command, PromptOptions& options) {
  add_chat_options(command, options);
  command.add_option("--max-new-tokens", options.max_new_tokens, "longest answer, in tokens")
      ->check(CLI::Range(0, std::numeric_limits<int>::max()))
      ->capture_default_str();
  command.add_option(
      "--intervene", options.intervene,
      "JSON file that says what to change, an object or a list: {\"method\": ..., its "
      "parameters, \"heads\": [[layer,head]] or \"head_set\" and \"top_k\", "
      "\"rows\": \"all\"|\"response\"|N}; methods, in the order in which they act: " +
          methods_in_words());
}

void add_prompt_source(CLI::App& command, PromptSource& options) {
  auto* source = command.add_option_group("Prompt", "exactly one of");
  source->add_option("--prompt", options.prompt, "the prompt");
  source->add_option("--prompt-file", options.prompt_file, "file that holds it, used as it is");
  source->add_option("--ids", options.ids, "token ids, separated by commas, used as they are");
  source->require_option(1);
  add_documents(command, options);
}

void add_documents(CLI::App& command, PromptSource& options) {
  command
      .add_option("--gold", options.gold,
                  "numbers of the relevant documents as the prompt prints them, such as 3 or 3,7; "
                  "works without")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  add_split(command, options);
}

void add_split(CLI::App& command, PromptSource& options) {
  std::string names;
  for (const SplitFormat& format : split_formats()) names += std::string(format.name) + ", ";
  command
      .add_option("--split", options.split,
                  "how the prompt's documents are found: auto, " + names +
                      "none, a regular expression that begins each document, between:REGEX, or "
                      "@FILE with a splitting as sessions hold it")
      ->capture_default_str();
}

}  // namespace headscope::cli
