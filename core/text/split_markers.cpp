// Formats whose documents begin with a marker at the start of a line.
#include <algorithm>
#include <array>

#include "core/text/split_formats.h"
#include "core/text/split_lines.h"

namespace headscope::split {
namespace {

Start at_line(ByteSpan line, const Reader& reader, int number) {
  return {line.begin, line.begin + reader.at, number, false};
}

/// "[1]", "[doc 2]:"
std::optional<Start> numbered_start(std::string_view text, ByteSpan line) {
  Reader r{slice(text, line)};
  r.skip_spaces();
  if (!r.take('[')) return {};
  if (r.take_one_of({"document", "doc", "source", "ref", "passage", "chunk"})) r.skip(" _-#");
  const auto number = r.number();
  if (!number || !r.take(']')) return {};
  if (r.peek() == '(') return {};  // a link, or "Document [1](Title:" without its first word
  r.skip(":.)");
  r.skip_spaces();
  return at_line(line, r, *number);
}

/// "Passage 1:", "**Source [2]**", "### Document 3"
std::optional<Start> passage_start(std::string_view text, ByteSpan line) {
  Reader r{slice(text, line)};
  r.skip(" \t#*-=");
  if (!r.take_one_of({"passage", "document", "doc", "context", "source", "chunk", "search result",
                      "result", "article", "snippet", "excerpt", "evidence", "reference",
                      "paragraph", "text", "node"}))
    return {};
  r.skip(" \t");
  r.take_one_of({"id:", "no.", "number"});
  r.skip(" \t[(#");
  const auto number = r.number();
  if (!number) return {};
  r.skip(")]*");
  const bool marked = r.take(':') || r.take('.') || r.take('|') || r.take('-');
  r.skip("*=- \t");
  // "Source 2 of the river" is a sentence: a colon, or nothing more on the line.
  if (!marked && !r.done() && r.peek() != '(' && r.peek() != '\r') return {};
  return at_line(line, r, *number);
}

std::optional<Start> helmet_start(std::string_view text, ByteSpan line) {
  Reader r{slice(text, line)};
  int number = -1;
  if (r.take_word("[id: ")) {
    number = r.number().value_or(-1);
    while (!r.done() && r.peek() != ']') ++r.at;  // ids are names in some data sets
    if (!r.take(']')) return {};
    r.skip_spaces();
  }
  if (!r.take_word("document ")) return {};
  if (r.peek() != '(' || !slice(text, line).substr(r.at).starts_with("(Title: ")) return {};
  return at_line(line, r, number);
}

template <class StartOf>
std::vector<Start> starts_of(std::string_view text, StartOf start_of) {
  std::vector<Start> starts;
  each_line(text, [&](ByteSpan line) {
    if (const auto start = start_of(text, line)) starts.push_back(*start);
  });
  return starts;
}

/// Citations count up: "[3] says" at the start of a line of some other text does not.
void keep_counting_up(std::vector<Start>& starts) {
  std::vector<Start> kept;
  for (const Start& start : starts) {
    if (kept.empty() ? start.number <= 1 : start.number == kept.back().number + 1)
      kept.push_back(start);
  }
  starts = std::move(kept);
}

Found found(std::string_view text, const std::vector<Start>& starts, std::size_t least,
            const std::string& reason) {
  if (starts.size() < least) return {};
  Found result;
  result.documents = documents_from(text, starts, closing_line(text, starts.back().content));
  result.reason = std::to_string(result.documents.size()) + " " + reason;
  return result;
}

/// What a heading says, in lower case; 0 levels = no heading.
struct Heading {
  std::size_t level = 0, content = 0;
  std::string text;
};

Heading heading_of(std::string_view line) {
  Heading heading;
  while (heading.level < line.size() && line[heading.level] == '#') ++heading.level;
  if (heading.level == 0 || heading.level > 6 || heading.level == line.size() ||
      line[heading.level] != ' ')
    return {};
  heading.content = heading.level + 1;
  for (const char c : line.substr(heading.content)) heading.text += lower(c);
  return heading;
}

/// Sections that are no document of a prompt.
bool is_frame(const std::string& heading) {
  constexpr std::array frame = {
      "question",  "query",          "instruction", "answer",   "context",   "task",
      "role",      "user",           "system",      "response", "input",     "output",
      "documents", "search results", "rules",       "sources",  "assistant", "goal"};
  return std::any_of(frame.begin(), frame.end(),
                     [&](const char* word) { return heading.starts_with(word); });
}

bool begins_with(std::string_view line, std::initializer_list<std::string_view> words) {
  Reader r{line};
  r.skip(" \t*-");
  return r.take_one_of(words);
}

}  // namespace

Found numbered(std::string_view text) {
  auto starts = starts_of(text, numbered_start);
  keep_counting_up(starts);
  return found(text, starts, 2, "passages begin with [1], [2] ...");
}

Found passages(std::string_view text) {
  auto starts = starts_of(text, passage_start);
  keep_counting_up(starts);
  return found(text, starts, 2, "passages begin with a word and a number, as \"Passage 1:\"");
}

Found helmet(std::string_view text) {
  auto starts = starts_of(text, helmet_start);
  return found(text, starts, 1, "lines begin with \"Document (Title: \"");
}

Found source_content(std::string_view text) {
  using Words = std::initializer_list<std::string_view>;
  const Words sources = {"source:", "title:", "url:", "file:", "file_name:", "file_path:", "link:"};
  const Words contents = {"content:", "text:", "page_content:", "passage:", "snippet:", "body:"};
  std::vector<Start> by_source, by_content;
  std::size_t first_source = text.size(), first_content = text.size();
  bool open = false;  // a source's line was seen, its content not yet
  each_line(text, [&](ByteSpan line) {
    const std::string_view words = slice(text, line);
    const bool source = begins_with(words, sources), content = begins_with(words, contents);
    if (source) first_source = std::min(first_source, line.begin);
    if (content) first_content = std::min(first_content, line.begin);
    if (source && !open) by_source.push_back({line.begin, line.begin, -1, false});
    if (source) open = true;
    if (content) open = false;
    if (content) by_content.push_back({line.begin, line.begin, -1, false});
  });
  if (by_content.empty() || first_source == text.size()) return {};
  const bool source_first = first_source < first_content;
  if (source_first && open) by_source.pop_back();  // "Source:" in other text: nothing followed
  return found(text, source_first ? by_source : by_content, 2,
               source_first ? "blocks of \"Source:\" and \"Content:\""
                            : "blocks of \"Content:\" and \"Source:\"");
}

Found headings(std::string_view text) {
  std::array<std::size_t, 7> count{};
  each_line(text, [&](ByteSpan line) {
    const Heading heading = heading_of(slice(text, line));
    if (heading.level > 0 && !is_frame(heading.text)) ++count[heading.level];
  });
  const auto level =
      static_cast<std::size_t>(std::max_element(count.begin(), count.end()) - count.begin());
  std::vector<Start> starts;
  each_line(text, [&](ByteSpan line) {
    const Heading heading = heading_of(slice(text, line));
    if (heading.level == 0 || heading.level > level) return;
    const bool begins = heading.level == level && !is_frame(heading.text);
    starts.push_back({line.begin, line.begin + heading.content, -1, !begins});
  });
  const auto sections =
      std::count_if(starts.begin(), starts.end(), [](const Start& s) { return !s.ends_only; });
  if (sections < 2) return {};
  return found(text, starts, 2, "sections under headings of " + std::to_string(level) + " \"#\"");
}

}  // namespace headscope::split
