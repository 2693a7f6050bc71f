// links: headscope_text
// longest: 4096
// words: core/text/jinja_*.cpp core/text/chat_template.cpp
#include <array>

#include "core/text/chat_prompt.h"
#include "core/text/unicode.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(chat_template) {
  const auto chat = ChatTemplate::from_text(fuzz::text_of(input),
                                            {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, "input");
  if (!chat) return;
  const ChatOptions options{.add_generation_prompt = true, .now = 1'000'000'000};
  const std::array messages = {ChatMessage{"system", "Be brief."},
                               ChatMessage{"user", " What is \xC3\xA9 + 2? "},
                               ChatMessage{"assistant", "4"}};
  for (const std::size_t count : {std::size_t{1}, messages.size()}) {
    const auto text = chat->render(std::span(messages).last(count), options);
    if (text)
      fuzz::require(unicode::valid_prefix(*text) == text->size(), "a rendered text is UTF-8");
  }
  const std::string_view said = "Who?";
  const auto wrapped = wrap_in_chat(*chat, said, options);
  if (wrapped) {
    fuzz::require(
        wrapped->place.end <= wrapped->text.size() && wrapped->kept.end <= said.size() &&
            wrapped->text.substr(wrapped->place.begin, wrapped->place.end - wrapped->place.begin) ==
                said.substr(wrapped->kept.begin, wrapped->kept.end - wrapped->kept.begin),
        "the user's text stands where it is said to stand");
  }
}
