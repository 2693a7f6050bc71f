#include "app/cli/evaluate_suite.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "app/cli/intervene.h"
#include "app/cli/outlook_note.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "core/analysis/statistics.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/experiment/save_clock.h"
#include "core/experiment/suite_run.h"
#include "core/runner/companions.h"
#include "core/runner/run_outlook.h"
#include "core/session/head_set.h"
#include "core/suite/helmet_data.h"
#include "core/suite/helmet_export.h"
#include "core/sweep/weights_hash.h"

namespace headscope::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSamples = 20;  // of a task and length
constexpr const char* kHelmet = "helmet";

// ---- what is compared ----

// A short name: "focus alpha 0.3", "split-softmax tau 0.1".
std::string method_name(const std::vector<InterventionDescription>& descriptions) {
  std::string name;
  for (const InterventionDescription& description : descriptions) {
    name += (name.empty() ? "" : " + ") + std::string(description.method->name);
    for (const MethodParameter& parameter : description.method->parameters) {
      if (parameter.kind != MethodParameter::Kind::number) continue;
      name +=
          std::string(" ") + parameter.name + " " + Json(description.value(parameter.name)).dump();
    }
  }
  return name;
}

struct Compared {
  std::vector<std::string> names;
  std::vector<InterventionSet>
      sets;  // of the same length; not moved any more once methods are made
  Json described = Json::array();

  std::vector<SuiteMethod> methods() const {
    std::vector<SuiteMethod> list{{suite_baseline, nullptr}};
    for (std::size_t i = 0; i < sets.size(); ++i) list.push_back({names[i], &sets[i]});
    return list;
  }
};

Result<> add_compared(Compared& compared, InterventionFile file, const OpenedModel& opened,
                      const EvaluateArguments& options, ProgressPrinter& progress) {
  HEADSCOPE_ASSIGN(const Companions beside, read_companions(opened.folder, opened.model->config()));
  const InterventionDefaults defaults{.ranking = beside.ranking,
                                      .ranking_passport = beside.heads_passport,
                                      .directions = beside.directions,
                                      .directions_passport = beside.directions_passport,
                                      .top_k = default_top_k(opened),
                                      .seed = options.seed};
  compared.names.push_back(method_name(file.interventions));
  for (const InterventionDescription& description : file.interventions) {
    Json entry = to_json(description);
    for (const std::string& named : {description.head_set, description.directions}) {
      if (const auto hash = sha256_file(named)) entry["sha256"][named] = *hash;
    }
    compared.described.push_back(std::move(entry));
  }
  HEADSCOPE_ASSIGN(auto set, InterventionSet::create(std::move(file.interventions),
                                                     opened.model->config(), defaults));
  print_notes(progress, file.notes);
  print_notes(progress, set.notes());
  compared.sets.push_back(std::move(set));
  return {};
}

Json focus_description(const EvaluateArguments& options, double alpha) {
  Json focus = {{"method", "focus"}, {"alpha", alpha}};
  if (!options.directions.empty()) focus["directions"] = options.directions;
  if (!options.heads.empty()) focus["head_set"] = options.heads;
  if (options.top_k) focus["top_k"] = *options.top_k;
  return focus;
}

Result<Compared> compared_methods(const EvaluateArguments& options, const OpenedModel& opened,
                                  ProgressPrinter& progress) {
  Compared compared;
  if (!options.intervene.empty()) {
    HEADSCOPE_ASSIGN(auto file, read_interventions_file(options.intervene));
    HEADSCOPE_TRY(add_compared(compared, std::move(file), opened, options, progress));
  }
  std::vector<double> alphas = options.alphas;
  if (alphas.empty() && !options.directions.empty()) alphas = {0.3};
  for (const double alpha : alphas) {
    HEADSCOPE_ASSIGN(auto file, parse_interventions(focus_description(options, alpha), "--alpha"));
    HEADSCOPE_TRY(add_compared(compared, std::move(file), opened, options, progress));
  }
  return compared;
}

// Heads over which masses are averaged: those acted on first, else the head set's first, else all.
Result<std::vector<HeadId>> mass_heads(const EvaluateArguments& options, const OpenedModel& opened,
                                       const Compared& compared) {
  if (!compared.sets.empty()) return compared.sets.front().heads();
  if (options.heads.empty()) return std::vector<HeadId>{};
  HEADSCOPE_ASSIGN(auto head_set, read_head_set(options.heads));
  const ModelConfig& config = opened.model->config();
  HEADSCOPE_TRY(check_fits(head_set, options.heads, config.layers, config.heads));
  const auto top_k = static_cast<std::size_t>(options.top_k.value_or(default_top_k(opened)));
  if (head_set.ranking.size() > top_k) head_set.ranking.resize(top_k);
  return std::move(head_set.ranking);
}

