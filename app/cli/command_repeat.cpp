// repeat: makes a result again from its passport, and says what differs.
#include <algorithm>
#include <memory>
#include <set>

#include "app/cli/command_line.h"
#include "app/cli/experiment_options.h"
#include "app/cli/intervene.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "app/cli/replay.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/platform.h"
#include "core/experiment/direction_study.h"
#include "core/experiment/evaluate.h"
#include "core/experiment/gold_positions.h"
#include "core/experiment/repeat.h"
#include "core/experiment/score.h"
#include "core/experiment/sweep.h"
#include "core/runner/companions.h"
#include "core/session/directions_file.h"
#include "core/sweep/weights_hash.h"

namespace headscope::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostEpochs = 100000;

struct Options : CommonOptions {
  std::string result, model, adapter, data, heads, directions;
  std::vector<std::string> folders;
  double tolerance = 1e-4;
};

enum class Kind { head_set, directions, run, sweep, study };

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// What cannot be made again is said by name.
tl::unexpected<Error> cannot(const std::string& result, const std::string& why) {
  return bad_input(result + ": cannot be repeated: " + why);
}

Result<Kind> kind_of(const fs::path& result) {
  const std::string name = result.string();
  if (is_there(result / "sweep.json")) return Kind::sweep;
  if (is_there(result / "study.json")) return Kind::study;
  if (is_there(name + ".summary.json")) return Kind::run;
  if (result.extension() == ".safetensors") return Kind::directions;
  HEADSCOPE_ASSIGN(const auto json, read_json_file(result));
  if (json.is_object() && json.contains("ranking") && json.contains("passport"))
    return Kind::head_set;
  return cannot(name,
                "nothing says what made it: expected a result of headscope-cli (--out), or an SVG "
                "whose caption names its command");
}

Result<Passport> passport_in(const fs::path& file) {
  HEADSCOPE_ASSIGN(const auto json, read_json_file(file));
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(json, file.string()));
  HEADSCOPE_ASSIGN(const auto passport, object.object("passport"));
  return passport_from_json(passport.value(), file.string());
}

// Model, data and settings that a passport names, found again and checked by their hashes.
struct Workshop {
  const Options& options;
  RunContext context;
  Passport passport;
  OpenedModel opened{};
  std::optional<PromptEncoder> encoder{};
  Dataset data{};

  const Json& setting(const char* name) const {
    static const Json nothing;
    const auto found = passport.options.find(name);
    return found == passport.options.end() ? nothing : *found;
  }

  Result<> need(const char* name, bool there) const {
    if (there) return {};
    return cannot(options.result, std::string("its passport lacks '") + name + "'");
  }

  Result<> open() {
    HEADSCOPE_TRY(open_model_again());
    HEADSCOPE_TRY(open_data_again());
    return need("max_new_tokens", setting("max_new_tokens").is_number_integer());
  }

  Result<> open_model_again() {
    const bool demo = options.model.empty() && passport.model == kDemoModel;
    if (options.model.empty() && !demo) {
      return fail(ErrorKind::usage, "--model: give the folder of '" + passport.model + "'");
    }
    LoadOptions load{options.device, options.dtype, options.threads, options.device_memory,
                     options.adapter};
    if (options.dtype == "auto" && !passport.dtype.empty()) load.dtype = passport.dtype;
    HEADSCOPE_ASSIGN(opened, headscope::open_model(demo ? kDemoModel : options.model, load, context,
                                                   TokenizerNeed::required));
    Passport here;
    here.dtype = opened.model->dtype_name();
    here.tokenizer_sha256 = opened.tokenizer->sha256();
    HEADSCOPE_ASSIGN(here.weights_sha256, weights_sha256(opened.folder, context, opened.adapter));
    PromptOptions prompt;
    prompt.chat = passport.chat_template.starts_with("chat");
    prompt.no_chat = !prompt.chat;
    HEADSCOPE_ASSIGN(encoder, prompt_encoder(prompt, opened));
    here.chat_template = encoder->template_name();
    std::string text;
    for (const std::string& line : differences(here, passport)) {
      text += (text.empty() ? "" : "; ") + line;
    }
    if (text.empty()) return {};
    return cannot(options.result, "the model is another one (" + text + ")");
  }

