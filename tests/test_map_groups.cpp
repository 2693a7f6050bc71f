// Attention maps by document and sentence, and what their colours go by, against plain loops in
// double precision over every pair.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/analysis/map_groups.h"
#include "core/analysis/map_statistics.h"
#include "core/base/rng.h"
#include "core/engine/fake_world.h"
#include "core/engine/prompt_groups.h"
#include "core/text/prompt.h"
#include "core/text/sentences.h"
#include "tests/engine_fixture.h"

using namespace headscope;

namespace {

struct Case {
  std::vector<float> values;
  MapRows map;
};

Case random_map(std::int64_t rows, std::int64_t columns, std::int64_t first_row, int seed) {
  Case c;
  Rng rng(static_cast<std::uint64_t>(seed));
  for (std::int64_t i = 0; i < rows * columns; ++i)
    c.values.push_back(static_cast<float>(rng.next_u32() % 100000) * 1e-5f);
  c.map = {c.values.data(), rows, columns, first_row};
  return c;
}

std::vector<std::int32_t> random_groups(std::int64_t items, int groups, int seed) {
  Rng rng(static_cast<std::uint64_t>(seed));
  std::vector<std::int32_t> of;
  for (std::int64_t i = 0; i < items; ++i)
    of.push_back(static_cast<std::int32_t>(rng.next_u32() % static_cast<unsigned>(groups + 1)) - 1);
  return of;
}

// One cell by its definition.
double cell_of(const Case& c, const std::vector<std::int32_t>& row_group,
               const std::vector<std::int32_t>& key_group, int g, int h, Pooling pooling) {
  double sum = 0, largest = -1;
  int pairs = 0;
  std::set<std::int64_t> rows;
  for (std::int64_t i = 0; i < c.map.rows; ++i) {
    if (row_group[static_cast<std::size_t>(i)] != g) continue;
    rows.insert(i);
    for (std::int64_t j = 0; j < c.map.columns; ++j) {
      if (key_group[static_cast<std::size_t>(j)] != h || j > c.map.first_row + i) continue;
      const double a = c.values[static_cast<std::size_t>(i * c.map.columns + j)];
      sum += a;
      largest = std::max(largest, a);
      ++pairs;
    }
  }
  if (pairs == 0) return std::numeric_limits<double>::quiet_NaN();
  if (pooling == Pooling::max) return largest;
  return sum / (pooling == Pooling::sum ? static_cast<double>(rows.size()) : pairs);
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 1e-6 * std::max(1.0, std::abs(b));
}

std::vector<std::string> texts_of(const std::string& text) {
  std::vector<std::string> parts;
  const auto found = find_sentences(text);
  REQUIRE(found);
  for (const ByteSpan span : *found)
    parts.push_back(text.substr(span.begin, span.end - span.begin));
  return parts;
}

PromptView view_of(const PromptRequest& request) {
  FakeRunner runner;
  return *runner.prepare(request).value();
}

}  // namespace

TEST_CASE("groups of rows and keys: every cell by its definition") {
  constexpr int kRows = 5, kKeys = 7;
  for (const auto& [rows, columns, first] :
       {std::tuple{40, 40, 0}, std::tuple{9, 60, 51}, std::tuple{1, 3, 0}, std::tuple{6, 50, 20}}) {
    const Case c = random_map(rows, columns, first, 3 + rows);
    const auto row_group = random_groups(rows, kRows, 11),
               key_group = random_groups(columns, kKeys, 12);
    for (const Pooling pooling : {Pooling::sum, Pooling::mean, Pooling::max}) {
      const auto cells = group_map(c.map, {row_group, kRows}, {key_group, kKeys}, pooling);
      REQUIRE(cells.size() == kRows * kKeys);
      for (int g = 0; g < kRows; ++g) {
        for (int h = 0; h < kKeys; ++h) {
          const double expected = cell_of(c, row_group, key_group, g, h, pooling);
          CHECK(same(cells[static_cast<std::size_t>(g * kKeys + h)], expected));
        }
      }
    }
  }
}