// ---- what is asked ----

// One task at one length.
struct Cell {
  const SuiteTask* task = nullptr;  // null: HELMET's own data
  std::int64_t length = 0;
};

Result<std::vector<Cell>> cells_of(const EvaluateArguments& options, const OpenedModel& opened,
                                   std::vector<std::string>& notes) {
  std::vector<const SuiteTask*> tasks{nullptr};
  if (options.suite != kHelmet) {
    HEADSCOPE_ASSIGN(tasks, tasks_of_suite(options.suite, opened.is_demo));
    for (const std::string& name : options.tasks) {
      const auto known = [&](const SuiteTask* task) { return task->name == name; };
      if (std::ranges::none_of(tasks, known)) {
        return fail(ErrorKind::usage,
                    "--tasks " + name + ": not a task of the suite '" + options.suite + "'");
      }
    }
    std::erase_if(tasks, [&](const SuiteTask* task) {
      return !options.tasks.empty() &&
             std::ranges::find(options.tasks, task->name) == options.tasks.end();
    });
  }
  std::vector<Cell> cells;
  const std::int64_t context = opened.model->config().context_length;
  for (const std::int64_t length : options.lengths) {
    if (length > context) {
      notes.push_back("length " + std::to_string(length) +
                      " left out: the model's context ends at " + std::to_string(context));
      continue;
    }
    for (const SuiteTask* task : tasks) cells.push_back({task, length});
  }
  if (cells.empty()) return bad_input("nothing to run: " + notes.back());
  std::ranges::stable_sort(cells, {}, [&](const Cell& cell) {
    return std::ranges::find(tasks, cell.task) - tasks.begin();
  });
  return cells;
}

Result<std::vector<FittedSample>> samples_of(const Cell& cell, const EvaluateArguments& options,
                                             const PromptEncoder& encoder,
                                             const RunContext& context) {
  const std::int64_t samples = options.samples.value_or(kSamples);
  if (cell.task != nullptr) {
    return generate_suite(*cell.task,
                          {.length = cell.length, .samples = samples, .seed = options.seed},
                          encoder, context);
  }
  return load_helmet({.dataset = options.tasks.front(),
                      .data = options.data,
                      .demos = options.demo_data,
                      .shots = options.shots,
                      .length = cell.length,
                      .samples = samples,
                      .seed = options.seed},
                     encoder);
}

void announce_cell(ProgressPrinter& progress, const OpenedModel& opened,
                   std::span<const FittedSample> samples, std::size_t methods) {
  if (samples.empty()) return;
  const OutlookQuestion question{.prompt_tokens = samples.front().tokens,
                                 .new_tokens = samples.front().sample.max_new_tokens,
                                 .sets = 3,
                                 .wanted = KeepAttention::spans};
  const RunOutlook outlook = look_ahead(*opened.model, question);
  announce(progress, outlook, outlook.spans, samples.front().sample.task,
           std::ssize(samples) * static_cast<std::int64_t>(methods));
}

// ---- what is kept ----

struct Output {
  const EvaluateArguments& options;
  Passport passport;
  std::vector<std::string> notes;
  std::vector<SuiteLine> lines;

  fs::path folder() const {
    const fs::path parent = fs::path(options.file).parent_path();
    return parent.empty() ? fs::path(".") : parent;
  }
  std::string summary_file() const { return options.file + ".summary.json"; }

  Json summary(bool complete) const {
    const auto rows = suite_table(lines, passport.model);
    Json table = Json::array();
    for (const SuiteTableRow& row : rows) table.push_back(to_json(row));
    Json summary = totals();
    summary["rows"] = std::move(table);
    summary["notes"] = notes;
    summary["file"] = options.file;
    summary["table"] = (folder() / "suite.json").string();
    summary["complete"] = complete;
    summary["passport"] = to_json(passport);
    return summary;
  }

  // cli.md's keys, over the answers of the last method.
  Json totals() const {
    Json totals = {{"n", 0},
                   {"em", nullptr},
                   {"em_low", nullptr},
                   {"em_high", nullptr},
                   {"relevant_mass", nullptr},
                   {"irrelevant_mass", nullptr},
                   {"sink_mass", nullptr}};
    if (lines.empty()) return totals;
    const std::string method = lines.back().method;
    std::int64_t n = 0, right = 0;
    std::map<std::string, std::vector<double>> masses;
    for (const SuiteLine& line : lines) {
      if (line.method != method) continue;
      ++n;
      right += line.em ? 1 : 0;
      const auto keep = [&](const char* key, double value) {
        if (std::isfinite(value)) masses[key].push_back(value);
      };
      keep("relevant_mass", line.relevant_mass);
      keep("irrelevant_mass", line.irrelevant_mass);
      keep("sink_mass", line.sink_mass);
    }
    const Interval interval = wilson_interval(right, n);
    totals["n"] = n;
    totals["method"] = method;
    totals["em"] = static_cast<double>(right) / static_cast<double>(n);
    totals["em_low"] = interval.low;
    totals["em_high"] = interval.high;
    for (const auto& [key, values] : masses) totals[key] = mean(values);
    return totals;
  }

