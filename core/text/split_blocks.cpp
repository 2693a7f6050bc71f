// Formats whose documents are blocks: XML elements, Python objects, nodes and paragraphs.
#include <algorithm>
#include <array>

#include "core/text/split_formats.h"
#include "core/text/split_lines.h"

namespace headscope::split {
namespace {

constexpr auto npos = std::string_view::npos;

/// One element <tag ...> ... </tag>.
struct Element {
  ByteSpan whole, inner;
  std::string_view attributes;
};

std::vector<Element> elements_of(std::string_view text, std::string_view tag) {
  const std::string open = "<" + std::string(tag), close = "</" + std::string(tag) + ">";
  std::vector<Element> elements;
  for (std::size_t at = text.find(open); at != npos; at = text.find(open, at + 1)) {
    const std::size_t name_end = at + open.size();
    if (name_end >= text.size()) break;
    // "<documents>" is not a <document>
    if (text[name_end] != '>' && !is_blank(text[name_end])) continue;
    const std::size_t head_end = text.find('>', name_end);
    if (head_end == npos) break;
    const std::size_t close_at = text.find(close, head_end);
    if (close_at == npos) break;
    Element element;
    element.whole = {at, close_at + close.size()};
    element.inner = trimmed(text, {head_end + 1, close_at});
    element.attributes = text.substr(name_end, head_end - name_end);
    elements.push_back(element);
    at = element.whole.end - 1;
  }
  return elements;
}

/// The value of `name="..."` or `name='...'`.
std::string attribute(std::string_view attributes, std::string_view name) {
  for (std::size_t at = attributes.find(name); at != npos; at = attributes.find(name, at + 1)) {
    Reader r{attributes, at + name.size()};
    r.skip_spaces();
    if ((at > 0 && !is_blank(attributes[at - 1])) || !r.take('=')) continue;
    r.skip_spaces();
    const char quote = r.peek();
    if (quote != '"' && quote != '\'') continue;
    const std::size_t end = attributes.find(quote, r.at + 1);
    if (end != npos) return std::string(attributes.substr(r.at + 1, end - r.at - 1));
  }
  return {};
}

std::string title_of_element(std::string_view text, const Element& element) {
  for (const char* name : {"title", "source", "name", "url"}) {
    if (auto value = attribute(element.attributes, name); !value.empty()) return value;
  }
  const std::string_view inner = slice(text, element.inner);
  for (const char* name : {"title", "source"}) {
    const auto inside = elements_of(inner, name);
    if (!inside.empty()) return std::string(slice(inner, inside.front().inner));
  }
  return title_of(inner);
}

int number_of_element(const Element& element, std::size_t count) {
  for (const char* name : {"index", "id", "number"}) {
    const std::string value = attribute(element.attributes, name);
    Reader r{value};
    const auto number = r.number();
    if (number && r.done()) return *number;
  }
  return static_cast<int>(count) + 1;
}

/// The bracket that closes a call whose arguments begin at `at`; strings in quotes may hold
/// anything. npos when none does.
std::size_t end_of_call(std::string_view text, std::size_t at) {
  int depth = 0;
  char quote = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == '\\') ++at;
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '(' || c == '{' || c == '[') ++depth;
    if (c == ')' || c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth;
    }
  }
  return npos;
}

/// 'source': 'X' or 'title': 'X' of a metadata dictionary.
std::string metadata_title(std::string_view inside) {
  for (const char* key : {"title", "source", "file_name"}) {
    for (const char quote : {'\'', '"'}) {
      const std::string wanted = quote + std::string(key) + quote + ": ";
      const std::size_t at = inside.find(wanted);
      if (at == npos || at + wanted.size() >= inside.size()) continue;
      const std::size_t begin = at + wanted.size();
      const char closing = inside[begin];
      if (closing != '\'' && closing != '"') continue;
      const std::size_t end = inside.find(closing, begin + 1);
      if (end != npos) return std::string(inside.substr(begin + 1, end - begin - 1));
    }
  }
  return {};
}

DocumentSpan python_document(std::string_view text, ByteSpan whole, ByteSpan inside,
                             std::size_t count) {
  DocumentSpan document;
  document.number = static_cast<int>(count) + 1;
  document.line = whole;
  document.relevant = inside;
  document.title = metadata_title(slice(text, inside));
  if (document.title.empty()) document.title = title_of(slice(text, inside));
  return document;
}

/// "page_content='...' metadata={...}", a document a line or a few.
Found bare_contents(std::string_view text) {
  constexpr std::string_view mark = "page_content=";
  std::vector<Start> starts;
  each_line(text, [&](ByteSpan line) {
    if (slice(text, line).starts_with(mark)) starts.push_back({line.begin, line.begin, -1, false});
  });
  if (starts.empty()) return {};
  Found found;
  found.documents = documents_from(text, starts, closing_line(text, starts.back().begin));
  for (DocumentSpan& document : found.documents) {
    auto title = metadata_title(slice(text, document.relevant));
    if (!title.empty()) document.title = std::move(title);
  }
  found.reason = std::to_string(found.documents.size()) + " lines begin with \"page_content=\"";
  return found;
}

