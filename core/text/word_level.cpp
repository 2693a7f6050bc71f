// One token a word: the model of the embedded demonstration.
#include <utility>

#include "core/text/token_parts.h"

namespace headscope {
namespace {

class WordLevel final : public TokenModel {
 public:
  WordLevel(const Vocabulary& vocabulary, std::string unknown_token)
      : vocabulary_(vocabulary),
        unknown_token_(std::move(unknown_token)),
        unknown_id_(vocabulary.find(unknown_token_)) {}

  Result<> tokenize(std::string_view word, std::vector<WordToken>& tokens) const override {
    const std::int32_t id = vocabulary_.find(word);
    if (id < 0 && unknown_id_ < 0) {
      return bad_input("the tokenizer's unk_token '" + unknown_token_ +
                       "' is not in its vocabulary, and neither is the word '" + std::string(word) +
                       "'");
    }
    tokens.push_back(
        {id >= 0 ? id : unknown_id_, 0, static_cast<std::uint32_t>(word.size()), id < 0});
    return {};
  }
  std::int32_t unknown_id() const override { return unknown_id_; }

 private:
  const Vocabulary& vocabulary_;
  std::string unknown_token_;
  std::int32_t unknown_id_;
};

}  // namespace

Result<std::unique_ptr<TokenModel>> read_word_level(const JsonObject& model,
                                                    const Vocabulary& vocabulary) {
  HEADSCOPE_ASSIGN(std::string unknown, model.string("unk_token"));
  return std::make_unique<WordLevel>(vocabulary, std::move(unknown));
}

}  // namespace headscope
