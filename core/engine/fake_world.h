// A made-up model for FakeRunner: attention that looks like attention, without a network. Its
// formulas are written out here independently of core/analysis, so that they can serve as oracle.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/snapshot.h"
#include "core/intervention/mass.h"

namespace headscope {

/// Shape and contents of the made-up model.
struct FakeOptions {
  int layers = 8;
  int heads = 8;
  int kv_heads = 4;
  int head_dim = 16;
  std::uint64_t seed = 7;
  std::int64_t context_length = 16384;
  int map_level = 0;  ///< full maps are pooled to 2^level tokens a cell
  bool has_directions = true;
  /// Runs over a prompt that has been run begin at their first touched layer.
  bool restarts = false;
  bool has_ranking = true;  ///< without: the engine ranks by the baseline's scores
  std::uint64_t weights_budget = std::uint64_t{2}
                                 << 30;  ///< bytes; over it results have span sums only
};

/// What is done to the heads of one run, in the fake's own terms.
struct FakeEdit {
  double tau = 1, alpha = 0;
  RowSelection rows;
  std::vector<TokenRange> marked;  ///< S
  std::optional<MassMap> also;     ///< one more method that moves mass; ablation shows in no weight
  std::vector<HeadId> heads;       ///< sorted; empty = baseline
  /// Of `settings` on the prompt's documents.
  bool touches(HeadId head) const;
  /// What `settings` mean on this prompt.
  static FakeEdit from(const PromptView& prompt, const InterventionSettings& settings,
                       std::vector<HeadId> heads);
};

/// How a prompt looks to the made-up model; depends on the text only, never on the gold mark.
struct FakeScene {
  const PromptView* prompt = nullptr;
  std::vector<int> document;      ///< per prompt token, -1 = none
  std::vector<double> relevance;  ///< per document: words shared with the question, [0,1]
  std::vector<double> salience;   ///< relevance with a prejudice: why the baseline is distracted
  std::vector<double> size;       ///< tokens per document

  explicit FakeScene(const PromptView& prompt_view);  ///< keeps a pointer to it
};

/// Where the contextual heads of the made-up model sit, and what they look at.
class FakeWorld {
 public:
  explicit FakeWorld(const FakeOptions& options);

  const FakeOptions& options() const { return options_; }
  /// Contextual heads first, strongest first; then the others. Every head once.
  const std::vector<HeadId>& ranking() const { return ranking_; }
  int contextual_heads() const { return contextual_; }
  std::vector<float> known_scores() const;  ///< [layers * heads], as of a head set

  /// Score bias per key of one head (scale * d_q . k_j): away from the sink, towards documents that
  /// share words with the question. [keys]
  std::vector<double> focus_bias(const FakeScene& scene, HeadId head, std::int64_t keys) const;
  /// Weights of rows [rows.begin, rows.end) of one head over `keys` keys, [rows, keys].
  std::vector<float> weights(const FakeScene& scene, HeadId head, TokenRange rows,
                             std::int64_t keys, const FakeEdit& edit) const;
  /// The greedy answer: read from the document that the contextual heads look at most.
  std::string answer(const FakeScene& scene, const FakeEdit& edit) const;

 private:
  std::vector<double> base_scores(const FakeScene& scene, HeadId head, std::int64_t keys) const;
  void add_upper_layer_effect(std::vector<double>& scores, HeadId head, const FakeEdit& edit) const;
  std::size_t index(HeadId head) const;
  double strength(HeadId head) const;  ///< in (0,1] for contextual heads, 0 for the others
  double noise(std::uint64_t kind, HeadId head, std::int64_t a, std::int64_t b = 0) const;

  FakeOptions options_;
  std::vector<HeadId> ranking_;
  std::vector<double> strength_;  ///< [layers * heads]
  int contextual_ = 0;
};

/// Words with their leading blank, single punctuation marks and line breaks; begins with "<s>"
/// when `with_start`. Words that are not ASCII count as unknown.
std::vector<TokenView> fake_tokens(std::string_view text, bool with_start);

}  // namespace headscope