  // The lines first: a summary never speaks of lines that are not there.
  Result<> save(bool complete) {
    HEADSCOPE_TRY(write_file_atomically(options.file, suite_lines_text(lines)));
    HEADSCOPE_TRY(write_result("suite_evaluation", summary(complete), summary_file(), 2));
    return complete ? save_table() : Result<>{};
  }

  // One table for every model that was run in this folder.
  Result<> save_table() const {
    const fs::path file = folder() / "suite.json";
    std::vector<SuiteTableRow> rows;
    Json passports = Json::object();
    std::error_code ignored;
    if (fs::exists(file, ignored)) {
      HEADSCOPE_ASSIGN(const auto before, read_json_file(file));
      HEADSCOPE_ASSIGN(rows, parse_suite_table(before, file.string()));
      std::erase_if(rows, [&](const SuiteTableRow& row) { return row.model == passport.model; });
      if (before.contains("passports")) passports = before["passports"];
    }
    const auto own = suite_table(lines, passport.model);
    rows.insert(rows.end(), own.begin(), own.end());
    passports[passport.model] = to_json(passport);
    Json table = Json::array();
    for (const SuiteTableRow& row : rows) table.push_back(to_json(row));
    const Json whole = {{"rows", std::move(table)},
                        {"passport", to_json(passport)},  // of the run that wrote last
                        {"passports", std::move(passports)}};
    HEADSCOPE_TRY(write_result("suite_table", whole, file.string(), 2));
    return write_file_atomically(folder() / "suite.csv", suite_csv(rows));
  }

  // Lines of an interrupted run with the same passport.
  std::vector<SuiteLine> finished_before() const {
    std::error_code ignored;
    if (!fs::exists(summary_file(), ignored)) return {};
    const auto before = read_json_file(summary_file());
    const bool ours = before && before->is_object() && before->contains("complete") &&
                      (*before)["complete"] == false && before->contains("passport") &&
                      (*before)["passport"] == to_json(passport);
    if (!ours) return {};
    const auto text = read_text_file(options.file);
    auto known = text ? parse_suite_lines(*text, options.file) : Result<std::vector<SuiteLine>>();
    return known ? std::move(*known) : std::vector<SuiteLine>{};
  }

  // Predictions for HELMET's own scorers.
  Result<> export_predictions(std::span<const FittedSample> samples,
                              const std::vector<SuiteMethod>& methods, bool chat) const {
    const fs::path to = folder() / "helmet";
    HEADSCOPE_TRY(create_folders(to));
    for (const SuiteMethod& method : methods) {
      std::vector<SuiteLine> own;
      for (const SuiteLine& line : lines) {
        if (line.method == method.name && line.task == samples.front().sample.task &&
            line.length == samples.front().length) {
          own.push_back(line);
        }
      }
      const HelmetArguments arguments{.model = passport.model,
                                      .dataset = samples.front().sample.task,
                                      .test_file = fs::path(options.data).filename().string(),
                                      .method = method.name,
                                      .length = samples.front().length,
                                      .samples = std::ssize(samples),
                                      .shots = options.shots,
                                      .chat = chat,
                                      .seed = options.seed};
      HEADSCOPE_TRY(write_json(helmet_predictions(samples, own, arguments),
                               (to / helmet_file_name(arguments)).string(), 4));
    }
    return {};
  }
};

Result<Passport> passport_of(const EvaluateArguments& options, const OpenedModel& opened,
                             const PromptEncoder& encoder, const Compared& compared,
                             const std::vector<HeadId>& heads, const RunContext& context) {
  Passport passport = new_passport();
  passport.model = opened.name;
  HEADSCOPE_ASSIGN(passport.weights_sha256, weights_sha256(opened.folder, context, opened.adapter));
  passport.tokenizer_sha256 = opened.tokenizer->sha256();
  passport.data = "suite " + options.suite;
  if (options.suite == kHelmet) {
    passport.data = fs::path(options.data).filename().string();
    HEADSCOPE_ASSIGN(passport.data_sha256, sha256_file(options.data));
  }
  passport.n = options.samples.value_or(kSamples);
  passport.seed = options.seed;
  passport.chat_template = encoder.template_name();
  passport.dtype = opened.model->dtype_name();
  passport.device = opened.model->device_name();
  Json listed = Json::array();
  for (const HeadId head : heads) listed.push_back({head.layer, head.head});
  passport.options = {{"suite", options.suite},         {"tasks", options.tasks},
                      {"lengths", options.lengths},     {"rows", options.rows},
                      {"shots", options.shots},         {"methods", compared.described},
                      {"mass_heads", std::move(listed)}};
  if (options.new_tokens_given) passport.options["max_new_tokens"] = options.max_new_tokens;
  return passport;
}