/// A line of ten dashes or more.
bool is_rule(std::string_view line) {
  const std::size_t end = line.find_last_not_of(" \t\r");
  return end != npos && end + 1 >= 10 && line.substr(0, end + 1).find_first_not_of('-') == npos;
}

bool is_metadata(std::string_view line) {
  Reader r{line};
  return r.take_one_of({"page_label:", "file_path:", "file_name:", "document_title:", "url:"});
}

std::vector<Start> paragraphs(std::string_view text, ByteSpan region) {
  std::vector<Start> starts;
  bool blank_before = true;
  each_line(text.substr(0, region.end), [&](ByteSpan line) {
    if (line.end <= region.begin) return;
    line.begin = std::max(line.begin, region.begin);
    const ByteSpan words = trimmed(text, line);
    if (!words.empty() && blank_before) starts.push_back({words.begin, words.begin, -1, false});
    blank_before = words.empty();
  });
  return starts;
}

/// Nodes that begin with metadata ("page_label: 3"), which a blank line sets apart from their text.
std::vector<Start> nodes(std::string_view text, ByteSpan region) {
  std::vector<Start> starts;
  bool in_metadata = false;
  each_line(text.substr(0, region.end), [&](ByteSpan line) {
    if (line.begin < region.begin) return;
    const bool metadata = is_metadata(slice(text, line));
    if (metadata && !in_metadata) starts.push_back({line.begin, line.begin, -1, false});
    in_metadata = metadata;
  });
  return starts;
}

}  // namespace

Found xml(std::string_view text) {
  constexpr std::array tags = {"document", "doc",   "passage", "search_result", "result",
                               "source",   "chunk", "item",    "context"};
  for (const std::string_view tag : tags) {
    const auto elements = elements_of(text, tag);
    const bool sure = tag == "document" || tag == "doc" || tag == "passage";
    if (elements.size() < (sure ? 1u : 2u)) continue;
    Found found;
    for (const Element& element : elements) {
      if (element.inner.empty()) continue;
      DocumentSpan document;
      document.number = number_of_element(element, found.documents.size());
      document.line = element.whole;
      document.relevant = element.inner;
      document.title = title_of_element(text, element);
      found.documents.push_back(std::move(document));
    }
    if (found.documents.empty()) continue;
    found.reason = std::to_string(found.documents.size()) + " <" + std::string(tag) + "> elements";
    return found;
  }
  return {};
}

Found langchain(std::string_view text) {
  constexpr std::string_view mark = "Document(";
  Found found;
  for (std::size_t at = text.find(mark); at != npos; at = text.find(mark, at)) {
    const std::size_t begin = at + mark.size();
    Reader r{text, begin};
    const bool call = r.take_one_of({"page_content=", "metadata=", "id="});
    if (!call) {
      at = begin;
      continue;
    }
    const std::size_t end = end_of_call(text, begin);
    if (end == npos) break;  // looking again behind it would make hostile texts slow
    const ByteSpan inside{begin, end};
    const bool has_content = slice(text, inside).find("page_content=") != npos;
    if (has_content && !inside.empty())
      found.documents.push_back(
          python_document(text, {at, end + 1}, inside, found.documents.size()));
    at = end + 1;
  }
  if (found.documents.empty()) return bare_contents(text);
  found.reason = std::to_string(found.documents.size()) + " LangChain Document(...) objects";
  return found;
}

Found llamaindex(std::string_view text) {
  std::vector<ByteSpan> rules;
  each_line(text, [&](ByteSpan line) {
    if (is_rule(slice(text, line))) rules.push_back(line);
  });
  if (rules.size() < 2) return {};
  const ByteSpan region{rules[0].end, rules[1].begin};
  Found found;
  if (const auto starts = nodes(text, region); !starts.empty()) {
    found.documents = documents_from(text, starts, region.end);
    found.reason = "between lines of dashes, each with its metadata";
  } else {
    found.documents = documents_from(text, paragraphs(text, region), region.end);
    found.reason = "between lines of dashes, set apart by blank lines";
  }
  found.reason = std::to_string(found.documents.size()) + " passages " + found.reason;
  return found;
}

Found blank_lines(std::string_view text) {
  const ByteSpan region = context_region(text);
  Found found;
  found.documents = documents_from(text, paragraphs(text, region), region.end);
  if (found.documents.size() < 2) return {};
  found.reason = std::to_string(found.documents.size()) + " paragraphs set apart by blank lines";
  return found;
}

}  // namespace headscope::split