TEST_CASE("groups from tiles are those of the whole map") {
  constexpr int kGroups = 6;
  constexpr std::int64_t kTokens = 50;
  const Case c = random_map(kTokens, kTokens, 0, 31);
  const auto of = random_groups(kTokens, kGroups, 32);
  const AxisGroups axis{of, kGroups};
  MapGrouper grouper(axis, axis);
  for (std::int64_t row = 0; row < kTokens; row += 8) {
    const std::int64_t rows = std::min<std::int64_t>(8, kTokens - row);
    for (std::int64_t column = 0; column < row + rows; column += 16) {  // none beyond the diagonal
      const std::int64_t columns = std::min<std::int64_t>(16, kTokens - column);
      std::vector<float> tile;
      for (std::int64_t i = row; i < row + rows; ++i) {
        const float* values = c.values.data() + i * kTokens + column;
        tile.insert(tile.end(), values, values + columns);
      }
      grouper.add({tile.data(), rows, columns, row - column}, row, column);
    }
  }
  for (const Pooling pooling : {Pooling::sum, Pooling::mean, Pooling::max}) {
    const auto cells = grouper.cells(pooling);
    for (int g = 0; g < kGroups; ++g) {
      for (int h = 0; h < kGroups; ++h) {
        CHECK(same(cells[static_cast<std::size_t>(g * kGroups + h)],
                   cell_of(c, of, of, g, h, pooling)));
      }
    }
  }
}

TEST_CASE("groups of an overview: never below the group's own, and its own where borders agree") {
  constexpr std::int64_t kTokens = 61, kCell = 4, kSide = 16;
  Case c = random_map(kTokens, kTokens, 0, 21);
  for (std::int64_t i = 0; i < kTokens; ++i) {
    for (std::int64_t j = i + 1; j < kTokens; ++j)
      c.values[static_cast<std::size_t>(i * kTokens + j)] = 0;
  }
  std::vector<float> overview(kSide * kSide, 0.0f);
  for (std::int64_t i = 0; i < kTokens; ++i) {
    for (std::int64_t j = 0; j < kTokens; ++j) {
      float& cell = overview[static_cast<std::size_t>(i / kCell * kSide + j / kCell)];
      cell = std::max(cell, c.values[static_cast<std::size_t>(i * kTokens + j)]);
    }
  }
  const MapRows pooled{overview.data(), kSide, kSide, 0};
  for (const std::int64_t width : {8, 7}) {  // multiples of a cell, and not
    std::vector<std::int32_t> of;
    for (std::int64_t t = 0; t < kTokens; ++t) of.push_back(static_cast<std::int32_t>(t / width));
    const int count = of.back() + 1;
    const auto cells = group_overview(pooled, kCell, kTokens, {of, count}, {of, count});
    for (int g = 0; g < count; ++g) {
      for (int h = 0; h <= g; ++h) {
        const double own = cell_of(c, of, of, g, h, Pooling::max);
        const double found = cells[static_cast<std::size_t>(g * count + h)];
        CHECK(found >= own);
        if (width == 8) CHECK(same(found, own));
      }
    }
  }
}

TEST_CASE("statistics of a map, and of a difference to a smaller one") {
  for (const bool difference : {false, true}) {
    for (const std::int64_t left_out : {0, 2}) {
      const Case a = random_map(12, 30, 18, 5), b = random_map(12, 28, 18, 6);
      const auto found = map_statistics(a.map, difference ? b.map : MapRows{}, left_out, 0.9);
      REQUIRE(found);
      std::vector<double> all;
      double largest = 0;
      for (std::int64_t i = 0; i < 12; ++i) {
        double sum = 0, row_largest = 0;
        std::int64_t at = -1;
        for (std::int64_t j = 0; j <= 18 + i && j < 30; ++j) {
          double v = a.values[static_cast<std::size_t>(i * 30 + j)];
          if (difference && j < 28) v -= b.values[static_cast<std::size_t>(i * 28 + j)];
          sum += v;
          if (j < left_out) continue;
          all.push_back(difference ? std::abs(v) : v);
          if (std::abs(v) > row_largest) {
            row_largest = std::abs(v);
            at = j;
          }
        }
        const RowStatistics& row = found->rows[static_cast<std::size_t>(i)];
        CHECK(row.largest == doctest::Approx(row_largest));
        CHECK(row.at == at);
        CHECK(row.sum == doctest::Approx(sum).epsilon(1e-5));
        largest = std::max(largest, row_largest);
      }
      CHECK(found->largest == doctest::Approx(largest));
      std::sort(all.begin(), all.end());
      const auto rank = [&](double q) {
        return all[static_cast<std::size_t>(std::lround(q * static_cast<double>(all.size() - 1)))];
      };
      CHECK(found->clip_high == doctest::Approx(rank(0.9)));
      CHECK(found->clip_low == doctest::Approx(difference ? 0.0 : rank(1 - 0.9)));
    }
  }
  const Case a = random_map(3, 4, 1, 9);
  CHECK(map_statistics(a.map, {}, 0, 1)->clip_high == map_statistics(a.map, {}, 0, 1)->largest);
  CHECK_FALSE(map_statistics(a.map, {}, 0, 1, [] { return true; }));
}

