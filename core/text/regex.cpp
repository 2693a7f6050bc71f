#include "core/text/regex.h"

#include <oniguruma.h>

#include <chrono>
#include <mutex>
#include <optional>

#include "core/text/unicode.h"

namespace headscope {
namespace {

// Far above what a sensible expression needs on megabytes of one character, low enough to end a
// hostile one within a second.
constexpr unsigned long max_steps_per_match = 40'000'000;
constexpr unsigned int max_stack_entries = 8'000'000;
// What matches of sensible expressions take: only beyond it is the clock looked at every time.
constexpr unsigned long usual_steps_per_match = 100'000;
// A tenth of a second or so: what a user types is tried at every keystroke.
constexpr unsigned long typed_steps_per_match = 2'000'000;

void start_oniguruma() {
  static std::once_flag once;
  std::call_once(once, [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
  });
}

const OnigUChar* bytes(const char* text) {
  return reinterpret_cast<const OnigUChar*>(text);
}

std::string onig_message(int code, OnigErrorInfo* info = nullptr) {
  OnigUChar buffer[ONIG_MAX_ERROR_MESSAGE_LEN + 1] = {};
  const int length = onig_error_code_to_str(buffer, code, info);
  return std::string(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(length));
}

/// What one search needs beside the expression.
struct Workspace {
  OnigRegion* region = onig_region_new();
  OnigMatchParam* limits = onig_new_match_param();
  explicit Workspace(unsigned long steps) {
    onig_initialize_match_param(limits);
    onig_set_retry_limit_in_match_of_match_param(limits, steps);
    onig_set_retry_limit_in_search_of_match_param(limits, steps);
    onig_set_match_stack_limit_size_of_match_param(limits, max_stack_entries);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() {
    onig_region_free(region, 1);
    onig_free_match_param(limits);
  }
};

using Clock = std::chrono::steady_clock;
thread_local std::optional<Clock::time_point> search_until;  ///< set by PatternTime
thread_local unsigned searches = 0;

bool time_is_over() {
  return search_until && Clock::now() > *search_until;
}

/// One search of a tokenizer's expression.
int search(regex_t* regex, std::string_view text, std::size_t from, OnigRegion*& region) {
  thread_local Workspace usual(usual_steps_per_match), patient(max_steps_per_match);
  constexpr unsigned looks_at_clock = 256;
  const OnigUChar* begin = bytes(text.data());
  const OnigUChar* end = begin + text.size();
  const auto search_with = [&](Workspace& workspace) {
    region = workspace.region;
    return onig_search_with_param(regex, begin, end, begin + from, end, region, ONIG_OPTION_NONE,
                                  workspace.limits);
  };
  if (++searches % looks_at_clock == 0 && time_is_over()) return ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER;
  const int found = search_with(usual);
  const bool took_long =
      found == ONIGERR_RETRY_LIMIT_IN_MATCH_OVER || found == ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER;
  return !took_long || time_is_over() ? found : search_with(patient);
}

/// Collects matches and fills the gaps between them.
class Cover {
 public:
  explicit Cover(std::vector<Segment>& segments) : segments_(segments) {}
  void match(std::size_t begin, std::size_t end) {
    gap_until(begin);
    segments_.push_back({begin, end, true});
    covered_ = end;
  }
  void gap_until(std::size_t end) {
    if (covered_ != end) segments_.push_back({covered_, end, false});
    covered_ = end;
  }

 private:
  std::vector<Segment>& segments_;
  std::size_t covered_ = 0;
};

}  // namespace

struct Pattern::Compiled {
  regex_t* regex = nullptr;
  std::string expression;
  Compiled() = default;
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled() {
    if (regex) onig_free(regex);
  }
};

Result<Pattern> Pattern::regex(const std::string& expression, const std::string& where) {
  start_oniguruma();
  auto compiled = std::make_shared<Compiled>();
  compiled->expression = expression;
  OnigErrorInfo info{};
  const char* begin = expression.data();
  const int code = onig_new(&compiled->regex, bytes(begin), bytes(begin + expression.size()),
                            ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
  if (code != ONIG_NORMAL) {
    return bad_input(where + ": the regular expression \"" + expression +
                     "\" is not valid: " + onig_message(code, &info));
  }
  Pattern pattern;
  pattern.compiled_ = std::move(compiled);
  return pattern;
}

Pattern Pattern::literal(std::string text) {
  Pattern pattern;
  pattern.literal_ = std::move(text);
  return pattern;
}

Result<> Pattern::find(std::string_view text, std::vector<Segment>& segments) const {
  segments.clear();
  Cover cover(segments);
  if (!compiled_) {
    if (!literal_.empty()) {
      for (std::size_t at = text.find(literal_); at != std::string_view::npos;
           at = text.find(literal_, at + literal_.size())) {
        cover.match(at, at + literal_.size());
      }
    }
    cover.gap_until(text.size());
    return {};
  }
  OnigRegion* region = nullptr;
  std::size_t from = 0;
  std::size_t last_end = std::string_view::npos;
  while (from <= text.size()) {
    const int found = search(compiled_->regex, text, from, region);
    if (found == ONIG_MISMATCH) break;
    if (found < 0) {
      return bad_input("the regular expression \"" + compiled_->expression +
                       "\" of the tokenizer gives up on this text: " + onig_message(found));
    }
    const auto match_begin = static_cast<std::size_t>(region->beg[0]);
    const auto match_end = static_cast<std::size_t>(region->end[0]);
    if (match_begin == match_end &&
        match_end == last_end) {  // an empty match where the last one ended
      from += from < text.size() ? unicode::length_of(text[from]) : 1;
      continue;
    }
    cover.match(match_begin, match_end);
    from = last_end = match_end;
  }
  cover.gap_until(text.size());
  return {};
}

Result<std::vector<ByteSpan>> Pattern::matches(std::string_view text, std::size_t most,
                                               double seconds) const {
  std::vector<ByteSpan> found;
  if (!compiled_) return found;
  Workspace workspace(typed_steps_per_match);
  const OnigUChar* begin = bytes(text.data());
  const OnigUChar* end = bytes(text.data() + text.size());
  const auto hopeless = [&](const std::string& why) {
    return bad_input("the pattern \"" + compiled_->expression + "\" gives up on this text: " + why);
  };
  const auto until = Clock::now() + std::chrono::duration<double>(seconds);
  for (std::size_t from = 0; from <= text.size() && found.size() <= most;) {
    if (Clock::now() > until) return hopeless("it takes too long; write it without nested repeats");
    const int at = onig_search_with_param(compiled_->regex, begin, end, begin + from, end,
                                          workspace.region, ONIG_OPTION_NONE, workspace.limits);
    if (at == ONIG_MISMATCH) break;
    if (at < 0) return hopeless(onig_message(at));
    const ByteSpan match{static_cast<std::size_t>(workspace.region->beg[0]),
                         static_cast<std::size_t>(workspace.region->end[0])};
    found.push_back(match);
    from = match.end;
    if (match.empty()) from += from < text.size() ? unicode::length_of(text[from]) : 1;
  }
  return found;
}

PatternTime::PatternTime(std::size_t text_bytes) {
  const double seconds = 2 + static_cast<double>(text_bytes) / 1e6;
  search_until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(seconds));
}

PatternTime::~PatternTime() {
  search_until.reset();
}

}  // namespace headscope
