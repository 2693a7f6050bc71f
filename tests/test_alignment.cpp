// links: headscope_analysis
// Alignment of two responses against brute force, moves of heads, and readings of logits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/analysis/alignment.h"
#include "core/analysis/head_moves.h"
#include "core/analysis/logit_lens.h"
#include "core/base/rng.h"

using namespace headscope;

namespace {

using Ids = std::vector<std::int32_t>;

// Length of a longest common subsequence, by the textbook's table.
std::size_t common_length(const Ids& a, const Ids& b) {
  std::vector<std::vector<std::size_t>> best(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      best[i][j] =
          a[i - 1] == b[j - 1] ? best[i - 1][j - 1] + 1 : std::max(best[i - 1][j], best[i][j - 1]);
    }
  }
  return best[a.size()][b.size()];
}

// Every index once and in order, kept tokens equal, others not; returns how many are kept.
std::size_t check_alignment(const Ids& a, const Ids& b, const std::vector<AlignedPair>& pairs) {
  std::int64_t next_a = 0, next_b = 0;
  std::size_t kept = 0;
  for (const AlignedPair& pair : pairs) {
    const bool has_a = pair.before >= 0, has_b = pair.after >= 0;
    CHECK((has_a || has_b));
    if (has_a) CHECK(pair.before == next_a++);
    if (has_b) CHECK(pair.after == next_b++);
    const bool both = has_a && has_b;
    const bool equal =
        both && a[static_cast<std::size_t>(pair.before)] == b[static_cast<std::size_t>(pair.after)];
    CHECK(equal == (pair.kind == EditKind::kept));
    CHECK((pair.kind == EditKind::replaced) == (both && !equal));
    CHECK((pair.kind == EditKind::removed) == !has_b);
    CHECK((pair.kind == EditKind::inserted) == !has_a);
    kept += pair.kind == EditKind::kept;
  }
  CHECK(next_a == std::ssize(a));
  CHECK(next_b == std::ssize(b));
  return kept;
}

}  // namespace

TEST_CASE("an alignment is a longest common subsequence, whatever the sequences") {
  Rng rng(5);
  for (int round = 0; round < 600; ++round) {
    const auto draw = [&] {
      Ids ids(rng.below(24));
      for (auto& id : ids) id = static_cast<std::int32_t>(rng.below(2 + round % 7));
      return ids;
    };
    const Ids a = draw(), b = draw();
    CHECK(check_alignment(a, b, align(a, b)) == common_length(a, b));
  }
  Ids a(700), b;
  for (auto& id : a) id = static_cast<std::int32_t>(rng.below(40));
  for (const auto id : a) {
    if (rng.below(5) != 0) b.push_back(id);
    if (rng.below(9) == 0) b.push_back(99);
  }
  CHECK(check_alignment(a, b, align(a, b)) == common_length(a, b));
}

TEST_CASE("what an alignment says of small changes") {
  using enum EditKind;
  const Ids a = {1, 2, 3, 4, 5};
  CHECK(align({}, {}).empty());
  CHECK(align(a, a).size() == 5);
  const Ids none;
  CHECK(align(none, a).front() == AlignedPair{inserted, -1, 0});
  CHECK(align(a, none).back() == AlignedPair{removed, 4, -1});
  const Ids other = {1, 2, 9, 4, 5, 6};
  const auto pairs = align(a, other);
  CHECK(pairs == std::vector<AlignedPair>{{kept, 0, 0},
                                          {kept, 1, 1},
                                          {replaced, 2, 2},
                                          {kept, 3, 3},
                                          {kept, 4, 4},
                                          {inserted, -1, 5}});
  const Ids shorter = {1, 7, 5};
  CHECK(align(a, shorter) ==
        std::vector<AlignedPair>{
            {kept, 0, 0}, {replaced, 1, 1}, {removed, 2, -1}, {removed, 3, -1}, {kept, 4, 2}});
}

TEST_CASE("heads that move") {
  const std::vector<float> before = {0.1f, 0.5f, 0.3f, 0.2f}, after = {0.6f, 0.5f, 0.25f, 0.2f};
  const auto moves = head_moves(before, after, 2, 2);
  REQUIRE(moves.size() == 4);
  CHECK(moves[0].head == HeadId{0, 0});  // changed most
  CHECK(moves[0].rank_before == 3);
  CHECK(moves[0].rank_after == 0);
  CHECK(moves[0].up() == 3);
  CHECK(moves[0].change() == doctest::Approx(0.5));
  CHECK(moves[1].head == HeadId{1, 0});
  CHECK(moves[1].up() == -1);
  CHECK(moves[2].head == HeadId{0, 1});  // unchanged: in the order of the ranking before
  CHECK(moves[2].up() == -1);
  CHECK(head_moves(before, {0.1f}, 2, 2).empty());
  auto unknown = after;
  unknown[2] = std::numeric_limits<float>::quiet_NaN();
  CHECK(head_moves(before, unknown, 2, 2).empty());
  CHECK(head_moves({}, {}, 0, 0).empty());
}

TEST_CASE("readings of logits against sorting everything") {
  Rng rng(8);
  std::vector<float> logits(300);
  for (auto& x : logits) x = std::round(static_cast<float>(rng.normal()) * 4) / 2;  // with ties
  std::vector<std::pair<double, std::int32_t>> order;
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    order.emplace_back(-static_cast<double>(logits[i]), static_cast<std::int32_t>(i));
    sum += std::exp(static_cast<double>(logits[i]));
  }
  std::sort(order.begin(), order.end());
  const std::vector<std::int32_t> followed = {0, 17, 299, 300, -1};
  const auto reading = read_logits(logits, 5, followed);
  REQUIRE(reading.top.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(reading.top[i].id == order[i].second);
    CHECK(reading.top[i].rank == static_cast<std::int64_t>(i) + 1);
    CHECK(reading.top[i].probability == doctest::Approx(std::exp(-order[i].first) / sum));
  }
  REQUIRE(reading.followed.size() == followed.size());
  for (std::size_t f = 0; f < 3; ++f) {
    const auto at = std::find_if(order.begin(), order.end(),
                                 [&](const auto& o) { return o.second == followed[f]; });
    CHECK(reading.followed[f].rank == at - order.begin() + 1);
    CHECK(reading.followed[f].probability == doctest::Approx(std::exp(-at->first) / sum));
  }
  CHECK(reading.followed[3].rank == 0);
  CHECK(reading.followed[4].rank == 0);
  CHECK(read_logits({}, 3, followed).top.empty());
  logits[4] = std::numeric_limits<float>::infinity();
  CHECK(read_logits(logits, 3, followed).top.empty());
}
