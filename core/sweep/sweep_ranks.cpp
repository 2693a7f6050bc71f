#include "core/sweep/sweep_ranks.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include "core/base/platform.h"

namespace headscope {
namespace {

struct Launcher {
  const char* name;
  const char *rank, *ranks, *local_rank, *local_ranks;
};

constexpr std::array<Launcher, 3> kInnermost{
    {{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
     {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
      "OMPI_COMM_WORLD_LOCAL_SIZE"},
     {"PMI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"}}};
constexpr Launcher kSlurm{"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", nullptr};

constexpr const char* kAdvice = "; --rank R --ranks N say it instead";

std::string share_text(const ProcessRank& found) {
  return std::to_string(found.rank) + " of " + std::to_string(found.ranks);
}

Result<std::optional<int>> number(const Environment& environment, const char* variable) {
  if (variable == nullptr) return std::nullopt;
  const auto text = environment(variable);
  if (!text) return std::nullopt;
  int value = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, problem] = std::from_chars(text->data(), end, value);
  if (problem != std::errc{} || stop != end || value < 0) {
    return fail(ErrorKind::usage,
                std::string(variable) + "=" + *text + ": expected a whole number from 0" + kAdvice);
  }
  return value;
}

Result<> check_rank(int rank, int ranks, const std::string& from) {
  if (rank >= 0 && rank < ranks) return {};
  return fail(ErrorKind::usage, from + ": rank " + std::to_string(rank) + " of " +
                                    std::to_string(ranks) +
                                    " processes; ranks count from 0 and stay below the number");
}

// Nothing when this launcher's variables are not set.
Result<std::optional<ProcessRank>> read_launcher(const Launcher& launcher,
                                                 const Environment& environment) {
  HEADSCOPE_ASSIGN(const auto rank, number(environment, launcher.rank));
  HEADSCOPE_ASSIGN(const auto ranks, number(environment, launcher.ranks));
  if (!rank && !ranks) return std::nullopt;
  const std::string variables = std::string(launcher.rank) + " and " + launcher.ranks;
  if (!rank || !ranks) {
    return fail(ErrorKind::usage, std::string(rank ? launcher.rank : launcher.ranks) +
                                      " is set without " + (rank ? launcher.ranks : launcher.rank) +
                                      ": " + launcher.name + " sets both" + kAdvice);
  }
  HEADSCOPE_TRY(check_rank(*rank, *ranks, variables));
  ProcessRank found{*rank, *ranks, {}, {}, launcher.name};
  HEADSCOPE_ASSIGN(found.local_rank, number(environment, launcher.local_rank));
  HEADSCOPE_ASSIGN(found.local_ranks, number(environment, launcher.local_ranks));
  return found;
}

// Half of Slurm's pair says only that there is an allocation, unless the rank is not the first.
Result<std::optional<ProcessRank>> read_slurm(const Environment& environment) {
  HEADSCOPE_ASSIGN(const auto rank, number(environment, kSlurm.rank));
  if (!rank) return std::nullopt;
  if (*rank == 0 && !environment(kSlurm.ranks)) return std::nullopt;
  return read_launcher(kSlurm, environment);
}

Result<std::optional<ProcessRank>> read_innermost(const Environment& environment) {
  std::optional<ProcessRank> first;
  for (const Launcher& launcher : kInnermost) {
    HEADSCOPE_ASSIGN(const auto found, read_launcher(launcher, environment));
    if (!found) continue;
    if (!first) {
      first = found;
    } else if (found->rank != first->rank || found->ranks != first->ranks) {
      return fail(ErrorKind::usage, "the variables of " + first->launcher + " say process " +
                                        share_text(*first) + ", those of " + found->launcher +
                                        " say " + share_text(*found) + kAdvice);
    }
  }
  return first;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
  };
}

Result<ProcessRank> find_rank(std::optional<int> rank, std::optional<int> ranks,
                              const Environment& environment) {
  if (rank.has_value() != ranks.has_value()) {
    return fail(ErrorKind::usage, "--rank and --ranks go together");
  }
  if (rank) {
    HEADSCOPE_TRY(check_rank(*rank, *ranks, "--rank and --ranks"));
    return ProcessRank{*rank, *ranks, {}, {}, "--rank"};
  }
  HEADSCOPE_ASSIGN(const auto innermost, read_innermost(environment));
  if (innermost) return *innermost;
  HEADSCOPE_ASSIGN(const auto slurm, read_slurm(environment));
  return slurm.value_or(ProcessRank{});
}

std::optional<std::string> cards_of_process(const std::vector<std::string>& cards,
                                            const ProcessRank& process) {
  if (!process.local_rank || cards.size() < 2 || process.local_ranks == 1) return std::nullopt;
  // Slurm does not say how many processes a machine has: a card each.
  const auto neighbours =
      static_cast<std::size_t>(process.local_ranks.value_or(static_cast<int>(cards.size())));
  const std::size_t share =
      std::max<std::size_t>(1, cards.size() / std::max<std::size_t>(1, neighbours));
  const std::size_t first = static_cast<std::size_t>(*process.local_rank) * share % cards.size();
  std::string names;
  for (std::size_t i = 0; i < share; ++i) {
    names += (i > 0 ? "," : "") + cards[(first + i) % cards.size()];
  }
  return names;
}

std::vector<std::string> visible_cards(const Environment& environment) {
  std::vector<std::string> cards;
  if (const auto named = environment("CUDA_VISIBLE_DEVICES")) {
    std::istringstream list(*named);
    for (std::string card; std::getline(list, card, ',');) cards.push_back(card);
    return cards;
  }
  for (std::size_t card = 0; card < platform::nvidia_cards(); ++card) {
    cards.push_back(std::to_string(card));
  }
  return cards;
}

bool in_own_share(std::size_t index, int rank, int ranks) {
  return index % static_cast<std::size_t>(ranks) == static_cast<std::size_t>(rank);
}

std::vector<std::size_t> work_order(std::size_t cells, int rank, int ranks) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < cells; ++i) {
    if (in_own_share(i, rank, ranks)) order.push_back(i);
  }
  for (std::size_t i = cells; i-- > 0;) {
    if (!in_own_share(i, rank, ranks)) order.push_back(i);
  }
  return order;
}

}  // namespace headscope
