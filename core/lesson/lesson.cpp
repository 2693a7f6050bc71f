#include "core/lesson/lesson.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "core/base/file.h"

namespace headscope {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 20;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// "```window": its language; nothing when the line is no fence.
std::optional<std::string_view> fence(std::string_view line) {
  const std::string_view text = trimmed(line);
  if (!text.starts_with("```")) return std::nullopt;
  return trimmed(text.substr(3));
}

// The file as lines, with a place to be at.
class Lines {
 public:
  Lines(std::string_view text, const std::string& name) : text_(text), name_(name) {
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      starts_.push_back(at);
      at = end + 1;
    }
    starts_.push_back(text.size() + 1);
  }
  bool done() const { return at_ + 1 >= starts_.size(); }
  std::string_view line() const { return between(at_, at_ + 1); }
  /// Lines [first, last) as one piece of the file.
  std::string_view between(std::size_t first, std::size_t last) const {
    return text_.substr(starts_[first], starts_[last] - starts_[first] - 1);
  }
  std::size_t at() const { return at_; }
  void next() { ++at_; }
  const std::string& name() const { return name_; }
  std::string where(std::size_t line) const { return name_ + " line " + std::to_string(line + 1); }
  tl::unexpected<Error> wrong(std::size_t line, const std::string& what) const {
    return bad_input(where(line) + ": " + what);
  }

 private:
  std::string_view text_;
  const std::string& name_;
  std::vector<std::size_t> starts_;
  std::size_t at_ = 0;
};

struct Block {
  std::size_t first = 0, last = 0;  // lines between the fences
};

// From the line of the opening fence to behind the closing one.
Result<Block> take_block(Lines& lines) {
  const std::size_t opened = lines.at();
  lines.next();
  Block block{lines.at(), lines.at()};
  while (!lines.done()) {
    const auto closing = fence(lines.line());
    if (closing && closing->empty()) {
      block.last = lines.at();
      lines.next();
      return block;
    }
    if (closing)
      return lines.wrong(lines.at(), "expected the closing ``` of the block that begins at line " +
                                         std::to_string(opened + 1) + ", found another block");
    lines.next();
  }
  return lines.wrong(opened, "this block is never closed by ```");
}

Result<int> take_minutes(const Lines& lines, std::string_view text) {
  int minutes = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, minutes);
  if (error != std::errc() || stop != end || minutes < 1 || minutes > 600)
    return lines.wrong(lines.at(),
                       "field 'minutes' expected a whole number from 1 to 600, found \"" +
                           std::string(text) + "\"");
  return minutes;
}

Result<> front_matter(Lines& lines, Lesson& lesson) {
  if (trimmed(lines.line()) != "---")
    return lines.wrong(0, "expected --- and then title, summary and minutes, each on a line");
  for (lines.next(); !lines.done() && trimmed(lines.line()) != "---"; lines.next()) {
    const std::string_view line = trimmed(lines.line());
    const std::size_t colon = line.find(':');
    if (line.empty()) continue;
    const std::string_view key = trimmed(line.substr(0, colon));
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view() : trimmed(line.substr(colon + 1));
    if (key == "title") {
      lesson.title = value;
    } else if (key == "summary") {
      lesson.summary = value;
    } else if (key == "minutes") {
      HEADSCOPE_ASSIGN(lesson.minutes, take_minutes(lines, value));
    } else {
      return lines.wrong(lines.at(),
                         "expected title, summary or minutes, found \"" + std::string(line) + "\"");
    }
  }
  if (lines.done())
    return lines.wrong(0, "the --- that ends title, summary and minutes is missing");
  for (const auto& [missing, field] :
       {std::pair{lesson.title.empty(), "title"}, std::pair{lesson.summary.empty(), "summary"},
        std::pair{lesson.minutes == 0, "minutes"}}) {
    if (missing)
      return lines.wrong(0, "field '" + std::string(field) + "' is missing above this ---");
  }
  lines.next();
  return {};
}

// One key a line, or one object over all lines.
Result<Json> window_keys(const Lines& lines, Block block) {
  const std::string_view whole = lines.between(block.first, std::max(block.first, block.last));
  if (block.first == block.last) return lines.wrong(block.first - 1, "this window block is empty");
  if (trimmed(whole).starts_with('{')) return parse_json(whole, lines.where(block.first));
  Json keys = Json::object();
  for (std::size_t i = block.first; i < block.last; ++i) {
    std::string_view line = trimmed(lines.between(i, i + 1));
    if (line.ends_with(',')) line.remove_suffix(1);
    if (line.empty()) continue;
    auto one = parse_json("{" + std::string(line) + "}", lines.where(i));
    if (!one) {
      return bad_input(
          one.error().message +
          "; a line of a window block is \"key\": value, such as \"selected\": [2, 7]");
    }
    keys.update(*one);
  }
  return keys;
}

