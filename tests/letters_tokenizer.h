// A tokenizer made of letters, for tests that count tokens.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "core/base/json.h"
#include "core/text/chat_prompt.h"

namespace headscope::test {

/// One token a character, for ASCII text.
inline const PromptEncoder& letters_encoder() {
  static const auto tokenizer = [] {
    Json vocabulary = Json::object();
    std::string letters = "\n !\"$%&'()*+,-./:;<=>?@[]_{}#";
    for (char c = '0'; c <= '9'; ++c) letters += c;
    for (char c = 'a'; c <= 'z'; ++c) letters += c;
    for (char c = 'A'; c <= 'Z'; ++c) letters += c;
    for (const char c : letters) vocabulary[std::string(1, c)] = vocabulary.size();
    const Json file = {
        {"version", "1.0"},
        {"added_tokens", Json::array()},
        {"normalizer", nullptr},
        {"pre_tokenizer", nullptr},
        {"post_processor", nullptr},
        {"decoder", nullptr},
        {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}}}};
    return Tokenizer::from_json(file.dump(), "letters");
  }();
  REQUIRE_MESSAGE(tokenizer, (tokenizer ? "" : tokenizer.error().message));
  static const PromptEncoder encoder(*tokenizer);
  return encoder;
}

}  // namespace headscope::test
