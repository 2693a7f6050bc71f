// Methods of Python's str, dict and list, and the global functions of chat templates.
#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>

#include "core/base/platform.h"
#include "core/text/jinja_builtins.h"
#include "core/text/unicode.h"

namespace headscope::chat {
namespace {

constexpr std::int64_t kLargestRange = 100000;  // jinja2's sandbox: MAX_RANGE

// str.isspace: White_Space and the four separators of ASCII.
bool is_space(char32_t point) {
  return unicode::is_whitespace(point) || (point >= 0x1c && point <= 0x1f);
}

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

char ascii_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

List texts(const std::vector<std::string>& parts) {
  List values;
  for (const std::string& part : parts) values.push_back(text_value(part));
  return values;
}

// str.split() without a separator: runs of white space, none at the ends.
std::vector<std::string> split_spaces(const std::string& text, std::int64_t most,
                                      const char* name) {
  if (most >= 0)
    throw Failure{"uses str." + std::string(name) +
                  " with a limit but no separator, which is not supported"};
  std::vector<std::string> parts;
  std::string part;
  for (const std::string_view character : characters(text)) {
    std::size_t at = 0;
    if (!is_space(unicode::next(character, at))) {
      part += character;
    } else if (!part.empty()) {
      parts.push_back(std::move(part));
      part.clear();
    }
  }
  if (!part.empty()) parts.push_back(std::move(part));
  return parts;
}

std::vector<std::string> split(const std::string& text, const std::string& separator,
                               std::int64_t most) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (; most != 0; --most) {
    const std::size_t found = text.find(separator, begin);
    if (found == std::string::npos) break;
    parts.push_back(text.substr(begin, found - begin));
    begin = found + separator.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::vector<std::string> split_from_right(std::string text, const std::string& separator,
                                          std::int64_t most) {
  std::vector<std::string> parts;
  for (; most != 0; --most) {
    const std::size_t found = text.rfind(separator);
    if (found == std::string::npos) break;
    parts.push_back(text.substr(found + separator.size()));
    text.resize(found);
  }
  parts.push_back(std::move(text));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

Value split_method(const std::string& text, Arguments& arguments, Budget& budget, bool right) {
  budget.step(text.size() * 16);
  const Value* separator = arguments.take("sep");
  const std::int64_t most = arguments.whole_or("maxsplit", -1);
  if (!separator || separator->none())
    return sequence_value(texts(split_spaces(text, most, right ? "rsplit" : "split")));
  const auto* characters = text_of(*separator);
  if (!characters || characters->empty())
    throw Failure{"splits a str by something that is no text"};
  return sequence_value(
      texts(right ? split_from_right(text, *characters, most) : split(text, *characters, most)));
}

Value strip_method(const std::string& text, Arguments& arguments, bool left, bool right) {
  const Value* given = arguments.take("chars");
  if (given && !given->none() && !text_of(*given))
    throw Failure{"strips a str of " + type_name(*given)};
  return text_value(stripped(text, left, right, given ? text_of(*given) : nullptr));
}

Value affix_method(const std::string& text, Arguments& arguments, bool front) {
  const Value& given = arguments.need("prefix");
  const auto fits = [&](const Value& affix) {
    const auto* part = text_of(affix);
    if (!part) throw Failure{"compares the end of a str with " + type_name(affix)};
    return front ? text.starts_with(*part) : text.ends_with(*part);
  };
  const auto* sequence = given.get<Sequence>();
  if (!sequence || sequence->kind != Sequence::Kind::tuple) return fits(given);
  return std::any_of(sequence->items->values.begin(), sequence->items->values.end(), fits);
}

// str.format with {} and {0} alone: names, attributes and format specifications are refused.
Value format_method(const std::string& text, Arguments& arguments, Budget& budget) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text.compare(at, 2, "{{") == 0 || text.compare(at, 2, "}}") == 0) {
      out += text[at++];
      continue;
    }
    if (text[at] == '}') throw Failure{"has a single '}' in the text of str.format"};
    if (text[at] != '{') {
      out += text[at];
      continue;
    }
    const std::size_t close = text.find('}', at);
    const std::string field =
        text.substr(at + 1, close == std::string::npos ? close : close - at - 1);
    const bool digit = field.size() == 1 && field[0] >= '0' && field[0] <= '9';
    if (close == std::string::npos || (!field.empty() && !digit)) {
      throw Failure{"uses str.format with '{" + field + "}'; only {} and {0} to {9} are supported"};
    }
    const std::size_t index = digit ? static_cast<std::size_t>(field[0] - '0') : next++;
    if (index >= arguments.positional().size()) throw Failure{"gives str.format too few arguments"};
    out += to_text(arguments.positional()[index], budget);
    budget.text(out.size());
    at = close;
  }
  return text_value(std::move(out));
}

std::int64_t characters_before(const std::string& text, std::size_t at) {
  return at == std::string::npos ? -1
                                 : static_cast<std::int64_t>(characters(text.substr(0, at)).size());
}

std::int64_t count_parts(const std::string& text, const std::string& part) {
  if (part.empty()) throw Failure{"counts the empty text, which is not supported"};
  std::int64_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
    ++count;
  return count;
}

bool all_digits(const std::string& text) {
  if (!is_ascii(text))
    throw Failure{"uses str.isdigit on characters outside ASCII, which is not supported"};
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

using TextMethod = std::function<Value(const std::string&, Arguments&, Budget&)>;

std::string needed_text(Arguments& arguments, std::string_view name) {
  const Value& value = arguments.need(name);
  if (const auto* text = text_of(value)) return *text;
  throw Failure{"calls str." + arguments.function() + " with " + type_name(value) +
                " where a str is expected"};
}

const std::map<std::string, TextMethod, std::less<>>& text_methods() {
  using A = Arguments;
  using S = std::string;
  static const std::map<std::string, TextMethod, std::less<>> methods = {
      {"strip", [](const S& t, A& a, Budget&) { return strip_method(t, a, true, true); }},
      {"lstrip", [](const S& t, A& a, Budget&) { return strip_method(t, a, true, false); }},
      {"rstrip", [](const S& t, A& a, Budget&) { return strip_method(t, a, false, true); }},
      {"split", [](const S& t, A& a, Budget& b) { return split_method(t, a, b, false); }},
      {"rsplit", [](const S& t, A& a, Budget& b) { return split_method(t, a, b, true); }},
      {"splitlines", [](const S& t, A&, Budget&) { return sequence_value(texts(split_lines(t))); }},
      {"startswith", [](const S& t, A& a, Budget&) { return affix_method(t, a, true); }},
      {"endswith", [](const S& t, A& a, Budget&) { return affix_method(t, a, false); }},
      {"removeprefix",
       [](const S& t, A& a, Budget&) {
         const S part = needed_text(a, "prefix");
         return text_value(t.starts_with(part) ? t.substr(part.size()) : t);
       }},
      {"removesuffix",
       [](const S& t, A& a, Budget&) {
         const S part = needed_text(a, "suffix");
         return text_value(t.ends_with(part) ? t.substr(0, t.size() - part.size()) : t);
       }},
      {"upper", [](const S& t, A&, Budget&) { return text_value(upper_case(t)); }},
      {"lower", [](const S& t, A&, Budget&) { return text_value(lower_case(t)); }},
      {"capitalize", [](const S& t, A&, Budget&) { return text_value(capitalized(t)); }},
      {"replace",
       [](const S& t, A& a, Budget& b) {
         const S from = needed_text(a, "old");
         const S to = needed_text(a, "new");
         return text_value(replaced(t, from, to, a.whole_or("count", -1), b));
       }},
      {"join", [](const S& t, A& a,
                  Budget& b) { return text_value(joined(t, iterate(a.need("iterable"), b), b)); }},
      {"find", [](const S& t, A& a,
                  Budget&) { return characters_before(t, t.find(needed_text(a, "sub"))); }},
      {"rfind", [](const S& t, A& a,
                   Budget&) { return characters_before(t, t.rfind(needed_text(a, "sub"))); }},
      {"count", [](const S& t, A& a, Budget&) { return count_parts(t, needed_text(a, "sub")); }},
      {"isdigit", [](const S& t, A&, Budget&) { return all_digits(t); }},
  };
  return methods;
}

// What Python has besides: refused by name instead of being taken for a missing key.
const std::set<std::string, std::less<>>& other_methods(const Value& object) {
  static const std::set<std::string, std::less<>> none;
  static const std::set<std::string, std::less<>> of_text = {
      "casefold",  "center",      "encode",  "expandtabs", "format_map",   "index",
      "isalnum",   "isalpha",     "isascii", "isdecimal",  "isidentifier", "islower",
      "isnumeric", "isprintable", "isspace", "istitle",    "isupper",      "ljust",
      "maketrans", "partition",   "rindex",  "rjust",      "rpartition",   "swapcase",
      "title",     "translate",   "zfill"};
  static const std::set<std::string, std::less<>> of_dict = {"fromkeys", "clear",      "pop",
                                                             "popitem",  "setdefault", "update"};
  static const std::set<std::string, std::less<>> of_list = {"append", "clear",   "copy",   "count",
                                                             "extend", "index",   "insert", "pop",
                                                             "remove", "reverse", "sort"};
  static const std::set<std::string, std::less<>> of_number = {
      "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator",
      "from_bytes",       "fromhex",   "hex",        "imag",      "is_integer",
      "numerator",        "real",      "to_bytes"};
  static const std::set<std::string, std::less<>> of_loop = {"cycle", "changed"};
  if (text_of(object)) return of_text;
  if (object.get<Sequence>()) return of_list;
  if (const auto* mapping = object.get<Mapping>()) {
    return mapping->kind == Mapping::Kind::dict   ? of_dict
           : mapping->kind == Mapping::Kind::loop ? of_loop
                                                  : none;
  }
  double number = 0;
  return number_of(object, number) ? of_number : none;
}

bool has_method(const Value& object, const std::string& name) {
  if (text_of(object)) return name == "format" || text_methods().contains(name);
  const auto* mapping = object.get<Mapping>();
  if (!mapping || mapping->kind != Mapping::Kind::dict) return false;
  return name == "get" || name == "items" || name == "keys" || name == "values" || name == "copy";
}

Value dict_method(const Fields& fields, Arguments& arguments, Budget& budget) {
  const std::string& name = arguments.function();
  budget.step(fields.items.size() * 16);
  if (name == "get") {
    const Value key = arguments.need("key");
    const Value* fallback = arguments.take("default");
    const Value* found = fields.find_key(key);
    return found ? *found : fallback ? *fallback : Value(None{});
  }
  if (name == "copy") return mapping_value(fields);
  List values;
  for (const auto& [key, value] : fields.items) {
    if (name == "keys") values.push_back(key);
    if (name == "values") values.push_back(value);
    if (name == "items") values.push_back(sequence_value({key, value}, Sequence::Kind::tuple));
  }
  return sequence_value(std::move(values));
}

Value range_of(Arguments& arguments) {
  const List& given = arguments.positional();
  std::array<std::int64_t, 3> bounds{0, 0, 1};
  if (given.empty() || given.size() > 3)
    throw Failure{"calls range with " + std::to_string(given.size()) + " arguments"};
  for (std::size_t i = 0; i < given.size(); ++i) {
    std::int64_t storage = 0;
    const auto* whole = whole_number(given[i], storage);
    if (!whole || std::abs(static_cast<double>(*whole)) > 1e15)
      throw Failure{"calls range with " + type_name(given[i])};
    bounds[given.size() == 1 ? 1 : i] = *whole;
  }
  const auto [start, stop, step] = bounds;
  if (step == 0) throw Failure{"calls range with a step of zero"};
  const std::int64_t count =
      step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step;
  if (count > kLargestRange)
    throw Failure{"makes a range of more than " + std::to_string(kLargestRange) + " numbers"};
  List values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(start + i * step);
  return sequence_value(std::move(values));
}

Fields fields_of(const Arguments& arguments, Budget& budget) {
  Fields fields;
  const List& given = arguments.positional();
  if (given.size() > 1) throw Failure{"calls " + arguments.function() + " with several arguments"};
  if (!given.empty()) {
    if (const auto* mapping = given[0].get<Mapping>();
        mapping && mapping->kind == Mapping::Kind::dict) {
      fields = *mapping->fields;
    } else {
      for (const Value& item : iterate(given[0], budget)) {
        const auto* pair = item.get<Sequence>();
        const bool fits = pair && pair->items->values.size() == 2;
        if (!fits) throw Failure{"makes a mapping of something that is no list of pairs"};
        fields.set_key(pair->items->values[0], pair->items->values[1]);
        budget.step(fields.items.size());
      }
    }
  }
  for (const auto& [key, value] : arguments.named().items) fields.set_key(key, value);
  return fields;
}

std::string local_time(const std::string& format, std::time_t now) {
  std::tm parts{};
  platform::local_time(now, parts);
  std::array<char, 4096> buffer{};
  if (format.empty()) return {};
  if (format.size() > 256 ||
      std::strftime(buffer.data(), buffer.size(), format.c_str(), &parts) == 0) {
    throw Failure{"calls strftime_now with a format that cannot be written"};
  }
  return buffer.data();
}

}  // namespace

std::string stripped(std::string_view text, bool left, bool right, const std::string* given) {
  const auto goes = [&](std::string_view character) {
    std::size_t at = 0;
    return given ? given->find(character) != std::string::npos
                 : is_space(unicode::next(character, at));
  };
  while (left && !text.empty()) {
    const std::string_view first = text.substr(0, unicode::length_of(text[0]));
    if (!goes(first)) break;
    text.remove_prefix(first.size());
  }
  while (right && !text.empty()) {
    const std::size_t last = unicode::previous(text, text.size());
    if (!goes(text.substr(last))) break;
    text = text.substr(0, last);
  }
  return std::string(text);
}

std::string replaced(const std::string& text, const std::string& from, const std::string& to,
                     std::int64_t count, Budget& budget) {
  if (from.empty()) throw Failure{"replaces the empty text, which is not supported"};
  std::string out;
  std::size_t begin = 0;
  for (; count != 0; --count) {
    const std::size_t found = text.find(from, begin);
    if (found == std::string::npos) break;
    out.append(text, begin, found - begin);
    out += to;
    begin = found + from.size();
    budget.step(to.size());
    if (out.size() > Budget::kTextBytes) budget.text(out.size());
  }
  budget.text(out.size() + text.size() - begin);
  return out.append(text, begin);
}

std::string upper_case(const std::string& text) {
  std::string out;
  icu::UnicodeString::fromUTF8(text).toUpper(icu::Locale::getRoot()).toUTF8String(out);
  return out;
}

std::string lower_case(const std::string& text) {
  std::string out;
  icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()).toUTF8String(out);
  return out;
}

