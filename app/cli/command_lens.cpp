// lens: what every layer would say next at each token of an answer (logit lens).
#include <algorithm>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/intervene.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "app/cli/prompt_passport.h"
#include "app/cli/terminal.h"
#include "core/analysis/logit_lens.h"
#include "core/model/logit_lens.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice, PromptOptions, PromptSource {
  int top = 5;
  int first = 0;
  int tokens = 8;
  std::vector<std::string> follow;
};

// A token that is followed besides the chosen ones.
struct Wanted {
  std::string text;
  std::int32_t id = 0;
};

Result<std::vector<Wanted>> wanted_tokens(const Options& options, const OpenedModel& opened) {
  std::vector<Wanted> wanted;
  if (!options.follow.empty() && !opened.tokenizer)
    return fail(ErrorKind::usage, "--follow needs a tokenizer, and this model has none");
  for (const std::string& text : options.follow) {
    HEADSCOPE_ASSIGN(const auto encoding, opened.tokenizer->encode(text, false));
    if (encoding.ids.empty())
      return fail(ErrorKind::usage, "--follow: \"" + text + "\" has no token");
    wanted.push_back({text, encoding.ids.front()});
  }
  return wanted;
}

Json standing_json(const TokenStanding& token, const OpenedModel& opened) {
  return {{"id", token.id},
          {"text", opened.tokenizer ? opened.tokenizer->token_label(token.id) : ""},
          {"probability", json_number(token.probability)},
          {"rank", token.rank}};
}

// Every layer's reading at one token.
Json layers_json(const std::vector<float>& logits, std::size_t vocabulary, const Options& options,
                 const std::vector<std::int32_t>& followed, const OpenedModel& opened) {
  Json layers = Json::array();
  for (std::size_t at = 0; at < logits.size(); at += vocabulary) {
    const LogitReading reading =
        read_logits(std::span(logits).subspan(at, vocabulary), options.top, followed);
    Json layer = {{"layer", at / vocabulary}, {"top", Json::array()}, {"followed", Json::array()}};
    for (const auto& token : reading.top) layer["top"].push_back(standing_json(token, opened));
    for (const auto& token : reading.followed)
      layer["followed"].push_back(standing_json(token, opened));
    layers.push_back(std::move(layer));
  }
  return layers;
}

Result<Json> lens_of(const Options& options, const OpenedModel& opened, GenerateRequest request,
                     const std::vector<Wanted>& wanted, const RunContext& context) {
  Model& model = *opened.model;
  HEADSCOPE_ASSIGN(const auto answer, model.generate(request, context));
  const std::int64_t first = std::min<std::int64_t>(options.first, std::ssize(answer.ids));
  const std::int64_t last = std::min<std::int64_t>(first + options.tokens, std::ssize(answer.ids));
  Json result = {{"ids", answer.ids},
                 {"text", opened.tokenizer ? opened.tokenizer->decode(answer.ids) : ""},
                 {"tokens", Json::array()}};
  if (first == last) return result;
  request.forced_response = answer.ids;
  HEADSCOPE_ASSIGN(const auto rows, model.residual_rows(request, {first, last}, context));
  for (std::int64_t token = first; token < last; ++token) {
    const std::int32_t id = answer.ids[static_cast<std::size_t>(token)];
    std::vector<std::int32_t> followed = {id};
    for (const Wanted& other : wanted) followed.push_back(other.id);
    HEADSCOPE_ASSIGN(const auto logits, model.read_out(rows.at_token(token), context));
    result["tokens"].push_back(
        {{"token", token},
         {"id", id},
         {"text", opened.tokenizer ? opened.tokenizer->token_label(id) : ""},
         {"layers", layers_json(logits, static_cast<std::size_t>(model.config().vocab_size),
                                options, followed, opened)}});
  }
  return result;
}

Result<> lens(const Options& options) {
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(const auto input,
                   open_with_prompt(options, options, options, options, progress.context()));
  const auto& [opened, encoder, prompt] = input;
  HEADSCOPE_ASSIGN(const auto wanted, wanted_tokens(options, opened));
  GenerateRequest request;
  request.prompt_ids = prompt.encoding.ids;
  request.max_new_tokens = options.max_new_tokens;
  PromptStore store;
  request.store = &store;
  const RunContext context = progress.context();
  Json result = {{"prompt_tokens", request.prompt_ids.size()},
                 {"layers", opened.model->config().layers}};
  HEADSCOPE_ASSIGN(result["baseline"], lens_of(options, opened, request, wanted, context));
  if (!options.intervene.empty()) {
    HEADSCOPE_ASSIGN(const auto set, read_interventions(options, opened, options.seed, progress));
    HEADSCOPE_ASSIGN(request.interventions, interventions_for(set, prompt));
    HEADSCOPE_ASSIGN(result["intervened"], lens_of(options, opened, request, wanted, context));
  }
  if (options.out.empty()) return write_json(result, "");
  HEADSCOPE_ASSIGN(const auto passport, prompt_passport(input, options, options, options, context));
  result["passport"] = to_json(passport);
  return write_result("lens", std::move(result), options.out, 2);
}

}  // namespace

void add_lens(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add(
      "lens",
      "what every layer would say next at each token of the answer (logit lens: final norm "
      "and output matrix on the residual stream), with --intervene both ways",
      [options] { return lens(*options); });
  add_loaded_model(*command, *options);
  add_prompt_source(*command, *options);
  add_prompt_options(*command, *options);
  command->add_option("--top", options->top, "likeliest tokens of each layer")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_option("--first", options->first, "first token of the answer, from 0")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--tokens", options->tokens, "how many of its tokens")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--follow", options->follow,
                      "text whose first token is followed beside the chosen ones, written as it "
                      "would continue the prompt (\" Paris\"); may be given again");
  add_common(*command, *options);
}

}  // namespace headscope::cli
