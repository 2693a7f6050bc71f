// What a request needs, and which parts of two requests are the same work.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/engine/snapshot.h"

namespace headscope {

/// The parts of an answer, in the order in which they are computed.
enum class Step {
  model,
  prompt,
  baseline,
  preview_inputs,
  auto_alpha,
  intervened,
  full_map,
  full_map_baseline,
  lens,
  scores,
  causal,
  head_drops
};

/// What determines the unedited run: model, text, length and rows. Gold mark and expected answers
/// are not among them (graded() in preview.h).
struct BaselineKey {
  std::string model, adapter, device, dtype;
  int threads = 0;
  SharedText text;
  Splitting splitting;  ///< the key sets of its sums
  bool chat = false;
  RowConvention row_convention = RowConvention::input;
  int max_new_tokens = 0;
  friend bool operator==(const BaselineKey&, const BaselineKey&) = default;
};

/// Settings reduced to what reaches the model, so that settings that differ in name only (another
/// seed while the heads are contextual, another way to choose the same heads) are one run.
struct Applied {
  double tau = 1, alpha = 0;
  std::string directions, directions_hash;  ///< where alpha adds some
  RowSelection rows;
  bool use_key_directions = false;
  std::vector<int> marked;  ///< documents, ascending
  std::string also;         ///< InterventionSettings::also
  double also_strength = 0;
  std::vector<HeadId> heads;  ///< sorted; empty = identity
  bool is_identity() const { return heads.empty(); }
  friend bool operator==(const Applied&, const Applied&) = default;
};
/// What determines a run with an intervention.
struct RunKey {
  BaselineKey baseline;
  Applied applied;
  friend bool operator==(const RunKey&, const RunKey&) = default;
};

/// What determines scores and correctness of a run beside the run itself.
struct GradeKey {
  std::vector<int> gold_documents;
  std::vector<std::string> answers;
  friend bool operator==(const GradeKey&, const GradeKey&) = default;
};
/// Which parts of two requests are the same work.
bool same_model(const Request& a, const Request& b);
/// The focus directions that go with the model too: what Runner::load looks at.
bool same_load(const Request& a, const Request& b);
bool same_baseline(const Request& a, const Request& b);
BaselineKey baseline_key(const Request& request);
GradeKey grade_key(const PromptRequest& prompt);

/// The ranking to choose heads from: the model's known one, else by the baseline's relevant mass;
/// empty when there is neither (no gold mark).
std::vector<HeadId> ranking_of(const ModelInfo& model, const RunResult* baseline);

/// Heads whose attention is looked at: those that the settings choose, whether or not anything is
/// done to them, else the selected one.
std::vector<HeadId> looked_at_heads(const Request& request, const ModelInfo& model,
                                    const RunResult* baseline);

/// What `request` does to the model, given what is known about model and prompt. The document
/// marked is taken from the request, so that it also holds for a request not prepared yet.
Applied applied_settings(const Request& request, const ModelInfo& model, const PromptView& prompt,
                         const RunResult* baseline, std::vector<HeadId>* heads_in_order = nullptr);

}  // namespace headscope
