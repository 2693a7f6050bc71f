#include "app/views/head_filter.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace headscope {
namespace {

constexpr std::array<const char*, head_columns> kColumns = {
    "rank",   "head",    "score",    "relevant", "sink", "irrelevant",
    "change", "entropy", "distance", "drop",     "like"};

bool is_blank(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0 || c == ',' || c == ';';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads a text from left to right.
class Reader {
 public:
  explicit Reader(std::string text) : text_(std::move(text)) {}

  bool done() {
    skip();
    return at_ == text_.size();
  }
  void skip() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  std::string letters() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::string comparison() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && at_ - begin < 2 &&
           std::string_view("<>=").find(text_[at_]) != std::string_view::npos)
      ++at_;
    return text_.substr(begin, at_ - begin);
  }
  template <class Number>
  std::optional<Number> number() {
    skip();
    Number value{};
    const char* const begin = text_.data() + at_;
    const auto [end, problem] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (problem != std::errc()) return std::nullopt;
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool at_digit() const { return at_ < text_.size() && is_digit(text_[at_]); }
  std::size_t place() const { return at_; }
  // The word that stands at `place`, up to the next blank.
  std::string word(std::size_t place) const {
    std::size_t end = place;
    while (end < text_.size() && !is_blank(text_[end])) ++end;
    return text_.substr(place, end - place);
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

// "3" or "3-5".
std::optional<HeadFilter::Range> read_range(Reader& reader) {
  const auto first = reader.number<int>();
  if (!first || *first < 0) return std::nullopt;
  if (!reader.take('-')) return HeadFilter::Range{*first, *first};
  const auto last = reader.number<int>();
  if (!last || *last < *first) return std::nullopt;
  return HeadFilter::Range{*first, *last};
}

// A comparison with its number, where one stands.
bool read_bound(Reader& reader, std::optional<HeadColumn> column, HeadFilter& filter) {
  reader.skip();
  const std::string comparison = reader.comparison();
  const bool known = comparison == "<" || comparison == ">" || comparison == "<=" ||
                     comparison == ">=" || comparison == "=";
  const auto value = known ? reader.number<double>() : std::nullopt;
  if (!value) return false;
  filter.bounds.push_back({column, comparison, *value});
  return true;
}

bool read_word(Reader& reader, const std::string& word, HeadFilter& filter) {
  if (word == "l" || word == "layer" || word == "layers" || word == "h" || word == "heads" ||
      word == "head") {
    const auto range = read_range(reader);
    if (!range) return false;
    (word.front() == 'l' ? filter.layers : filter.heads).push_back(*range);
    return true;
  }
  if (word == "pinned") return filter.pinned = true;
  if (word == "on") return filter.on = true;
  const auto column = std::find(kColumns.begin(), kColumns.end(), word);
  if (column == kColumns.end()) return false;
  return read_bound(reader, static_cast<HeadColumn>(column - kColumns.begin()), filter);
}

// "3.7": layer and head.
bool read_pair(Reader& reader, HeadFilter& filter) {
  const auto layer = reader.number<int>();
  if (!layer || (!reader.take('.') && !reader.take(':'))) return false;
  const auto head = reader.number<int>();
  if (!head) return false;
  filter.layers.push_back({*layer, *layer});
  filter.heads.push_back({*head, *head});
  return true;
}

bool read_term(Reader& reader, HeadFilter& filter) {
  if (reader.at_digit()) return read_pair(reader, filter);
  const std::string word = reader.letters();
  return word.empty() ? read_bound(reader, std::nullopt, filter) : read_word(reader, word, filter);
}

bool holds(const HeadFilter::Bound& bound, double value) {
  if (bound.comparison == "<") return value < bound.value;
  if (bound.comparison == "<=") return value <= bound.value;
  if (bound.comparison == ">") return value > bound.value;
  if (bound.comparison == ">=") return value >= bound.value;
  return value == bound.value;
}

// Several layers are alternatives; layers and heads together are both meant.
bool among(const std::vector<HeadFilter::Range>& ranges, int number) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](HeadFilter::Range range) {
           return range.contains(number);
         });
}

}  // namespace

const char* filter_name(HeadColumn column) {
  return kColumns[static_cast<std::size_t>(column)];
}

HeadFilter parse_head_filter(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  Reader reader(lower);
  HeadFilter filter;
  while (!reader.done()) {
    const std::size_t place = reader.place();
    if (read_term(reader, filter)) continue;
    HeadFilter nothing;
    nothing.not_understood = reader.word(place);
    return nothing;
  }
  return filter;
}

bool passes(const HeadFilter& filter, HeadId head, HeadColumn sorted_by, const FilterFacts& facts) {
  if (!among(filter.layers, head.layer) || !among(filter.heads, head.head)) return false;
  if ((filter.pinned && !facts.pinned) || (filter.on && !facts.on)) return false;
  return std::all_of(filter.bounds.begin(), filter.bounds.end(), [&](const auto& bound) {
    return holds(bound, facts.value(bound.column.value_or(sorted_by)));
  });
}

}  // namespace headscope
