#include "core/engine/preview.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <set>
#include <thread>

#include "core/analysis/metrics.h"
#include "core/analysis/split_softmax.h"
#include "core/base/make_large.h"
#include "core/base/recycled_block.h"
#include "core/engine/preview_rows.h"

namespace headscope {
namespace {

/// Everything that is the same for all touched heads.
struct Move {
  double tau = 1, alpha = 0;
  std::vector<TokenRange> marked;
  std::vector<int> marked_sets;
  std::int64_t first_row = 0;  ///< first edited row among the kept ones
};

Move move_of(const PromptView& prompt, const RunResult& baseline,
             const InterventionSettings& settings) {
  Move move;
  move.alpha = settings.alpha;
  move.marked_sets = marked_documents(settings, prompt);
  if (!move.marked_sets.empty()) move.tau = settings.tau;
  for (const int set : move.marked_sets)
    move.marked.push_back(prompt.documents[static_cast<std::size_t>(set)].tokens);
  const auto first = settings.rows.first_row(prompt.prompt_tokens()) - baseline.rows.begin;
  move.first_row = std::clamp<std::int64_t>(first, 0, baseline.rows.size());
  return move;
}

float mass(std::span<const float> row, TokenRange keys) {
  const auto size = static_cast<std::int64_t>(row.size());
  const auto begin = std::clamp<std::int64_t>(keys.begin, 0, size);
  const auto end = std::clamp<std::int64_t>(keys.end, begin, size);
  return static_cast<float>(
      sum_of(row.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin))));
}

/// One head's rows and their masses.
void preview_weights(const PromptView& prompt, const RunResult& baseline, const Move& move,
                     std::span<const float> bias, HeadId head, RunResult& result) {
  const auto keys = static_cast<std::size_t>(baseline.keys);
  const auto index = baseline.index(head);
  const std::span<const float> original(*baseline.weights[index]);
  const RowEdit edit(bias, move.alpha, move.marked, move.tau);
  auto block = recycled_block(original.size());
  std::copy_n(original.begin(), static_cast<std::size_t>(move.first_row) * keys, block->begin());
  for (std::int64_t row = move.first_row; row < baseline.rows.size(); ++row) {
    const auto begin = static_cast<std::size_t>(row) * keys;
    const std::span<float> weights(block->data() + begin, keys);
    edit.apply(original.subspan(begin, keys), weights.data());
    const auto row_number = static_cast<std::int64_t>(index) * baseline.rows.size() + row;
    float* sums = result.span_sums.data() + row_number * baseline.sets;
    for (const auto& document : prompt.documents) *sums++ = mass(weights, document.tokens);
    *sums = mass(weights, {0, 2});
  }
  result.weights[index] = std::move(block);
}

/// Without weights: the marked set's mass p becomes p^tau, every other set keeps its proportion.
void preview_sums(const RunResult& baseline, const Move& move, HeadId head, RunResult& result) {
  for (auto row = move.first_row; row < baseline.rows.size(); ++row) {
    const auto row_number =
        static_cast<std::int64_t>(baseline.index(head)) * baseline.rows.size() + row;
    float* sums = result.span_sums.data() + row_number * baseline.sets;
    double p = 0;
    for (const int set : move.marked_sets) p += static_cast<double>(sums[set]);
    const auto factors = split_factors(p, 1 - p, move.tau);
    for (int set = 0; set < baseline.sets; ++set) {
      const bool marked = std::binary_search(move.marked_sets.begin(), move.marked_sets.end(), set);
      const double factor = marked ? factors.marked : factors.rest;
      sums[set] = static_cast<float>(static_cast<double>(sums[set]) * factor);
    }
  }
}

void grade(RunResult& run, const PromptView& prompt) {
  const SpanLayout layout{run.sets - 1, prompt.gold_documents()};
  run.scores = scores_from_span_sums(run.span_sums, run.layers, run.heads, run.rows.size(),
                                     {0, run.rows.size()}, layout);
  run.matches_answer = best_subspan_em(run.response_text, prompt.answers);
}

bool valid(HeadId head, const RunResult& run) {
  return head.layer >= 0 && head.layer < run.layers && head.head >= 0 && head.head < run.heads;
}

/// Calls `preview_head` for every head, on several threads where there is enough to do, until one
/// says false; then, false. One core is left to the window.
bool for_every_head(const std::vector<HeadId>& heads, std::int64_t numbers,
                    const std::function<bool(HeadId)>& preview_head) {
  constexpr std::int64_t numbers_a_thread = 1 << 20;  // half a millisecond
  const auto spare = static_cast<std::int64_t>(std::thread::hardware_concurrency()) - 1;
  const auto threads = std::clamp<std::int64_t>(std::min(spare, numbers / numbers_a_thread), 1, 8);
  std::atomic<std::size_t> next{0};
  std::atomic<bool> good{true};
  const auto work = [&] {
    for (std::size_t i = next++; i < heads.size() && good; i = next++) {
      if (!preview_head(heads[i])) good = false;
    }
  };
  std::vector<std::future<void>> others;
  for (std::int64_t i = 1; i < threads; ++i) others.push_back(std::async(std::launch::async, work));
  work();
  for (auto& other : others) other.get();
  return good;
}

