// What the window draws: immutable plain arrays, handed over by shared_ptr<const Snapshot>.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/auto_alpha.h"
#include "core/analysis/causal.h"
#include "core/analysis/head_scores.h"
#include "core/base/error.h"
#include "core/base/parity_report.h"
#include "core/base/run_context.h"
#include "core/base/types.h"
#include "core/engine/reuse.h"
#include "core/engine/settings.h"

namespace headscope {

/// The loaded model as the window needs to know it.
struct ModelInfo {
  std::string name;  ///< "demo" or the folder's name
  std::string path;
  std::string model_type, dtype, device;
  int layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::int64_t context_length = 0, parameters = 0, vocab_size = 0;
  ParityReport parity;  ///< self-check at load
  bool is_demo = false;
  bool has_chat_template = false;     ///< prompts can be wrapped as its user messages
  std::string chat_template;          ///< of passports: "chat " and its fingerprint; empty = none
  bool has_directions = false;        ///< focus directions of matching shape are at hand
  std::string directions_source;      ///< file name, or empty
  std::string directions_problem;     ///< why those that were asked for are not in use
  std::vector<HeadId> known_ranking;  ///< shipped or loaded head set's ranking; empty = none
  std::vector<float> known_scores;    ///< [layers*heads] relevant of that head set; empty = none
  std::string known_source;           ///< where the ranking came from
};

/// One token of prompt + response.
struct TokenView {
  std::int32_t id = 0;
  std::string text;  ///< display text (valid UTF-8)
  ByteSpan bytes;    ///< position in the prompt text; empty for specials and response tokens
  bool special = false;
  bool unknown = false;  ///< the tokenizer does not know this word
};

/// A token that could have come next, with its probability before sampling.
struct CandidateView {
  std::int32_t id = 0;
  std::string text;  ///< as TokenView::text
  float probability = 0;
};

/// One document of the prompt, found in its text.
struct DocumentView {
  int number = 0;  ///< as printed in the prompt: Document [number]
  std::string title;
  ByteSpan line;      ///< whole line in the prompt text
  ByteSpan relevant;  ///< from "(Title:" to the end of the text
  TokenRange tokens;  ///< tokens of `relevant`
  bool gold = false;
};

/// The tokenised prompt. Shared by all runs over it.
struct PromptView {
  std::string text;
  std::vector<TokenView> tokens;  ///< prompt tokens 0..P-1
  std::vector<DocumentView> documents;
  std::vector<std::string> answers;  ///< expected answers if the sample has them
  /// Tokens with which those begin, with and without a blank before them; no id twice.
  std::vector<TokenView> answer_starts;
  std::vector<ByteSpan> unknown_words;
  std::int64_t prompt_tokens() const { return static_cast<std::int64_t>(tokens.size()); }
  Splitting splitting;                     ///< as asked for
  std::string split_method, split_reason;  ///< how the documents were found (SplitPrompt)
  int gold_document() const {              ///< index of the first relevant document, -1 = none
    for (std::size_t i = 0; i < documents.size(); ++i)
      if (documents[i].gold) return static_cast<int>(i);
    return -1;
  }
  std::vector<int> gold_documents() const {  ///< of all relevant ones, ascending
    std::vector<int> all;
    for (std::size_t i = 0; i < documents.size(); ++i)
      if (documents[i].gold) all.push_back(static_cast<int>(i));
    return all;
  }
};

/// What a run would take.
struct PolicyEstimate {
  double bytes = 0;    ///< beside the model's weights
  double seconds = 0;  ///< prefill and all new tokens; 0 = unknown
  bool fits = true;
};

/// What a run over a prompt will take, before it begins.
struct RunOutlook {
  std::int64_t prompt_tokens = 0, new_tokens = 0;
  double free_bytes = 0;   ///< what runs may take
  PolicyEstimate nothing;  ///< the answer alone
  PolicyEstimate spans, rows;
  PolicyEstimate full_map;                      ///< of one head, over prompt and response
  KeepAttention chosen = KeepAttention::spans;  ///< never automatic

  const PolicyEstimate& of_run() const { return chosen == KeepAttention::rows ? rows : spans; }
};

/// Exact = computed by the model with these settings; preview = estimated from cached rows: exact
/// for the first touched layer with fixed tokens, an estimate above it (method.md 3); growing =
/// exact, but the answer goes on: masses of its tokens so far, and weights of the head that was
/// selected when the run began.
enum class Quality { exact, preview, growing };

/// How many candidates a run keeps for each response token.
inline constexpr int kept_candidates = 8;

/// Weights of one head's kept rows, [rows, keys]; immutable once it is part of a result.
using HeadWeights = std::shared_ptr<const std::vector<float>>;

/// One run of the model: response, attention of the response rows, scores. All heads.
struct RunResult {
  InterventionSettings settings;  ///< what was applied; is_identity() for the baseline
  Quality quality = Quality::exact;
  std::vector<TokenView> response;  ///< generated tokens
  /// The most likely next tokens where each response token was chosen, most likely first
  /// [response]; empty for a preview, which asks the model for nothing.
  std::vector<std::vector<CandidateView>> candidates;
  std::string response_text;
  bool stopped_at_eos = false;
  bool matches_answer = false;  ///< best_subspan_em against PromptView::answers
  std::vector<HeadId> touched;  ///< heads acted on
  /// Attention weights: a block [rows, keys] for every head, [layers * heads] blocks, so that
  /// results share the blocks that do not differ (a preview changes a few heads of hundreds of
  /// megabytes). Rows = response rows (tokens as input, or P-1.. with RowConvention::predict), keys
  /// = P + n. Empty, or a null block for a head, where keeping them would exceed the budget.
  int layers = 0, heads = 0;
  TokenRange rows;  ///< absolute positions of the kept rows
  std::int64_t keys = 0;
  std::vector<HeadWeights> weights;
  /// Mass per key set [layers, heads, rows, sets]: every document, then the sink {0,1}.
  std::vector<float> span_sums;
  int sets = 0;
  HeadScores scores;
  double seconds = 0;

