// report: one page about a prompt, as the window saves it.
#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "app/cli/command_line.h"
#include "app/cli/made_by.h"
#include "app/cli/output.h"
#include "app/cli/render_run.h"
#include "core/analysis/head_choice.h"
#include "core/base/file.h"
#include "core/engine/causal_view.h"
#include "core/runner/companions.h"
#include "core/study/report_of_runs.h"

namespace headscope::cli {
namespace {

struct Options : RenderOptions {
  std::string positions, removal, tune;  ///< files of the tests' results; empty = not made
};

// What the tests of the prompt wrote.
Result<std::vector<Json>> read_tests(const Options& options) {
  std::vector<Json> tests;
  for (const std::string& file : {options.positions, options.removal, options.tune}) {
    Json json;
    if (!file.empty()) {
      HEADSCOPE_ASSIGN(json, read_json_file(file));
      if (!json.is_object())
        return bad_input(file + ": expected a JSON object, as headscope-cli writes it");
    }
    tests.push_back(std::move(json));
  }
  return tests;
}

int likely_index(const RenderRun& run, int top_k) {
  const PromptView& prompt = *run.runs.prompt;
  if (prompt.gold_document() >= 0 || run.ranking.empty()) return -1;
  const RunResult& baseline = *run.runs.baseline;
  const auto heads = first_heads(run.ranking, std::max(top_k, 1), baseline.layers, baseline.heads);
  return likely_document_of(prompt, baseline, heads).index;
}

Result<study::ReportSource> source_of(const RenderRun& run, const Options& options) {
  const ModelConfig& config = run.opened.model->config();
  HEADSCOPE_ASSIGN(const Companions beside, read_companions(run.opened.folder, config));
  const int top_k = options.top_k.value_or(default_top_k(config.layers, config.heads));
  study::ReportSource source;
  source.runs = run.runs;
  source.question = run.prompt.question;
  HEADSCOPE_ASSIGN(auto group, heads_shown(run, options));
  source.heads = std::move(group.heads);
  source.ranking = run.ranking;
  source.ranking_source = options.heads.empty()
                              ? beside.heads_source
                              : std::filesystem::path(options.heads).filename().string();
  source.directions_source = beside.directions_source;
  source.model = run.opened.name + " (" + config.model_type + ", " +
                 run.opened.model->dtype_name() + ", " + run.opened.model->device_name() + ")";
  source.likely = likely_index(run, top_k);
  return source;
}

Result<> make_report(const Options& options) {
  HEADSCOPE_ASSIGN(const auto tests, read_tests(options));
  if (options.ids) return fail(ErrorKind::usage, "report: give the prompt as text, not as ids");
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(const auto run, run_for_figure(options, progress));
  HEADSCOPE_ASSIGN(auto source, source_of(run, options));
  for (std::size_t i = 0; i < tests.size(); ++i) {
    if (!tests[i].is_null()) source.tests[i] = tests[i];
  }
  HEADSCOPE_ASSIGN(const auto report, study::report_of_runs(std::move(source)));
  HEADSCOPE_ASSIGN(const auto html, study::prompt_report_html(report));
  HEADSCOPE_TRY(write_file_atomically(options.file, html));
  HEADSCOPE_TRY(write_made_by(options.file));
  Json answers = Json::array();
  for (const study::ReportAnswer& answer : report.answers) {
    answers.push_back({{"name", answer.name}, {"text", answer.text}, {"right", nullptr}});
    if (answer.right) answers.back()["right"] = *answer.right;
  }
  return write_json({{"file", options.file},
                     {"documents", report.documents.size()},
                     {"answers", std::move(answers)}},
                    "");
}

void add_tests(CLI::App& command, Options& options) {
  command
      .add_option("--positions", options.positions,
                  "result of headscope-cli positions on this prompt: a table of the report")
      ->check(CLI::ExistingFile);
  command.add_option("--removal", options.removal, "the same of causal --mask remove")
      ->check(CLI::ExistingFile);
  command.add_option("--tune", options.tune, "the same of tune")->check(CLI::ExistingFile);
}

}  // namespace

void add_report(CommandLine& line) {
  auto options = std::make_shared<Options>();
  options->figure = "documents";  // what has to be run for one
  CLI::App* command = line.add(
      "report",
      "one HTML page about a prompt: answers, attention per document, heads, tests, settings",
      [options] { return make_report(*options); });
  add_loaded_model(*command, *options);
  add_any_prompt(*command, *options);
  add_prompt_options(*command, *options);
  command->add_option("--answers", options->answers,
                      "right answers, one an option: whether the responses hold one of them");
  command->add_option("--heads", options->heads, "head set to choose heads from");
  command->add_option("--top-k", options->top_k, "how many of its heads (without an intervention)")
      ->check(CLI::Range(1, std::numeric_limits<int>::max()));
  command->add_option("--choose", options->choose,
                      "heads by name instead: LAYER:HEAD,LAYER:HEAD,... or all");
  add_tests(*command, *options);
  command->add_option("--out,-o", options->file, "HTML file to write")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
