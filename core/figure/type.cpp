#include "core/figure/type.h"

#include <pango/pangocairo.h>

#include <algorithm>
#include <memory>

#include "core/figure/pango_layout.h"

namespace headscope::figure {
namespace {

// Byte position after the character that begins at `at`; `text` is valid UTF-8.
std::size_t next_character(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

// The longest beginning of `text` that is at most `width` wide; whole characters, at least one.
std::size_t fitting_bytes(std::string_view text, double size, double width, bool bold) {
  std::size_t end = next_character(text, 0);
  while (end < text.size()) {
    const std::size_t next = next_character(text, end);
    if (text_width(text.substr(0, next), size, bold) > width) break;
    end = next;
  }
  return end;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = std::min(text.find(' ', at), text.size());
    if (space > at) words.push_back(text.substr(at, space - at));
    at = space + 1;
  }
  return words;
}

}  // namespace

double text_width(std::string_view text, double size, bool bold) {
  const auto layout = make_layout(clean_text(text), size, bold);
  PangoRectangle logical{};
  pango_layout_line_get_extents(pango_layout_get_line_readonly(layout.get(), 0), nullptr, &logical);
  return static_cast<double>(logical.width) / PANGO_SCALE;
}

std::vector<std::string> wrap_text(std::string_view text, double size, double width) {
  std::vector<std::string> lines;
  std::string line;
  for (std::string word : words_of(clean_text(text))) {
    const std::string longer = line.empty() ? word : line + " " + word;
    if (text_width(longer, size) <= width) {
      line = longer;
      continue;
    }
    if (!line.empty()) lines.push_back(line);
    while (text_width(word, size) > width) {
      const std::size_t end = fitting_bytes(word, size, width, false);
      if (end >= word.size()) break;
      lines.push_back(word.substr(0, end));
      word.erase(0, end);
    }
    line = word;
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

std::string shortened(std::string_view text, double size, double width, bool bold) {
  std::string whole = clean_text(text);
  if (text_width(whole, size, bold) <= width) return whole;
  const double room = width - text_width("…", size, bold);
  if (room <= 0 || whole.empty()) return "";
  std::string start = whole.substr(0, fitting_bytes(whole, size, room, bold));
  while (!start.empty() && start.back() == ' ') start.pop_back();
  return start + "…";
}

std::string clean_text(std::string_view text) {
  const std::unique_ptr<char, decltype(&g_free)> valid(
      g_utf8_make_valid(text.data(), static_cast<gssize>(text.size())), &g_free);
  std::string out(valid.get());
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return out;
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string token_label(std::string_view token) {
  std::string out;
  for (const char c : token) {
    if (c == '\n') {
      out += "⏎";
    } else {
      out += c;
    }
  }
  out = clean_text(out);
  const std::size_t first = out.find_first_not_of(' ');
  if (first == std::string::npos) return "␣";
  return out.substr(first, out.find_last_not_of(' ') - first + 1);
}

}  // namespace headscope::figure
