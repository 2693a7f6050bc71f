#include "core/bench/side_by_side.h"

#include <algorithm>
#include <thread>

#include "core/base/file.h"
#include "core/base/safetensors.h"
#include "core/bench/bench_model.h"
#include "core/bench/machine.h"
#include "core/model/estimate.h"

namespace headscope::bench {
namespace fs = std::filesystem;

Json pair_json(TokenRange range) {
  return Json::array({range.begin, range.end});
}

SideBySide::SideBySide(const BenchOptions& options, const RunContext& context)
    : options_(options),
      context_(context),
      config_(bench_model_config(options.quick)),
      threads_(options.threads > 0
                   ? options.threads
                   : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      model_folder_(options.work / (options.quick ? "quick-model" : "model")) {}

Result<> SideBySide::prepare() {
  note("random checkpoint in " + model_folder_.string());
  return make_bench_checkpoint(config_, options_.seed, model_folder_);
}

void SideBySide::note(const std::string& text) const {
  if (options_.note) options_.note(text);
}

std::optional<Goal> SideBySide::at_least(double limit) const {
  if (options_.quick) return std::nullopt;
  return Goal{Goal::Kind::at_least, limit};
}

std::optional<Goal> SideBySide::at_most(double limit) const {
  if (options_.quick) return std::nullopt;
  return Goal{Goal::Kind::at_most, limit};
}

Json SideBySide::report_head(const std::string& suite) const {
  return {{"suite", suite},
          {"quick", options_.quick},
          {"seed", options_.seed},
          {"machine", machine_facts(threads_)},
          {"peers", options_.peers.usable() ? options_.peers.versions
                                            : Json{{"skipped", options_.peers.missing}}},
          {"model",
           {{"what", "random weights, Llama family, fp32"},
            {"layers", config_.layers},
            {"heads", config_.heads},
            {"kv_heads", config_.kv_heads},
            {"hidden_size", config_.hidden_size},
            {"intermediate_size", config_.intermediate_size},
            {"vocab_size", config_.vocab_size},
            {"parameters", parameter_count(config_)}}}};
}

Result<> SideBySide::run_parts(const std::vector<std::string>& parts,
                               const std::function<Result<Json>(const std::string&)>& run,
                               Json& report) const {
  for (const std::string& part : parts) {
    if (!options_.parts.empty() && !options_.parts.contains(part)) continue;
    HEADSCOPE_ASSIGN(report[part], run(part));
    report[part]["load_average_after"] = load_average();
  }
  return {};
}

Json SideBySide::pass_task(const std::string& kind, std::int64_t tokens, std::int64_t rows) const {
  const BenchPrompt prompt = bench_prompt(config_, options_.seed, tokens, rows);
  Json sets = Json::array();
  for (const TokenRange set : prompt.sets) sets.push_back(pair_json(set));
  return {{"task", kind},
          {"model", model_folder_.string()},
          {"threads", threads_},
          {"ids", prompt.ids},
          {"prompt_tokens", prompt.prompt_tokens},
          {"rows", pair_json(prompt.rows)},
          {"sets", sets}};
}

Result<Json> SideBySide::measure(const Json& task, const std::vector<std::string>& command) const {
  const fs::path file = options_.work / "task.json";
  HEADSCOPE_TRY(write_file_atomically(file, dump_json(task)));
  return run_measurement(command, file, threads_, context_);
}

Result<std::vector<float>> SideBySide::tensor(const std::string& file,
                                              const std::string& name) const {
  HEADSCOPE_ASSIGN(const auto tensors, SafetensorsFile::open(options_.work / file));
  return tensors.floats(name);
}

Result<Json> SideBySide::ours(const Json& task) const {
  return measure(task, options_.own_command);
}

Result<std::optional<Json>> SideBySide::peer(const Json& task, const std::string& script,
                                             std::string& skipped) const {
  if (!skipped.empty()) return std::nullopt;
  const auto result =
      measure(task, {options_.peers.python, (options_.peers.folder / script).string()});
  if (result) return *result;
  if (result.error().kind == ErrorKind::cancelled) return tl::unexpected(result.error());
  skipped = result.error().message;
  return std::nullopt;
}

Result<Json> run_in_work_folder(const BenchOptions& options,
                                const std::function<Result<Json>()>& suite) {
  HEADSCOPE_TRY(create_folders(options.work));
  try {
    return suite();
  } catch (const Json::exception& problem) {
    return fail(ErrorKind::internal,
                std::string("a measuring process's answer: ") + problem.what());
  }
}

}  // namespace headscope::bench
