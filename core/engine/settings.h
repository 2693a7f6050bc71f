// What the window asks for: plain values, comparable, serialisable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// Which heads an intervention acts on.
enum class HeadChoice {
  contextual,  ///< the top-k of the contextual ranking
  random,      ///< k random heads outside the contextual top-k (seeded)
  picked,      ///< picked by hand
};

/// Where split-softmax's marked keys S come from.
enum class SpanChoice {
  gold,      ///< the gold document
  document,  ///< document number `marked_document` (index)
};

/// What a run keeps of the attention of its response rows, for all heads.
enum class KeepAttention {
  automatic,  ///< rows where they fit, else span sums
  spans,      ///< mass per document and on the sink: little memory at any length
  rows,       ///< every weight of those rows too: maps of response rows, and the live preview
};

/// The sliders. Identity when tau = 1 and alpha = 0 or no head is chosen.
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

  bool is_identity() const {
    return (tau == 1.0 && alpha == 0.0) ||
           (choice == HeadChoice::picked ? picked.empty() : top_k <= 0);
  }
  friend bool operator==(const InterventionSettings&, const InterventionSettings&) = default;
};

/// A prompt: plain text in any form; documents are found in it (core/text/prompt.h).
struct PromptRequest {
  std::string text;
  int gold_document = -1;            ///< index of the gold document among those found, -1 = none
  std::vector<std::string> answers;  ///< expected answers, may be empty
  bool chat = false;                 ///< wrap in the model's chat template
  friend bool operator==(const PromptRequest&, const PromptRequest&) = default;
};

/// Full state that the window wants to see. The engine works out what has to be computed.
struct Request {
  std::string model = "demo";  ///< "demo" or a path
  std::string device = "auto", dtype = "auto";
  int threads = 0;
  PromptRequest prompt;
  InterventionSettings intervention;
  HeadId selected;  ///< head whose full map is shown
  bool want_full_map = false;
  RowConvention row_convention = RowConvention::input;
  int max_new_tokens = 100;
  KeepAttention keep = KeepAttention::automatic;
  friend bool operator==(const Request&, const Request&) = default;
};

}  // namespace headscope
