#include "core/text/post_processor.h"

#include <algorithm>
#include <utility>

#include "core/text/byte_level.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

bool is_space(std::string_view token, std::size_t begin, std::size_t end) {
  std::size_t at = begin;
  return token.substr(begin, end - begin) == byte_level::character(' ') ||
         unicode::is_whitespace(unicode::next(token, at));
}

std::size_t leading_spaces(std::string_view token) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < token.size(); ++count) {
    const std::size_t end = at + unicode::length_of(token[at]);
    if (!is_space(token, at, end)) break;
    at = end;
  }
  return count;
}

std::size_t trailing_spaces(std::string_view token) {
  std::size_t count = 0;
  for (std::size_t end = token.size(); end > 0; ++count) {
    const std::size_t begin = unicode::previous(token, end);
    if (!is_space(token, begin, end)) break;
    end = begin;
  }
  return count;
}

/// Takes the spaces at a token's ends out of its span; the reference counts in characters.
void trim_span(std::string_view original, std::string_view token, bool is_first,
               bool add_prefix_space, ByteSpan& span) {
  std::size_t leading = leading_spaces(token);
  const std::size_t trailing = trailing_spaces(token);
  // One space at the very start was put there by add_prefix_space: it covers nothing.
  if (leading == 1 && add_prefix_space && (is_first || span.begin == 0)) leading = 0;
  for (; leading > 0 && span.begin < span.end; --leading) {
    span.begin = std::min(span.begin + unicode::length_of(original[span.begin]), span.end);
  }
  std::size_t end = span.end;
  for (std::size_t left = trailing; left > 0; --left) {
    if (end == 0) return;  // fewer characters than the token has spaces: left as it is
    end = unicode::previous(original, end);
  }
  span.end = std::max(end, span.begin);
}

void append_token(Encoding& encoding, std::int32_t id, ByteSpan span, bool special, bool unknown) {
  encoding.ids.push_back(id);
  encoding.offsets.push_back(span);
  encoding.special.push_back(special ? 1 : 0);
  encoding.unknown.push_back(unknown ? 1 : 0);
}

void append_all(Encoding& encoding, const Encoding& more) {
  for (std::size_t i = 0; i < more.size(); ++i) {
    append_token(encoding, more.ids[i], more.offsets[i], more.special[i] != 0,
                 more.unknown[i] != 0);
  }
}

}  // namespace

Result<PostProcessor::Step> PostProcessor::read_template(const JsonObject& object) {
  Step step;
  HEADSCOPE_ASSIGN(const Json* single, object.array("single"));
  HEADSCOPE_ASSIGN(const JsonObject special_tokens, object.object("special_tokens"));
  for (std::size_t i = 0; i < single->size(); ++i) {
    HEADSCOPE_ASSIGN(const JsonObject piece, object.element("single", i));
    TemplatePart part;
    if (piece.has("Sequence")) {
      HEADSCOPE_ASSIGN(const JsonObject sequence, piece.object("Sequence"));
      HEADSCOPE_ASSIGN(const std::string which, sequence.string("id"));
      if (which != "A")
        return tl::unexpected(sequence.wrong("id", "\"A\" in the template of a single text"));
      part.is_text = true;
    } else {
      HEADSCOPE_ASSIGN(const JsonObject special, piece.object("SpecialToken"));
      HEADSCOPE_ASSIGN(const std::string name, special.string("id"));
      HEADSCOPE_ASSIGN(const JsonObject entry, special_tokens.object(name));
      HEADSCOPE_ASSIGN(const std::vector<std::int64_t> ids, entry.integers("ids"));
      for (const std::int64_t id : ids) {
        if (id < 0 || id >= std::int64_t{1} << 24)
          return tl::unexpected(entry.wrong("ids", "token ids"));
        part.ids.push_back(static_cast<std::int32_t>(id));
      }
    }
    step.parts.push_back(std::move(part));
  }
  const auto texts = std::count_if(step.parts.begin(), step.parts.end(),
                                   [](const TemplatePart& part) { return part.is_text; });
  if (texts != 1)
    return tl::unexpected(object.wrong("single", "a template with the text exactly once"));
  return step;
}

