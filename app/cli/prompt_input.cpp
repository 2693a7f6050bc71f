#include "app/cli/prompt_input.h"

#include <charconv>
#include <string_view>

#include "core/base/file.h"
#include "core/text/splitting_json.h"

namespace headscope::cli {
namespace {

constexpr std::uint64_t kMaxPromptBytes = std::uint64_t{1} << 28;

Result<std::string> prompt_text(const PromptSource& source) {
  if (source.prompt) return *source.prompt;
  return read_text_file(*source.prompt_file, kMaxPromptBytes);
}

Result<> mark_gold(std::vector<DocumentSpan>& documents, int number) {
  bool found = false;
  for (DocumentSpan& document : documents) {
    if (document.number != number) continue;
    document.gold = found = true;
  }
  if (found) return {};
  return bad_input("--gold " + std::to_string(number) + ": the prompt has no document with this " +
                   "number; its " + std::to_string(documents.size()) +
                   " documents were found by --split");
}

}  // namespace

Result<std::vector<std::int32_t>> parse_ids(const std::string& text) {
  std::vector<std::int32_t> ids;
  const char* place = text.data();
  const char* const end = place + text.size();
  const auto wrong = [&text] {
    return fail(
        ErrorKind::usage,
        "--ids: expected token ids separated by commas, such as 1,2,3, found '" + text + "'");
  };
  while (place != end) {
    std::int32_t id = 0;
    const auto [next, problem] = std::from_chars(place, end, id);
    if (problem != std::errc{}) return wrong();
    ids.push_back(id);
    if (next == end) return ids;
    if (*next != ',' || next + 1 == end) return wrong();
    place = next + 1;
  }
  return bad_input("--ids: the prompt is empty; expected at least one token id");
}

Result<Splitting> read_splitting(const std::string& name) {
  if (!name.starts_with("@")) return splitting_named(name);
  const std::string file = name.substr(1);
  HEADSCOPE_ASSIGN(const Json json, read_json_file(file));
  HEADSCOPE_ASSIGN(const JsonObject object, JsonObject::open(json, file));
  return splitting_from_json(object);
}

Result<SplitPrompt> split_source(const std::string& text, const PromptSource& source) {
  HEADSCOPE_ASSIGN(const auto splitting, read_splitting(source.split));
  HEADSCOPE_ASSIGN(auto split, split_prompt(text, splitting));
  for (const int number : source.gold) HEADSCOPE_TRY(mark_gold(split.prompt.documents, number));
  return split;
}

Result<PromptInput> read_prompt(const PromptSource& source,
                                const std::optional<PromptEncoder>& encoder) {
  PromptInput input;
  if (source.ids) {
    if (!source.gold.empty()) return fail(ErrorKind::usage, "--gold needs a prompt given as text");
    HEADSCOPE_ASSIGN(input.encoding.ids, parse_ids(*source.ids));
    return input;
  }
  HEADSCOPE_ASSIGN(input.text, prompt_text(source));
  const std::string name = source.prompt_file ? *source.prompt_file : "--prompt";
  if (input.text.empty()) return bad_input(name + ": the prompt is empty");
  HEADSCOPE_ASSIGN(input.encoding, encoder->encode(input.text));
  if (input.encoding.size() == 0) return bad_input(name + ": the prompt has no token");
  HEADSCOPE_ASSIGN(auto split, split_source(input.text, source));
  input.documents = std::move(split.prompt.documents);
  input.question = split.prompt.question;
  input.split_reason = std::move(split.reason);
  return input;
}

TokenizerNeed tokenizer_need(const PromptSource& source) {
  return source.ids ? TokenizerNeed::optional : TokenizerNeed::required;
}

Result<PromptEncoder> prompt_encoder(const PromptOptions& options, const std::string& model,
                                     const std::filesystem::path& folder, Tokenizer tokenizer) {
  if (options.no_chat || (model == kDemoModel && !options.chat)) return PromptEncoder(tokenizer);
  auto chat = open_chat_template(folder);
  if (!chat) return bad_input(chat.error().message + "; --no-chat goes on without it");
  if (options.chat && !*chat) {
    return fail(ErrorKind::usage,
                "--chat: the model '" + model +
                    "' has no chat template (neither chat_template.jinja nor 'chat_template' in "
                    "tokenizer_config.json)");
  }
  return PromptEncoder(std::move(tokenizer), std::move(*chat));
}

Result<PromptEncoder> prompt_encoder(const PromptOptions& options, const OpenedModel& opened) {
  return prompt_encoder(options, opened.name, opened.folder, *opened.tokenizer);
}

Result<std::optional<PromptEncoder>> prompt_encoder(const PromptOptions& options,
                                                    const PromptSource& source,
                                                    const std::string& model,
                                                    const std::filesystem::path& folder,
                                                    const std::optional<Tokenizer>& tokenizer) {
  if (!source.ids) return prompt_encoder(options, model, folder, *tokenizer);
  if (!options.chat) return std::nullopt;
  return fail(ErrorKind::usage, "--chat needs a prompt given as text, not as --ids");
}

Result<OpenedPrompt> open_with_prompt(const CommonOptions& common, const ModelChoice& choice,
                                      const PromptOptions& options, const PromptSource& source,
                                      const RunContext& context) {
  HEADSCOPE_ASSIGN(auto opened, open_model(choice.model, load_options(common, choice), context,
                                           tokenizer_need(source)));
  HEADSCOPE_ASSIGN(auto encoder,
                   prompt_encoder(options, source, opened.name, opened.folder, opened.tokenizer));
  HEADSCOPE_ASSIGN(auto prompt, read_prompt(source, encoder));
  return OpenedPrompt{std::move(opened), std::move(encoder), std::move(prompt)};
}

}  // namespace headscope::cli
