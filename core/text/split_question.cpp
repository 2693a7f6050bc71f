// What stands around the documents of a prompt: instruction, labels and the question.
#include <algorithm>

#include "core/text/spans.h"
#include "core/text/split_formats.h"
#include "core/text/split_lines.h"

namespace headscope::split {
namespace {

constexpr auto npos = std::string_view::npos;

/// Bytes behind a question's label at the start of a line; nothing when it has none.
std::optional<std::size_t> behind_question_label(std::string_view line) {
  Reader r{line};
  r.skip(" \t#*>");
  if (r.take_one_of({"<question>", "<query>", "<user_query>", "<user_question>"})) return r.at;
  const bool heading = line.starts_with("#");
  r.take_one_of({"user ", "my ", "the "});
  if (!r.take_one_of({"question", "query", "q:"})) return {};
  const bool short_label = line[r.at - 1] == ':';
  r.skip("* \t");
  const bool colon = short_label || r.take(':');
  r.skip("* \t");
  if (!colon && !(heading && (r.done() || r.peek() == '\r'))) return {};
  return r.at;
}

bool is_answer_label(std::string_view line) {
  Reader r{line};
  r.skip(" \t#*>");
  r.take_one_of({"helpful ", "your ", "final ", "the ", "short "});
  if (!r.take_one_of({"answer", "response", "a:", "assistant:"})) return false;
  r.skip("* \t");
  return r.done() || r.peek() == ':' || r.peek() == '\r' || line[r.at - 1] == ':';
}

/// "-----", "====="
bool is_rule(std::string_view line) {
  const std::size_t end = line.find_last_not_of(" \t\r");
  return end != npos && end >= 3 && line.substr(0, end + 1).find_first_not_of("-=_*") == npos;
}

/// A line behind which no document stands: "Given the context information ...", "</documents>".
bool is_closing(std::string_view line) {
  Reader r{line};
  r.skip(" \t");
  if (is_rule(line)) return true;
  return r.take_one_of({"</documents>", "</context>", "</sources>", "</search_results>",
                        "given the context information", "given the information above",
                        "based on the above", "using the above", "answer the question",
                        "based on these documents", "based on the context", "helpful answer"});
}

bool is_context_label(std::string_view line, std::size_t& behind) {
  Reader r{line};
  r.skip(" \t#*");
  if (!r.take_one_of({"context", "documents", "sources", "search results", "passages",
                      "retrieved context", "retrieved documents", "<context", "<documents",
                      "information", "background"}))
    return false;
  r.skip("* \t");
  if (!r.take(':') && !r.take('>') && !(line.starts_with("#") && r.done())) return false;
  r.skip("* \t");
  behind = r.at;
  return true;
}

/// From a label to the end of the question: the next blank line, label, rule or element's end, or
/// `limit`.
ByteSpan question_from(std::string_view text, std::size_t from, std::size_t limit) {
  ByteSpan span{from, from};
  bool any = false;
  std::size_t ignored = 0;
  text = text.substr(0, limit);
  for (std::size_t at = from; at <= text.size();) {
    const std::size_t newline = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, newline - at);
    const bool blank = line.find_first_not_of(" \t\r") == npos;
    if (any && blank) break;
    // The next label ends it, also so that many labels are not each read to the end.
    if (at != from && (is_answer_label(line) || behind_question_label(line) || is_rule(line) ||
                       is_context_label(line, ignored)))
      break;
    any = any || !blank;
    span.end = newline;
    at = newline + 1;
  }
  const std::size_t tag = slice(text, span).find("</");
  if (tag != npos) span.end = span.begin + tag;
  return trimmed(text, span);
}

/// The last paragraph where it asks something.
ByteSpan asking_paragraph(std::string_view text, std::size_t from) {
  std::size_t end = text.size();
  const ByteSpan all = trimmed(text, {from, end});
  if (all.empty()) return {};
  const std::size_t gap = slice(text, all).rfind("\n\n");
  const ByteSpan last = trimmed(text, {gap == npos ? all.begin : all.begin + gap, all.end});
  return slice(text, last).find('?') == npos ? ByteSpan{} : last;
}

/// A paragraph that tells the model what to do.
bool is_instruction(std::string_view paragraph) {
  std::string words;
  for (const char c : paragraph.substr(0, 400)) words += lower(c);
  for (const char* said : {"use the following", "answer the", "given the", "based on", "you are ",
                           "write a ", "using only", "please "}) {
    if (words.find(said) != npos) return true;
  }
  return !words.empty() && words.back() == ':';
}

/// Begin of the last line of `content`.
std::size_t last_line(std::string_view text, ByteSpan content) {
  const std::size_t newline = slice(text, content).rfind('\n');
  return newline == npos ? content.begin : content.begin + newline + 1;
}

}  // namespace

