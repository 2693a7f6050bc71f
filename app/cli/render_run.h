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
#include "core/exhibit/views.h"
#include "core/runner/open_model.h"

namespace headscope::cli {

struct RenderOptions : CommonOptions, ModelChoice, PromptOptions, PromptSource {
  std::string figure;
  std::string file;     ///< --out
  std::string heads;    ///< head set; empty = none given
  std::string heads_b;  ///< the one it is compared with
  std::string data;     ///< data set; empty = the prompt comes from elsewhere
  std::int64_t sample = 0;
  std::vector<std::string> answers;  ///< expected ones; of --data, those of the sample
  std::optional<int> layer, head;
  std::string choose;  ///< heads by name, or "all"; empty = not given
  std::string score = "relevant";
  std::string pooling = "mean";
  std::vector<std::int64_t> tokens;  ///< of the response, whose attention the overlay shows
  bool without_sink = false, per_row = false;
  std::string range;  ///< ends of the attention map's colours; empty = automatic
  std::optional<int> top_k;
  std::string rows = "input";
  bool linear = false;
  bool difference = false;
  std::string theme = "light", palette = "viridis", size;
  int scale = ExportLook::standard_scale;

  bool has_prompt() const { return prompt || prompt_file || ids || !data.empty(); }
  /// The score is made of the weights of every layer (core/engine/head_metrics.h).
  bool needs_rows() const {
    return figure == "head-map" && (score == "entropy" || score == "distance");
  }
  /// Which run is drawn once there is one with the intervention.
  ShownRun shown() const { return difference ? ShownRun::difference : ShownRun::intervened; }
  RowConvention convention() const {
    return rows == "predict" ? RowConvention::predict : RowConvention::input;
  }
};

/// The opened model with everything that was run on the prompt.
struct RenderRun {
  explicit RenderRun(OpenedModel model) : opened(std::move(model)) {}

  OpenedModel opened;
  PromptInput prompt;
  std::vector<HeadId> ranking;           ///< --heads, or the one beside the model; may be empty
  std::vector<HeadId> intervened_heads;  ///< empty without intervention
  ShownRuns runs;                        ///< as the window has them
};

/// --prompt, --prompt-file, --ids, --data with --sample, and how documents are found.
void add_any_prompt(CLI::App& command, RenderOptions& options);

/// Opens the model and runs what the figure needs. Errors: usage (attention without a head), bad
/// input (no such sample, a response that is empty), out of memory, cancelled.
Result<RenderRun> run_for_figure(const RenderOptions& options, ProgressPrinter& progress);

/// Whose mass bars and overlay show.
Result<HeadGroup> heads_shown(const RenderRun& run, const RenderOptions& options);
/// Usage error for a --range that is none.
Result<AttentionChoice> attention_choice(const RenderRun& run, const RenderOptions& options);
Result<OverlayChoice> overlay_choice(const RenderRun& run, const RenderOptions& options);

}  // namespace headscope::cli
