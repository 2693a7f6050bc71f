// Which of several processes this one is, when a cluster's launcher started the same command many
// times, and which cells of a sweep it takes.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace headscope {
/// Which of several equal processes this one is.
struct ProcessRank {
  int rank = 0, ranks = 1;
  std::optional<int> local_rank;   ///< among the processes of this machine: the card to use
  std::optional<int> local_ranks;  ///< processes on this machine, which share its cores
  std::string launcher;            ///< "torchrun", "Open MPI"...; empty = started alone
};

/// Value of an environment variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string&)>;
Environment process_environment();

/// In this order: `rank` and `ranks` (--rank, --ranks; both or none); torchrun (RANK, WORLD_SIZE,
/// LOCAL_RANK, LOCAL_WORLD_SIZE); Open MPI (OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE);
/// MPICH and Intel MPI (PMI_RANK, PMI_SIZE, MPI_LOCALRANKID, MPI_LOCALNRANKS); Slurm (SLURM_PROCID,
/// SLURM_NTASKS, SLURM_LOCALID); none of them: the only process.
///
/// Slurm comes last because its variables are also set where it did not start this process: a batch
/// script that calls mpirun is itself "process 0 of n". The other three do not start each other, so
/// two that disagree are an error, as are half a pair, words for numbers and a rank beyond the
/// size. A batch script without srun has SLURM_PROCID 0 and may lack SLURM_NTASKS: started alone.
Result<ProcessRank> find_rank(std::optional<int> rank, std::optional<int> ranks,
                              const Environment& environment);

/// The cards that a process of this machine shall see (the value of CUDA_VISIBLE_DEVICES): an equal
/// share of `cards`, at least one; where processes outnumber cards, they take turns. Nothing when
/// the process is alone on its machine or there is at most one card: it sees what it sees.
std::optional<std::string> cards_of_process(const std::vector<std::string>& cards,
                                            const ProcessRank& process);

/// Names of the visible cards: CUDA_VISIBLE_DEVICES, or the numbers of all that the driver lists.
std::vector<std::string> visible_cards(const Environment& environment);

/// Indices of `cells` cells in the order in which a rank tries them: its own share (every ranks-th,
/// since cells that cost alike stand side by side in the table), then what the others may have
/// left, from the end, where they come last.
std::vector<std::size_t> work_order(std::size_t cells, int rank, int ranks);

/// True when cell `index` belongs to the rank's own share.
bool in_own_share(std::size_t index, int rank, int ranks);

}  // namespace headscope
