// What happens to the tokens of a text at the end: trimmed offsets, template tokens around it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/text/token_parts.h"
#include "core/text/tokenizer.h"

namespace headscope {
/// What "post_processor" of a tokenizer.json says.
class PostProcessor {
 public:
  /// Unknown types and options are refused by name; null adds nothing.
  static Result<PostProcessor> read(const JsonObject& root, std::string_view field);

  /// `token_texts`: the tokens as the vocabulary spells them; empty unless needs_token_texts().
  void apply(std::string_view original, const std::vector<std::string_view>& token_texts,
             bool add_special_tokens, Encoding& encoding) const;
  bool needs_token_texts() const;  ///< some step trims by them
  /// Template tokens before the text.
  std::int64_t prefix_length() const;
  /// Largest template id + 1.
  std::int64_t end_id() const;

 private:
  struct Trim {
    bool add_prefix_space = true;
  };
  struct TemplatePart {
    bool is_text = false;
    std::vector<std::int32_t> ids;
  };
  struct Step {
    bool is_trim = false;
    Trim trim;
    std::vector<TemplatePart> parts;  ///< a template
  };

  static Result<Step> read_template(const JsonObject& object);
  /// "cls" and "sep" around the text.
  Result<> read_frame(const JsonObject& object);
  Result<> read_trim(const JsonObject& object);
  Result<> read_step(const JsonObject& object);

  std::vector<Step> steps_;
};

}  // namespace headscope