  // As given, beside the result, or one folder above it.
  Result<fs::path> find_file(const std::string& given, const std::string& name,
                             const std::string& sha256, const std::string& option) const {
    std::vector<fs::path> places;
    const fs::path result = fs::absolute(options.result).lexically_normal();
    if (!given.empty()) {
      places = {given};
    } else if (!name.empty()) {
      places = {result / name, result.parent_path() / name,
                result.parent_path().parent_path() / name, name};
    }
    for (const fs::path& place : places) {
      if (!is_there(place)) continue;
      HEADSCOPE_ASSIGN(const auto found, sha256_file(place));
      if (found == sha256 || sha256.empty()) return place;
      if (given.empty()) continue;
      return cannot(options.result,
                    option + " " + given + " is another file than it was made from");
    }
    return fail(ErrorKind::usage, option + ": give '" + name + "' (sha256 " + sha256.substr(0, 12) +
                                      "...), which it was made from");
  }

  Result<> open_data_again() {
    HEADSCOPE_ASSIGN(const auto file,
                     find_file(options.data, passport.data, passport.data_sha256, "--data"));
    HEADSCOPE_ASSIGN(data, load_dataset(file));
    // A study moves gold documents that always stand at one place; its own samples stay.
    if (setting("study").is_string() && file.filename() != "data.jsonl.gz") {
      return cannot(options.result,
                    "it is a step of a study over data of its own; run reproduce "
                    "with another --out");
    }
    return {};
  }

  int max_new_tokens() const { return setting("max_new_tokens").get<int>(); }
  RowConvention rows() const {
    return setting("rows") == Json("predict") ? RowConvention::predict : RowConvention::input;
  }

  // The samples of these lines, as the data hold them.
  Result<std::vector<QaSample>> samples_of(const std::vector<EvaluatedSample>& lines) const {
    std::set<std::int64_t> wanted;
    for (const EvaluatedSample& line : lines) wanted.insert(line.index);
    std::vector<QaSample> samples;
    for (const QaSample& sample : data.samples) {
      if (wanted.contains(sample.index)) samples.push_back(sample);
    }
    if (samples.size() == wanted.size() && !samples.empty()) return samples;
    return cannot(options.result, "its samples are not all in " + data.name);
  }
};

// ---- head sets ----

Result<> repeat_heads(Workshop& shop, Repetition& repetition) {
  HEADSCOPE_ASSIGN(const auto before, read_head_set(shop.options.result));
  if (!shop.setting("intervene").is_null()) {
    return cannot(shop.options.result, "it was scored under an intervention");
  }
  std::int64_t tried = before.samples;
  for (const auto& [reason, count] : before.skipped) tried += count;
  const std::optional<DataPart> part = shop.setting("part") == Json("all")    ? DataPart::all
                                       : shop.setting("part") == Json("test") ? DataPart::test
                                                                              : DataPart::train;
  HEADSCOPE_ASSIGN(const auto chosen, choose_for_training(shop.data, part, tried));
  HEADSCOPE_ASSIGN(const auto run, score_samples(*shop.opened.model, *shop.encoder, chosen.samples,
                                                 {.max_new_tokens = shop.max_new_tokens(),
                                                  .rows = shop.rows(),
                                                  .gold_only = !before.gold_only_relevant.empty()},
                                                 shop.context));
  if (run.cancelled) return fail(ErrorKind::cancelled, "interrupted");
  repetition.head_sets(before,
                       head_set_from(run.scores.summary({.seed = shop.passport.seed}), Passport{}));
  return {};
}

// ---- runs of evaluate ----

Result<std::vector<EvaluatedSample>> lines_in(const fs::path& file) {
  HEADSCOPE_ASSIGN(const auto text, read_text_file(file));
  return parse_result_lines(text, file.string());
}