  std::size_t index(HeadId head) const {  ///< of its block of weights
    return static_cast<std::size_t>(head.layer) * static_cast<std::size_t>(heads) +
           static_cast<std::size_t>(head.head);
  }
  bool has_weights(HeadId head) const {  ///< they were kept
    return !weights.empty() && weights[index(head)] != nullptr;
  }
  /// Weights of one row, [keys]; the rows of a head follow each other. Null without weights.
  const float* row(HeadId head, std::int64_t row_index) const {
    return has_weights(head) ? weights[index(head)]->data() + row_index * keys : nullptr;
  }
  float span_sum(HeadId head, std::int64_t row_index, int set) const {  ///< mass on key set `set`
    const auto row_number = static_cast<std::int64_t>(index(head)) * rows.size() + row_index;
    return span_sums[static_cast<std::size_t>(row_number * sets + set)];
  }
};

struct GroupedMap;  // core/engine/prompt_groups.h

/// Full T x T map of one head, causal. That of a long prompt is pooled: a cell holds the largest of
/// cell() x cell() weights, and a part of it may be there exactly.
struct FullMap {
  /// Most cells of a side; a longer prompt's map is pooled.
  static constexpr std::int64_t max_side = 2048;

  HeadId head;
  InterventionSettings settings;
  std::int64_t tokens = 0;
  int level = 0;  ///< 0 = one cell for each pair of tokens
  /// [side(), side()], never null; maps that differ in their region alone share it.
  std::shared_ptr<const std::vector<float>> weights;
  MapRegion region;                          ///< where `exact` lies; empty = nowhere
  std::vector<float> exact;                  ///< [region.rows, region.columns]
  std::shared_ptr<const GroupedMap> groups;  ///< of a pooled map, by region.groups; null = none

  std::int64_t cell() const { return std::int64_t{1} << level; }
  std::int64_t side() const { return (tokens + cell() - 1) / cell(); }
  std::uint64_t bytes() const { return (weights->size() + exact.size()) * sizeof(float); }
};

/// What the preview worker needs beside the baseline's weights.
struct PreviewInputs {
  /// scale * d_q . k_j per head and key [layers, heads, keys] on the unedited run; empty = no
  /// directions. Row scores follow from log of the baseline weights.
  std::vector<float> focus_bias;
  std::string directions_hash;  ///< of the directions (InterventionSettings)
};

struct LogitLens;   // core/engine/explain.h
struct ScoreSplit;  // core/engine/explain.h

/// State of the engine beside its results.
struct EngineStatus {
  enum class State { starting, loading_model, idle, running, failed } state = State::starting;
  std::string activity;  ///< "prefill", "answer (intervened)" ...
  Progress progress;
  std::optional<Error> error;  ///< last failure; results before it stay
};

/// Everything the window may draw at one moment. Immutable once published. The results belong to
/// `prompt` and `model`; an empty prompt text is no error and keeps what was there.
struct Snapshot {
  std::uint64_t request_id = 0;  ///< request that this answers (of the newest part)
  Request request;
  std::shared_ptr<const ModelInfo> model;
  std::shared_ptr<const PromptView> prompt;
  std::shared_ptr<const RunOutlook> outlook;    ///< of running `prompt`; null = unknown
  std::shared_ptr<const RunResult> baseline;    ///< unedited; null until computed
  std::shared_ptr<const RunResult> intervened;  ///< with the sliders; == baseline when identity
  std::shared_ptr<const FullMap> full_map;      ///< selected head, intervened settings
  std::shared_ptr<const FullMap> full_map_baseline;
  std::shared_ptr<const PreviewInputs> preview_inputs;
  std::shared_ptr<const CausalCheck> causal;    ///< of the baseline's answer; null = not asked for
  std::shared_ptr<const HeadDrops> head_drops;  ///< of the same, as far as measured; null = nothing
  std::shared_ptr<const AutoAlpha> auto_alpha;  ///< the last one asked for, of this baseline
  std::shared_ptr<const LogitLens> lens;        ///< the last one asked for; says of which runs
  std::shared_ptr<const ScoreSplit> scores;     ///< the last row asked for; says of which runs
  std::string streaming_text;                   ///< response while it is being generated
  bool streaming_is_baseline = false;
  std::optional<double> preview_error;  ///< max |preview - exact| over touched heads' rows
  ReuseCounts reuse;
  EngineStatus status;
};

}  // namespace headscope
