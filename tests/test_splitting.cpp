// Prompts as RAG programs write them are split into their documents; patterns of users never hang;
// bounds stay sound under every correction.
// links: headscope_text
#include <doctest/doctest.h>

#include <chrono>

#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/text/split_edit.h"
#include "core/text/splitting.h"
#include "tests/resources.h"

using namespace headscope;

namespace {

struct Case {
  const char* file;
  const char* method;
  std::vector<int> numbers;
  std::vector<std::string> titles;
  std::vector<std::string> first_words, last_words;  ///< of each document's relevant part
  std::string question;
};

const std::vector<Case> cases = {
    {"titled",
     "titled",
     {1, 2, 3},
     {"Rhine", "Elbe (river)", "Köln"},
     {"(Title: Rhine)", "(Title: Elbe (river))", "(Title: Köln)"},
     {"Swiss Alps.", "Giant Mountains.", "on the Rhine."},
     "where does the Rhine rise?"},
    {"helmet",
     "helmet",
     {1, 2, 3},
     {"Marie Curie", "Pierre Curie", "Radium"},
     {"(Title: Marie Curie): Marie", "(Title: Pierre", "(Title: Radium)"},
     {"in 1903.", "died in 1906.", "element."},
     "who won the Nobel Prize in Physics in 1903?"},
    {"helmet_rerank",
     "helmet",
     {7, 12},
     {"Bees", "Wasps"},
     {"(Title: Bees)", "(Title: Wasps)"},
     {"make honey.", "no honey."},
     "which insects make honey?\nRanking:"},
    {"anthropic",
     "xml",
     {1, 2},
     {"annual_report_2023.pdf", "competitor_analysis.xlsx"},
     {"<source>annual", "<source>competitor"},
     {"€4.1 bn.\n</document_content>", "two plants.\n</document_content>"},
     "How much did revenue rise?"},
    {"xml_plain",
     "xml",
     {4, 9},
     {"Lyon", "Turin"},
     {"Lyon is", "Turin is"},
     {"in France.", "in Italy."},
     "Where is Turin?"},
    {"langchain_objects",
     "langchain",
     {1, 2},
     {"agents.html", "memory.html"},
     {"metadata={'source': 'agents.html'", "id='7f', metadata="},
     {"ahead.'", "limited (4k).\""},
     "What is task decomposition?"},
    {"langchain_bare",
     "langchain",
     {1, 2},
     {"people.txt", "bears.txt"},
     {"page_content='Harrison", "page_content='Bears"},
     {"{'source': 'people.txt'}", "{'source': 'bears.txt'}"},
     "where did harrison work?"},
    {"langchain_plain",
     "blank-lines",
     {1, 2, 3},
     {"An agent observes, plans and acts.", "Planning splits a task into steps.",
      "Memory keeps what was seen."},
     {"An agent", "Planning", "Memory"},
     {"until it is done.", "into steps.", "was seen."},
     "What are the steps of an agent loop?"},
    {"plain_paragraphs",
     "blank-lines",
     {1, 2, 3},
     {"Tokyo has 14 million inhabitants.", "Osaka lies in the Kansai region. 大阪は関西にある。",
      "Kyoto was the capital."},
     {"Tokyo", "Osaka", "Kyoto"},
     {"inhabitants.", "大阪は関西にある。", "the capital."},
     "Where does Osaka lie?"},
    {"asking_paragraph",
     "blank-lines",
     {1, 2},
     {"The tower was built in 1889.", "The bridge was built in 1937."},
     {"The tower", "The bridge"},
     {"1889.", "1937."},
     "When was the bridge built?"},
    {"llamaindex",
     "llamaindex",
     {1, 2},
     {"The author wrote short stories before college.", "He programmed an IBM 1401."},
     {"The author", "He programmed"},
     {"college.", "IBM 1401."},
     "What did the author do growing up?"},
    {"llamaindex_metadata",
     "llamaindex",
     {1, 2},
     {"page_label: 12", "page_label: 31"},
     {"page_label: 12\nfile_path: manual/pump.pdf", "page_label: 31"},
     {"Then open the lid.", "230 V."},
     "What voltage does the motor need?"},
    {"llamaindex_citation",
     "passages",
     {1, 2},
     {"The sky is red in the evening and blue in the morning.",
      "Water is wet when the sky is red."},
     {"The sky", "Water"},
     {"the morning.", "sky is red."},
     "When is water wet?"},
    {"numbered",
     "numbered",
     {1, 2, 3},
     {"Mercury is the planet closest to the Sun.", "Venus is hotter than Mercury.", "Mars is red."},
     {"Mercury", "Venus", "Mars"},
     {"the Sun.", "is thick.", "is red."},
     "Which planet is hottest?"},
    {"passages",
     "passages",
     {1, 2, 3},
     {"The Danube flows into the Black Sea.", "The Loire flows into the Atlantic.",
      "The Po flows into the Adriatic."},
     {"The Danube", "The Loire", "The Po"},
     {"Black Sea.", "Atlantic.", "Adriatic."},
     "Where does the Po flow?"},
    {"source_content",
     "source",
     {1, 2},
     {"https://example.org/tea", "https://example.org/coffee"},
     {"Source: https://example.org/tea\nContent:", "Source: https://example.org/coffee"},
     {"three minutes.", "93 degrees."},
     "How hot is water for coffee?"},
    {"content_source",
     "source",
     {1, 2},
     {"This Agreement is governed by English law.",
      "No failure or delay shall constitute a waiver."},
     {"Content: This", "Content: No failure"},
     {"28-pl", "30-pl"},
     "Which state's law governs the contract?"},
    {"markdown",
     "headings",
     {1, 2},
     {"Photosynthesis", "Respiration"},
     {"Photosynthesis\n", "Respiration\n"},
     {"chloroplasts.", "burn sugar."},
     "Where does photosynthesis happen?"},
    {"no_documents", "none", {}, {}, {}, {}, ""},
};

std::string prompt_of(const std::string& name) {
  const auto text =
      read_text_file(test::source_folder() / "tests" / "prompts" / (name + ".txt"), 1 << 20);
  REQUIRE(text);
  return *text;
}

std::string cut(const std::string& text, ByteSpan span) {
  return text.substr(span.begin, span.end - span.begin);
}

bool on_boundary(const std::string& text, std::size_t at) {
  return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
}

// Spans are inside the text, ordered, disjoint and between characters.
void check_sound(const std::string& text, const BuiltPrompt& prompt) {
  REQUIRE(prompt.text == text);
  std::size_t last = 0;
  for (const DocumentSpan& document : prompt.documents) {
    REQUIRE(last <= document.line.begin);
    REQUIRE(document.line.begin <= document.relevant.begin);
    REQUIRE(document.relevant.begin < document.relevant.end);
    REQUIRE(document.relevant.end <= document.line.end);
    REQUIRE(document.line.end <= text.size());
    for (const std::size_t at :
         {document.line.begin, document.relevant.begin, document.relevant.end, document.line.end})
      REQUIRE(on_boundary(text, at));
    last = document.line.end;
  }
  REQUIRE(prompt.question.begin <= prompt.question.end);
  REQUIRE(prompt.question.end <= text.size());
  REQUIRE(on_boundary(text, prompt.question.begin));
  REQUIRE(on_boundary(text, prompt.question.end));
}

SplitPrompt must(const std::string& text, const Splitting& splitting) {
  auto split = split_prompt(text, splitting);
  REQUIRE_MESSAGE(split.has_value(), (split ? "" : split.error().message));
  check_sound(text, split->prompt);
  return std::move(*split);
}

std::string random_text(Rng& rng) {
  static const std::vector<std::string> parts = {"Document [",
                                                 "1",
                                                 "](Title: ",
                                                 ")",
                                                 "\n",
                                                 "\n\n",
                                                 "Question:",
                                                 "Answer:",
                                                 " ",
                                                 "x",
                                                 "é",
                                                 "<document>",
                                                 "</document>",
                                                 "<document index=\"2\">",
                                                 "Document(page_content='",
                                                 "')",
                                                 "metadata={'source': '",
                                                 "'}",
                                                 "[1] ",
                                                 "\n[2] ",
                                                 "\nPassage 1: ",
                                                 "\nPassage 2: ",
                                                 "\nSource: ",
                                                 "\nContent: ",
                                                 "\n## ",
                                                 "\n# ",
                                                 "\n---------------------\n",
                                                 "大阪",
                                                 "?",
                                                 "\nContext: ",
                                                 "\\",
                                                 "'",
                                                 "page_content=",
                                                 "Document (Title: ",
                                                 "\r\n",
                                                 "</",
                                                 "<question>"};
  std::string text;
  for (auto n = rng.below(40); n > 0; --n) text += parts[rng.below(parts.size())];
  return text;
}

}  // namespace

