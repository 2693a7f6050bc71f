// What a record of spans says: how they nest, and what the newest answer took. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/run_trace.h"

namespace headscope {

/// "compute", "preview", "window".
const char* lane_name(TraceLane lane);
/// "load", "prefill", "token"...
const char* kind_name(TraceKind kind);

/// Kinds that share a colour, as an index of figure::Style::series.
int trace_color(TraceKind kind);
inline constexpr int trace_colors = 6;
/// What a colour stands for: "prompt", "tokens"...
const char* trace_color_name(int color);

/// Spans of one lane as they are drawn: by their begin, each below those that it is inside of.
struct TraceRows {
  std::vector<TraceSpan> spans;
  std::vector<int> depth;  ///< of each span, from 0
  int rows = 0;
};
/// `spans` in the order in which they ended.
TraceRows trace_rows(std::vector<TraceSpan> spans);

/// The newest answer that was finished, given up or taken from an earlier one.
struct AnswerWork {
  TraceSpan answer;
  bool seen = false;  ///< the whole answer was there
  bool prefilled = false;
  int first_layer = 0, layers = 0;        ///< where the prompt's rows began; == layers: nowhere
  std::int64_t computed = 0, reused = 0;  ///< of the prompt, rows times layers
  std::int64_t kept_attention = 0;        ///< rows of the first touched layer
  double prefill_seconds = 0, token_seconds = 0, read_back_seconds = 0;
  int tokens = 0;

  /// Of the prompt's work, 0 to 1.
  double reused_share() const {
    const auto all = double(computed + reused);
    return all > 0 ? double(reused) / all : 0;
  }
};
/// `spans` of the compute lane in the order in which they ended; nothing without an answer.
std::optional<AnswerWork> newest_answer(std::span<const TraceSpan> spans);

/// "answer (intervened): restarted at layer 7 of 12: 58 % of the prompt's work reused; prefill 1.90
/// s, 32 tokens 0.60 s, read-back 12 ms"
std::string in_words(const AnswerWork& work);

/// "1.90 s", "12 ms", "340 us".
std::string span_text(double seconds);

}  // namespace headscope