bool fits(const PromptView& prompt, const RunResult& run) {
  const auto blocks = static_cast<std::size_t>(run.layers) * static_cast<std::size_t>(run.heads);
  const auto rows = static_cast<std::size_t>(run.rows.size());
  return run.sets == static_cast<int>(prompt.documents.size()) + 1 &&
         run.span_sums.size() == blocks * rows * static_cast<std::size_t>(run.sets) &&
         (run.weights.empty() || run.weights.size() == blocks);
}

/// Rows at the start of both runs that saw the same tokens.
std::int64_t comparable_rows(const RunResult& a, const RunResult& b) {
  if (a.rows.begin != b.rows.begin) return 0;
  std::size_t same = 0;
  while (same < a.response.size() && same < b.response.size() &&
         a.response[same].id == b.response[same].id)
    ++same;
  // A row at position t has seen the tokens up to t: t - prompt + 1 response tokens.
  const auto prompt_tokens = a.keys - static_cast<std::int64_t>(a.response.size());
  const auto rows = prompt_tokens + static_cast<std::int64_t>(same) - a.rows.begin;
  return std::clamp<std::int64_t>(rows, 0, std::min(a.rows.size(), b.rows.size()));
}

}  // namespace

std::vector<int> marked_documents(const InterventionSettings& settings, const PromptView& prompt) {
  return marked_among(settings, prompt.gold_documents(), static_cast<int>(prompt.documents.size()));
}

std::shared_ptr<const RunResult> preview_run(const PromptView& prompt, const RunResult& baseline,
                                             const PreviewInputs* inputs,
                                             const InterventionSettings& settings,
                                             const std::vector<HeadId>& heads,
                                             const std::function<bool()>& is_stale) {
  if (!fits(prompt, baseline) || !settings.also.empty()) return nullptr;
  const auto move = move_of(prompt, baseline, settings);
  const auto keys = static_cast<std::size_t>(baseline.keys);
  const auto all =
      static_cast<std::size_t>(baseline.layers) * static_cast<std::size_t>(baseline.heads);
  if (move.alpha != 0 && (inputs == nullptr || inputs->focus_bias.size() != all * keys))
    return nullptr;
  auto result = make_large<RunResult>(baseline);
  result->settings = settings;
  result->quality = Quality::preview;
  result->candidates.clear();  // they are the baseline's
  result->touched = heads;
  const auto preview_head = [&](HeadId head) {
    if (!valid(head, baseline) || (is_stale && is_stale())) return false;
    if (baseline.has_weights(head)) {
      std::span<const float> bias;
      if (move.alpha != 0)
        bias = std::span(inputs->focus_bias).subspan(baseline.index(head) * keys, keys);
      preview_weights(prompt, baseline, move, bias, head, *result);
      return true;
    }
    if (move.alpha == 0 && move.tau != 1) preview_sums(baseline, move, head, *result);
    return move.alpha == 0;
  };
  const std::set<HeadId> touched(heads.begin(), heads.end());
  const auto numbers =
      static_cast<std::int64_t>(touched.size()) * baseline.rows.size() * baseline.keys;
  if (!for_every_head({touched.begin(), touched.end()}, numbers, preview_head)) return nullptr;
  grade(*result, prompt);
  return result;
}

std::optional<PreviewError> preview_error(const RunResult& preview, const RunResult& exact,
                                          const std::function<bool()>& is_stale) {
  const auto rows = comparable_rows(preview, exact);
  const auto keys = std::min(preview.keys, exact.keys);
  PreviewError error{0, 0, rows};
  std::int64_t compared = 0;
  double sum = 0;
  for (const auto head : exact.touched) {
    if (!valid(head, preview) || !valid(head, exact)) continue;
    if (!preview.has_weights(head) || !exact.has_weights(head)) continue;
    if (is_stale && is_stale()) return error;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t j = 0; j < keys; ++j) {
        const double difference = std::abs(static_cast<double>(preview.row(head, row)[j]) -
                                           static_cast<double>(exact.row(head, row)[j]));
        error.largest = std::max(error.largest, difference);
        sum += difference;
      }
    }
    compared += rows * keys;
  }
  if (compared == 0) return std::nullopt;
  error.mean = sum / static_cast<double>(compared);
  return error;
}

std::shared_ptr<const RunResult> graded(const RunResult& run, const PromptView& prompt) {
  auto copy = make_large<RunResult>(run);
  grade(*copy, prompt);
  return copy;
}

}  // namespace headscope
