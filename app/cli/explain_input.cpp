#include "app/cli/explain_input.h"

#include "app/cli/figure_origin.h"
#include "app/cli/intervene.h"
#include "app/cli/made_by.h"
#include "app/cli/output.h"
#include "core/base/hash.h"
#include "core/figure/write.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"
#include "core/text/splitting_json.h"

namespace headscope::cli {
namespace {

Result<> check_source(const ExplainOptions& options) {
  const int given =
      (options.prompt ? 1 : 0) + (options.prompt_file ? 1 : 0) + (options.data.empty() ? 0 : 1);
  if (given != 1)
    return fail(ErrorKind::usage, "give exactly one of --prompt, --prompt-file and --data");
  if (!is_picture(options.out)) return {};
  if (!options.data.empty())
    return fail(ErrorKind::usage, "--out: a figure is of one prompt; --data writes JSON");
  return check_picture(options.out);
}

Result<std::vector<HeadId>> chosen_heads(const ExplainOptions& options, const OpenedModel& opened,
                                         const Companions& beside, UsedData& used) {
  std::vector<HeadId> ranking = beside.ranking;
  Passport passport = beside.heads_passport;
  if (!options.heads.empty()) {
    HEADSCOPE_ASSIGN(auto set, read_head_set(options.heads));
    const ModelConfig& config = opened.model->config();
    HEADSCOPE_TRY(check_fits(set, options.heads, config.layers, config.heads));
    ranking = std::move(set.ranking);
    passport = std::move(set.passport);
  }
  if (ranking.empty()) {
    return fail(ErrorKind::usage,
                "--heads: name a head set; this model has none beside it (headscope-cli score "
                "makes one)");
  }
  used.add(passport);
  const auto top_k = static_cast<std::size_t>(options.top_k.value_or(default_top_k(opened)));
  if (ranking.size() > top_k) ranking.resize(top_k);
  return ranking;
}

Result<std::shared_ptr<const Directions>> chosen_directions(const ExplainOptions& options,
                                                            const OpenedModel& opened,
                                                            const Companions& beside,
                                                            UsedData& used) {
  if (!options.needs_directions) return nullptr;
  if (options.directions.empty()) {
    used.add(beside.directions_passport);
    if (beside.directions) return beside.directions;
    return fail(ErrorKind::usage,
                "--directions: name a file; this model has none beside it (headscope-cli "
                "train-directions makes them)");
  }
  const ModelConfig& config = opened.model->config();
  HEADSCOPE_ASSIGN(auto file, read_directions(options.directions));
  HEADSCOPE_TRY(check_fits(file.directions, options.directions, config.layers, config.heads,
                           config.head_dim));
  used.add(file.passport);
  return std::make_shared<const Directions>(std::move(file.directions));
}

// The prompt of the command line, as a data set of one.
Result<Dataset> read_one(const ExplainOptions& options, ExplainInput& input) {
  HEADSCOPE_ASSIGN(auto prompt, read_prompt(options, input.encoder));
  Dataset data;
  data.name = std::filesystem::path(options.prompt_file.value_or("")).filename().string();
  data.sha256 = sha256_hex(prompt.text);
  input.one = BuiltPrompt{std::move(prompt.text), std::move(prompt.documents), prompt.question};
  if (input.one->documents.empty()) {
    return bad_input("the prompt has no documents (" + prompt.split_reason +
                     "); --split says where they are");
  }
  return data;
}

}  // namespace

Result<ExplainInput> open_explain(const ExplainOptions& options, ProgressPrinter& progress) {
  HEADSCOPE_TRY(check_source(options));
  HEADSCOPE_ASSIGN(auto opened,
                   open_model(options.model, load_options(options, options), progress.context()));
  HEADSCOPE_ASSIGN(auto encoder, prompt_encoder(options, opened));
  HEADSCOPE_ASSIGN(auto beside, read_companions(opened.folder, opened.model->config()));
  ExplainInput input{
      std::move(opened), std::move(encoder), std::move(beside), {}, {}, {}, {}, {}, {}};
  UsedData used;
  HEADSCOPE_ASSIGN(input.heads, chosen_heads(options, input.opened, input.beside, used));
  HEADSCOPE_ASSIGN(input.directions, chosen_directions(options, input.opened, input.beside, used));
  input.notes = input.beside.notes;
  Dataset data;
  ChosenSamples chosen;
  if (options.data.empty()) {
    HEADSCOPE_ASSIGN(data, read_one(options, input));
    chosen.samples.resize(1);
  } else {
    HEADSCOPE_ASSIGN(data, load_dataset(options.data));
    HEADSCOPE_ASSIGN(chosen,
                     choose_for_evaluation(data, options.wanted_part(), options.samples, used));
    input.samples = chosen.samples;
    input.notes.insert(input.notes.end(), chosen.notes.begin(), chosen.notes.end());
  }
  print_notes(progress, input.notes);
  HEADSCOPE_ASSIGN(input.passport, make_passport(input.opened, input.encoder, data, chosen, options,
                                                 options, options, progress.context()));
  Json heads = Json::array();
  for (const HeadId head : input.heads) heads.push_back({head.layer, head.head});
  input.passport.options["heads"] = std::move(heads);
  if (input.one) {
    HEADSCOPE_ASSIGN(const auto splitting, read_splitting(options.split));
    input.passport.options["split"] = to_json(splitting);
    if (!options.gold.empty()) input.passport.options["gold"] = options.gold;
  }
  if (!options.directions.empty()) {
    input.passport.options["directions"] = options.directions;
    if (const auto hash = directions_sha256(options.directions)) {
      input.passport.options["directions_sha256"] = *hash;
    }
  }
  return input;
}

Result<> write_explained(const char* kind, const ExplainOptions& options, const ExplainInput& input,
                         const Json& result, Result<Exhibit> (*draw)(const Json&, Origin),
                         std::size_t heads_acted_on, const RunContext& context) {
  if (!is_picture(options.out))
    return write_result(kind, result, options.out, options.out.empty() ? -1 : 2);
  Origin origin;
  HEADSCOPE_TRY(name_run({input.opened, &input.encoder, options.row_convention(), heads_acted_on},
                         options, options, context, origin));
  HEADSCOPE_TRY(name_prompt(options, input.one->text, origin));
  origin.heads_file = std::filesystem::path(options.heads).filename().string();
  HEADSCOPE_ASSIGN(const auto exhibit, draw(result, std::move(origin)));
  HEADSCOPE_ASSIGN(const auto scene, exhibit.scene({}));
  HEADSCOPE_TRY(figure::write_figure(options.out, scene));
  HEADSCOPE_TRY(write_made_by(options.out));
  return write_json(result, "");
}

void add_explain(CLI::App& command, ExplainOptions& options, const std::string& out_help) {
  add_loaded_model(command, options);
  command.add_option("--prompt", options.prompt, "the prompt");
  command.add_option("--prompt-file", options.prompt_file, "file that holds it, used as it is");
  add_documents(command, options);
  add_data(command, options, false,
           "samples of --data to use (default: all, or those that the heads were not made from)");
  command.add_option("--heads", options.heads,
                     "head set whose first heads are looked at (default: the model's own)");
  command.add_option("--top-k", options.top_k, "how many of them (default 20, embedded model 5)")
      ->check(CLI::PositiveNumber);
  add_prompt_options(command, options);
  add_common(command, options, out_help);
}

}  // namespace headscope::cli
