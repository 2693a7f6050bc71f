#include "core/runner/growing_run.h"

#include <utility>

#include "core/runner/run_result.h"

namespace headscope {

GrowingRun::GrowingRun(Asked asked, const AnswerContext& context,
                       std::chrono::milliseconds patience)
    : asked_(std::move(asked)),
      context_(context),
      patience_(patience),
      told_(std::chrono::steady_clock::now()) {}

void GrowingRun::add_row(std::span<const float> masses) {
  rows_.emplace_back(masses.begin(), masses.end());
  const auto now = std::chrono::steady_clock::now();
  if (ids_.empty() || now - told_ < patience_) return;
  told_ = now;
  tell();
}

CapturedAttention GrowingRun::attention() const {
  const std::int64_t first = asked_.prompt.prompt_tokens() - 1;
  const auto rows = static_cast<std::size_t>(std::ssize(rows_));
  const auto heads = static_cast<std::size_t>(asked_.layers * asked_.heads);
  const std::size_t sets = rows_.front().size() / heads;
  CapturedAttention out;
  out.layers = asked_.layers;
  out.heads = asked_.heads;
  out.rows = {first, first + std::ssize(rows_)};
  out.keys = out.rows.end;
  out.span_sums.reserve(heads * rows * sets);
  for (std::size_t head = 0; head < heads; ++head) {
    for (const std::vector<float>& row : rows_) {
      const auto begin = row.begin() + static_cast<std::ptrdiff_t>(head * sets);
      out.span_sums.insert(out.span_sums.end(), begin, begin + static_cast<std::ptrdiff_t>(sets));
    }
  }
  return out;
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
  context_.on_growth(*result);
}

}  // namespace headscope
