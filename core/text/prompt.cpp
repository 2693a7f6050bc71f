#include "core/text/prompt.h"

#include <charconv>
#include <utility>

namespace headscope {
namespace {

constexpr std::string_view instruction =
    "Write a high-quality answer for the given question using only the provided search results "
    "(some of which might be irrelevant).";
constexpr std::string_view document_mark = "Document [";
constexpr std::string_view title_mark = "(Title: ";
constexpr std::string_view question_mark = "Question:";
constexpr std::string_view answer_mark = "Answer:";

bool wanted(const Document& document, PromptKind kind) {
  switch (kind) {
    case PromptKind::all:
      return true;
    case PromptKind::gold_only:
      return document.gold;
    case PromptKind::no_gold:
      return !document.gold;
  }
  return true;
}

/// The head "Document [n](Title: " of a line, as far as it is one.
struct Head {
  int number = 0;
  std::size_t title_mark_at = 0;  ///< of "(Title: "
};

std::optional<Head> read_head(std::string_view text, std::size_t at) {
  if (!text.substr(at).starts_with(document_mark)) return {};
  const char* begin = text.data() + at + document_mark.size();
  const char* end = text.data() + text.size();
  Head head;
  const auto [rest, code] = std::from_chars(begin, end, head.number);
  if (code != std::errc() || head.number < 0 || rest == end || *rest != ']') return {};
  head.title_mark_at = static_cast<std::size_t>(rest + 1 - text.data());
  if (!text.substr(head.title_mark_at).starts_with(title_mark)) return {};
  return head;
}

/// Where the list of documents ends: at the last "Question:" that begins a line, without the blank
/// line before it; the whole text when there is none.
std::size_t end_of_documents(std::string_view text, std::size_t question_line) {
  std::size_t end = question_line;
  while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r')) --end;
  return end;
}

/// Start of the last line that begins with "Question:"; npos when there is none.
std::size_t last_question_line(std::string_view text) {
  for (std::size_t at = text.rfind(question_mark); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : text.rfind(question_mark, at - 1)) {
    if (at == 0 || text[at - 1] == '\n') return at;
  }
  return std::string_view::npos;
}

/// The question without mark, surrounding blanks and the closing "Answer:".
ByteSpan question_span(std::string_view text, std::size_t line) {
  std::size_t begin = line + question_mark.size();
  while (begin < text.size() && text[begin] == ' ') ++begin;
  std::size_t end = text.size();
  const std::size_t answer = text.rfind(answer_mark);
  if (answer != std::string_view::npos && answer >= begin && text[answer - 1] == '\n') end = answer;
  const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (end > begin && blank(text[end - 1])) --end;
  return {begin, end};
}

/// The title ends at the ")" which closes the "(" of the mark, so that titles may hold brackets,
/// or at the first ")" of the line when they are not balanced.
std::string title_of(std::string_view line) {
  const std::string_view rest = line.substr(title_mark.size());
  const std::size_t line_end = std::min(rest.find('\n'), rest.size());
  int depth = 1;
  for (std::size_t i = 0; i < line_end; ++i) {
    if (rest[i] == '(') ++depth;
    if (rest[i] == ')' && --depth == 0) return std::string(rest.substr(0, i));
  }
  return std::string(rest.substr(0, std::min(rest.find(')'), line_end)));
}

std::vector<ByteSpan> spans_where(const std::vector<DocumentSpan>& documents, bool gold) {
  std::vector<ByteSpan> spans;
  for (const DocumentSpan& document : documents) {
    if (document.gold == gold) spans.push_back(document.relevant);
  }
  return spans;
}

}  // namespace

std::string prompt_name(PromptKind kind) {
  if (kind == PromptKind::gold_only) return "gold";
  return kind == PromptKind::no_gold ? "no-gold" : "all";
}

std::optional<PromptKind> prompt_kind_named(std::string_view name) {
  for (const auto kind : {PromptKind::all, PromptKind::gold_only, PromptKind::no_gold}) {
    if (name == prompt_name(kind)) return kind;
  }
  return std::nullopt;
}

std::optional<std::size_t> QaSample::gold_position() const {
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (documents[i].gold) return i;
  }
  return {};
}

std::vector<ByteSpan> BuiltPrompt::gold_spans() const {
  return spans_where(documents, true);
}
std::vector<ByteSpan> BuiltPrompt::other_spans() const {
  return spans_where(documents, false);
}

BuiltPrompt build_prompt(const QaSample& sample, PromptKind kind) {
  BuiltPrompt prompt;
  std::string& text = prompt.text;
  text.append(instruction).append("\n\n");
  for (std::size_t i = 0; i < sample.documents.size(); ++i) {
    const Document& document = sample.documents[i];
    if (!wanted(document, kind)) continue;
    if (!prompt.documents.empty()) text += '\n';
    DocumentSpan span;
    span.number = static_cast<int>(i) + 1;
    span.gold = document.gold;
    span.title = document.title;
    span.line.begin = text.size();
    text.append(document_mark).append(std::to_string(span.number)).append("]");
    span.relevant.begin = text.size();
    text.append(title_mark).append(document.title).append(") ").append(document.text);
    span.line.end = span.relevant.end = text.size();
    prompt.documents.push_back(std::move(span));
  }
  text.append("\n\n").append(question_mark).append(" ");
  prompt.question = {text.size(), text.size() + sample.question.size()};
  text.append(sample.question).append("\n").append(answer_mark);
  return prompt;
}

BuiltPrompt find_documents(std::string_view prompt_text) {
  BuiltPrompt prompt;
  prompt.text = prompt_text;
  const std::size_t question = last_question_line(prompt_text);
  std::size_t list_end = prompt_text.size();
  if (question != std::string_view::npos) {
    prompt.question = question_span(prompt_text, question);
    list_end = end_of_documents(prompt_text, question);
  }
  const std::string_view list = prompt_text.substr(0, list_end);
  for (std::size_t line = 0; line < list.size();) {
    if (const auto head = read_head(list, line)) {
      if (!prompt.documents.empty()) {  // the document before ends where this one's line begins
        DocumentSpan& previous = prompt.documents.back();
        previous.line.end = previous.relevant.end = end_of_documents(list, line);
      }
      DocumentSpan span;
      span.number = head->number;
      span.line = {line, list.size()};
      span.relevant = {head->title_mark_at, list.size()};
      span.title = title_of(list.substr(head->title_mark_at));
      prompt.documents.push_back(std::move(span));
    }
    const std::size_t newline = list.find('\n', line);
    line = newline == std::string_view::npos ? list.size() : newline + 1;
  }
  return prompt;
}

}  // namespace headscope