std::string capitalized(const std::string& text) {
  if (!is_ascii(text))
    throw Failure{"capitalizes characters outside ASCII, which is not supported"};
  std::string out = text;
  std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
  if (!out.empty()) out[0] = ascii_upper(out[0]);
  return out;
}

std::string joined(const std::string& separator, const List& items, Budget& budget) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto* part = text_of(items[i]);
    if (!part) throw Failure{"joins " + type_name(items[i]) + " where a str is expected"};
    budget.text(out.size() + separator.size() + part->size());
    if (i > 0) out += separator;
    out += *part;
  }
  return out;
}

// str.splitlines
std::vector<std::string> split_lines(const std::string& text) {
  static constexpr std::u32string_view kBreaks = U"\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029";
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const char32_t point = unicode::next(text, at);
    if (kBreaks.find(point) == std::u32string_view::npos) continue;
    lines.push_back(text.substr(begin, start - begin));
    if (point == '\r' && at < text.size() && text[at] == '\n') ++at;
    begin = at;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

Value find_method(const Value& object, const std::string& name) {
  if (name.starts_with("__")) throw Failure{"reads '" + name + "', which a sandbox does not give"};
  if (has_method(object, name))
    return Callable{name, std::make_shared<const Value>(object), nullptr};
  if (other_methods(object).contains(name)) {
    throw Failure{"uses ." + name + " of a " + type_name(object) + ", which is not supported"};
  }
  return Undefined{"'" + type_name(object) + " object' has no attribute '" + name + "'"};
}

Value call_method(const Value& object, Arguments& arguments, Runtime& runtime) {
  const auto* text = text_of(object);
  if (!text) {
    Value result = dict_method(*object.get<Mapping>()->fields, arguments, runtime.budget);
    arguments.finish();
    return result;
  }
  if (object.get<Text>()->markup)
    throw Failure{"calls ." + arguments.function() +
                  " of a text marked safe, which is not supported"};
  runtime.budget.text(text->size());
  if (arguments.function() == "format") return format_method(*text, arguments, runtime.budget);
  Value result = text_methods().at(arguments.function())(*text, arguments, runtime.budget);
  arguments.finish();
  return result;
}

void add_globals(Fields& names) {
  for (const char* name : {"range", "namespace", "dict", "raise_exception", "strftime_now"}) {
    names.set(name, Callable{name, nullptr, nullptr});
  }
}

Value call_global(Arguments& arguments, Runtime& runtime) {
  const std::string& name = arguments.function();
  if (name == "range") {
    runtime.budget.step(static_cast<std::size_t>(kLargestRange));
    return range_of(arguments);
  }
  if (name == "dict") return mapping_value(fields_of(arguments, runtime.budget));
  if (name == "namespace") {
    Value space = mapping_value(fields_of(arguments, runtime.budget), Mapping::Kind::space);
    runtime.spaces.push_back(space.get<Mapping>()->fields);
    return space;
  }
  if (name == "raise_exception") {
    throw Failure{"says: " + to_text(arguments.need("message"), runtime.budget)};
  }
  const std::string format = arguments.text_or("format", "");
  arguments.finish();
  return text_value(local_time(format, runtime.now));
}

Value get_item(const Value& object, const Value& key, Budget& budget) {
  const Undefined missing{"'" + type_name(object) + " object' has no element " +
                          (text_of(key) ? "'" + *text_of(key) + "'" : type_name(key))};
  if (object.undefined()) throw Failure{object.get<Undefined>()->what};
  std::int64_t storage = 0;
  const auto* index = whole_number(key, storage);
  const auto at = [&](std::size_t size) -> std::size_t {
    const std::int64_t place = *index < 0 ? *index + static_cast<std::int64_t>(size) : *index;
    return place >= 0 && place < static_cast<std::int64_t>(size) ? static_cast<std::size_t>(place)
                                                                 : size;
  };
  if (const auto* text = text_of(object); text && index) {
    budget.step(text->size() * 4);
    const auto letters = characters(*text);
    const std::size_t place = at(letters.size());
    return place < letters.size() ? text_value(std::string(letters[place])) : Value(missing);
  }
  if (const auto* sequence = object.get<Sequence>();
      sequence && index && sequence->kind != Sequence::Kind::generator) {
    const List& values = sequence->items->values;
    const std::size_t place = at(values.size());
    return place < values.size() ? values[place] : Value(missing);
  }
  if (const auto* mapping = object.get<Mapping>()) {
    budget.step(mapping->fields->items.size());
    const Value* found = mapping->fields->find_key(key);
    return found ? *found : Value(missing);
  }
  return missing;
}

}  // namespace headscope::chat
