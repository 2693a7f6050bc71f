// tokenize: ids and byte offsets; needs only the tokenizer.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "core/base/file.h"
#include "core/runner/open_model.h"
#include "core/text/tokenizer.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice {
  std::optional<std::string> text;
  std::optional<std::string> text_file;
  bool no_special = false;
};

Result<> tokenize(const Options& options) {
  HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
  HEADSCOPE_ASSIGN(const auto tokenizer, open_tokenizer(folder, TokenizerNeed::required));
  std::string text;
  if (options.text) {
    text = *options.text;
  } else {
    HEADSCOPE_ASSIGN(text, read_text_file(*options.text_file));
  }
  HEADSCOPE_ASSIGN(const auto encoding, tokenizer->encode(text, !options.no_special));
  Json offsets = Json::array();
  for (const ByteSpan& span : encoding.offsets) offsets.push_back({span.begin, span.end});
  return write_result("tokens",
                      {{"ids", encoding.ids},
                       {"offsets", std::move(offsets)},
                       {"decoded", tokenizer->decode(encoding.ids, false)}},
                      options.out);
}

}  // namespace

void add_tokenize(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add("tokenize", "token ids of a text, with UTF-8 byte offsets",
                               [options] { return tokenize(*options); });
  add_model(*command, *options);
  auto* source = command->add_option_group("Text", "exactly one of");
  source->add_option("--text", options->text, "the text");
  source->add_option("--text-file", options->text_file, "file that holds it, used as it is");
  source->require_option(1);
  command->add_flag("--no-special", options->no_special, "without beginning-of-text and the like");
  add_common(*command, *options);
}

}  // namespace headscope::cli
