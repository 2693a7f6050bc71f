// What each view of the window shows, as an exhibit: built from the results of a run and plain
// choices alone, so that the window and `headscope-cli render` give the same figure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/head_moves.h"
#include "core/engine/explain.h"
#include "core/engine/layer_maps.h"
#include "core/engine/overlay.h"
#include "core/engine/snapshot.h"
#include "core/exhibit/exhibit.h"
#include "core/figure/attention_map.h"
#include "core/figure/document_bars.h"
#include "core/figure/head_map.h"
#include "core/figure/overlap.h"
#include "core/figure/overlay.h"
#include "core/figure/ranking.h"
#include "core/figure/table.h"

namespace headscope {

/// Results of one prompt with what made them. Immutable, shared: copying it copies no numbers.
struct ShownRuns {
  std::shared_ptr<const PromptView> prompt;
  std::shared_ptr<const RunResult> baseline;
  std::shared_ptr<const RunResult> intervened;  ///< null or the baseline: there is none
  Origin origin;                                ///< of the intervened run, where there is one

  bool compares() const { return intervened && intervened != baseline; }
  const RunResult& edited() const { return intervened ? *intervened : *baseline; }
};

/// The runs of a snapshot; nothing before the first result.
std::optional<ShownRuns> runs_of(const Snapshot& snapshot);

/// Which run is looked at.
enum class ShownRun { baseline, intervened, difference };

/// Heads that are averaged over or outlined, and how to say so.
struct HeadGroup {
  std::vector<HeadId> heads;
  std::string words;                   ///< "Mean over 5 chosen heads"
  std::vector<std::string> arguments;  ///< of render: {"--layer", "3", "--head", "1"}
};
/// One head, all of a model, or those by name (`--choose`).
HeadGroup head_group(std::vector<HeadId> heads, int layers, int model_heads);

/// "3:1,3:4", as --choose takes it, and back. Usage error for anything else.
std::string heads_as_text(const std::vector<HeadId>& heads);
Result<std::vector<HeadId>> heads_from_text(const std::string& text, const std::string& option);

/// "0.001:0.2", as --range takes it, and back. Usage error for anything but 0 <= low < high <= 1.
std::string range_as_text(figure::ColorRange range);
Result<figure::ColorRange> range_from_text(const std::string& text, const std::string& option);

/// A score of every head, [layers * heads].
struct HeadScoreChoice {
  std::string option = "relevant";          ///< of --score; empty: no command draws it
  std::string name = "contextual score";    ///< in words
  std::vector<float> baseline, intervened;  ///< of both runs; `intervened` only where it is shown
  ShownRun shown = ShownRun::baseline;
  std::vector<HeadId> outlined;  ///< best first
  /// They are the best of the score that is drawn: numbered as such.
  bool outlined_by_rank = false;
};
/// A number of every head, layers by heads.
Result<figure::HeadMapFigure> head_map_figure(const ShownRuns& runs, const HeadScoreChoice& choice);
Result<Exhibit> head_map_exhibit(const ShownRuns& runs, const HeadScoreChoice& choice);
/// The same scores from the best head to the last; `known` = of a head set, its interval left out.
Result<Exhibit> ranking_exhibit(const ShownRuns& runs, const std::vector<HeadId>& ranking,
                                const std::vector<float>& known,
                                std::shared_ptr<const CausalCheck> check);

/// A head's weights: rows of the response, or a part of the full map.
struct AttentionChoice {
  HeadId head;
  ShownRun shown = ShownRun::intervened;
  bool per_row = false, without_sink = false;
  bool logarithmic = true;
  std::optional<figure::ColorRange> range;             ///< of the colours; none = automatic
  std::shared_ptr<const FullMap> full, full_baseline;  ///< null: the response rows
  /// What is on screen, in tokens (rows counted from the first drawn); empty = all.
  MapRegion region;
};

/// bad_input where the run kept no weights of the head.
Result<figure::AttentionFigure> attention_figure(const ShownRuns& runs,
                                                 const AttentionChoice& choice);
Result<Exhibit> attention_exhibit(const ShownRuns& runs, const AttentionChoice& choice);
/// Of a figure that is there already; `name` begins its files' names. No command draws it.
Exhibit attention_exhibit_of(const ShownRuns& runs, const figure::AttentionFigure& figure,
                             const std::string& name);

/// Small maps of every head of one layer.
struct LayerChoice {
  LayerQuestion question;
  ShownRun shown = ShownRun::intervened;
  bool logarithmic = true;
  std::vector<HeadId> marked;  ///< heads that are acted on
};
/// bad_input where the run kept nothing of this layer.
Result<Exhibit> layer_exhibit(const ShownRuns& runs, const LayerChoice& choice);

/// bad_input without documents, or without masses of the heads.
Result<figure::DocumentBarsFigure> documents_figure(const ShownRuns& runs, const HeadGroup& heads);
Result<Exhibit> documents_exhibit(const ShownRuns& runs, const HeadGroup& heads,
                                  const std::shared_ptr<const CausalCheck>& check = nullptr);

/// The same token by token: which document took the attention at which one. The sink is in the
/// table alone. There is no difference of it.
Result<Exhibit> document_strip_exhibit(const ShownRuns& runs, const HeadGroup& heads,
                                       ShownRun shown);

/// The prompt as text.
struct OverlayChoice {
  HeadGroup heads;
  ShownRun shown = ShownRun::intervened;
  Pooling pooling = Pooling::mean;
  std::vector<std::int64_t> rows;  ///< chosen response tokens; empty = all
  bool logarithmic = true;
  bool without_sink = false;
};

/// bad_input where the runs kept no weights of these heads.
Result<figure::OverlayFigure> overlay_figure(const ShownRuns& runs, const OverlayChoice& choice);
Result<Exhibit> overlay_exhibit(const ShownRuns& runs, const OverlayChoice& choice);

/// Both answers token by token with the probabilities of the candidates.
Result<Exhibit> answers_exhibit(const ShownRuns& runs);

/// The logit lens at one response token; `ranks`: places instead of probabilities.
Result<Exhibit> lens_exhibit(const ShownRuns& runs, const std::shared_ptr<const LogitLens>& lens,
                             bool ranks);
/// One row of a head, key by key in its parts.
Result<Exhibit> scores_exhibit(const ShownRuns& runs,
                               const std::shared_ptr<const ScoreSplit>& split);

/// What the intervention changed of documents and heads.
struct DifferenceChoice {
  HeadGroup heads;              ///< whose masses on documents
  std::vector<HeadMove> moves;  ///< of all heads, largest change first
  std::string score_name = "contextual score";
};
Result<Exhibit> difference_exhibit(const ShownRuns& runs, const DifferenceChoice& choice);

/// Two rankings of one model.
Result<Exhibit> overlap_exhibit(const figure::OverlapFigure& figure);

}  // namespace headscope
