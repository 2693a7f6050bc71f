// links: headscope_config
// longest: 4096
// words: core/gguf/*.cpp
#include <algorithm>

#include "core/config/config.h"
#include "core/gguf/gguf_config.h"
#include "core/gguf/gguf_tokenizer.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;
using fuzz::require;

namespace {

void read_ends(const GgufWeight& weight) {
  const GgufTensor& tensor = *weight.tensor;
  if (!tensor.readable || tensor.columns() > 1 << 16) return;
  std::vector<float> row(static_cast<std::size_t>(tensor.columns()));
  for (const std::int64_t at : {std::int64_t{0}, tensor.rows() - 1}) {
    read_row(tensor, at, row.data());
    weight.read_rows(at, 1, row.data());
  }
}

}  // namespace

FUZZ_READER(gguf) {
  const auto file = GgufFile::from_bytes(input, "input");
  if (!file) return;
  for (const auto& [name, tensor] : file->tensors()) {
    require(!tensor.shape.empty() && !tensor.bytes.empty() && tensor.bytes.data() >= input.data() &&
                tensor.bytes.data() + tensor.bytes.size() <= input.data() + input.size(),
            "a tensor's bytes lie within the file");
  }
  if (const auto weights = gguf_weights(*file)) {
    for (const auto& [name, weight] : *weights) read_ends(weight);
  }
  if (const auto config = gguf_config(*file)) (void)parse_config(*config, "input");
  if (const auto text = gguf_tokenizer_json(*file)) {
    const auto tokenizer = Tokenizer::from_json(*text, "input");
    if (tokenizer) (void)tokenizer->encode("Hello  world 12");
  }
  (void)gguf_chat_template(*file);
}
