// What the window knows: the request being edited, the newest snapshot, and how to look at it.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/render/palettes.h"
#include "app/views/aligned_responses.h"
#include "app/views/head_numbers.h"
#include "app/views/head_options.h"
#include "app/views/history.h"
#include "app/views/map_options.h"
#include "app/views/run_log.h"
#include "core/analysis/head_choice.h"
#include "core/analysis/likely_document.h"
#include "core/analysis/pooling.h"
#include "core/engine/engine.h"
#include "core/session/head_set_folder.h"
#include "core/text/dataset.h"
#include "core/text/prompt.h"

namespace headscope {

enum class MapSource { baseline, intervened, difference };

/// Whose attention the token overlay paints.
enum class OverlayHeads { selected, chosen, layer, all };

/// The token overlay: which rows of which heads, and how they are shown.
struct OverlayOptions {
  MapSource source = MapSource::intervened;
  OverlayHeads heads = OverlayHeads::chosen;
  Pooling pooling = Pooling::mean;
  std::vector<std::int64_t> rows;  ///< chosen response tokens, sorted; empty = all
  bool logarithmic = true;
  bool mask_sink = true;     ///< tokens 0 and 1 are not painted and do not set the scale
  bool mark_touched = true;  ///< rows and keys that the intervention acts on are marked
  friend bool operator==(const OverlayOptions&, const OverlayOptions&) = default;
};

/// The logit lens.
struct LensOptions {
  bool ranks = false;  ///< plot ranks instead of probabilities
  friend bool operator==(const LensOptions&, const LensOptions&) = default;
};

/// How things are shown. None of this reaches the engine.
struct ViewOptions {
  MapScore score = MapScore::relevant;  ///< head map
  MapSource score_source = MapSource::baseline;
  MapSource map_source = MapSource::intervened;  ///< attention map
  bool map_logarithmic = true;
  MapOptions map;
  bool bars_of_selected =
      false;  ///< documents: the selected head instead of the mean of the chosen heads
  bool documents_by_token = false;  ///< documents: a strip of tokens instead of bars
  bool edit_text = false;           ///< prompt: one text field instead of documents
  OverlayOptions overlay;
  HeadListOptions heads;
  LensOptions lens;
  Palette palette = Palette::viridis;
  friend bool operator==(const ViewOptions&, const ViewOptions&) = default;
};

/// A message that stays until it is dismissed; never modal.
struct Notice {
  enum class Kind { info, error } kind = Kind::info;
  std::string text;
};

/// What kind of sample the embedded model's world shall make.
enum class SampleKind { similar, neutral, mixed };
struct SampleWish {
  SampleKind kind = SampleKind::similar;
  int documents = 20;
  std::uint64_t seed = 1;
};
using SampleSource = std::function<Result<QaSample>(const SampleWish&)>;

/// Samples of a data file, one of which is in the prompt.
struct SampleBook {
  std::string path;  ///< of the file; empty = none
  std::string name;
  std::vector<QaSample> samples;
  std::size_t current = 0;
  std::future<Result<Dataset>> loading;  ///< valid while a file is being read
  std::optional<std::size_t> resume;     ///< sample to go on from, the prompt staying as it is
};

/// A head set that the one in use is compared with.
struct OtherHeads {
  std::string name;  ///< of its file
  std::vector<HeadId> ranking;
  std::vector<int> rank_of;  ///< [layers * heads] of the open model, 0-based; -1 = not named
  int layers = 0, heads = 0;
};

/// The response token that is looked at, and the popup of its candidates.
struct CandidatesPopup {
  std::size_t token = 0;  ///< of the response; the logit lens and the scores show it too
  bool open = false;      ///< asked for; the answer view opens it
};

/// Attention mass of one head, or the mean of several, over the rows of a run.
struct DocumentMass {
  std::vector<float> documents;
  float sink = 0;
  float rest = 0;  ///< instruction, question, response
};

class AppState {
 public:
  Request request;
  std::shared_ptr<const Snapshot> snapshot;  ///< never null after construction
  History history;
  RunLog runs;
  ViewOptions view;
  std::vector<Notice> notices;
  SampleWish wish;
  SampleSource sample_source;  ///< empty: the embedded model's world is not at hand
  SampleBook book;
  CandidatesPopup candidates;
  std::optional<OtherHeads> other_heads;
  /// Of every head, worked out when a view asks; one for all prompts that are open.
  std::shared_ptr<HeadNumbers> numbers = std::make_shared<HeadNumbers>();
  HeadSetFolder head_sets;       ///< the user's own
  std::string heads_to_compare;  ///< path to read once a model is open; empty = none
  int show_document = -1;        ///< index of a document that the prompt shall scroll to; -1 = none
  std::string view_to_show;      ///< title of a view to open and bring to the front; empty = none
  double quiet_until = 0;  ///< ImGui time before which nothing is submitted: somebody is typing
  std::function<void()>
      wake;  ///< called from a worker when the window should look again; may be empty

