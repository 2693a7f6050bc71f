#include "core/analysis/alignment.h"

#include <algorithm>
#include <utility>

namespace headscope {
namespace {

using Ids = std::span<const std::int32_t>;
using Match = std::pair<std::int64_t, std::int64_t>;

/// Furthest position in the first sequence on the diagonals k = -d, -d + 2, ... d, where k is that
/// position less the one in the second sequence.
class Frontier {
 public:
  explicit Frontier(std::int64_t d) : d_(d), reach_(static_cast<std::size_t>(d + 1)) {}
  std::int64_t& at(std::int64_t k) { return reach_[index(k)]; }
  std::int64_t at(std::int64_t k) const { return reach_[index(k)]; }
  bool has(std::int64_t k) const { return k >= -d_ && k <= d_; }

 private:
  std::size_t index(std::int64_t k) const { return static_cast<std::size_t>((k + d_) / 2); }
  std::int64_t d_;
  std::vector<std::int64_t> reach_;
};

/// Whether diagonal k is entered from k + 1 (a token is inserted) rather than from k - 1.
bool comes_from_above(const Frontier& last, std::int64_t k) {
  if (!last.has(k - 1)) return true;
  return last.has(k + 1) && last.at(k - 1) < last.at(k + 1);
}

/// The frontiers of 0, 1, ... edits, until both ends are reached.
std::vector<Frontier> explore(Ids a, Ids b) {
  const std::int64_t n = std::ssize(a), m = std::ssize(b);
  std::vector<Frontier> steps;
  for (std::int64_t d = 0; d <= n + m; ++d) {
    Frontier now(d);
    for (std::int64_t k = -d; k <= d; k += 2) {
      std::int64_t x = 0;
      if (d > 0) {
        const Frontier& last = steps.back();
        x = comes_from_above(last, k) ? last.at(k + 1) : last.at(k - 1) + 1;
      }
      while (x < n && x - k < m && x >= 0 && x - k >= 0 &&
             a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(x - k)])
        ++x;
      now.at(k) = x;
      if (x >= n && x - k >= m) {
        steps.push_back(std::move(now));
        return steps;
      }
    }
    steps.push_back(std::move(now));
  }
  return steps;
}

/// The matched positions of both, ascending.
std::vector<Match> matches(Ids a, Ids b) {
  const auto steps = explore(a, b);
  std::vector<Match> found;
  std::int64_t x = std::ssize(a), y = std::ssize(b);
  for (std::int64_t d = std::ssize(steps) - 1; d >= 0; --d) {
    std::int64_t from_x = 0, from_y = 0;
    if (d > 0) {
      const Frontier& last = steps[static_cast<std::size_t>(d - 1)];
      const bool above = comes_from_above(last, x - y);
      const std::int64_t k = x - y + (above ? 1 : -1);
      from_x = last.at(k) + (above ? 0 : 1);
      from_y = last.at(k) - k + (above ? 1 : 0);
    }
    while (x > from_x && y > from_y) found.emplace_back(--x, --y);
    if (d == 0) break;
    const bool above = comes_from_above(steps[static_cast<std::size_t>(d - 1)], x - y);
    (above ? y : x) -= 1;
  }
  std::reverse(found.begin(), found.end());
  return found;
}

/// What stands between two kept tokens.
void add_gap(Match from, Match to, std::vector<AlignedPair>& out) {
  auto [a, b] = from;
  while (a < to.first && b < to.second) out.push_back({EditKind::replaced, a++, b++});
  while (a < to.first) out.push_back({EditKind::removed, a++, -1});
  while (b < to.second) out.push_back({EditKind::inserted, -1, b++});
}

}  // namespace

std::vector<AlignedPair> align(Ids before, Ids after) {
  std::vector<AlignedPair> out;
  Match next{0, 0};
  for (const Match& match : matches(before, after)) {
    add_gap(next, match, out);
    out.push_back({EditKind::kept, match.first, match.second});
    next = {match.first + 1, match.second + 1};
  }
  add_gap(next, {std::ssize(before), std::ssize(after)}, out);
  return out;
}

}  // namespace headscope