TEST_CASE("prompts of RAG programs are split into their documents") {
  for (const Case& wanted : cases) {
    CAPTURE(wanted.file);
    const std::string text = prompt_of(wanted.file);
    const SplitPrompt split = must(text, {});
    CHECK(split.method == wanted.method);
    CHECK_FALSE(split.reason.empty());
    const auto& documents = split.prompt.documents;
    REQUIRE(documents.size() == wanted.numbers.size());
    for (std::size_t i = 0; i < documents.size(); ++i) {
      CHECK(documents[i].number == wanted.numbers[i]);
      CHECK(documents[i].title == wanted.titles[i]);
      const std::string relevant = cut(text, documents[i].relevant);
      CHECK_MESSAGE(relevant.starts_with(wanted.first_words[i]), relevant);
      CHECK_MESSAGE(relevant.ends_with(wanted.last_words[i]), relevant);
    }
    CHECK(cut(text, split.prompt.question) == wanted.question);
    if (split.method == "none") continue;
    // The format by its name finds the same.
    const SplitPrompt named = must(text, {split.method, "", {}});
    CHECK(bounds_of(named.prompt.documents) == bounds_of(documents));
  }
}

TEST_CASE("every format but the last declines texts of the others") {
  CHECK(must(prompt_of("no_documents"), {"numbered", "", {}}).prompt.documents.empty());
  CHECK(must(prompt_of("xml_plain"), {"langchain", "", {}}).prompt.documents.empty());
  CHECK(must("See [3] and [1].\n[7] is later", {"numbered", "", {}}).prompt.documents.empty());
  const auto counted = must("[1] one\n[5] says so\n[2] two", {}).prompt.documents;
  REQUIRE(counted.size() == 2);  // a citation at the start of a line is none
  CHECK(counted[1].number == 2);
  CHECK(must("Source 2 of the river\nSource 1 of it", {}).method == "none");
}

