#include "core/engine/explain.h"

#include <algorithm>

namespace headscope {
namespace {

FollowedToken& follow(std::vector<FollowedToken>& all, const TokenView& token) {
  const auto known = std::find_if(all.begin(), all.end(),
                                  [&](const FollowedToken& other) { return other.id == token.id; });
  if (known != all.end()) return *known;
  FollowedToken added;
  added.id = token.id;
  added.text = token.text;
  return all.emplace_back(std::move(added));
}

}  // namespace

std::vector<FollowedToken> followed_tokens(const PromptView& prompt, const RunResult& baseline,
                                           const RunResult& intervened, std::int64_t token) {
  std::vector<FollowedToken> all;
  const auto at = static_cast<std::size_t>(token);
  if (at < baseline.response.size()) follow(all, baseline.response[at]).baseline = true;
  if (at < intervened.response.size()) follow(all, intervened.response[at]).intervened = true;
  for (const TokenView& start : prompt.answer_starts) follow(all, start).expected = true;
  return all;
}

std::vector<KeyShift> key_shifts(const RowScores& baseline, const RowScores& intervened) {
  const std::int64_t begin = std::max(baseline.first_key, intervened.first_key);
  const std::int64_t end = std::min(baseline.end(), intervened.end());
  std::vector<KeyShift> shifts;
  for (std::int64_t key = begin; key < end; ++key) {
    const auto b = static_cast<std::size_t>(key - baseline.first_key);
    const auto i = static_cast<std::size_t>(key - intervened.first_key);
    shifts.push_back({key, baseline.weights[b], intervened.weights[i], intervened.base[i],
                      intervened.focus[i], intervened.log_factor[i],
                      intervened.base[i] - baseline.base[b]});
  }
  std::stable_sort(shifts.begin(), shifts.end(), [](const KeyShift& a, const KeyShift& b) {
    return std::max(a.before, a.after) > std::max(b.before, b.after);
  });
  return shifts;
}

}  // namespace headscope
