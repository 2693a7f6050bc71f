// links: headscope_lesson
// The parser of lessons: what it reads, and that every mistake is named with its line.
#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "core/lesson/lesson.h"
#include "tests/resources.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

const std::string kHead = "---\ntitle: A title\nsummary: What it is about.\nminutes: 5\n---\n";

const std::string kWhole =
    kHead +
    "\n## First\n"
    "Plain **bold** *slanted* `code` and\nthe {relevant L1H12} number.\n\n"
    "- one\n- two\n  1. nested\n\n"
    "> quoted\n\n"
    "```window\n\"selected\": [1, 2],\n\n\"full_map\": true\n```\n"
    "Text below.\n"
    "```question\nWhat *is* it?\n- [ ] this\n- [X] that\n"
    "> Because {intervened answer}\n> of it.\n```\n"
    "```window\n{\"intervention\":\n {\"tau\": 0.5}}\n```\n"
    "## Second\n"
    "```figure\n{\"title\": \"F\", \"most\": 2, \"bars\": [{\"label\": \"a\", "
    "\"value\": 1.5, \"low\": 1, \"high\": 2}]}\n```\n"
    "```text\n## no heading {no value}\n```\n";

// The text alone, blocks separated by line ends.
std::string plain_text(const Markdown& markdown) {
  std::string text;
  for (const MarkdownBlock& block : markdown) {
    if (!text.empty()) text += '\n';
    for (const MarkdownRun& run : block.runs) text += run.text;
  }
  return text;
}

// The message of what must fail.
std::string message_of(const std::string& text) {
  const auto lesson = parse_lesson(text, "broken.md");
  REQUIRE_FALSE(lesson.has_value());
  CHECK(lesson.error().kind == ErrorKind::bad_input);
  return lesson.error().message;
}

void check_message(const std::string& text, const std::string& place, const std::string& word) {
  const std::string message = message_of(text);
  INFO(message);
  CHECK(message.find(place) != std::string::npos);
  CHECK(message.find(word) != std::string::npos);
}

}  // namespace

TEST_CASE("a lesson is read as it is written") {
  const auto read = parse_lesson(kWhole, "folder/04-whole.md");
  REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().message));
  const Lesson& lesson = *read;
  CHECK(lesson.id == "04-whole");
  CHECK(lesson.title == "A title");
  CHECK(lesson.summary == "What it is about.");
  CHECK(lesson.minutes == 5);
  REQUIRE(lesson.steps.size() == 2);

  const LessonStep& first = lesson.steps[0];
  CHECK(first.title == "First");
  REQUIRE(first.parts.size() == 3);  // text, text, question
  const auto& text = std::get<Markdown>(first.parts[0]);
  using Kind = MarkdownBlock::Kind;
  REQUIRE(text.size() == 5);
  CHECK(text[0].kind == Kind::paragraph);
  CHECK(text[1].kind == Kind::item);
  CHECK(text[3].number == 1);
  CHECK(text[3].depth == 1);
  CHECK(text[4].kind == Kind::quote);
  CHECK(
      plain_text(text).starts_with("Plain bold slanted code and the relevant L1H12 number.\none"));
  int bold = 0, italic = 0, code = 0, live = 0;
  for (const MarkdownRun& run : text[0].runs) {
    bold += run.bold && run.text == "bold";
    italic += run.italic && run.text == "slanted";
    code += run.code && run.text == "code";
    live += run.live == LiveValue{LiveValue::Kind::relevant, false, {1, 12}};
  }
  CHECK(bold == 1);
  CHECK(italic == 1);
  CHECK(code == 1);
  CHECK(live == 1);

  const LessonQuestion* question = first.question();
  REQUIRE(question != nullptr);
  CHECK(plain_text(question->text) == "What is it?");
  REQUIRE(question->choices.size() == 2);
  CHECK(plain_text(question->choices[1]) == "that");
  CHECK(question->right == 1);
  CHECK(plain_text(question->explanation) == "Because intervened answer of it.");
  REQUIRE(question->explanation[0].runs.size() >= 2);
  CHECK(question->explanation[0].runs[1].live->intervened);

  REQUIRE(first.windows.size() == 2);
  CHECK(first.windows[0].keys == Json{{"selected", {1, 2}}, {"full_map", true}});
  CHECK(first.windows[0].where == "folder/04-whole.md line 17");
  CHECK_FALSE(first.windows[0].on_reveal);
  CHECK(first.windows[1].on_reveal);
  CHECK(first.windows[1].keys["intervention"]["tau"] == 0.5);

  REQUIRE(lesson.steps[1].parts.size() == 2);
  const auto& figure = std::get<LessonFigure>(lesson.steps[1].parts[0]);
  CHECK(figure.most == 2);
  REQUIRE(figure.bars.size() == 1);
  CHECK(figure.bars[0].high == 2.0);
  const auto& block = std::get<Markdown>(lesson.steps[1].parts[1]);
  REQUIRE(block.size() == 1);
  CHECK(block[0].kind == Kind::code);
}

TEST_CASE("the form that lesson.h shows is a lesson") {
  std::ifstream header(test::source_folder() / "core" / "lesson" / "lesson.h");
  std::string shown;
  for (std::string line; std::getline(header, line) && line.starts_with("//");)
    if (line.starts_with("//   ")) shown += line.substr(5) + "\n";
  const auto lesson = parse_lesson(shown, "lesson.h");
  REQUIRE_MESSAGE(lesson.has_value(), (lesson ? "" : lesson.error().message));
  REQUIRE(lesson->steps.size() == 1);
  CHECK(lesson->steps[0].question() != nullptr);
  CHECK(lesson->steps[0].windows.size() == 1);
  CHECK(lesson->steps[0].parts.size() == 3);  // text, question, figure
}

