// score: how much attention every head pays to the relevant document, over a data set.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/experiment_options.h"
#include "app/cli/intervene.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "core/experiment/score_lines.h"
#include "core/session/head_set.h"

namespace headscope::cli {
namespace {

constexpr std::size_t kShownHeads = 10;

struct Options : CommonOptions, ModelChoice, PromptOptions, DataOptions {
  std::string file;
  bool no_gold_only = false;
  bool metrics = false;
};

Json best_heads(const ScoreSummary& summary) {
  Json best = Json::array();
  for (std::size_t i = 0; i < std::min(kShownHeads, summary.ranking.size()); ++i) {
    const HeadId head = summary.ranking[i];
    const auto at = static_cast<std::size_t>(head.layer) * static_cast<std::size_t>(summary.heads) +
                    static_cast<std::size_t>(head.head);
    best.push_back({{"head", {head.layer, head.head}},
                    {"relevant", json_number(summary.relevant[at])},
                    {"low", json_number(summary.relevant_low[at])},
                    {"high", json_number(summary.relevant_high[at])}});
  }
  return best;
}

// Keeps the head set of what was scored, and says on stdout what it holds.
Result<> keep(const Options& options, const ScoreRun& run, Passport passport,
              const ChosenSamples& chosen) {
  const ScoreSummary summary = run.scores.summary({.seed = options.seed});
  if (summary.samples == 0) {
    std::string reasons;
    for (const auto& [reason, count] : summary.skipped) {
      reasons += (reasons.empty() ? ": " : ", ") + reason + " " + std::to_string(count) + "x";
    }
    if (run.cancelled) return fail(ErrorKind::cancelled, "interrupted before the first sample");
    return bad_input(options.data + ": no sample could be scored" + reasons);
  }
  passport.n = summary.samples;
  if (!options.intervene.empty()) passport.options["intervene"] = described_file(options.intervene);
  record_questions(passport, run.questions);
  HeadSet set = head_set_from(summary, std::move(passport));
  set.entropy = run.spread.entropy;
  set.distance = run.spread.distance;
  HEADSCOPE_TRY(write_head_set(options.file, set));
  HEADSCOPE_TRY(write_json({{"file", options.file},
                            {"samples", summary.samples},
                            {"skipped", summary.skipped},
                            {"part", part_name(chosen.part)},
                            {"notes", chosen.notes},
                            {"best", best_heads(summary)},
                            {"above_0.1", summary.above_01},
                            {"above_0.2", summary.above_02},
                            {"stability", stability_json(summary)},
                            {"outcome", outcome_json(summary.outcome)}},
                           ""));
  if (run.cancelled) {
    return fail(ErrorKind::cancelled, "interrupted; what was finished is kept, run again to go on");
  }
  return {};
}

// Samples of an interrupted run with the same settings, and where those to come are kept.
Result<ScoreLines> unfinished(const Options& options, const Passport& passport) {
  Json heading = {{"passport", to_json(passport)},
                  {"gold_only", !options.no_gold_only},
                  {"metrics", options.metrics}};
  if (!options.intervene.empty()) heading["intervene"] = described_file(options.intervene);
  return ScoreLines::open(options.file + ".unfinished", heading);
}

Result<> score(const Options& options) {
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto data, load_dataset(options.data));
  HEADSCOPE_ASSIGN(const auto chosen,
                   choose_for_training(data, options.wanted_part(), options.samples));
  print_notes(progress, chosen.notes);
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load_options(options, options), context));
  HEADSCOPE_ASSIGN(const auto encoder, prompt_encoder(options, opened));
  HEADSCOPE_ASSIGN(auto passport, make_passport(opened, encoder, data, chosen, options, options,
                                                options, context));
  HEADSCOPE_ASSIGN(const auto set, read_interventions(options, opened, options.seed, progress));
  ScoreOptions how{.max_new_tokens = options.max_new_tokens,
                   .rows = options.row_convention(),
                   .gold_only = !options.no_gold_only,
                   .interventions = on_samples(set),
                   .spread = options.metrics};
  HEADSCOPE_ASSIGN(auto lines, unfinished(options, passport));
  if (!lines.finished().empty()) {
    progress.note("going on after " + std::to_string(lines.finished().size()) + " samples");
  }
  how.finished = lines.finished();
  how.on_sample = [&lines](const ScoredSample& sample) { return lines.add(sample); };
  HEADSCOPE_TRY(announce_samples(progress, opened, chosen.samples, options.max_new_tokens));
  HEADSCOPE_ASSIGN(const auto run,
                   score_samples(*opened.model, encoder, chosen.samples, how, context));
  HEADSCOPE_TRY(keep(options, run, std::move(passport), chosen));
  return lines.finish();
}

}  // namespace

void add_score(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add(
      "score", "how much every head attends to the relevant documents of a data set: a head set",
      [options] { return score(*options); });
  add_loaded_model(*command, *options);
  add_data(*command, *options, true, "questions to score on (default: the training part)");
  add_prompt_options(*command, *options);
  command->add_flag("--no-gold-only", options->no_gold_only, "leave the gold-only prompts out");
  command->add_flag(
      "--metrics", options->metrics,
      "also entropy (nats) and distance (tokens) of every head; keeps every weight of "
      "a sample's response rows meanwhile");
  command->add_option("--out,-o", options->file, "head set to write")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