Result<> check(const EvaluateArguments& options) {
  if (options.lengths.empty()) return fail(ErrorKind::usage, "--suite needs --length 1024,4096");
  const bool helmet = options.suite == kHelmet;
  if (helmet && (options.data.empty() || options.tasks.size() != 1)) {
    return fail(ErrorKind::usage,
                "--suite helmet needs HELMET's file in --data and its data set in "
                "--tasks: " +
                    helmet_datasets());
  }
  if (!helmet && !options.data.empty()) {
    return fail(ErrorKind::usage,
                "--data goes with --suite helmet; the suite '" + options.suite + "' makes its own");
  }
  if (!options.intervene.empty() && (!options.directions.empty() || !options.alphas.empty())) {
    return fail(ErrorKind::usage,
                "--intervene says what to change; leave out --directions and "
                "--alpha, or it");
  }
  return {};
}

}  // namespace

void add_suite_options(CLI::App& command, EvaluateArguments& options) {
  command.add_option("--suite", options.suite,
                     "long contexts instead of --data: all, recall, needles, rag, icl, rerank, "
                     "demo, one task, or helmet (its files: --data, --tasks)");
  command.add_option("--length", options.lengths, "suite: tokens of prompt and answer: 1024,4096")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{64}, longest_suite_prompt));
  command.add_option("--tasks", options.tasks, "suite: only these tasks; helmet: the data set")
      ->delimiter(',');
  command.add_option("--directions", options.directions,
                     "suite: compare with these focus directions (file or random)");
  command.add_option("--alpha", options.alphas, "suite: strengths of focus directions: 0.3")
      ->delimiter(',');
  command.add_option("--demo-data", options.demo_data, "helmet: its file of demonstrations");
  command.add_option("--shots", options.shots, "helmet: demonstrations")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
}

Result<> evaluate_suite(const EvaluateArguments& options) {
  HEADSCOPE_TRY(check(options));
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load_options(options, options), context));
  HEADSCOPE_ASSIGN(const auto encoder, prompt_encoder(options, opened));
  HEADSCOPE_ASSIGN(const auto compared, compared_methods(options, opened, progress));
  Output output{options, {}, {}, {}};
  HEADSCOPE_ASSIGN(const auto cells, cells_of(options, opened, output.notes));
  SuiteRunOptions how{.methods = compared.methods(), .rows = options.row_convention()};
  HEADSCOPE_ASSIGN(how.mass_heads, mass_heads(options, opened, compared));
  if (options.new_tokens_given) how.max_new_tokens = options.max_new_tokens;
  HEADSCOPE_ASSIGN(output.passport,
                   passport_of(options, opened, encoder, compared, how.mass_heads, context));
  HEADSCOPE_TRY(create_folders(output.folder()));
  how.finished = output.finished_before();
  if (!how.finished.empty()) {
    progress.note("going on after " + std::to_string(how.finished.size()) + " answers");
  }
  SaveClock clock;
  const auto keep = [&output, &clock](SuiteLine line) -> Result<> {
    output.lines.push_back(std::move(line));
    return clock.is_time() ? output.save(false) : Result<>{};
  };
  const auto run_cell = [&](const Cell& cell) -> Result<> {
    HEADSCOPE_ASSIGN(const auto samples, samples_of(cell, options, encoder, context));
    announce_cell(progress, opened, samples, how.methods.size());
    HEADSCOPE_TRY(run_suite(*opened.model, encoder, samples, how, context, keep));
    const bool exports = cell.task == nullptr && !samples.empty();
    return exports ? output.export_predictions(samples, how.methods, is_chat(encoder)) : Result<>{};
  };
  for (const Cell& cell : cells) {
    const auto done = run_cell(cell);
    if (done) continue;
    if (done.error().kind != ErrorKind::out_of_memory || output.lines.empty()) {
      if (!output.lines.empty()) HEADSCOPE_TRY(output.save(false));
      return done;
    }
    output.notes.push_back(done.error().message);
  }
  HEADSCOPE_TRY(output.save(true));
  print_notes(progress, output.notes);
  return write_json(output.summary(true), "");
}

}  // namespace headscope::cli
