// Runs the cells of a sweep: exact match and masses for every setting of the grid.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/experiment/evaluate.h"
#include "core/sweep/sweep_folder.h"
#include "core/sweep/sweep_ranks.h"
#include "core/text/chat_prompt.h"

namespace headscope {
/// What the cells of a sweep are made of, and how they are run.
struct SweepOptions {
  std::vector<HeadId> ranking;                   ///< of the head set
  std::shared_ptr<const Directions> directions;  ///< null when no cell needs them
  int baseline_top_k = 20;                       ///< baselines read masses at the first so many
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  ProcessRank process;
  /// Samples that are run at once, each with the model's threads; 0 = as many as there are cores
  /// for, on the processor.
  int workers = 0;
};
/// What became of the cells.
struct SweepOutcome {
  int done = 0;       ///< cells that this run finished
  int skipped = 0;    ///< cells that were finished before
  int elsewhere = 0;  ///< cells that other processes did meanwhile, or hold
  bool cancelled = false;
  SharedCost cost;  ///< of the samples that this run evaluated
};

/// bad_input when a gold document is to be moved where a sample has no place for it, or none.
Result<> check_gold_positions(std::span<const QaSample> samples,
                              const std::vector<std::size_t>& positions);

/// Runs what is missing of `cells` and is not another process's work, this process's share first.
/// Cells with the same prompts are run together, sample by sample (evaluate_together), at most 32
/// and at most a quarter of a process's share at once; they are kept when the last sample is done,
/// and the table is merged now and then and at the end. Cancelled: the samples of the cells at hand
/// are kept and used by the next run.
Result<SweepOutcome> run_sweep(Model& model, const PromptEncoder& encoder,
                               std::span<const QaSample> samples,
                               const std::vector<SweepCell>& cells, const SweepOptions& options,
                               const SweepFolder& folder, const RunContext& context);

}  // namespace headscope
