#include "core/engine/overlay.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "core/engine/preview.h"
#include "core/intervention/method.h"

namespace headscope {
namespace {

std::span<const float> row_of(const RunResult& run, HeadId head, std::int64_t row) {
  return {run.row(head, row), static_cast<std::size_t>(run.keys)};
}

// Rows of the selection that all of `runs` have.
std::vector<std::int64_t> shared_rows(const RunResult& run, const RunResult* baseline,
                                      const OverlaySelection& selection) {
  std::int64_t limit = run.rows.size();
  if (baseline != nullptr) limit = std::min(limit, baseline->rows.size());
  std::vector<std::int64_t> rows;
  for (const std::int64_t row : selection.rows) {
    if (row >= 0 && row < limit) rows.push_back(row);
  }
  return rows;
}

std::optional<std::vector<float>> pooled(const RunResult& run, const OverlaySelection& selection,
                                         std::span<const std::int64_t> rows, std::int64_t tokens,
                                         const std::function<bool()>& is_stale) {
  RowPool pool(static_cast<std::size_t>(tokens), selection.pooling);
  for (const HeadId head : selection.heads) {
    if (is_stale && is_stale()) return std::nullopt;
    for (const std::int64_t row : rows) pool.add(row_of(run, head, row));
  }
  return pool.values();
}

TokenMasses measured(std::vector<float> values, Pooling pooling) {
  TokenMasses masses;
  masses.values = std::move(values);
  for (std::size_t j = 0; j < masses.values.size(); ++j) {
    const float value = masses.values[j], size = std::abs(value);
    masses.largest = std::max(masses.largest, size);
    if (!masses.is_sink(j)) {
      masses.largest_text = std::max(masses.largest_text, size);
    } else if (pooling != Pooling::max) {
      masses.sink += value;
    } else if (size > std::abs(masses.sink)) {
      masses.sink = value;
    }
  }
  return masses;
}

/// Keys together: added up, for Pooling::max the one with the largest magnitude.
float together(std::span<const float> values, Pooling pooling) {
  float all = 0;
  for (const float value : values) {
    const bool larger = std::abs(value) > std::abs(all);
    all = pooling != Pooling::max ? all + value : larger ? value : all;
  }
  return all;
}

std::vector<float> column_of(const RunResult& run, const OverlaySelection& selection,
                             std::int64_t rows, TokenRange keys) {
  const auto count = static_cast<std::size_t>(keys.size());
  std::vector<float> column;
  for (std::int64_t row = 0; row < rows; ++row) {
    RowPool pool(count, selection.pooling);
    for (const HeadId head : selection.heads) pool.add({run.row(head, row) + keys.begin, count});
    column.push_back(together(pool.values(), selection.pooling));
  }
  return column;
}

}  // namespace

bool has_weights(const RunResult& run, const OverlaySelection& selection) {
  return !selection.heads.empty() &&
         std::all_of(selection.heads.begin(), selection.heads.end(), [&](HeadId head) {
           return head.layer >= 0 && head.layer < run.layers && head.head >= 0 &&
                  head.head < run.heads && run.has_weights(head);
         });
}

double pooling_work(const RunResult& run, const OverlaySelection& selection) {
  return static_cast<double>(selection.heads.size()) * static_cast<double>(selection.rows.size()) *
         static_cast<double>(run.keys);
}

std::optional<TokenMasses> pool_tokens(const RunResult& run, const RunResult* baseline,
                                       const OverlaySelection& selection, std::int64_t tokens,
                                       const std::function<bool()>& is_stale) {
  const auto rows = shared_rows(run, baseline, selection);
  if (rows.empty() || tokens <= 0 || !has_weights(run, selection) ||
      (baseline != nullptr && !has_weights(*baseline, selection)))
    return std::nullopt;
  auto values = pooled(run, selection, rows, tokens, is_stale);
  if (!values) return std::nullopt;
  if (baseline != nullptr) {
    const auto before = pooled(*baseline, selection, rows, tokens, is_stale);
    if (!before) return std::nullopt;
    for (std::size_t j = 0; j < values->size(); ++j) (*values)[j] -= (*before)[j];
  }
  return measured(std::move(*values), selection.pooling);
}

void add_documents(const PromptView& prompt, Pooling pooling, TokenMasses& masses) {
  const auto tokens = std::ssize(masses.values);
  for (const DocumentView& document : prompt.documents) {
    const auto begin = std::clamp<std::int64_t>(document.tokens.begin, 0, tokens);
    const auto end = std::clamp<std::int64_t>(document.tokens.end, begin, tokens);
    const auto values =
        std::span(masses.values)
            .subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    masses.documents.push_back(together(values, pooling));
    masses.largest_document = std::max(masses.largest_document, std::abs(masses.documents.back()));
  }
}

std::vector<float> pool_rows(const RunResult& run, const RunResult* baseline,
                             const OverlaySelection& selection, TokenRange keys) {
  const std::int64_t most = baseline ? std::min(run.keys, baseline->keys) : run.keys;
  if (keys.begin < 0 || keys.begin >= keys.end || keys.end > most || !has_weights(run, selection) ||
      (baseline != nullptr && !has_weights(*baseline, selection)))
    return {};
  const std::int64_t rows =
      baseline ? std::min(run.rows.size(), baseline->rows.size()) : run.rows.size();
  auto column = column_of(run, selection, rows, keys);
  if (baseline == nullptr) return column;
  const auto before = column_of(*baseline, selection, rows, keys);
  for (std::size_t i = 0; i < column.size(); ++i) column[i] -= before[i];
  return column;
}

bool TouchedTokens::marks(std::int64_t key) const {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const TokenRange& range) { return range.contains(key); });
}

TouchedTokens touched_tokens(const RunResult& run, const PromptView& prompt) {
  TouchedTokens touched;
  touched.first_row = std::numeric_limits<std::int64_t>::max();
  if (run.settings.is_identity() || run.touched.empty()) return touched;
  touched.first_row = run.settings.rows.first_row(prompt.prompt_tokens());
  const InterventionMethod* also = find_method(run.settings.also);
  const bool marks = run.settings.tau != 1 || (also != nullptr && also->marks_keys);
  if (!marks) return touched;
  for (const int document : marked_documents(run.settings, prompt))
    touched.keys.push_back(prompt.documents[static_cast<std::size_t>(document)].tokens);
  return touched;
}

}  // namespace headscope