TEST_CASE("a mistake is named with its line") {
  check_message("", "broken.md line 1:", "---");
  check_message("# Title\n", "broken.md line 1:", "---");
  check_message("---\ntitle: x\n", "broken.md line 1:", "missing");
  check_message("---\ntitle: x\nsummary: y\n---\n## A\nb\n", "line 1:", "minutes");
  check_message("---\ntitle: x\nminutes: soon\n---\n", "line 3:", "soon");
  check_message("---\ntitle: x\nauthor: y\n---\n", "line 3:", "author");
  check_message(kHead, "broken.md:", "no step");
  check_message(kHead + "\ntext first\n", "line 7:", "text first");
  check_message(kHead + "## \n", "line 6:", "title");
  check_message(kHead + "## A\n\n## B\ntext\n", "line 6:", "nothing");
  check_message(kHead + "## A\ntext\n```window\n\"a\": 1\n", "line 8:", "never closed");
  check_message(kHead + "## A\n```window\n\"a\": 1\n```window\n", "line 9:", "line 7");
  check_message(kHead + "## A\n```window\n\"a\": 1\n\"b\" 2\n```\n", "line 9", "\"key\": value");
  check_message(kHead + "## A\n```window\n```\nt\n", "line 7:", "empty");
  check_message(kHead + "## A\n```python\nx\n```\n", "line 7:", "python");
  check_message(kHead + "## A\none\ntwo {relevnt L1H1}\n", "line 8:", "relevnt L1H1");
  check_message(kHead + "## A\none\n\ntwo {sink L1}\n", "line 9:", "{sink L1}");
  check_message(kHead + "## A\none { two\n", "line 7:", "{ two");
  check_message(kHead + "## A\ntext\n\n![p](picture.png)\n", "line 9:", "figure");
  check_message(kHead + "## A\n```figure\n{\"title\": \"t\", \"bars\": []}\n```\n", "line 7",
                "bars");
  check_message(kHead + "## A\n```figure\n{\"title\": \"t\", \"bars\": [{\"label\": 3}]}\n```\n",
                "line 7", "bars[0].label");
  check_message(kHead + "## A\n```figure\n```\n", "line 7", "JSON");
  check_message(kHead + "## A\n```figure\n{\"title\": \"t\", \"most\": 0, \"bars\": []}\n```\n",
                "line 7", "above 0");
}

TEST_CASE("a question needs what makes it one") {
  const auto ask = [](const std::string& inside) {
    return kHead + "## A\n```question\n" + inside + "```\n";
  };
  check_message(ask("- [x] a\n- [ ] b\n> c\n"), "line 7:", "asks nothing");
  check_message(ask("Q?\n- [x] a\n> c\n"), "line 7:", "two or more");
  check_message(ask("Q?\n- [x] a\n- [x] b\n> c\n"), "line 7:", "2 right");
  check_message(ask("Q?\n- [ ] a\n- [ ] b\n> c\n"), "line 7:", "0 right");
  check_message(ask("Q?\n- [x] a\n- [ ] b\n"), "line 7:", "explanation");
  check_message(ask("Q?\n- [x] a\n- b\n"), "line 10:", "- b");
  check_message(ask("Q?\n- [x] a\n- [ ] b\n> c\n> {nonsense}\n"), "line 12:", "nonsense");
  const std::string good = "```question\nQ?\n- [x] a\n- [ ] b\n> c\n```\n";
  check_message(kHead + "## A\n" + good + good, "line 13:", "already");
}

TEST_CASE("no input breaks the parser") {
  for (std::size_t i = 0; i < kWhole.size(); ++i) {
    (void)parse_lesson(kWhole.substr(0, i), "cut.md");
    std::string spoilt = kWhole;
    spoilt[i] = "`{\n\0#>-"[i % 7];
    (void)parse_lesson(spoilt, "spoilt.md");
  }
}

TEST_CASE("a class can have its own version of a lesson") {
  const test::TemporaryFolder root;
  const auto write = [&](const char* folder, const char* name, const std::string& text) {
    std::filesystem::create_directories(root.path() / folder);
    std::ofstream(root.path() / folder / name) << text;
  };
  write("shipped", "2-b.md", kWhole);
  write("shipped", "1-a.md", kWhole);
  write("shipped", "README.md", "not a lesson");
  write("shipped", "notes.txt", "not a lesson");
  write("own", "2-b.md", "broken");
  const auto files =
      read_lessons({root.path() / "shipped", root.path() / "own", root.path() / "missing"});
  REQUIRE(files.size() == 2);
  CHECK(files[0].path == root.path() / "shipped" / "1-a.md");
  CHECK(files[0].lesson.has_value());
  CHECK(files[1].path == root.path() / "own" / "2-b.md");
  REQUIRE_FALSE(files[1].lesson.has_value());
  CHECK(files[1].lesson.error().message.find("2-b.md line 1:") != std::string::npos);
}

TEST_CASE("all lessons that ship can be read") {
  const auto files = read_lessons({test::source_folder() / "assets" / "lessons"});
  CHECK(files.size() >= 6);
  for (const LessonFile& file : files) {
    CHECK_MESSAGE(file.lesson.has_value(), (file.lesson ? "" : file.lesson.error().message));
    if (!file.lesson) continue;
    CHECK(file.lesson->steps.size() >= 5);
    int questions = 0;
    for (const LessonStep& step : file.lesson->steps) questions += step.question() != nullptr;
    CHECK(questions >= 1);
  }
}
