#include "core/engine/trace_report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/base/units.h"

namespace headscope {
namespace {

struct Kind {
  const char* name;
  int color;
};
constexpr std::array<Kind, trace_kinds> kKinds = {{{"load", 5},
                                                   {"read prompt", 5},
                                                   {"answer", 5},
                                                   {"ahead", 5},
                                                   {"prefill", 0},
                                                   {"layer", 0},
                                                   {"token", 1},
                                                   {"read-back", 2},
                                                   {"question", 3},
                                                   {"preview", 4},
                                                   {"frame", 5}}};
constexpr std::array<const char*, trace_lanes> kLanes = {"compute", "preview", "window"};
constexpr std::array<const char*, trace_colors> kColors = {
    "prompt", "tokens", "read-back", "maps, questions", "preview", "whole runs, other"};

void add_part(const TraceSpan& part, AnswerWork& work) {
  switch (part.kind) {
    case TraceKind::prefill:
      work.prefilled = true;
      work.first_layer = part.number;
      work.layers = part.of;
      work.computed += part.computed;
      work.reused += part.reused;
      work.kept_attention = part.kept_attention;
      work.prefill_seconds += part.seconds();
      return;
    case TraceKind::token:
      work.token_seconds += part.seconds();
      work.tokens += part.number > 0 ? 1 : 0;
      return;
    case TraceKind::read_back:
      work.read_back_seconds += part.seconds();
      return;
    default:
      return;
  }
}

std::string prompt_words(const AnswerWork& work) {
  if (!work.prefilled) return "the prompt was not run";
  if (work.reused == 0 && work.kept_attention == 0) {
    return "all of the prompt computed, " + count_text(work.computed) + " rows x layers";
  }
  char share[32];
  std::snprintf(share, sizeof share, "%.0f %%", 100 * work.reused_share());
  const std::string of_work = std::string(share) + " of the prompt's work reused";
  if (work.first_layer >= work.layers) return "prompt taken over whole: " + of_work;
  std::string text = "restarted at layer " + std::to_string(work.first_layer) + " of " +
                     std::to_string(work.layers);
  if (work.kept_attention > 0) text += ", attention kept";
  return text + ": " + of_work;
}

}  // namespace

const char* lane_name(TraceLane lane) {
  return kLanes[static_cast<std::size_t>(lane)];
}

const char* kind_name(TraceKind kind) {
  return kKinds[static_cast<std::size_t>(kind)].name;
}

int trace_color(TraceKind kind) {
  return kKinds[static_cast<std::size_t>(kind)].color;
}

const char* trace_color_name(int color) {
  return kColors[static_cast<std::size_t>(color)];
}

TraceRows trace_rows(std::vector<TraceSpan> spans) {
  // Of spans that begin and end together, the one that ended later holds the others.
  std::reverse(spans.begin(), spans.end());
  std::stable_sort(spans.begin(), spans.end(), [](const TraceSpan& a, const TraceSpan& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  TraceRows rows;
  std::vector<std::int64_t> open;  // ends of the spans around the next one
  for (const TraceSpan& span : spans) {
    while (!open.empty() && open.back() <= span.begin) open.pop_back();
    rows.depth.push_back(static_cast<int>(open.size()));
    rows.rows = std::max(rows.rows, rows.depth.back() + 1);
    open.push_back(span.end);
  }
  rows.spans = std::move(spans);
  return rows;
}

std::optional<AnswerWork> newest_answer(std::span<const TraceSpan> spans) {
  const auto newest = std::find_if(spans.rbegin(), spans.rend(), [](const TraceSpan& span) {
    return span.kind == TraceKind::answer;
  });
  if (newest == spans.rend()) return std::nullopt;
  AnswerWork work;
  work.answer = *newest;
  work.seen = newest->begin == newest->end && newest->reused > 0;
  if (work.seen) return work;
  for (auto part = newest + 1; part != spans.rend() && part->end >= newest->begin; ++part) {
    if (part->begin >= newest->begin) add_part(*part, work);
  }
  return work;
}

std::string span_text(double seconds) {
  char text[32];
  if (seconds >= 0.1) {
    std::snprintf(text, sizeof text, "%.2f s", seconds);
  } else if (seconds >= 1e-3) {
    std::snprintf(text, sizeof text, seconds < 0.01 ? "%.1f ms" : "%.0f ms", seconds * 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.0f us", seconds * 1e6);
  }
  return text;
}

std::string in_words(const AnswerWork& work) {
  const std::string begin = work.answer.name + ": ";
  if (work.seen) {
    return begin + "was there, nothing computed; " + memory_text(double(work.answer.bytes)) +
           " and " + span_text(work.answer.saved_seconds) + " reused";
  }
  const std::string text =
      prompt_words(work) + "; prefill " + span_text(work.prefill_seconds) + ", " +
      std::to_string(work.tokens) + (work.tokens == 1 ? " token " : " tokens ") +
      span_text(work.token_seconds) + ", read-back " + span_text(work.read_back_seconds);
  if (!work.answer.cut) return begin + text;
  return begin + "given up after " + span_text(work.answer.seconds()) + "; " + text;
}

}  // namespace headscope
