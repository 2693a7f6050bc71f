// What render draws from a model: one prompt, run without and with the intervention.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/cli/options.h"
#include "app/cli/prompt_input.h"
#include "app/cli/terminal.h"
#include "core/analysis/head_scores.h"
#include "core/figure/attention_map.h"
#include "core/figure/document_bars.h"
#include "core/figure/overlay.h"
#include "core/figure/page.h"
#include "core/model/model.h"
#include "core/runner/open_model.h"

namespace headscope::cli {

struct RenderOptions : CommonOptions, ModelChoice, PromptOptions, PromptSource {
  std::string figure;
  std::string file;     ///< --out
  std::string heads;    ///< head set; empty = none given
  std::string heads_b;  ///< the one it is compared with
  std::string data;     ///< data set; empty = the prompt comes from elsewhere
  std::int64_t sample = 0;
  std::optional<int> layer, head;
  std::optional<int> top_k;
  std::string rows = "input";
  bool linear = false;
  bool difference = false;
  std::string theme = "light", palette = "viridis", size;

  bool has_prompt() const { return prompt || prompt_file || ids || !data.empty(); }
  RowConvention convention() const {
    return rows == "predict" ? RowConvention::predict : RowConvention::input;
  }
};

/// One generation with its attention.
struct PromptRun {
  Generation generation;
  TokenRange rows;    ///< response rows among the captured ones
  HeadScores scores;  ///< irrelevant and relevant are NaN without a gold document
};

/// The opened model with everything that was run on the prompt.
struct RenderRun {
  explicit RenderRun(OpenedModel model) : opened(std::move(model)) {}

  OpenedModel opened;
  PromptInput prompt;
  std::vector<HeadId> ranking;           ///< --heads, or the one beside the model; may be empty
  std::vector<HeadId> intervened_heads;  ///< empty without intervention
  std::string intervention;              ///< in words; empty = none
  PromptRun baseline;
  std::optional<PromptRun> intervened;
  figure::Provenance provenance;

  const PromptRun& shown() const { return intervened ? *intervened : baseline; }
};

/// Opens the model and runs what the figure needs. Errors: usage (attention without a head), bad
/// input (no such sample, a response that is empty), out of memory, cancelled.
Result<RenderRun> run_for_figure(const RenderOptions& options, ProgressPrinter& progress);

figure::AttentionFigure attention_figure(const RenderRun& run, const RenderOptions& options);
figure::DocumentBarsFigure documents_figure(const RenderRun& run, const RenderOptions& options);
/// The prompt's text with the masses of the shown run.
figure::OverlayFigure overlay_figure(const RenderRun& run, const RenderOptions& options);

}  // namespace headscope::cli
