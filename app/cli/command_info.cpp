// info: what a model is, from its files alone; weights are checked by name and shape, not loaded.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "core/runner/inspect_model.h"
#include "core/runner/open_model.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice {};

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

Result<> info(const Options& options) {
  HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
  const auto summary = inspect_model(folder.string(), options.adapter);
  if (!summary) {
    HEADSCOPE_TRY(write_json(refusal(folder, summary.error()), options.out));
    return tl::unexpected(summary.error());
  }
  return write_json(to_json(*summary), options.out);
}

}  // namespace

void add_info(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("info", "shape, size and support of a model", [options] { return info(*options); });
  add_model(*command, *options);
  add_common(*command, *options);
}

}  // namespace headscope::cli