TEST_CASE("sentences: without gaps, abbreviations whole, any script") {
  using Texts = std::vector<std::string>;
  CHECK(texts_of("").empty());
  CHECK(texts_of("One. Two? Three!") == Texts{"One. ", "Two? ", "Three!"});
  CHECK(texts_of("Dr. Brown met Mr. Smith. They left.") ==
        Texts{"Dr. Brown met Mr. Smith. ", "They left."});
  CHECK(texts_of("It is 3.5 m long. Yes.") == Texts{"It is 3.5 m long. ", "Yes."});
  CHECK(texts_of("first line\nsecond line") == Texts{"first line\n", "second line"});
  CHECK(texts_of("これは本です。それは猫です。") == Texts{"これは本です。", "それは猫です。"});
  CHECK(texts_of("Où? À Orléans. Était-ce là?") == Texts{"Où? ", "À Orléans. ", "Était-ce là?"});
  std::string all;
  for (const std::string& part : texts_of("bad \xff\xfe bytes. End")) all += part;
  CHECK(all == "bad \xff\xfe bytes. End");
}

TEST_CASE("groups of a prompt: documents are what the document bars count") {
  const PromptView prompt = view_of(test::engine_prompt());
  const PromptGroups found = prompt_groups(prompt, 5, TokenGrouping::documents);
  REQUIRE(found.of.size() == prompt.tokens.size() + 5);
  std::vector<std::string> labels;
  for (const TokenGroup& group : found.groups) labels.push_back(group.label);
  CHECK(labels == std::vector<std::string>{"sink", "instruction", "labels", "1", "2", "3", "4", "5",
                                           "6", "question", "response"});
  for (std::size_t t = 0; t < found.of.size(); ++t) {
    const TokenGroup& group = found.groups[static_cast<std::size_t>(found.of[t])];
    int document = -1;
    for (std::size_t d = 0; d < prompt.documents.size(); ++d) {
      if (prompt.documents[d].tokens.contains(static_cast<std::int64_t>(t)))
        document = static_cast<int>(d);
    }
    CHECK(group.document == document);
    CHECK((group.label == "sink") == (t < 2));
    CHECK((group.label == "response") == (t >= prompt.tokens.size()));
  }
  CHECK(found.groups[7].gold);
  CHECK(found.groups[7].name == "document 5: Lighthouse of Velmar");
}

TEST_CASE("groups of a prompt: sentences divide documents, titles stay whole") {
  PromptRequest request;
  request.text =
      "Answer the question. Use only what is there.\n\n"
      "Document [1](Title: St. Marnow. A place) The keeper slept. Dr. Brown came late.\n"
      "Document [2](Title: Harbour) Ships rest.\n\n"
      "Question: Who came late?\nAnswer:";
  const PromptView prompt = view_of(request);
  REQUIRE(prompt.documents.size() == 2);
  const PromptGroups found = prompt_groups(prompt, 3, TokenGrouping::sentences);
  std::map<std::string, std::string> names;
  for (const TokenGroup& group : found.groups) names[group.label] = group.name;
  CHECK(names["1.1"] == "(Title: St. Marnow. A place)");
  CHECK(names["1.2"] == "The keeper slept.");
  CHECK(names["1.3"] == "Dr. Brown came late.");
  CHECK(names["2.1"] == "(Title: Harbour)");
  CHECK(names["2.2"] == "Ships rest.");
  CHECK(names["i.1"] == "Answer the question.");
  CHECK(names["i.2"] == "Use only what is there.");
  CHECK(names["q.1"] == "Question: Who came late?");
  CHECK(names["q.2"] == "Answer:");
  CHECK(names.count("1.4") == 0);
  // Sentences divide the documents: no token changes sides.
  const PromptGroups documents = prompt_groups(prompt, 3, TokenGrouping::documents);
  std::int64_t tokens = 0;
  for (const TokenGroup& group : found.groups) tokens += group.tokens;
  CHECK(tokens == static_cast<std::int64_t>(found.of.size()));
  for (std::size_t t = 0; t < found.of.size(); ++t) {
    CHECK(found.groups[static_cast<std::size_t>(found.of[t])].document ==
          documents.groups[static_cast<std::size_t>(documents.of[t])].document);
  }
}

TEST_CASE("groups of a prompt without documents, and of an empty one") {
  PromptRequest request;
  request.text = "Who? Me.";
  const PromptGroups found = prompt_groups(view_of(request), 1, TokenGrouping::sentences);
  CHECK(found.groups.back().label == "response");
  CHECK(found.groups.front().label == "sink");
  CHECK(prompt_groups(PromptView{}, 0, TokenGrouping::sentences).groups.empty());
  CHECK(prompt_groups(PromptView{}, 2, TokenGrouping::documents).groups.size() == 1);
}