Result<InterventionSet> interventions_of(const Workshop& shop) {
  Json described = shop.setting("intervene");
  if (described.is_null()) return InterventionSet();
  for (Json& entry : described) {
    if (!entry.is_object()) return cannot(shop.options.result, "'intervene' is no list of objects");
    entry.erase("sha256");
  }
  HEADSCOPE_ASSIGN(auto file, parse_interventions(described, shop.options.result));
  HEADSCOPE_ASSIGN(const Companions beside,
                   read_companions(shop.opened.folder, shop.opened.model->config()));
  InterventionDefaults defaults;
  defaults.ranking = beside.ranking;
  defaults.directions = beside.directions;
  defaults.top_k = default_top_k(shop.opened);
  defaults.seed = shop.passport.seed;
  return InterventionSet::create(std::move(file.interventions), shop.opened.model->config(),
                                 defaults);
}

Result<> repeat_run(Workshop& shop, Repetition& repetition) {
  HEADSCOPE_ASSIGN(const auto before, lines_in(shop.options.result));
  HEADSCOPE_ASSIGN(const auto samples, shop.samples_of(before));
  HEADSCOPE_ASSIGN(const auto set, interventions_of(shop));
  const Json& prompt = shop.setting("prompt");
  const Json& mass_heads = shop.setting("mass_heads");
  HEADSCOPE_TRY(shop.need("prompt", prompt.is_string()));
  HEADSCOPE_TRY(shop.need("mass_heads", mass_heads.is_array()));
  EvaluateOptions how{
      .prompt = prompt_kind_named(prompt.get<std::string>()).value_or(PromptKind::all),
      .max_new_tokens = shop.max_new_tokens(),
      .rows = shop.rows(),
      .before_split = set.splits(),
      .interventions = on_samples(set)};
  if (!mass_heads.empty()) {
    HEADSCOPE_ASSIGN(const auto heads, head_set_from_json(mass_heads, shop.options.result));
    how.mass_heads = heads.ranking;
  }
  HEADSCOPE_ASSIGN(const auto run,
                   evaluate_samples(*shop.opened.model, *shop.encoder, samples, how, shop.context));
  if (run.cancelled) return fail(ErrorKind::cancelled, "interrupted");
  repetition.runs("", before, run.samples);
  return {};
}

// ---- directions ----

Result<DirectionTrainingOptions> training_options(const Workshop& shop) {
  const std::string& name = shop.options.result;
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(shop.passport.options, name));
  DirectionTrainingOptions training;
  HEADSCOPE_ASSIGN(const auto epochs, object.integer("epochs", 1, kMostEpochs));
  training.epochs = static_cast<int>(epochs);
  HEADSCOPE_ASSIGN(training.learning_rate, object.number("learning_rate"));
  HEADSCOPE_ASSIGN(training.weight_decay, object.number("weight_decay"));
  HEADSCOPE_ASSIGN(training.init_deviation, object.number("init_deviation"));
  training.seed = shop.passport.seed;
  return training;
}

Result<> repeat_directions(Workshop& shop, Repetition& repetition) {
  HEADSCOPE_ASSIGN(const auto before, read_directions(shop.options.result));
  HEADSCOPE_TRY(shop.need("gold_places", !shop.setting("gold_places").is_null()));
  HEADSCOPE_ASSIGN(const auto places,
                   gold_places_from(shop.setting("gold_places"), shop.options.result));
  auto samples = recorded_samples(shop.passport, shop.data);
  const Json& questions = shop.setting("questions");
  if (samples.empty() || samples.size() != questions.size()) {
    return cannot(shop.options.result, "its samples are not all in " + shop.data.name);
  }
  std::vector<QaSample> none;
  (void)place_gold(samples, none, places, shop.passport.seed);
  HEADSCOPE_ASSIGN(const auto temporary, PassingFolder::make());
  DirectionStudyOptions how;
  how.data = {shop.max_new_tokens(), shop.rows()};
  HEADSCOPE_ASSIGN(how.training, training_options(shop));
  how.work = temporary.path() / "unfinished";
  HEADSCOPE_ASSIGN(const auto now, run_direction_study(*shop.opened.model, *shop.encoder, samples,
                                                       {}, how, shop.context));
  if (now.training.cancelled) return fail(ErrorKind::cancelled, "interrupted");
  Directions again = now.training.directions;
  again.key.resize(again.query.size());  // as files hold it
  repetition.directions(before.directions, again);
  return {};
}

