#include "core/runner/growing_run.h"

#include <algorithm>
#include <utility>

#include "core/base/make_large.h"
#include "core/runner/run_result.h"

namespace headscope {

GrowingRun::GrowingRun(Asked asked, const AnswerContext& context,
                       std::chrono::milliseconds patience)
    : asked_(std::move(asked)),
      context_(context),
      patience_(patience),
      told_(std::chrono::steady_clock::now()) {}

void GrowingRun::add_row(const AttentionRow& row) {
  rows_.push_back(row);
  const auto now = std::chrono::steady_clock::now();
  if (ids_.empty() || now - told_ < patience_) return;
  told_ = now;
  tell();
}

CapturedAttention GrowingRun::attention() const {
  const std::int64_t first = asked_.prompt.prompt_tokens() - 1;
  const auto rows = static_cast<std::size_t>(std::ssize(rows_));
  const auto heads = static_cast<std::size_t>(asked_.layers * asked_.heads);
  const std::size_t sets = rows_.front().masses.size() / heads;
  CapturedAttention out;
  out.layers = asked_.layers;
  out.heads = asked_.heads;
  out.rows = {first, first + std::ssize(rows_)};
  out.keys = out.rows.end;
  out.span_sums.reserve(heads * rows * sets);
  for (std::size_t head = 0; head < heads; ++head) {
    for (const AttentionRow& row : rows_) {
      const auto begin = row.masses.begin() + static_cast<std::ptrdiff_t>(head * sets);
      out.span_sums.insert(out.span_sums.end(), begin, begin + static_cast<std::ptrdiff_t>(sets));
    }
  }
  return out;
}

void GrowingRun::add_weights(RunResult& result) const {
  const std::int64_t first = result.rows.begin - (asked_.prompt.prompt_tokens() - 1);
  std::vector<float> block(static_cast<std::size_t>(result.rows.size() * result.keys));
  for (std::int64_t i = 0; i < result.rows.size(); ++i) {
    const auto& weights = rows_[static_cast<std::size_t>(first + i)].weights;
    if (weights.empty()) return;
    const auto width = std::min<std::int64_t>(std::ssize(weights), result.keys);
    std::copy_n(weights.begin(), width, block.begin() + i * result.keys);
  }
  result.weights.resize(static_cast<std::size_t>(result.layers * result.heads));
  result.weights[result.index(asked_.followed)] =
      make_large<const std::vector<float>>(std::move(block));
}

void GrowingRun::tell() {
  Generation so_far;
  so_far.ids = ids_;
  so_far.attention = attention();
  const auto result =
      make_run_result(asked_.prompt, so_far, asked_.convention, asked_.tokenizer, context_);
  if (!result) return;  // cancelled: whoever runs the model finds out by itself
  (*result)->quality = Quality::growing;
  (*result)->settings = asked_.settings;
  (*result)->touched = asked_.touched;
  add_weights(**result);
  context_.on_growth(*result);
}

}  // namespace headscope
