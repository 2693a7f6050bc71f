#include "app/shell/prompt_report_file.h"

#include <utility>

#include "app/views/app_state.h"
#include "core/base/file.h"
#include "core/base/hash.h"

namespace headscope {

Result<study::PromptReport> report_of(const AppState& state, const PromptTestResults& tests) {
  const Snapshot& snapshot = *state.snapshot;
  auto runs = runs_of(snapshot);
  if (!runs || !snapshot.model || !state.prompt_is_current())
    return bad_input("The report needs an answer of this prompt: wait for the run.");
  const ModelInfo& model = *snapshot.model;
  study::ReportSource source;
  source.runs = std::move(*runs);
  source.question = state.layout().question;
  source.heads = state.chosen();
  if (source.heads.empty()) source.heads = {state.request.selected};
  source.ranking = state.ranking();
  source.ranking_source = model.known_source;
  source.directions_source = model.directions_source;
  source.model =
      model.name + " (" + model.model_type + ", " + model.dtype + ", " + model.device + ")";
  source.likely = state.likely().index;
  source.tests = tests;
  return study::report_of_runs(std::move(source));
}

Result<std::filesystem::path> save_report(const study::PromptReport& report,
                                          const std::filesystem::path& folder) {
  HEADSCOPE_ASSIGN(const auto html, study::prompt_report_html(report));
  HEADSCOPE_TRY(create_folders(folder));
  const auto path = folder / ("report-" + sha256_hex(html).substr(0, 12) + ".html");
  HEADSCOPE_TRY(write_file_atomically(path, html));
  return path;
}

}  // namespace headscope