  AppState();

  /// Takes a newer snapshot: ranking and notices follow.
  void take(std::shared_ptr<const Snapshot> next);
  void notify(Notice::Kind kind, std::string text);

  /// Another model; an adapter that was merged into the last one does not belong to it.
  void choose_model(const std::string& model);

  /// Replaces the prompt's text as it is typed; asking the engine waits for a short pause. What
  /// takes the place of all of it (`another`, or where hardly anything of it is left) begins with
  /// no marks and no expected answers.
  void edit_text(std::string text, bool another = false);
  void pause();  ///< somebody types: the engine is asked after a short rest
  void edit_question(const std::string& question);
  /// Marks a document as the relevant (gold) one, or none when it was; `add`: beside the others.
  void mark_gold(int document, bool add = false);
  /// Marks the likely document, where one is guessed.
  void accept_likely();
  /// Finds the documents another way; marks stay on those that cover the same text.
  void split_by(Splitting splitting);
  /// Documents set by hand from here on (core/text/split_edit.h).
  void correct(std::vector<DocumentBounds> bounds);
  /// Makes a selection of the text a document of its own, relevant alone or beside the others.
  void select_document(ByteSpan selection, bool relevant);
  /// Puts a sample into the request: text, gold document, answers.
  void show_sample(const QaSample& sample);
  void new_sample();
  /// Reads a data file and shows its first sample; with `resume`, goes on from that one and leaves
  /// the prompt as it is.
  void open_data(const std::string& path, std::optional<std::size_t> resume = std::nullopt);
  void poll_data();  ///< takes over a data file that was read meanwhile
  /// Reads a head set to compare with and shows the overlap; a notice when it is none of this
  /// model.
  void compare_heads(const std::string& path);
  void turn_page(int step);  ///< next or previous sample of the data file

  void select(HeadId head);
  void toggle_pick(HeadId head);  ///< picks by hand; the choice becomes "picked"
  void select_rank(int step);     ///< next or previous head of the ranking
  void select_beside(int layers,
                     int heads);  ///< that many layers and heads away, as far as it goes
  /// Picks every head of a layer, or none of them where all are acted on (app/views/head_actions).
  void toggle_layer(int layer);
  bool layer_is_on(int layer) const;  ///< all heads of it are acted on
  /// Acts on these heads, as if picked by hand. Those that the model lacks are left out.
  void use_heads(const std::vector<HeadId>& heads);
  void combine_heads(HeadSetOperation operation, const std::vector<HeadId>& heads);
  /// Saves the heads acted on under a name; a notice says what came of it.
  bool save_heads(const std::string& name);
  /// A head set file opened or dropped: it is copied to the user's own and acted on, with a notice
  /// where it is no head set or of another model.
  void open_head_set(const std::string& path);
  /// Ranks the heads by likeness with this one, on the map and in the table.
  void show_like(HeadId head);
  /// Asks for what the answer loses without each head, or stops asking.
  void ask_head_drops(bool wanted);
  void reset_settings();
  /// Takes the focus directions of a file or folder (core/session/directions_file.h) instead of
  /// those in use. bad_input: they cannot be read, or do not fit the open model.
  Result<> use_directions(const std::string& path);
  void use_own_directions();  ///< the model's

  /// Opens the candidates at a response token; without one, where the two responses part, else at
  /// the first.
  void show_candidates(std::optional<std::size_t> token = std::nullopt);