Result<LessonWindow> take_window(Lines& lines, bool behind_question) {
  LessonWindow window;
  window.where = lines.where(lines.at());
  window.on_reveal = behind_question;
  HEADSCOPE_ASSIGN(const Block block, take_block(lines));
  HEADSCOPE_ASSIGN(window.keys, window_keys(lines, block));
  if (!window.keys.is_object())
    return bad_input(window.where + ": expected a JSON object, found something else");
  return window;
}

Result<Markdown> markdown_of(const Lines& lines, std::size_t line, std::string_view text) {
  return parse_markdown(text, lines.name(), static_cast<int>(line) + 1);
}

// "- [x] text": 'x' or ' '; 0 when the line is no choice.
char choice_mark(std::string_view line) {
  const bool is_choice = line.size() > 5 && line.starts_with("- [") && line[4] == ']';
  if (!is_choice) return 0;
  return line[3] == 'x' || line[3] == 'X' ? 'x' : ' ';
}

Result<LessonQuestion> take_question(Lines& lines) {
  const std::size_t opened = lines.at();
  HEADSCOPE_ASSIGN(const Block block, take_block(lines));
  LessonQuestion question;
  std::size_t asked = block.first;
  while (asked < block.last && choice_mark(trimmed(lines.between(asked, asked + 1))) == 0) ++asked;
  if (asked > block.first) {
    HEADSCOPE_ASSIGN(question.text,
                     markdown_of(lines, block.first, lines.between(block.first, asked)));
  }
  if (question.text.empty()) return lines.wrong(opened, "this question asks nothing");
  std::string explanation;
  std::size_t right = 0, explained = 0;
  for (std::size_t i = asked; i < block.last; ++i) {
    const std::string_view line = trimmed(lines.between(i, i + 1));
    if (line.empty()) continue;
    if (const char mark = choice_mark(line); mark != 0) {
      if (mark == 'x') question.right = question.choices.size();
      right += mark == 'x' ? 1 : 0;
      HEADSCOPE_ASSIGN(Markdown choice, markdown_of(lines, i, trimmed(line.substr(5))));
      if (choice.empty()) return lines.wrong(i, "this choice is empty");
      question.choices.push_back(std::move(choice));
    } else if (line.starts_with('>')) {
      if (explained == 0) explained = i;
      explanation += std::string(trimmed(line.substr(1))) + "\n";
    } else {
      return lines.wrong(i,
                         "expected a choice (\"- [ ] ...\", the right one \"- [x] ...\") or the "
                         "explanation (\"> ...\"), found \"" +
                             std::string(line) + "\"");
    }
  }
  if (question.choices.size() < 2 || right != 1) {
    return lines.wrong(
        opened, "expected two or more choices of which one is right (\"- [x]\"), found " +
                    std::to_string(question.choices.size()) + " with " + std::to_string(right) +
                    " right");
  }
  if (explanation.empty())
    return lines.wrong(opened, "expected an explanation (\"> ...\") to show when it is revealed");
  HEADSCOPE_ASSIGN(question.explanation, markdown_of(lines, explained, explanation));
  return question;
}

Result<LessonFigure::Bar> bar_of(const JsonObject& o) {
  LessonFigure::Bar bar;
  HEADSCOPE_ASSIGN(bar.label, o.string("label"));
  HEADSCOPE_ASSIGN(bar.value, o.number("value"));
  if (bar.value < 0) return tl::unexpected<Error>(o.wrong("value", "a number from 0"));
  if (!o.has("low") && !o.has("high")) return bar;
  HEADSCOPE_ASSIGN(bar.low, o.number("low"));
  HEADSCOPE_ASSIGN(bar.high, o.number("high"));
  return bar;
}

Result<LessonFigure> take_figure(Lines& lines) {
  const std::string where = lines.where(lines.at());
  HEADSCOPE_ASSIGN(const Block block, take_block(lines));
  const std::string_view text =
      block.first < block.last ? lines.between(block.first, block.last) : std::string_view();
  HEADSCOPE_ASSIGN(const Json json, parse_json(text, where));
  HEADSCOPE_ASSIGN(const JsonObject o, JsonObject::open(json, where));
  LessonFigure figure;
  HEADSCOPE_ASSIGN(figure.title, o.string("title"));
  HEADSCOPE_ASSIGN(figure.caption, o.string_or("caption", ""));
  HEADSCOPE_ASSIGN(figure.most, o.number_or("most", 1.0));
  if (figure.most <= 0) return tl::unexpected<Error>(o.wrong("most", "a number above 0"));
  HEADSCOPE_ASSIGN(const Json* bars, o.array("bars"));
  for (std::size_t i = 0; i < bars->size(); ++i) {
    HEADSCOPE_ASSIGN(const JsonObject element, o.element("bars", i));
    HEADSCOPE_ASSIGN(LessonFigure::Bar bar, bar_of(element));
    figure.bars.push_back(std::move(bar));
  }
  if (figure.bars.empty()) return tl::unexpected<Error>(o.wrong("bars", "one bar or more"));
  return figure;
}

