#include "core/text/token_parts.h"

#include <charconv>
#include <utility>

#include "core/text/metaspace.h"
#include "core/text/token_text.h"
#include "core/text/unicode.h"

namespace headscope {

std::optional<unsigned char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return {};
  unsigned value = 0;
  const auto [rest, code] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  if (code != std::errc() || rest != token.data() + 5) return {};
  return static_cast<unsigned char>(value);
}

std::string fallback_token(unsigned char byte) {
  static constexpr char digits[] = "0123456789ABCDEF";
  return std::string("<0x") + digits[byte >> 4] + digits[byte & 15] + ">";
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  std::size_t at = 0;
  while (!from.empty()) {
    const std::size_t found = text.find(from, at);
    if (found == std::string_view::npos) break;
    result += text.substr(at, found - at);
    result += to;
    at = found + from.size();
  }
  result += text.substr(at);
  return result;
}

namespace {

std::size_t count_steps(const Json& part) {
  std::size_t count = part.is_object() && part.contains("type") ? 1 : 0;
  for (const Json& inside : part) {
    if (inside.is_structured()) count += count_steps(inside);
  }
  return count;
}

}  // namespace

Result<> check_steps(const JsonObject& root, std::string_view field) {
  constexpr std::size_t most = 64;
  const Json* part = root.find(field);
  if (part == nullptr || count_steps(*part) <= most) return {};
  return bad_input(root.name() + ": field '" + std::string(field) + "' has more than " +
                   std::to_string(most) + " steps");
}

Error unsupported(const JsonObject& object, std::string_view kind, std::string_view type) {
  return {ErrorKind::bad_input, object.name() + ": " + std::string(kind) + " type '" +
                                    std::string(type) + "' is not supported"};
}

Result<Pattern> read_pattern(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const JsonObject pattern, object.object("pattern"));
  if (pattern.has("Regex")) {
    HEADSCOPE_ASSIGN(const std::string expression, pattern.string("Regex"));
    return Pattern::regex(expression, object.name());
  }
  if (!pattern.has("String")) {
    return tl::unexpected(object.wrong("pattern", "an object with String or Regex"));
  }
  HEADSCOPE_ASSIGN(std::string text, pattern.string("String"));
  if (text.empty()) return tl::unexpected(pattern.wrong("String", "a text that is not empty"));
  return Pattern::literal(std::move(text));
}

Result<Metaspace> Metaspace::read(const JsonObject& object) {
  Metaspace options;
  HEADSCOPE_ASSIGN(options.replacement, object.string("replacement"));
  if (options.replacement.empty() ||
      unicode::length_of(options.replacement[0]) != options.replacement.size()) {
    return tl::unexpected(object.wrong("replacement", "one character"));
  }
  HEADSCOPE_ASSIGN(const std::string scheme, object.string_or("prepend_scheme", "always"));
  if (scheme == "always") {
    options.prepend = Prepend::always;
  } else if (scheme == "first") {
    options.prepend = Prepend::first;
  } else if (scheme == "never") {
    options.prepend = Prepend::never;
  } else {
    return tl::unexpected(object.wrong("prepend_scheme", "always, first or never"));
  }
  HEADSCOPE_ASSIGN(const bool add_prefix_space, object.boolean_or("add_prefix_space", true));
  if (!add_prefix_space) {  // the older spelling
    if (object.has("prepend_scheme") && scheme != "never") {
      return tl::unexpected(object.wrong("prepend_scheme", "never beside add_prefix_space false"));
    }
    options.prepend = Prepend::never;
  }
  HEADSCOPE_ASSIGN(options.split, object.boolean_or("split", true));
  return options;
}

namespace {
constexpr std::int64_t max_id = std::int64_t{1} << 24;
}

bool Vocabulary::add(std::string text, std::int64_t id) {
  if (id < 0 || id >= max_id) return false;
  const auto index = static_cast<std::size_t>(id);
  if (index < texts_.size() && texts_[index] != nullptr) return false;
  const auto [place, is_new] = ids_.emplace(std::move(text), static_cast<std::int32_t>(id));
  if (!is_new) return false;
  if (index >= texts_.size()) texts_.resize(index + 1, nullptr);
  texts_[index] = &place->first;
  return true;
}

Result<Vocabulary> Vocabulary::read(const JsonObject& model, std::string_view field) {
  HEADSCOPE_ASSIGN(const JsonObject entries, model.object(field));
  Vocabulary vocabulary;
  const auto& object = entries.value().get_ref<const Json::object_t&>();
  vocabulary.ids_.reserve(object.size());
  vocabulary.texts_.reserve(object.size());
  for (const auto& [text, id] : object) {
    if (!id.is_number_integer() || !vocabulary.add(text, id.get<std::int64_t>())) {
      return tl::unexpected(entries.wrong(text, "an id of its own below 16777216"));
    }
  }
  return vocabulary;
}

Result<Vocabulary> Vocabulary::read_scored(const JsonObject& model, std::string_view field) {
  HEADSCOPE_ASSIGN(const Json* entries, model.array(field));
  if (static_cast<std::int64_t>(entries->size()) > max_id) {
    return tl::unexpected(model.wrong(field, "at most 16777216 tokens"));
  }
  Vocabulary vocabulary;
  vocabulary.ids_.reserve(entries->size());
  vocabulary.texts_.reserve(entries->size());
  for (const Json& entry : *entries) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      return bad_input(model.name() + ": field 'model." + std::string(field) + "', element " +
                       std::to_string(vocabulary.texts_.size()) +
                       " expected a text and its score, found " + dump_json(entry).substr(0, 60));
    }
    const auto id = static_cast<std::int32_t>(vocabulary.texts_.size());
    const auto place =
        vocabulary.ids_.insert_or_assign(entry[0].get_ref<const std::string&>(), id).first;
    vocabulary.texts_.push_back(&place->first);
  }
  return vocabulary;
}

}  // namespace headscope
