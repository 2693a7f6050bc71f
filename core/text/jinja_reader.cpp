#include "core/text/jinja_reader.h"

#include <jinja/lexer.h>
#include <jinja/parser.h>

#include <algorithm>
#include <exception>
#include <new>
#include <set>

#include "core/text/jinja_value.h"
#include "core/text/unicode.h"

namespace headscope::chat {
namespace jj = ::jinja;
using Token = jj::token;

namespace {

constexpr std::size_t kSourceBytes = std::size_t{1} << 20;
constexpr std::size_t kBlocks = 100;        // {% if %} within {% for %} within ...
constexpr std::size_t kBrackets = 60;       // within one tag
constexpr std::size_t kTokensOfTag = 2000;  // operators of one tag chain as deep as they are many
constexpr std::size_t kAlternatives = 500;  // {% elif %}: each nests in the one before
constexpr std::string_view kNothing = "{{''}}";

// Python's universal newlines. (The lexer drops one newline at the end, as jinja2 does.)
std::string normalized(std::string_view source) {
  std::string text;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      text += source[i];
    }
  }
  return text;
}

// The lexer takes the first character of a template for white space when nothing but white space
// follows it up to the first tag. Behind an empty expression it does not.
bool first_character_at_risk(const std::string& text) {
  return !text.empty() && text[0] != ' ' && text[0] != '\t' && text[0] != '{';
}

// {% set x %} has an end, {% set x = 1 %} has none.
bool sets_block(const std::vector<Token>& tokens, std::size_t at) {
  for (; at < tokens.size() && tokens[at].t != Token::close_statement; ++at) {
    if (tokens[at].t == Token::equals) return false;
  }
  return true;
}

bool opens_block(const std::vector<Token>& tokens, std::size_t at) {
  const std::string& name = tokens[at].value;
  if (name == "set") return sets_block(tokens, at);
  return name == "if" || name == "for" || name == "macro" || name == "call" || name == "filter";
}

bool known_statement(const Token& token) {
  static const std::set<std::string, std::less<>> known = {
      "if",     "elif",      "else",  "endif",    "for",        "endfor",
      "break",  "continue",  "macro", "endmacro", "call",       "endcall",
      "filter", "endfilter", "set",   "endset",   "generation", "endgeneration"};
  return token.t == Token::identifier && known.contains(token.value);
}

// Counts what makes the parser recurse.
class Shape {
 public:
  /// What is too much about the token at `at`, or nothing.
  std::string add(const std::vector<Token>& tokens, std::size_t at) {
    const Token& token = tokens[at];
    count(token);
    const bool names_statement =
        token.t == Token::identifier && at > 0 && tokens[at - 1].t == Token::open_statement;
    if (at > 0 && tokens[at - 1].t == Token::open_statement && !known_statement(token)) {
      return "{% " + token.value + " %} is not supported";
    }
    if (names_statement) {
      if (token.value == "elif") ++alternatives_;
      if (opens_block(tokens, at)) ++blocks_;
      if (token.value.starts_with("end") && blocks_ > 0) --blocks_;
    }
    if (brackets_ > kBrackets) return "brackets nest deeper than " + std::to_string(kBrackets);
    if (in_tag_ > kTokensOfTag)
      return "a tag has more than " + std::to_string(kTokensOfTag) + " parts";
    if (blocks_ > kBlocks) return "blocks nest deeper than " + std::to_string(kBlocks);
    if (alternatives_ > kAlternatives)
      return "there are more than " + std::to_string(kAlternatives) + " elif";
    return {};
  }

  std::size_t brackets() const { return brackets_; }

 private:
  void count(const Token& token) {
    ++in_tag_;
    switch (token.t) {
      case Token::open_statement:
      case Token::open_expression:
        in_tag_ = brackets_ = 0;
        break;
      case Token::text:
      case Token::comment:
        in_tag_ = 0;
        break;
      case Token::open_paren:
      case Token::open_square_bracket:
      case Token::open_curly_bracket:
        ++brackets_;
        break;
      case Token::close_paren:
      case Token::close_square_bracket:
      case Token::close_curly_bracket:
        brackets_ -= brackets_ > 0 ? 1 : 0;
        break;
      default:
        break;
    }
  }

  std::size_t blocks_ = 0;
  std::size_t alternatives_ = 0;
  std::size_t brackets_ = 0;
  std::size_t in_tag_ = 0;
};

std::size_t line_of(const std::string& source, std::size_t position) {
  const auto end = source.begin() + static_cast<std::ptrdiff_t>(std::min(position, source.size()));
  return 1 + static_cast<std::size_t>(std::count(source.begin(), end, '\n'));
}

Result<> check_shape(const std::vector<Token>& tokens, const std::string& source,
                     Program& program) {
  Shape shape;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string problem = shape.add(tokens, i);
    program.brackets.emplace(tokens[i].pos, shape.brackets());
    if (!problem.empty())
      return bad_input("line " + std::to_string(line_of(source, tokens[i].pos)) + ": " + problem);
  }
  return {};
}

// "parser: Expected }}\n...{{ a b }}...\n       ^": the message and the place, on one line.
std::string on_one_line(std::string_view message) {
  const std::size_t first = message.find('\n');
  std::string text(message.substr(0, first));
  if (first == std::string_view::npos) return text;
  const std::string_view rest = message.substr(first + 1);
  return unicode::lossy(text + " near " + std::string(rest.substr(0, rest.find('\n'))));
}

Result<Program> read_checked(std::string source, std::size_t added) {
  Program program;
  program.added = added;
  jj::lexer_result read = jj::lexer().tokenize(source);
  HEADSCOPE_TRY(check_shape(read.tokens, source, program));
  program.body = jj::parse_from_tokens(read);
  program.source = std::move(source);
  return program;
}

}  // namespace

Result<Program> read_program(std::string_view given) {
  if (given.size() > kSourceBytes) return bad_input("the template is larger than 1 MiB");
  if (unicode::valid_prefix(given) != given.size())
    return bad_input("the template is not valid UTF-8");
  if (given.find('\0') != std::string_view::npos)
    return bad_input("the template holds a zero byte");
  std::string source = normalized(given);
  const bool guard = first_character_at_risk(source);
  if (guard) source.insert(0, kNothing);
  try {
    return read_checked(std::move(source), guard ? kNothing.size() : 0);
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::out_of_memory, "no memory is left to read the template");
  } catch (const std::exception& problem) {
    return bad_input(on_one_line(problem.what()));
  }
}

std::string place_of(const Program& program, std::size_t position) {
  const std::string& source = program.source;
  position = std::min(position, source.size());
  const std::size_t line = line_of(source, position);
  std::size_t begin = source.rfind('\n', position == 0 ? 0 : position - 1);
  begin = begin == std::string::npos ? program.added : begin + 1;
  const std::size_t tag = source.rfind('{', position);
  if (tag != std::string::npos && tag > begin)
    begin = tag > 0 && source[tag - 1] == '{' ? tag - 1 : tag;
  begin = std::max(begin, position > 60 ? position - 60 : 0);
  std::string near =
      source.substr(begin, std::min(source.find('\n', position), position + 60) - begin);
  return "line " + std::to_string(line) + ", near '" + unicode::lossy(near) + "'";
}

}  // namespace headscope::chat
