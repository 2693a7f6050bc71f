// links: headscope_text
// longest: 2048
// words: core/text/chat_template.cpp
#include "core/text/chat_template.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(tokenizer_config) {
  (void)ChatTemplate::load(fuzz::folder_with("tokenizer_config.json", input));
}
