// links: headscope_text
// A user's text within a chat template: where it stands, and which tokens are the user's.
#include <doctest/doctest.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/text/chat_prompt.h"
#include "core/text/spans.h"
#include "tests/resources.h"

using namespace headscope;

namespace {

ChatTemplate chat_of(std::string_view source) {
  auto chat =
      ChatTemplate::from_text(source, {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, "test");
  REQUIRE_MESSAGE(chat.has_value(), chat.error().message);
  return *chat;
}

ChatTemplate family(const std::string& name) {
  const auto source =
      read_text_file(test::source_folder() / "tests/goldens/chat_templates" / (name + ".jinja"));
  REQUIRE(source.has_value());
  return chat_of(*source);
}

std::string_view part(std::string_view text, ByteSpan span) {
  return text.substr(span.begin, span.end - span.begin);
}

ChatPrompt wrapped(const ChatTemplate& chat, std::string_view text) {
  const auto prompt = wrap_in_chat(chat, text);
  REQUIRE_MESSAGE(prompt.has_value(), prompt.error().message);
  CHECK(part(prompt->text, prompt->place) == part(text, prompt->kept));
  return *prompt;
}

// Words and three special tokens.
Tokenizer word_tokenizer() {
  Json vocabulary = Json::object();
  Json added = Json::array();
  for (const char* word :
       {"<unk>", "<s>", "<|user|>", "<|end|>", "who", "wrote", "Faust", "?", "user"}) {
    const auto id = static_cast<int>(vocabulary.size());
    vocabulary[word] = id;
    if (word[0] != '<') continue;
    added.push_back({{"id", id},
                     {"content", word},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const Json single = {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                       {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}};
  const Json json = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "Whitespace"}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", single},
        {"pair", single},
        {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}}},
      {"decoder", nullptr},
      {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "<unk>"}}}};
  auto tokenizer = Tokenizer::from_json(json.dump(), "words");
  REQUIRE_MESSAGE(tokenizer.has_value(), tokenizer.error().message);
  return *tokenizer;
}

constexpr const char* kPlain = "{{ bos_token }}<|user|>{{ messages[0]['content'] }}<|end|>";
constexpr const char* kTrimmed = "{{ bos_token }}<|user|>{{ messages[0].content | trim }}<|end|>";

}  // namespace

TEST_CASE("the user's text is found, also where the template strips it or says it elsewhere") {
  CHECK(wrapped(chat_of(kPlain), " Hi \n").kept == ByteSpan{0, 5});
  CHECK(wrapped(chat_of(kTrimmed), " Hi \n").kept == ByteSpan{1, 3});
  CHECK(wrapped(chat_of(kTrimmed), "\u00a0Hi\u3000").kept == ByteSpan{2, 4});
  // "user" stands three times in the rendered text; the one in the middle is the user's.
  CHECK(wrapped(chat_of("user {{ messages[0].content }} user"), "user").place == ByteSpan{5, 9});
  CHECK(wrapped(chat_of(kPlain), "{{ messages }} <|end|> é🙂").kept == ByteSpan{0, 29});
  CHECK(wrapped(family("gemma-3"), "  a\nb ").kept == ByteSpan{2, 5});
  CHECK(wrapped(family("llama-2"), "<s>[INST] x [/INST] ").place.begin == 10);
  for (const char* name : {"llama-3", "mistral-v1", "mistral-v3", "mistral-v7", "phi-3-mini",
                           "phi-4", "chatml", "vicuna"}) {
    CAPTURE(name);
    wrapped(family(name), "Document [1](Title: A) b\n\nQuestion: c?\nAnswer:");
  }
}

TEST_CASE(
    "a template whose text depends on the message is followed as long as the text is there once") {
  const auto chat = chat_of(
      "{% if 'Faust' in messages[0].content %}literature{% endif %}: {{ messages[0].content }}");
  CHECK(wrapped(chat, "who wrote Faust?").place.begin == 12);
}

TEST_CASE("a text that the template changes or leaves out is refused") {
  for (const char* source : {"{{ messages[0].content | upper }}", "nothing",
                             "{{ messages[0].content | replace('a', 'b') }}",
                             "{{ messages[0].content }} and {{ messages[0].content }}"}) {
    const auto prompt = wrap_in_chat(chat_of(source), "a cat");
    REQUIRE(!prompt.has_value());
    CHECK(prompt.error().message.find("--no-chat") != std::string::npos);
  }
  CHECK(!wrap_in_chat(chat_of("nothing of the message"), "a").has_value());
  CHECK(wrap_in_chat(chat_of("{{ raise_exception('no') }}"), "a").error().message.find("no") !=
        std::string::npos);
}

TEST_CASE("tokens: no special token twice, offsets in the user's text") {
  const Tokenizer tokenizer = word_tokenizer();
  const PromptEncoder encoder(tokenizer, chat_of(kTrimmed));
  const auto encoding = encoder.encode("  who wrote Faust? ");
  REQUIRE(encoding.has_value());
  CHECK(encoding->ids == std::vector<std::int32_t>{1, 2, 4, 5, 6, 7, 3});
  CHECK(encoding->special == std::vector<std::uint8_t>{1, 1, 0, 0, 0, 0, 1});
  CHECK(encoding->offsets ==
        std::vector<ByteSpan>{{0, 0}, {0, 0}, {2, 5}, {6, 11}, {12, 17}, {17, 18}, {0, 0}});
  CHECK(tokens_in_span(encoding->offsets, {12, 17}) == std::vector<std::int64_t>{4});
  const auto plain = PromptEncoder(tokenizer).encode("who");
  REQUIRE(plain.has_value());
  CHECK(plain->ids == std::vector<std::int32_t>{1, 4});
}

TEST_CASE("a token over the edge keeps its part of the user's text") {
  const PromptEncoder encoder(word_tokenizer(), chat_of("us{{ messages[0].content }}"));
  const auto encoding = encoder.encode("er who");
  REQUIRE(encoding.has_value());
  CHECK(encoding->ids == std::vector<std::int32_t>{8, 4});
  CHECK(encoding->offsets == std::vector<ByteSpan>{{0, 2}, {3, 6}});
  CHECK(encoding->special == std::vector<std::uint8_t>{0, 0});
}

TEST_CASE("what was used has a name") {
  CHECK(PromptEncoder(word_tokenizer()).template_name() == "none");
  const std::string name = PromptEncoder(word_tokenizer(), chat_of(kPlain)).template_name();
  CHECK(name.starts_with("chat "));
  CHECK(name.size() == 17);
  CHECK(name != PromptEncoder(word_tokenizer(), chat_of(kTrimmed)).template_name());
}
