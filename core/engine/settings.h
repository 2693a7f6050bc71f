// What the window asks for: plain values, comparable, serialisable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/shared_text.h"
#include "core/base/types.h"
#include "core/text/splitting.h"

namespace headscope {

/// Which heads an intervention acts on.
enum class HeadChoice {
  contextual,  ///< the top-k of the contextual ranking
  random,      ///< k random heads outside the contextual top-k (seeded)
  picked,      ///< picked by hand
};

/// Where split-softmax's marked keys S come from.
enum class SpanChoice {
  gold,      ///< the documents marked as relevant, together
  document,  ///< document number `marked_document` (index)
};

/// What a run keeps of the attention of its response rows, for all heads.
enum class KeepAttention {
  automatic,  ///< rows where they fit, else span sums
  spans,      ///< mass per document and on the sink: little memory at any length
  rows,       ///< every weight of those rows too: maps of response rows, and the live preview
};

/// The sliders. Identity when tau = 1, alpha = 0 and nothing else is done, or no head is chosen.
struct InterventionSettings {
  double tau = 1.0;
  double alpha = 0.0;
  int top_k = 5;
  HeadChoice choice = HeadChoice::contextual;
  std::uint64_t random_seed = 0;
  std::vector<HeadId> picked;
  RowSelection rows;
  bool use_key_directions = false;  ///< the key slider that changes nothing (method.md 3)
  SpanChoice span = SpanChoice::gold;
  int marked_document = -1;
  /// One more method on the same heads, rows and document, by its name
  /// (core/intervention/method.h); empty = none. It is not previewed: what it does is shown by the
  /// exact run alone.
  std::string also;
  double also_strength = 0;  ///< its first parameter
  /// File or folder whose focus directions alpha adds, and its `directions_sha256` (empty = not
  /// checked); an empty name: the model's own.
  std::string directions, directions_hash;

  bool is_identity() const {  ///< nothing is changed
    return (tau == 1.0 && alpha == 0.0 && also.empty()) ||
           (choice == HeadChoice::picked ? picked.empty() : top_k <= 0);
  }
  friend bool operator==(const InterventionSettings&, const InterventionSettings&) = default;
};

/// A prompt: plain text in any form; documents are found in it (core/text/splitting.h).
struct PromptRequest {
  SharedText text;
  int gold_document = -1;      ///< index of a relevant document among those found, -1 = none
  std::vector<int> more_gold;  ///< indices of others, ascending; empty unless there is a first one
  std::vector<std::string> answers;  ///< expected answers, may be empty
  bool chat = true;                  ///< wrap in the model's chat template, if it has one
  Splitting splitting;               ///< where the documents of `text` are

  /// Indices of all documents marked as relevant, ascending.
  std::vector<int> gold_documents() const;
  void mark(std::vector<int> documents);  ///< replaces the marks
  bool is_gold(int document) const;       ///< it is marked as relevant
  friend bool operator==(const PromptRequest&, const PromptRequest&) = default;
};

/// The documents that methods mark, ascending, of `documents` ones of which `gold` are relevant;
/// empty = none.
std::vector<int> marked_among(const InterventionSettings& settings, const std::vector<int>& gold,
                              int documents);

/// How the tokens of a map are grouped.
enum class TokenGrouping { none, documents, sentences };

/// What of a head's pooled full map shall be exact: a part of it, in tokens, and the whole of it by
/// groups.
struct MapRegion {
  TokenRange rows, columns;
  TokenGrouping groups = TokenGrouping::none;
  /// No part of it.
  bool empty() const { return rows.size() == 0 || columns.size() == 0; }
  friend bool operator==(const MapRegion&, const MapRegion&) = default;
};

/// The logit lens at one response token (core/engine/explain.h).
struct LensQuestion {
  bool wanted = false;
  std::int64_t token = 0;  ///< index into the response
  friend bool operator==(const LensQuestion&, const LensQuestion&) = default;
};

/// The scores of one row of the selected head in their parts (core/engine/explain.h).
struct ScoreQuestion {
  bool wanted = false;
  std::int64_t row = 0;  ///< position of the query
  friend bool operator==(const ScoreQuestion&, const ScoreQuestion&) = default;
};

/// What is asked for once, beside the runs: it takes a while, or changes nothing that is shown.
struct Questions {
  bool causal = false;      ///< the causal check of the baseline's answer (core/analysis/causal.h)
  bool auto_alpha = false;  ///< a strength for the chosen heads (core/analysis/auto_alpha.h)
  bool head_drops = false;  ///< what the answer loses without each head of the model: a pass a head
  LensQuestion lens;
  ScoreQuestion scores;
  friend bool operator==(const Questions&, const Questions&) = default;
};

/// Full state that the window wants to see. The engine works out what has to be computed.
struct Request {
  std::string model = "demo";  ///< "demo" or a path
  std::string adapter;         ///< PEFT folder merged into it; empty = none
  std::string device = "auto", dtype = "auto";
  int threads = 0;
  PromptRequest prompt;
  InterventionSettings intervention;
  HeadId selected;  ///< head whose full map is shown
  bool want_full_map = false;
  MapRegion map_region;  ///< part of a pooled map that shall be exact; empty = none
  RowConvention row_convention = RowConvention::input;
  int max_new_tokens = 100;
  KeepAttention keep = KeepAttention::automatic;
  Questions questions;
  friend bool operator==(const Request&, const Request&) = default;
};

}  // namespace headscope