// ---- sweeps ----

std::string text_setting(const Workshop& shop, const char* name) {
  const Json& value = shop.setting(name);
  return value.is_string() ? value.get<std::string>() : "";
}

Result<SweepOptions> sweep_options(const Workshop& shop) {
  SweepOptions how;
  HEADSCOPE_ASSIGN(const auto heads, shop.find_file(shop.options.heads, text_setting(shop, "heads"),
                                                    text_setting(shop, "heads_sha256"), "--heads"));
  HEADSCOPE_ASSIGN(const auto set, read_head_set(heads));
  how.ranking = set.ranking;
  if (!text_setting(shop, "directions_sha256").empty()) {
    HEADSCOPE_ASSIGN(const auto file,
                     shop.find_file(shop.options.directions, text_setting(shop, "directions"),
                                    text_setting(shop, "directions_sha256"), "--directions"));
    HEADSCOPE_ASSIGN(auto read, read_directions(file));
    how.directions = std::make_shared<const Directions>(std::move(read.directions));
  }
  HEADSCOPE_TRY(shop.need("baseline_top_k", shop.setting("baseline_top_k").is_number_integer()));
  how.baseline_top_k = shop.setting("baseline_top_k").get<int>();
  how.max_new_tokens = shop.max_new_tokens();
  how.rows = shop.rows();
  return how;
}

Result<> repeat_sweep(Workshop& shop, Repetition& repetition) {
  const SweepFolder before = SweepFolder::view(shop.options.result);
  HEADSCOPE_ASSIGN(const auto results, before.results());
  if (results.empty()) return cannot(shop.options.result, "no cell of it is finished");
  HEADSCOPE_ASSIGN(const auto how, sweep_options(shop));
  std::vector<SweepCell> cells;
  for (const SweepResult& result : results) cells.push_back(result.cell);
  std::sort(cells.begin(), cells.end());
  HEADSCOPE_ASSIGN(const auto lines, lines_in(before.lines_file(cells.front())));
  HEADSCOPE_ASSIGN(const auto samples, shop.samples_of(lines));
  HEADSCOPE_ASSIGN(const auto temporary, PassingFolder::make());
  HEADSCOPE_ASSIGN(const auto again, SweepFolder::open(temporary.path(), shop.passport));
  HEADSCOPE_ASSIGN(const auto outcome, run_sweep(*shop.opened.model, *shop.encoder, samples, cells,
                                                 how, again, shop.context));
  if (outcome.cancelled) return fail(ErrorKind::cancelled, "interrupted");
  for (const SweepCell& cell : cells) {
    HEADSCOPE_ASSIGN(const auto there, lines_in(before.lines_file(cell)));
    HEADSCOPE_ASSIGN(const auto now, lines_in(again.lines_file(cell)));
    repetition.runs(cell_name(cell) + ": ", there, now);
  }
  return {};
}

Result<Repetition> repeat_one(const Options& options, Kind kind, const RunContext& context) {
  const fs::path result(options.result);
  Workshop shop{.options = options, .context = context, .passport = {}};
  if (kind == Kind::directions) {
    HEADSCOPE_ASSIGN(auto file, read_directions(result));
    shop.passport = std::move(file.passport);
  } else {
    const fs::path holder = kind == Kind::sweep ? result / "sweep.json"
                            : kind == Kind::run ? fs::path(options.result + ".summary.json")
                                                : result;
    HEADSCOPE_ASSIGN(shop.passport, passport_in(holder));
  }
  HEADSCOPE_TRY(shop.open());
  Repetition repetition(options.tolerance);
  HEADSCOPE_TRY(kind == Kind::sweep        ? repeat_sweep(shop, repetition)
                : kind == Kind::run        ? repeat_run(shop, repetition)
                : kind == Kind::directions ? repeat_directions(shop, repetition)
                                           : repeat_heads(shop, repetition));
  return repetition;
}

