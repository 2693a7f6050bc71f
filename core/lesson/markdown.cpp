#include "core/lesson/markdown.h"

#include <md4c.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace headscope {
namespace {

// "L1H12"; false when it is none.
bool parse_head(std::string_view text, HeadId& head) {
  const std::size_t at = text.find('H');
  if (text.size() < 4 || text[0] != 'L' || at == std::string_view::npos) return false;
  const auto number = [](std::string_view digits, int& value) {
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    return error == std::errc() && stop == end && value >= 0 && value < 100000;
  };
  return number(text.substr(1, at - 1), head.layer) && number(text.substr(at + 1), head.head);
}

std::optional<LiveValue> parse_live(std::string_view text) {
  LiveValue value;
  constexpr std::string_view kIntervened = "intervened ", kBaseline = "baseline ";
  if (text.starts_with(kIntervened)) {
    value.intervened = true;
    text.remove_prefix(kIntervened.size());
  } else if (text.starts_with(kBaseline)) {
    text.remove_prefix(kBaseline.size());
  }
  if (text == "answer") return value;
  using Kind = LiveValue::Kind;
  for (const auto& [name, kind] : {std::pair<std::string_view, Kind>{"relevant ", Kind::relevant},
                                   {"sink ", Kind::sink},
                                   {"irrelevant ", Kind::irrelevant}}) {
    if (!text.starts_with(name)) continue;
    value.kind = kind;
    return parse_head(text.substr(name.size()), value.head) ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

// What md4c calls while it reads; the first thing that cannot be shown stops it.
class Reader {
 public:
  Reader(std::string_view text, const std::string& name, int first_line)
      : text_(text), name_(name), line_(first_line) {}

  Result<Markdown> read();

 private:
  struct List {
    bool ordered = false;
    int next = 0;
  };

  static Reader& of(void* self) { return *static_cast<Reader*>(self); }
  int enter(MD_BLOCKTYPE type, void* detail);
  int leave(MD_BLOCKTYPE type);
  int span(MD_SPANTYPE type, bool on);
  int add(MD_TEXTTYPE type, std::string_view text);
  int add_plain(std::string_view text);
  void append(std::string_view text, std::optional<LiveValue> live = {});
  void begin(MarkdownBlock::Kind kind);
  int refuse(const std::string& what);
  int line_of(const char* at) const;

  std::string_view text_;
  const std::string& name_;
  int line_;
  const char* seen_ = nullptr;  // the last piece of text that md4c gave
  Markdown blocks_;
  std::vector<List> lists_;
  int quotes_ = 0;
  bool open_ = false;  // the last block takes text
  bool item_ = false;  // an item has begun and its paragraph is the item itself
  bool bold_ = false, italic_ = false, code_ = false;
  std::string problem_;
};

int Reader::line_of(const char* at) const {
  const char* begin = text_.data();
  if (at == nullptr || at < begin || at > begin + text_.size()) return line_;
  return line_ + static_cast<int>(std::count(begin, at, '\n'));
}

int Reader::refuse(const std::string& what) {
  problem_ = name_ + " line " + std::to_string(line_of(seen_)) + ": " + what;
  return 1;
}

void Reader::begin(MarkdownBlock::Kind kind) {
  MarkdownBlock block;
  block.kind = kind;
  block.depth = std::max(0, static_cast<int>(lists_.size()) - 1);
  blocks_.push_back(std::move(block));
  open_ = true;
}

int Reader::enter(MD_BLOCKTYPE type, void* detail) {
  using Kind = MarkdownBlock::Kind;
  switch (type) {
    case MD_BLOCK_DOC:
      return 0;
    case MD_BLOCK_QUOTE:
      ++quotes_;
      return 0;
    case MD_BLOCK_UL:
      lists_.push_back({});
      return 0;
    case MD_BLOCK_OL:
      lists_.push_back({true, static_cast<int>(static_cast<MD_BLOCK_OL_DETAIL*>(detail)->start)});
      return 0;
    case MD_BLOCK_LI:
      begin(Kind::item);
      if (lists_.back().ordered) blocks_.back().number = lists_.back().next++;
      item_ = true;
      return 0;
    case MD_BLOCK_P:
      if (!std::exchange(item_, false)) begin(quotes_ > 0 ? Kind::quote : Kind::paragraph);
      return 0;
    case MD_BLOCK_H:
      begin(Kind::heading);
      return 0;
    case MD_BLOCK_CODE:
      begin(Kind::code);
      return 0;
    default:
      return refuse("a lesson's text has paragraphs, lists, quotes and code, no rule or table");
  }
}

int Reader::leave(MD_BLOCKTYPE type) {
  if (type == MD_BLOCK_UL || type == MD_BLOCK_OL) lists_.pop_back();
  if (type == MD_BLOCK_QUOTE) --quotes_;
  if (type == MD_BLOCK_LI) item_ = false;
  if (type != MD_BLOCK_DOC) open_ = false;
  return 0;
}

int Reader::span(MD_SPANTYPE type, bool on) {
  switch (type) {
    case MD_SPAN_STRONG:
      bold_ = on;
      return 0;
    case MD_SPAN_EM:
      italic_ = on;
      return 0;
    case MD_SPAN_CODE:
      code_ = on;
      return 0;
    case MD_SPAN_A:
      return 0;  // lessons work without network: the text of a link is all there is of it
    case MD_SPAN_IMG:
      return refuse("a picture of a lesson is a block ```figure, not a file");
    default:
      return refuse("this markup is not understood: there are **bold**, *italic* and `code`");
  }
}

void Reader::append(std::string_view text, std::optional<LiveValue> live) {
  if (text.empty() || blocks_.empty()) return;
  blocks_.back().runs.push_back({std::string(text), bold_, italic_, code_, live});
}

// Text outside code, in which braces hold live values.
int Reader::add_plain(std::string_view text) {
  while (true) {
    const std::size_t open = text.find('{');
    append(text.substr(0, open));
    if (open == std::string_view::npos) return 0;
    const std::size_t close = text.find('}', open);
    seen_ = text.data() + open;
    const std::string_view inside = close == std::string_view::npos
                                        ? text.substr(open + 1)
                                        : text.substr(open + 1, close - open - 1);
    const auto live = close == std::string_view::npos ? std::nullopt : parse_live(inside);
    if (!live) {
      return refuse(
          "expected {answer}, {relevant L1H1}, {sink L1H1} or {irrelevant L1H1}, with "
          "\"intervened \" in front for that run, found \"{" +
          std::string(inside) + (close == std::string_view::npos ? "\"" : "}\""));
    }
    append(inside, live);
    text.remove_prefix(close + 1);
  }
}

int Reader::add(MD_TEXTTYPE type, std::string_view text) {
  if (!open_) begin(MarkdownBlock::Kind::paragraph);
  if (type != MD_TEXT_BR && type != MD_TEXT_SOFTBR) seen_ = text.data();
  switch (type) {
    case MD_TEXT_NULLCHAR:
      return refuse("there is a NUL byte in the text");
    case MD_TEXT_BR:
      append("\n");
      return 0;
    case MD_TEXT_SOFTBR:
      append(" ");
      return 0;
    case MD_TEXT_ENTITY:
      return refuse("write the character itself instead of " + std::string(text));
    case MD_TEXT_CODE:
      append(text);
      return 0;
    default:
      return add_plain(text);
  }
}

Result<Markdown> Reader::read() {
  MD_PARSER parser = {};
  parser.flags = MD_FLAG_NOHTML | MD_FLAG_NOINDENTEDCODEBLOCKS | MD_FLAG_COLLAPSEWHITESPACE;
  parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* self) {
    return of(self).enter(type, detail);
  };
  parser.leave_block = [](MD_BLOCKTYPE type, void*, void* self) { return of(self).leave(type); };
  parser.enter_span = [](MD_SPANTYPE type, void*, void* self) { return of(self).span(type, true); };
  parser.leave_span = [](MD_SPANTYPE type, void*, void* self) {
    return of(self).span(type, false);
  };
  parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* self) {
    return of(self).add(type, {text, size});
  };
  const int code = md_parse(text_.data(), static_cast<MD_SIZE>(text_.size()), &parser, this);
  if (!problem_.empty()) return bad_input(problem_);
  if (code != 0) return fail(ErrorKind::out_of_memory, name_ + ": the Markdown parser gave up");
  std::erase_if(blocks_, [](const MarkdownBlock& block) { return block.runs.empty(); });
  return std::move(blocks_);
}

}  // namespace

Result<Markdown> parse_markdown(std::string_view text, const std::string& name, int first_line) {
  return Reader(text, name, first_line).read();
}

}  // namespace headscope
