// The cells of a sweep: what is run, in which order the table lists it, and what it is called.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/types.h"
#include "core/text/prompt.h"

namespace headscope {
/// What a cell does to attention.
enum class SweepMethod {
  none,  ///< a baseline
  split_softmax,
  focus,
  random_directions,  ///< focus with random directions of equal norm: the control
};

/// "none", "split-softmax", "focus", "random-directions".
std::string sweep_method_name(SweepMethod method);
/// Which heads a cell acts on.
enum class CellHeads {
  none,
  contextual,  ///< the first top_k of the ranking
  random,      ///< drawn outside them: the control
};

/// "", "contextual", "random".
std::string cell_heads_name(CellHeads choice);

/// One row of results.csv. Fields that a method does not have are empty.
struct SweepCell {
  SweepMethod method = SweepMethod::none;
  std::optional<double> tau, alpha;
  CellHeads heads = CellHeads::none;
  std::optional<int> top_k;
  std::optional<std::uint64_t> seed;  ///< of random heads or random directions
  PromptKind prompt = PromptKind::all;
  std::optional<std::size_t> gold_position;  ///< where the gold document is moved to, from 0

  bool is_control() const {  ///< random heads or directions
    return heads == CellHeads::random || method == SweepMethod::random_directions;
  }
  friend bool operator==(const SweepCell&, const SweepCell&) = default;
};

/// The order of the table: by method, tau, alpha, heads, top_k, seed, prompt, gold position.
bool operator<(const SweepCell& a, const SweepCell& b);

/// Unique, and fit for a file: "split-softmax-tau0.1-k5-random-s3-all-g4".
std::string cell_name(const SweepCell& cell);

/// {"method","tau","alpha","top_k","heads","seed","prompt","gold_position"}, null where empty.
Json to_json(const SweepCell& cell);
Result<SweepCell> cell_from_json(const JsonObject& object);

/// A number as short as it can be read back: 0.1, 5, 1e-05.
std::string shortest_number(double value);

/// What the user asked for.
struct SweepAxes {
  std::vector<double> taus, alphas;
  std::vector<int> top_ks;
  std::vector<std::size_t> gold_positions;      ///< empty = gold documents stay where they are
  int random_heads = 0, random_directions = 0;  ///< draws of the controls
  bool baselines = false;
  std::uint64_t seed = 0;  ///< of the first draw; the others count on from it
};
/// All cells of a sweep.
struct SweepGrid {
  std::vector<SweepCell> cells;    ///< in the order of the table, each once
  std::vector<std::string> notes;  ///< what became of the axes
};

/// Every combination for a model of layers x heads with this ranking. k is clipped to the heads
/// there are. Random heads lie outside the contextual ones (method.md 3): a k for which too few are
/// left has no such control, and one for which exactly k are left has a single draw.
/// Usage errors: nothing to run, tau outside [0,1], k below 1, a control without what it controls.
Result<SweepGrid> make_sweep_grid(const SweepAxes& axes, const std::vector<HeadId>& ranking,
                                  int layers, int heads);

/// The heads that a cell acts on; empty for a baseline.
std::vector<HeadId> heads_of_cell(const SweepCell& cell, const std::vector<HeadId>& ranking,
                                  int layers, int heads);

}  // namespace headscope
