// Runs the cells of a sweep: exact match and masses for every setting of the grid.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/experiment/evaluate.h"
#include "core/experiment/sweep_folder.h"
#include "core/experiment/sweep_ranks.h"
#include "core/text/chat_prompt.h"

namespace headscope {

struct SweepOptions {
  std::vector<HeadId> ranking;                   ///< of the head set
  std::shared_ptr<const Directions> directions;  ///< null when no cell needs them
  int baseline_top_k = 20;                       ///< baselines read masses at the first so many
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  ProcessRank process;
};

struct SweepOutcome {
  int done = 0;       ///< cells that this run finished
  int skipped = 0;    ///< cells that were finished before
  int elsewhere = 0;  ///< cells that other processes did meanwhile, or hold
  bool cancelled = false;
};

/// bad_input when a gold document is to be moved where a sample has no place for it, or none.
Result<> check_gold_positions(std::span<const QaSample> samples,
                              const std::vector<std::size_t>& positions);

/// Runs what is missing of `cells` and is not another process's work, this process's share first;
/// every finished cell is kept at once, and the table is merged now and then and at the end.
/// Cancelled: the samples of the cell at hand are kept and used by the next run.
Result<SweepOutcome> run_sweep(Model& model, const PromptEncoder& encoder,
                               std::span<const QaSample> samples,
                               const std::vector<SweepCell>& cells, const SweepOptions& options,
                               const SweepFolder& folder, const RunContext& context);

}  // namespace headscope
