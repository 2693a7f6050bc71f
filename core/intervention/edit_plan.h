// Interventions compiled for one model and one prompt: checked, and sorted by layer. Torch-free.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/error.h"
#include "core/intervention/mass.h"
#include "core/intervention/spec.h"

namespace headscope {

/// What of a model's shape interventions depend on.
struct HeadShape {
  int layers = 0;
  int heads = 0;  ///< query heads per layer
  int head_dim = 0;
};

/// Focus on some heads of one layer: what is added after RoPE at rows >= first_row, alpha included.
struct FocusEdit {
  std::int64_t first_row = 0;
  std::vector<float> query;    ///< [heads, head_dim] of all heads; zero where not chosen
  std::vector<float> key;      ///< same; empty = no head adds to its keys
  std::vector<int> key_heads;  ///< heads with a key part, ascending
};

/// Mass moved on some heads of one layer, at rows >= first_row.
struct MassEdit {
  std::int64_t first_row = 0;
  MassMap map;
  TokenSet marked;
  std::vector<int> heads;  ///< ascending
};

/// Outputs of some heads of one layer replaced by zero, or by the mean of the head's output over
/// the rows of the unedited prompt, at rows >= first_row.
struct OutputEdit {
  std::int64_t first_row = 0;
  bool mean = false;
  std::vector<int> heads;  ///< ascending
};

/// Edits of one layer, in the order in which they apply: all focus (they add up), then mass moved
/// by one edit after another, then outputs.
struct LayerEdits {
  std::vector<FocusEdit> focus;  ///< ascending first_row, each value once
  std::vector<MassEdit> mass;
  std::vector<OutputEdit> output;
  bool empty() const { return focus.empty() && mass.empty() && output.empty(); }
};
/// Everything that a run does to attention.
struct EditPlan {
  std::vector<LayerEdits> layers;  ///< one entry per layer of the model
  bool empty() const;              ///< nothing is edited
  /// Below it nothing changes; the number of layers when nothing is edited.
  int first_touched_layer() const;
};

/// Checks and compiles, in the order of intervention_methods(). Identities (tau 1, alpha 0) are
/// left out. Errors (bad_input): a head outside the model, a parameter outside its bounds,
/// directions of another shape or not finite, marked positions missing, unsorted or outside the
/// prompt, no heads.
Result<EditPlan> compile_edits(const std::vector<Intervention>& interventions,
                               const HeadShape& shape, std::int64_t prompt_tokens);

}  // namespace headscope