Result<> PostProcessor::read_frame(const JsonObject& object) {
  Step step;
  for (const char* field : {"cls", "sep"}) {
    HEADSCOPE_ASSIGN(const Json* token, object.array(field));
    if (token->size() != 2 || !(*token)[1].is_number_unsigned() ||
        (*token)[1].get<std::uint64_t>() >= std::uint64_t{1} << 24) {
      return tl::unexpected(object.wrong(field, "a text and a token id"));
    }
    step.parts.push_back({.is_text = false, .ids = {(*token)[1].get<std::int32_t>()}});
  }
  step.parts.insert(step.parts.begin() + 1, {.is_text = true, .ids = {}});
  steps_.push_back(std::move(step));
  return {};
}

Result<> PostProcessor::read_trim(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const bool trim, object.boolean("trim_offsets"));
  HEADSCOPE_ASSIGN(const bool add_prefix_space, object.boolean("add_prefix_space"));
  if (trim) steps_.push_back({.is_trim = true, .trim = {add_prefix_space}, .parts = {}});
  return {};
}

Result<> PostProcessor::read_step(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const std::string type, object.string("type"));
  if (type == "Sequence") {
    HEADSCOPE_ASSIGN(const Json* list, object.array("processors"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEADSCOPE_ASSIGN(const JsonObject element, object.element("processors", i));
      HEADSCOPE_TRY(read_step(element));
    }
  } else if (type == "ByteLevel") {
    HEADSCOPE_TRY(read_trim(object));
  } else if (type == "RobertaProcessing") {
    HEADSCOPE_TRY(read_trim(object));
    HEADSCOPE_TRY(read_frame(object));
  } else if (type == "BertProcessing") {
    HEADSCOPE_TRY(read_frame(object));
  } else if (type == "TemplateProcessing") {
    HEADSCOPE_ASSIGN(Step step, read_template(object));
    steps_.push_back(std::move(step));
  } else {
    return tl::unexpected(unsupported(object, "post_processor", type));
  }
  return {};
}

Result<PostProcessor> PostProcessor::read(const JsonObject& root, std::string_view field) {
  PostProcessor processor;
  if (!root.has(field)) return processor;
  HEADSCOPE_ASSIGN(const JsonObject object, root.object(field));
  HEADSCOPE_TRY(processor.read_step(object));
  return processor;
}

bool PostProcessor::needs_token_texts() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const Step& step) { return step.is_trim; });
}

std::int64_t PostProcessor::prefix_length() const {
  std::int64_t length = 0;
  for (const Step& step : steps_) {
    for (const TemplatePart& part : step.parts) {
      if (part.is_text) break;
      length += static_cast<std::int64_t>(part.ids.size());
    }
  }
  return length;
}

std::int64_t PostProcessor::end_id() const {
  std::int64_t end = 0;
  for (const Step& step : steps_) {
    for (const TemplatePart& part : step.parts) {
      for (const std::int32_t id : part.ids) end = std::max<std::int64_t>(end, id + 1);
    }
  }
  return end;
}

void PostProcessor::apply(std::string_view original,
                          const std::vector<std::string_view>& token_texts, bool add_special_tokens,
                          Encoding& encoding) const {
  std::size_t text_begin = 0;  // where the text's own tokens begin, behind those of templates
  for (const Step& step : steps_) {
    if (step.is_trim) {
      for (std::size_t i = 0; i < token_texts.size(); ++i) {
        trim_span(original, token_texts[i], i == 0, step.trim.add_prefix_space,
                  encoding.offsets[text_begin + i]);
      }
      continue;
    }
    if (!add_special_tokens) continue;
    Encoding result;
    for (const TemplatePart& part : step.parts) {
      if (part.is_text) {
        text_begin += result.size();
        append_all(result, encoding);
      }
      for (const std::int32_t id : part.ids) append_token(result, id, {}, true, false);
    }
    encoding = std::move(result);
  }
}

}  // namespace headscope