TEST_CASE("a pattern begins documents or stands between them") {
  const std::string text = "intro\n@a one\n@b two é\n\nQuestion: q?";
  const auto begins = must(text, {"pattern", "^@\\w ", {}});
  REQUIRE(begins.prompt.documents.size() == 2);
  CHECK(cut(text, begins.prompt.documents[0].line) == "@a one");
  CHECK(cut(text, begins.prompt.documents[1].relevant) == "two é");
  CHECK(cut(text, begins.prompt.question) == "q?");
  const std::string parts = "one\n***\ntwo\n***\nthree\n\nQuestion: q?";
  const auto between = must(parts, {"between", "\\*{3}", {}});
  REQUIRE(between.prompt.documents.size() == 3);
  CHECK(cut(parts, between.prompt.documents[0].relevant) == "one");
  CHECK(cut(parts, between.prompt.documents[1].relevant) == "two");
  CHECK(cut(parts, between.prompt.documents[2].relevant) == "three");
  CHECK(must(parts, {"pattern", "nowhere", {}}).prompt.documents.empty());
  const std::string ruled = "Context:\none\n-----\ntwo\n\nQuestion: q?";
  const auto lines = must(ruled, {"between", "^-+$", {}});
  REQUIRE(lines.prompt.documents.size() == 2);
  CHECK(cut(ruled, lines.prompt.documents[0].relevant) == "one");
  CHECK(cut(ruled, lines.prompt.documents[1].relevant) == "two");
}