  /// Looks at a response token: its candidates, lens and scores, and the overlay paints its row.
  /// Where the overlay shows the other response, its partner there, else this response.
  void choose_token(bool of_baseline, std::size_t token);
  /// The next or previous token of the longer response.
  void step_token(int step);
  /// The first token in which the responses differ; nothing where they are equal.
  std::optional<std::size_t> divergence() const;
  /// How the responses of the snapshot are aligned; no pairs where one of them is missing.
  const AlignedResponses& aligned() const;

  /// Asks for the causal check of the answer that is shown, or puts it away.
  void ask_causal(bool wanted);
  /// Asks for a strength of focus directions; what is found goes to the slider, with the reason.
  void ask_auto_alpha();
  /// The check belongs to the prompt and model it was asked for: another one is not checked
  /// unasked.
  void keep_questions();

  /// Documents and question of the text being edited (not of the last run).
  const BuiltPrompt& layout() const { return split().prompt; }
  /// The same with how they were found; no documents while the splitting is an error.
  const SplitPrompt& split() const;
  const std::string& split_error() const;  ///< empty = none

  const std::vector<HeadId>& ranking() const { return ranking_; }
  int rank_of(HeadId head) const;  ///< 0-based; -1 when unknown
  /// Heads that the settings being edited act on.
  std::vector<HeadId> chosen() const;
  /// Heads that the token overlay pools.
  std::vector<HeadId> overlay_heads() const;
  /// `document_mass`, kept for the last few runs and choices of heads: views ask at every frame,
  /// and all heads of a long response are millions of numbers.
  std::optional<DocumentMass> mass_of(const std::shared_ptr<const RunResult>& run,
                                      const std::vector<HeadId>& heads) const;
  /// The document that the known contextual heads look at most, where none is marked as gold.
  const LikelyDocument& likely() const;
  /// The snapshot's prompt belongs to the text in the editor.
  bool prompt_is_current() const;
  /// Runs of the snapshot; null when there is none.
  const RunResult* baseline() const { return snapshot->baseline.get(); }
  const RunResult* intervened() const { return snapshot->intervened.get(); }

 private:
  void take_auto_alpha();
  void take_ranking();

  std::vector<HeadId> ranking_;
  bool head_chosen_ = false;  ///< by the user; until then the first of the ranking is shown
  std::vector<int> rank_of_;
  std::string last_error_;
  Request checked_;  ///< what the causal check was asked for
  Request ablated_;  ///< what the drops of every head were asked for
  std::shared_ptr<const AutoAlpha> last_auto_;
  std::string auto_notice_;
  /// Masses that were asked for, the newest last.
  struct KnownMass {
    std::weak_ptr<const RunResult> run;  // its weights are not kept for this
    std::vector<HeadId> heads;
    std::optional<DocumentMass> mass;
  };
  mutable std::vector<KnownMass> masses_;
  mutable std::shared_ptr<const RunResult> likely_of_;
  mutable int likely_heads_ = -1;
  mutable LikelyDocument likely_;
  void keep_marks(const std::vector<DocumentSpan>& before, const std::vector<int>& gold);

  /// Texts that were compared last: views ask dozens of times in a frame, and a long prompt has
  /// hundreds of kilobytes.
  struct Compared {
    std::shared_ptr<const PromptView> prompt;
    SharedText text;
    bool same = false;
  };
  mutable Compared compared_;
  mutable SharedText layout_text_;
  mutable AlignedResponses aligned_;
  mutable Splitting layout_splitting_;
  mutable std::optional<SplitPrompt> layout_;
  mutable std::string layout_error_;
};

/// Values of one score, [layers * heads]; empty when the run has none, always for `head_set` and
/// `overlap`.
const std::vector<float>& score_values(const HeadScores& scores, MapScore score);

/// Mean over rows and heads of the mass on every document, the sink and the rest.
std::optional<DocumentMass> document_mass(const RunResult& run, std::span<const HeadId> heads);

/// Index of the first token in which two responses differ; nothing when they are equal.
std::optional<std::size_t> first_difference(const RunResult& a, const RunResult& b);

}  // namespace headscope
