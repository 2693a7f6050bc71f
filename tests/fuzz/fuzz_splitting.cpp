// links: headscope_text
// longest: 2048
// words: core/text/split*.cpp
// A pasted prompt. Its first byte chooses the method; a pattern, or bounds set by hand, are the
// first line.
#include "core/text/spans.h"
#include "core/text/splitting_json.h"
#include "core/text/unicode.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;
using fuzz::require;

namespace {

Splitting chosen(char first, std::string_view line) {
  if (first == 'p') return {"pattern", std::string(line), {}};
  if (first == 'b') return {"between", std::string(line), {}};
  if (first == 'h') {
    const auto json = parse_json(line, "input");
    const auto object = json ? JsonObject::open(*json, "input") : Result<JsonObject>(bad_input(""));
    if (const auto splitting =
            object ? splitting_from_json(*object) : Result<Splitting>(bad_input("")))
      return *splitting;
  }
  const auto formats = split_formats();
  const std::size_t index = static_cast<unsigned char>(first) - std::size_t{'0'};
  if (index < formats.size()) return {formats[index].name, {}, {}};
  return {};
}

bool between_characters(std::string_view text, std::size_t at) {
  return at == text.size() || !unicode::continues_character(text[at]);
}

}  // namespace

FUZZ_READER(splitting) {
  std::string_view text = fuzz::text_of(input);
  if (text.empty()) return;
  const char first = text.front();
  text.remove_prefix(1);
  const std::string_view line = text.substr(0, text.find('\n'));
  const Splitting splitting = chosen(first, line);
  const bool valid = unicode::valid_prefix(text) == text.size();
  const auto split = split_prompt(text, splitting);
  if (!split) return;
  require(split->method != "auto" && split->prompt.documents.size() <= most_documents + 1,
          "it is said how a prompt was split");
  std::size_t at = 0;
  for (const DocumentSpan& document : split->prompt.documents) {
    require(document.line.begin >= at && document.line.begin <= document.relevant.begin &&
                document.relevant.begin <= document.relevant.end &&
                document.relevant.end <= document.line.end && document.line.end <= text.size(),
            "documents are in order, disjoint and within the text");
    require(!valid || (between_characters(text, document.line.begin) &&
                       between_characters(text, document.line.end)),
            "documents are cut between characters");
    at = document.line.end;
  }
  require(split->prompt.question.end <= text.size(), "the question lies within the text");
}
