#include "app/shell/report_job.h"

#include <memory>
#include <utility>

#include "app/shell/desktop.h"
#include "core/sweep/weights_hash.h"

namespace headscope {

Result<study::ReportSource> report_source(const AppState& state, const PromptTestResults& tests) {
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
  source.likely_top_k = state.request.intervention.top_k;
  for (std::size_t i = 0; i < tests.size(); ++i) {
    if (tests[i] != nullptr) source.tests[i] = *tests[i];
  }
  return source;
}

ExportQueue::Work report_job(const AppState& state, study::ReportSource source,
                             std::filesystem::path folder) {
  return [source = std::move(source), folder = std::move(folder), model = state.snapshot->model,
          adapter = state.snapshot->request.adapter](const RunContext& context) -> ExportOutcome {
    study::ReportSource whole = source;
    // Remembered between runs; a model without files has none.
    if (!model->path.empty()) {
      if (const auto hash = weights_sha256(model->path, context, adapter))
        whole.runs.origin.model_hash = *hash;
    }
    if (context.cancelled()) return {false, "The report was cancelled.", "", false};
    const auto path = study::save_report(std::move(whole), folder);
    if (!path) return {true, path.error().message, "", false};
    (void)open_with_desktop(*path);  // where no desktop is, the notice is enough
    return {false, "Report saved: " + path->string(), "", false};
  };
}

}  // namespace headscope