// The steps of a study whose results later ones rest on, each for itself.
Result<Json> repeat_study(const Options& options, ProgressPrinter& progress, std::int64_t& found) {
  Json parts = Json::object();
  for (const auto& [name, kind] :
       {std::pair("heads.json", Kind::head_set),
        std::pair("directions.safetensors", Kind::directions), std::pair("sweep", Kind::sweep),
        std::pair("positions", Kind::sweep)}) {
    const fs::path part = fs::path(options.result) / name;
    if (!is_there(part)) continue;
    progress.note(name);
    Options one = options;
    one.result = part.string();
    HEADSCOPE_ASSIGN(const auto repetition, repeat_one(one, kind, progress.context()));
    parts[name] = repetition.report();
    found += repetition.found();
  }
  if (parts.empty()) return cannot(options.result, "no step of this study is finished");
  return Json{{"equal", found == 0}, {"parts", std::move(parts)}};
}

Result<Repetition> repeat_command(const MadeResult& made, const Options& options,
                                  const RunContext& context) {
  ReplayOptions how{{{"model", options.model},
                     {"adapter", options.adapter},
                     {"data", options.data},
                     {"heads", options.heads},
                     {"directions", options.directions}},
                    {options.folders.begin(), options.folders.end()},
                    options};
  Repetition repetition(options.tolerance);
  HEADSCOPE_TRY(replay(made, how, repetition, context));
  return repetition;
}

// By its command where the result names it, else step by step from its passport.
Result<Json> repeated(const Options& options, ProgressPrinter& progress, std::int64_t& found) {
  HEADSCOPE_ASSIGN(const auto made, made_result(options.result));
  if (made) {
    HEADSCOPE_ASSIGN(const auto repetition, repeat_command(*made, options, progress.context()));
    found = repetition.found();
    return repetition.report();
  }
  HEADSCOPE_ASSIGN(const auto kind, kind_of(options.result));
  if (kind == Kind::study) return repeat_study(options, progress, found);
  HEADSCOPE_ASSIGN(const auto repetition, repeat_one(options, kind, progress.context()));
  found = repetition.found();
  return repetition.report();
}

Result<> repeat(const Options& options) {
  ProgressPrinter progress(options.quiet);
  std::int64_t found = 0;
  HEADSCOPE_ASSIGN(auto report, repeated(options, progress, found));
  report["result"] = options.result;
  HEADSCOPE_TRY(write_result("repetition", report, options.out));
  if (found == 0) return {};
  return fail(ErrorKind::internal,
              options.result + ": " + std::to_string(found) + " values came out otherwise");
}

}  // namespace

void add_repeat(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("repeat",
               "makes a result again from what it says of itself and compares; exit 0 when equal, "
               "1 when not",
               [options] { return repeat(*options); });
  command
      ->add_option(
          "result", options->result,
          "whatever a command wrote to --out, folders too; an SVG that the window exported")
      ->required();
  command->add_option("--model,-m", options->model, "the model (default: the embedded one, if so)");
  command->add_option("--adapter", options->adapter, "its adapter");
  command->add_option("--data", options->data, "the data (default: looked for beside the result)");
  command->add_option("--heads", options->heads, "the head set of a sweep (likewise)");
  command->add_option("--directions", options->directions, "the directions of a sweep (likewise)");
  command->add_option("--files", options->folders,
                      "folders where files that it was made from are looked for, besides where "
                      "they were and beside the result");
  command->add_option("--tolerance", options->tolerance, "by which numbers may differ")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_common(*command, *options);
}

}  // namespace headscope::cli