TEST_CASE("hostile patterns end soon, with a message") {
  const auto start = std::chrono::steady_clock::now();
  const std::string text = std::string(200'000, 'a') + "!";
  for (const char* pattern :
       {"(a*)*b", "(a|aa)+$", "(a|a)*c", "((a+)+)+b", "(.*)*x", "(?=(a+)+b)"}) {
    CAPTURE(pattern);
    const auto split = split_prompt(text, {"pattern", pattern, {}});
    if (split) check_sound(text, split->prompt);
    if (!split) CHECK(split.error().message.find("pattern") != std::string::npos);
  }
  for (const char* pattern : {"(", "[", "a{2", "(?<=a+)b", "\\p{nothing}", "*"}) {
    CAPTURE(pattern);
    const auto split = split_prompt("aab", {"pattern", pattern, {}});
    if (!split) CHECK(split.error().kind == ErrorKind::bad_input);
  }
  CHECK_FALSE(split_prompt(text, {"pattern", "", {}}));
  CHECK_FALSE(split_prompt(text, {"pattern", std::string(2000, 'a'), {}}));
  CHECK_FALSE(split_prompt(text, {"pattern", "a", {}}));  // 200,000 documents
  CHECK_FALSE(split_prompt(text, {"surprise", "", {}}));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  MESSAGE("hostile patterns took ", took.count(), " s");
}

TEST_CASE("hostile texts are read in linear time") {
  for (const char* piece :
       {"Document(page_content='", "<document >", "<document>", "Q:\n", "Question:\n", "[1] ",
        "# a\n", "Context:\n", "\n\na", "Source:\nContent:\n", "(((", "----------\n"}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    const auto split = split_prompt(text, {});
    if (split) CHECK(split->prompt.text.size() == text.size());
  }
}

TEST_CASE("any text, any method: spans are sound") {
  Rng rng(7);
  std::vector<std::string> methods = {"auto", "none", "between", "pattern"};
  for (const SplitFormat& format : split_formats()) methods.emplace_back(format.name);
  for (int round = 0; round < 4000; ++round) {
    const std::string text = random_text(rng);
    for (const std::string& method : methods) {
      const char* pattern = round % 2 == 0 ? "\\n\\n" : "x|(?=é)|$";
      const auto split = split_prompt(text, {method, pattern, {}});
      REQUIRE(split);
      check_sound(text, split->prompt);
    }
  }
}

TEST_CASE("corrections by hand keep bounds sound") {
  Rng rng(11);
  for (int round = 0; round < 4000; ++round) {
    std::string text = random_text(rng);
    if (text.empty()) continue;
    auto bounds = bounds_of(must(text, {}).prompt.documents);
    for (int step = 0; step < 6; ++step) {
      const std::size_t a = rng.below(text.size() + 3), b = rng.below(text.size() + 3);
      std::size_t place = 0;
      switch (rng.below(5)) {
        case 0:
          bounds = split_at(text, bounds, a);
          break;
        case 1:
          bounds = merge_with_next(bounds, rng.below(4));
          break;
        case 2:
          bounds = without(bounds, rng.below(4));
          break;
        case 3:
          bounds = with_document(text, bounds, {std::min(a, b), std::max(a, b)}, place);
          break;
        default: {
          std::string edited = random_text(rng).substr(0, 0);
          const std::size_t from = std::min(a, b) > text.size() ? text.size() : std::min(a, b);
          std::size_t cut_at = from, cut_end = std::min(text.size(), std::max(a, b));
          while (!on_boundary(text, cut_at)) --cut_at;
          while (!on_boundary(text, cut_end)) ++cut_end;
          edited = text.substr(0, cut_at) + random_text(rng) + text.substr(cut_end);
          bounds = after_edit(text, edited, bounds);
          text = std::move(edited);
        }
      }
      const auto split = split_prompt(text, {"hand", "", bounds});
      REQUIRE_MESSAGE(split.has_value(), (split ? "" : split.error().message));
      check_sound(text, split->prompt);
      if (text.empty()) break;
    }
  }
}

TEST_CASE("what each correction does") {
  const std::string text = prompt_of("numbered");
  const auto bounds = bounds_of(must(text, {}).prompt.documents);
  const auto documents = [&](std::vector<DocumentBounds> of) {
    return must(text, {"hand", "", std::move(of)}).prompt.documents;
  };
  const auto halves = documents(split_at(text, bounds, text.find("Its atmosphere")));
  REQUIRE(halves.size() == 4);
  CHECK(cut(text, halves[1].relevant) == "Venus is hotter than Mercury.");
  CHECK(cut(text, halves[2].relevant) == "Its atmosphere is thick.");
  CHECK(halves[2].number == 4);
  const auto merged = documents(merge_with_next(bounds, 0));
  REQUIRE(merged.size() == 2);
  CHECK(cut(text, merged[0].relevant).ends_with("Its atmosphere is thick."));
  CHECK(documents(without(bounds, 1))[1].number == 3);
  std::size_t place = 0;
  const std::size_t word = text.find("hotter");
  const auto selected = with_document(text, bounds, {word, word + 6}, place);
  CHECK(place == 2);
  const auto pieces = documents(selected);
  REQUIRE(pieces.size() == 5);
  CHECK(cut(text, pieces[1].relevant) == "Venus is");
  CHECK(cut(text, pieces[2].relevant) == "hotter");
  CHECK(cut(text, pieces[3].relevant).starts_with("than Mercury."));
  CHECK(pieces[1].number == 2);
  CHECK(pieces[2].number == 4);
  CHECK(pieces[3].number == 5);
  // Typing inside, before and at the end of a document.
  std::string edited = text;
  edited.insert(word, "much ");
  const auto after = must(edited, {"hand", "", after_edit(text, edited, bounds)}).prompt.documents;
  CHECK(cut(edited, after[1].relevant).starts_with("Venus is much hotter"));
  CHECK(cut(edited, after[2].relevant) == "Mars is red.");
  // Of a character of two bytes one is typed over, and the begin of a document with it.
  const std::string accent = "\u00e9x y", other = "\u00e8 y";
  CHECK(split_prompt(other, {"hand", "", after_edit(accent, other, {{{2, 5}, 2, 5, 1}})}));
  CHECK_FALSE(split_prompt(text, {"hand", "", {{{5, 3}, 5, 3, 1}}}));
  CHECK_FALSE(split_prompt("é", {"hand", "", {{{1, 2}, 1, 2, 1}}}));
  CHECK_FALSE(split_prompt("abc", {"hand", "", {{{0, 9}, 0, 9, 1}}}));
}

TEST_CASE("splittings by name") {
  CHECK(splitting_named("xml")->method == "xml");
  CHECK(splitting_named("^## ")->method == "pattern");
  CHECK(splitting_named("between:---")->pattern == "---");
  CHECK_FALSE(splitting_named(""));
}