std::size_t closing_line(std::string_view text, std::size_t from) {
  std::size_t first_closing = text.size(), last_question = npos, first_answer = npos;
  each_line(text, [&](ByteSpan line) {
    if (line.begin <= from) return;
    const std::string_view words = slice(text, line);
    if (is_closing(words)) first_closing = std::min(first_closing, line.begin);
    if (behind_question_label(words)) last_question = line.begin;
    if (is_answer_label(words)) first_answer = std::min(first_answer, line.begin);
  });
  return std::min({first_closing, last_question, first_answer, text.size()});
}

ByteSpan find_question(std::string_view text, const std::vector<DocumentSpan>& documents) {
  const std::size_t first = documents.empty() ? 0 : documents.front().line.begin;
  const std::size_t last = documents.empty() ? 0 : documents.back().line.end;
  ByteSpan behind, before;
  each_line(text, [&](ByteSpan line) {
    if (line.begin >= first && line.begin < last) return;
    const auto label = behind_question_label(slice(text, line));
    if (!label) return;
    const std::size_t limit = line.begin < first ? first : text.size();
    const ByteSpan question = question_from(text, std::min(line.begin + *label, limit), limit);
    if (line.begin < first && question.end <= first) before = question;
    if (line.begin >= last) behind = question;
  });
  if (!behind.empty()) return behind;
  return before.empty() ? asking_paragraph(text, last) : before;
}

ByteSpan context_region(std::string_view text) {
  ByteSpan region{0, text.size()};
  bool labelled = false;
  each_line(text, [&](ByteSpan line) {
    std::size_t behind = 0;
    if (labelled || !is_context_label(slice(text, line), behind)) return;
    labelled = true;
    region.begin = line.begin + behind;
  });
  if (!labelled) {
    const std::size_t gap = text.find("\n\n");
    if (gap != npos && is_instruction(text.substr(0, gap))) region.begin = gap + 2;
  }
  region.end = std::max(region.begin, closing_line(text, region.begin));
  if (region.end < text.size()) return region;
  const ByteSpan asking = asking_paragraph(text, region.begin);
  if (!asking.empty()) region.end = asking.begin;
  return region;
}

std::string title_of(std::string_view content) {
  constexpr std::size_t longest = 60;
  const ByteSpan words = trimmed(content, {0, content.size()});
  content = slice(content, words);
  Reader r{content};
  r.skip("#* (");
  r.take_one_of({"title:", "source:", "url:", "file_name:", "file_path:", "content:"});
  r.skip("* \t");
  const bool bracket = content.starts_with("(");
  std::size_t end = std::min(content.find('\n', r.at), content.size());
  if (bracket) end = std::min(end, content.find(')', r.at));
  if (end <= r.at) return {};
  const std::string_view line = content.substr(r.at, end - r.at);
  if (line.size() <= longest) return std::string(slice(line, trimmed(line, {0, line.size()})));
  const std::size_t space = line.substr(0, longest).rfind(' ');
  const ByteSpan cut = whole_characters(line, {0, space == npos ? longest : space});
  return std::string(line.substr(0, cut.end)) + " ...";
}

std::vector<DocumentSpan> documents_from(std::string_view text, const std::vector<Start>& starts,
                                         std::size_t end) {
  std::vector<DocumentSpan> documents;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    if (starts[i].ends_only || starts[i].begin >= end) continue;
    const std::size_t next = i + 1 < starts.size() ? std::min(starts[i + 1].begin, end) : end;
    ByteSpan content = trimmed(text, {std::min(starts[i].content, next), next});
    // A line drawn under a document is none of its words.
    for (std::size_t line = last_line(text, content);
         is_rule(text.substr(line, content.end - line)); line = last_line(text, content))
      content = trimmed(text, {content.begin, line});
    if (content.empty()) continue;
    DocumentSpan document;
    document.number =
        starts[i].number >= 0 ? starts[i].number : static_cast<int>(documents.size()) + 1;
    document.line = {starts[i].begin, content.end};
    document.relevant = content;
    document.title = title_of(slice(text, content));
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace headscope::split
