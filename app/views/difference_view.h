// What the intervention changed: the responses aligned token by token, attention per document, and
// the heads' places in the ranking.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/views/widgets.h"
#include "core/analysis/head_moves.h"

namespace headscope {

/// One document's (or part's) attention in both runs.
struct DocumentChange {
  std::string label;
  int document = -1;  ///< index; -1 = the sink, or what is neither
  bool gold = false;
  float before = 0, after = 0;
  float change() const { return after - before; }
};

/// Documents with the largest gain first; then the sink and the rest.
std::vector<DocumentChange> document_changes(const PromptView& prompt, const DocumentMass& before,
                                             const DocumentMass& after);

class DifferenceView {
 public:
  void draw(ViewContext& context);

  /// What is shown of the heads; empty while nothing is.
  const std::vector<HeadMove>& moves() const { return moves_; }
  /// What they are ranked by: mass on this.
  const char* score_name() const { return score_name_; }

 private:
  void toolbar(ViewContext& context);
  void responses(ViewContext& context);
  float pair_cell(ViewContext& context, const AlignedPair& pair, std::size_t index, ImVec2 at);
  void documents(ViewContext& context) const;
  void heads(ViewContext& context);
  void update_moves(const AppState& state);

  std::shared_ptr<const RunResult> before_, after_;  ///< runs that `moves_` is of
  std::optional<MapScore> score_;
  bool by_places_ = false;
  std::optional<bool> sorted_by_places_;
  std::vector<HeadMove> moves_;
  const char* score_name_ = "";
};

}  // namespace headscope
