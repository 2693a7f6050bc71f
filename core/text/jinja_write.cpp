// How Python writes values: str(), repr() and json.dumps.
#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "core/text/jinja_value.h"
#include "core/text/unicode.h"

namespace headscope::chat {
namespace {

// Python's repr(float): the shortest digits that read back, an exponent below 1e-4 and from 1e16.
std::string write_real(double number, bool json) {
  if (std::isnan(number)) return json ? "NaN" : "nan";
  if (std::isinf(number)) return std::string(number < 0 ? "-" : "") + (json ? "Infinity" : "inf");
  std::array<char, 64> buffer{};
  const double size = std::abs(number);
  const bool exponent = size != 0 && (size < 1e-4 || size >= 1e16);
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, format).ptr;
  std::string text(buffer.data(), end);
  if (!exponent && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string escaped_point(char32_t point) {
  std::array<char, 16> buffer{};
  const char* format = point < 0x100 ? "\\x%02x" : point < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(buffer.data(), buffer.size(), format, static_cast<unsigned>(point));
  return buffer.data();
}

bool printable(char32_t point) {
  if (point == ' ') return true;
  switch (u_charType(static_cast<UChar32>(point))) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_SURROGATE:
    case U_PRIVATE_USE_CHAR:
    case U_UNASSIGNED:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_SPACE_SEPARATOR:
      return false;
    default:
      return true;
  }
}

std::string quoted(const std::string& text) {
  const char quote =
      text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = unicode::next(text, at);
    if (point == static_cast<char32_t>(quote) || point == '\\') {
      out += '\\';
      out += static_cast<char>(point);
    } else if (point == '\n') {
      out += "\\n";
    } else if (point == '\r') {
      out += "\\r";
    } else if (point == '\t') {
      out += "\\t";
    } else if (!printable(point)) {
      out += escaped_point(point);
    } else {
      out.append(text, begin, at - begin);
    }
  }
  return out + quote;
}

void append_json_point(std::string& out, char32_t point) {
  std::array<char, 16> buffer{};
  if (point >= 0x10000) {
    append_json_point(out, 0xd800 + ((point - 0x10000) >> 10));
    point = 0xdc00 + ((point - 0x10000) & 0x3ff);
  }
  std::snprintf(buffer.data(), buffer.size(), "\\u%04x", static_cast<unsigned>(point));
  out += buffer.data();
}

std::string json_text(const std::string& text, bool ascii) {
  static constexpr std::string_view kPlain = "\"\\\b\f\n\r\t";
  static constexpr std::string_view kLetters = "\"\\bfnrt";
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = unicode::next(text, at);
    if (const auto known = kPlain.find(text[begin]); known != std::string_view::npos) {
      out += '\\';
      out += kLetters[known];
    } else if (point < 0x20 || (ascii && point > 0x7e)) {
      append_json_point(out, point);
    } else {
      out.append(text, begin, at - begin);
    }
  }
  return out + '"';
}

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

  void write(const Value& value, int level) {
    budget_.step();
    if (const auto* text = text_of(value)) {
      budget_.text(out_.size() + text->size());
      out_ += json_text(*text, style_.ascii);
    } else if (const auto* sequence = value.get<Sequence>();
               sequence && sequence->kind != Sequence::Kind::generator) {
      write_list(sequence->items->values, level);
    } else if (const auto* mapping = value.get<Mapping>();
               mapping && mapping->kind == Mapping::Kind::dict) {
      write_object(*mapping->fields, level);
    } else {
      out_ += scalar(value);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  static std::string scalar(const Value& value) {
    if (value.none()) return "null";
    if (const auto* boolean = value.get<bool>()) return *boolean ? "true" : "false";
    if (const auto* whole = value.get<std::int64_t>()) return std::to_string(*whole);
    if (const auto* real = value.get<double>()) return write_real(*real, true);
    throw Failure{"tojson cannot write " + type_name(value)};
  }

  // json.dumps writes the keys 1 and True as "1" and "true".
  static std::string key_text(const Value& key) {
    const auto* text = text_of(key);
    return text ? *text : scalar(key);
  }

  void line(int level) {
    if (style_.indent < 0) return;
    const std::size_t spaces =
        static_cast<std::size_t>(style_.indent) * static_cast<std::size_t>(level);
    budget_.text(out_.size() + spaces);
    out_ += '\n';
    out_.append(spaces, ' ');
  }

  template <class Write>
  void write_items(char open, char close, std::size_t count, int level, Write write_item) {
    out_ += open;
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out_ += style_.item_separator;
      budget_.text(out_.size());
      line(level + 1);
      write_item(i);
    }
    if (count > 0) line(level);
    out_ += close;
  }

  void write_list(const List& values, int level) {
    write_items('[', ']', values.size(), level,
                [&](std::size_t i) { write(values[i], level + 1); });
  }

  void write_object(const Fields& fields, int level) {
    std::vector<std::pair<std::string, const Value*>> items;
    for (const auto& [key, value] : fields.items) items.emplace_back(key_text(key), &value);
    if (style_.sort_keys) {
      std::sort(items.begin(), items.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    write_items('{', '}', items.size(), level, [&](std::size_t i) {
      budget_.text(out_.size() + items[i].first.size());
      out_ += json_text(items[i].first, style_.ascii) + style_.key_separator;
      write(*items[i].second, level + 1);
    });
  }

  const JsonStyle& style_;
  Budget& budget_;
  std::string out_;
};

std::string repr_items(const Sequence& sequence, Budget& budget) {
  const bool tuple = sequence.kind == Sequence::Kind::tuple;
  std::string out = tuple ? "(" : "[";
  const List& values = sequence.items->values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ", ";
    out += repr(values[i], budget);
    budget.text(out.size());
  }
  if (tuple && values.size() == 1) out += ',';
  return out + (tuple ? ')' : ']');
}

std::string repr_fields(const Fields& fields, Budget& budget) {
  std::string out = "{";
  for (const auto& [key, value] : fields.items) {
    if (out.size() > 1) out += ", ";
    out += repr(key, budget) + ": " + repr(value, budget);
    budget.text(out.size());
  }
  return out + '}';
}

}  // namespace

std::string repr(const Value& value, Budget& budget) {
  budget.step();
  if (const auto* text = text_of(value)) {
    budget.text(text->size());
    return quoted(*text);
  }
  if (value.none()) return "None";
  if (value.undefined()) return "Undefined";
  if (const auto* boolean = value.get<bool>()) return *boolean ? "True" : "False";
  if (const auto* whole = value.get<std::int64_t>()) return std::to_string(*whole);
  if (const auto* real = value.get<double>()) return write_real(*real, false);
  if (const auto* sequence = value.get<Sequence>();
      sequence && sequence->kind != Sequence::Kind::generator) {
    return repr_items(*sequence, budget);
  }
  if (const auto* mapping = value.get<Mapping>(); mapping && mapping->kind == Mapping::Kind::dict) {
    return repr_fields(*mapping->fields, budget);
  }
  throw Failure{"writes a " + type_name(value) + " as text, which is not supported"};
}

std::string to_text(const Value& value, Budget& budget) {
  if (const auto* text = text_of(value)) {
    budget.text(text->size());
    return *text;
  }
  return value.undefined() ? std::string() : repr(value, budget);
}

std::string to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  JsonWriter writer(style, budget);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace headscope::chat