bool is_step_heading(std::string_view line) {
  return line.starts_with("## ");
}

// Text up to the next heading of a step or block of ours; other code fences belong to the text.
Result<> take_text(Lines& lines, LessonStep& step) {
  const std::size_t first = lines.at();
  while (!lines.done() && !is_step_heading(lines.line())) {
    const auto language = fence(lines.line());
    if (!language) {
      lines.next();
      continue;
    }
    if (*language == "window" || *language == "question" || *language == "figure") break;
    if (!language->empty() && *language != "text") {
      return lines.wrong(lines.at(),
                         "expected a block of window, question, figure or text, found \"" +
                             std::string(*language) + "\"");
    }
    HEADSCOPE_TRY(take_block(lines));
  }
  HEADSCOPE_ASSIGN(Markdown text, markdown_of(lines, first, lines.between(first, lines.at())));
  if (!text.empty()) step.parts.push_back(std::move(text));
  return {};
}

Result<> take_part(Lines& lines, LessonStep& step) {
  const auto language = fence(lines.line());
  if (language == "window") {
    HEADSCOPE_ASSIGN(LessonWindow window, take_window(lines, step.question() != nullptr));
    step.windows.push_back(std::move(window));
  } else if (language == "question") {
    if (step.question() != nullptr)
      return lines.wrong(lines.at(), "this step has a question already: begin a new step with ##");
    HEADSCOPE_ASSIGN(LessonQuestion question, take_question(lines));
    step.parts.push_back(std::move(question));
  } else if (language == "figure") {
    HEADSCOPE_ASSIGN(LessonFigure figure, take_figure(lines));
    step.parts.push_back(std::move(figure));
  } else {
    return take_text(lines, step);
  }
  return {};
}

Result<LessonStep> take_step(Lines& lines) {
  const std::size_t heading = lines.at();
  LessonStep step;
  step.title = trimmed(lines.line().substr(3));
  if (step.title.empty()) return lines.wrong(heading, "this step has no title behind ##");
  lines.next();
  while (!lines.done() && !is_step_heading(lines.line())) HEADSCOPE_TRY(take_part(lines, step));
  if (step.parts.empty()) return lines.wrong(heading, "this step says nothing");
  return step;
}

}  // namespace

const LessonQuestion* LessonStep::question() const {
  for (const LessonPart& part : parts) {
    if (const auto* found = std::get_if<LessonQuestion>(&part)) return found;
  }
  return nullptr;
}

Result<Lesson> parse_lesson(std::string_view text, const std::string& name) {
  Lesson lesson;
  lesson.id = std::filesystem::path(name).stem().string();
  Lines lines(text, name);
  HEADSCOPE_TRY(front_matter(lines, lesson));
  while (!lines.done() && trimmed(lines.line()).empty()) lines.next();
  if (lines.done()) return bad_input(name + ": there is no step: expected a line \"## Title\"");
  if (!is_step_heading(lines.line())) {
    return lines.wrong(lines.at(), "expected the first step (\"## Title\"), found \"" +
                                       std::string(trimmed(lines.line())) + "\"");
  }
  while (!lines.done()) {
    HEADSCOPE_ASSIGN(LessonStep step, take_step(lines));
    lesson.steps.push_back(std::move(step));
  }
  return lesson;
}

Result<Lesson> read_lesson(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(const std::string text, read_text_file(path, kMostBytes));
  return parse_lesson(text, path.string());
}

std::vector<LessonFile> read_lessons(const std::vector<std::filesystem::path>& folders) {
  std::map<std::string, std::filesystem::path> files;  // by name, and so in order
  for (const std::filesystem::path& folder : folders) {
    std::error_code ignored;
    std::filesystem::directory_iterator entry(folder, ignored);
    for (; !ignored && entry != std::filesystem::directory_iterator(); entry.increment(ignored)) {
      const std::filesystem::path& path = entry->path();
      if (path.extension() == ".md" && path.filename() != "README.md")
        files[path.filename().string()] = path;
    }
  }
  std::vector<LessonFile> lessons;
  lessons.reserve(files.size());
  for (const auto& [name, path] : files) lessons.push_back({path, read_lesson(path)});
  return lessons;
}

}  // namespace headscope
