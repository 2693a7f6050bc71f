#include "core/text/splitting.h"

#include <algorithm>
#include <array>

#include "core/text/regex.h"
#include "core/text/split_formats.h"
#include "core/text/split_lines.h"

namespace headscope {
namespace {

constexpr double pattern_seconds = 0.5;
constexpr std::size_t longest_pattern = 1000;

split::Found titled(std::string_view text) {
  split::Found found;
  found.documents = find_documents(text).documents;
  if (!found.documents.empty()) {
    found.reason =
        std::to_string(found.documents.size()) + " lines begin with \"Document [1](Title: \"";
  }
  return found;
}

struct Format {
  SplitFormat shown;
  split::Found (*find)(std::string_view text);
};

/// What says more about itself comes first: paragraphs are in every text.
constexpr std::array formats = {
    Format{{"titled", "Document [1](Title: ...)", "Document [1](Title: Rhine) The Rhine ..."},
           titled},
    Format{{"helmet", "HELMET", "Document (Title: Rhine): The Rhine ..."}, split::helmet},
    Format{{"xml", "XML elements", "<document index=\"1\"> ... </document>"}, split::xml},
    Format{{"langchain", "LangChain Document(...)", "Document(metadata={...}, page_content='...')"},
           split::langchain},
    Format{{"passages", "Passage 1: ...", "Passage 1: The Rhine ..."}, split::passages},
    Format{{"numbered", "[1] ...", "[1] The Rhine ..."}, split::numbered},
    Format{{"source", "Source and Content", "Source: rhine.txt\nContent: The Rhine ..."},
           split::source_content},
    Format{{"llamaindex", "LlamaIndex (lines of dashes)",
            "Context information is below.\n---------------------\n..."},
           split::llamaindex},
    Format{{"headings", "Markdown headings", "## Rhine\nThe Rhine ..."}, split::headings},
    Format{{"blank-lines", "Blank lines (LangChain, plain)", "The Rhine ...\n\nThe Elbe ..."},
           split::blank_lines},
};

struct Method {
  const char *name, *label;
};
constexpr std::array other_methods = {Method{"auto", "Automatic"},
                                      Method{"pattern", "Begins with a pattern"},
                                      Method{"between", "Pattern in between"},
                                      Method{"hand", "By hand"}, Method{"none", "No documents"}};

std::string known_names() {
  std::string names;
  for (const Format& format : formats) names += std::string(format.shown.name) + ", ";
  for (const Method& method : other_methods) names += std::string(method.name) + ", ";
  return names.substr(0, names.size() - 2);
}

/// The text with documents found by `found`; the titled format has a question of its own.
SplitPrompt assembled(std::string_view text, split::Found found, const std::string& method) {
  SplitPrompt result{{}, method, std::move(found.reason)};
  if (method == "titled") {
    result.prompt = find_documents(text);
    return result;
  }
  result.prompt.text = text;
  result.prompt.documents = std::move(found.documents);
  result.prompt.question = split::find_question(text, result.prompt.documents);
  return result;
}

Result<> check_count(const SplitPrompt& prompt) {
  const std::size_t count = prompt.prompt.documents.size();
  if (count <= most_documents || prompt.method == "titled") return {};
  return bad_input("splitting by " + split_label(prompt.method) + " gives more than " +
                   std::to_string(most_documents) +
                   " documents: choose another splitting, or mark documents by hand");
}

SplitPrompt automatic(std::string_view text) {
  for (const Format& format : formats) {
    auto found = format.find(text);
    const bool too_many =
        found.documents.size() > most_documents && std::string_view(format.shown.name) != "titled";
    if (found.documents.empty() || too_many) continue;
    return assembled(text, std::move(found), format.shown.name);
  }
  return assembled(text, {{}, "no known format"}, "none");
}

Result<SplitPrompt> by_pattern(std::string_view text, const Splitting& splitting) {
  if (splitting.pattern.empty()) {
    return bad_input("the splitting by a pattern has none: type a regular expression");
  }
  if (splitting.pattern.size() > longest_pattern) {
    return bad_input("the pattern has " + std::to_string(splitting.pattern.size()) +
                     " bytes, at most " + std::to_string(longest_pattern) + " are read");
  }
  HEADSCOPE_ASSIGN(const auto pattern, Pattern::regex(splitting.pattern, "splitting"));
  HEADSCOPE_ASSIGN(const auto matches, pattern.matches(text, most_documents, pattern_seconds));
  if (matches.size() > most_documents) {
    return bad_input("the pattern matches more than " + std::to_string(most_documents) +
                     " times: no document is that short");
  }
  const bool between = splitting.method == "between";
  std::vector<split::Start> starts;
  std::size_t end = text.size();
  if (between && !matches.empty()) {
    const ByteSpan region = split::context_region(text);
    starts.push_back({region.begin, region.begin, -1, matches.front().begin <= region.begin});
  }
  // Between: a separator closes the document before it and is part of none.
  for (const ByteSpan match : matches) {
    if (between) starts.push_back({match.begin, match.begin, -1, true});
    starts.push_back({between ? match.end : match.begin, match.end, -1, false});
  }
  std::stable_sort(starts.begin(), starts.end(),
                   [](const split::Start& a, const split::Start& b) { return a.begin < b.begin; });
  if (!matches.empty()) end = split::closing_line(text, matches.back().end);
  split::Found found{split::documents_from(text, starts, end),
                     std::to_string(matches.size()) + " matches of the pattern"};
  return assembled(text, std::move(found), splitting.method);
}

bool between_characters(std::string_view text, std::size_t at) {
  return at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
}

Result<SplitPrompt> by_hand(std::string_view text, const Splitting& splitting) {
  split::Found found{{}, std::to_string(splitting.by_hand.size()) + " documents set by hand"};
  std::size_t last = 0;
  for (const DocumentBounds& bounds : splitting.by_hand) {
    const bool ordered = last <= bounds.line.begin && bounds.line.begin <= bounds.content &&
                         bounds.content < bounds.content_end &&
                         bounds.content_end <= bounds.line.end && bounds.line.end <= text.size();
    if (!ordered || !between_characters(text, bounds.line.begin) ||
        !between_characters(text, bounds.content) ||
        !between_characters(text, bounds.content_end) ||
        !between_characters(text, bounds.line.end)) {
      return bad_input("document " + std::to_string(found.documents.size() + 1) +
                       " set by hand (bytes " + std::to_string(bounds.line.begin) + " to " +
                       std::to_string(bounds.line.end) + ") does not fit this text of " +
                       std::to_string(text.size()) + " bytes");
    }
    last = bounds.line.end;
    DocumentSpan document;
    document.number = bounds.number;
    document.line = bounds.line;
    document.relevant = {bounds.content, bounds.content_end};
    document.title = split::title_of(split::slice(text, document.relevant));
    found.documents.push_back(std::move(document));
  }
  return assembled(text, std::move(found), "hand");
}

Result<SplitPrompt> unchecked(std::string_view text, const Splitting& splitting) {
  const std::string& method = splitting.method;
  if (method == "auto") return automatic(text);
  if (method == "none") return assembled(text, {{}, "no documents wanted"}, method);
  if (method == "hand") return by_hand(text, splitting);
  if (method == "pattern" || method == "between") return by_pattern(text, splitting);
  for (const Format& format : formats) {
    if (method != format.shown.name) continue;
    auto found = format.find(text);
    if (found.documents.empty())
      found.reason = std::string("no \"") + format.shown.label + "\" in this text";
    return assembled(text, std::move(found), method);
  }
  return bad_input("the splitting '" + method + "' is not among " + known_names());
}

}  // namespace

std::span<const SplitFormat> split_formats() {
  static const auto shown = [] {
    std::array<SplitFormat, formats.size()> list{};
    std::transform(formats.begin(), formats.end(), list.begin(),
                   [](const Format& format) { return format.shown; });
    return list;
  }();
  return shown;
}

std::string split_label(std::string_view method) {
  for (const Format& format : formats) {
    if (method == format.shown.name) return format.shown.label;
  }
  for (const Method& other : other_methods) {
    if (method == other.name) return other.label;
  }
  return std::string(method);
}

Result<SplitPrompt> split_prompt(std::string_view text, const Splitting& splitting) {
  HEADSCOPE_ASSIGN(auto prompt, unchecked(text, splitting));
  HEADSCOPE_TRY(check_count(prompt));
  return prompt;
}

Result<Splitting> splitting_named(const std::string& name) {
  constexpr std::string_view between = "between:";
  if (name.empty())
    return fail(ErrorKind::usage, "--split: expected a pattern or one of " + known_names());
  if (name.starts_with(between)) return Splitting{"between", name.substr(between.size()), {}};
  const bool format = std::any_of(formats.begin(), formats.end(),
                                  [&](const Format& f) { return name == f.shown.name; });
  if (format || name == "auto" || name == "none") return Splitting{name, {}, {}};
  return Splitting{"pattern", name, {}};
}

}  // namespace headscope
