// links: headscope_text
// longest: 4096
// words: core/text/dataset.cpp core/text/prompt.cpp
#include "core/text/dataset.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(dataset) {
  const auto samples = parse_dataset(fuzz::text_of(input), "input");
  if (!samples) return;
  for (QaSample sample : *samples) {
    const std::string line = sample_to_json_line(sample);
    const auto again = parse_dataset(line, "written");
    fuzz::require(again && again->size() == 1 && sample_to_json_line(again->front()) == line,
                  "a sample that was read can be written and read again");
    const BuiltPrompt prompt = build_prompt(sample);
    for (const DocumentSpan& document : prompt.documents) {
      fuzz::require(document.line.begin <= document.relevant.begin &&
                        document.relevant.end <= document.line.end &&
                        document.line.end <= prompt.text.size(),
                    "documents lie within the prompt");
    }
    (void)find_documents(prompt.text);
    (void)move_gold(sample, 1);
  }
}
