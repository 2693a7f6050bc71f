// auto-alpha: the strength of focus directions, chosen from what the sink holds, without a label.
#include <algorithm>
#include <cmath>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/explain_input.h"
#include "app/cli/output.h"
#include "core/experiment/causal.h"
#include "core/runner/alpha_run.h"
#include "core/runner/prompt_view.h"
#include "core/text/split_edit.h"

namespace headscope::cli {
namespace {

struct Options : ExplainOptions {
  std::string target = "auto";
  std::vector<double> alphas, band;
  bool absolute = false;
  AutoAlphaOptions how;
};

// One prompt of the command, ready to run.
struct Case {
  std::shared_ptr<const PromptView> prompt;
  AlphaOutcome before, after;
};

AlphaTarget target_named(const std::string& name) {
  for (const auto target : {AlphaTarget::sink, AlphaTarget::relevant, AlphaTarget::focus}) {
    if (target_name(target) == name) return target;
  }
  return AlphaTarget::automatic;
}

Result<AutoAlphaOptions> choice_options(const Options& options) {
  AutoAlphaOptions how = options.how;
  how.target = target_named(options.target);
  how.relative = !options.absolute;
  if (options.band.empty()) return how;
  const bool valid =
      options.band.size() == 2 && options.band[0] > 0 && options.band[0] <= options.band[1];
  if (!valid) {
    return fail(ErrorKind::usage, "--band: expected LOW,HIGH with 0 < LOW <= HIGH, as 0.3,0.65");
  }
  how.band_low = options.band[0];
  how.band_high = options.band[1];
  return how;
}

Result<std::vector<double>> chosen_alphas(const Options& options) {
  std::vector<double> alphas = options.alphas.empty() ? default_alphas() : options.alphas;
  for (const double alpha : alphas) {
    if (!std::isfinite(alpha)) return fail(ErrorKind::usage, "--alpha: expected finite numbers");
  }
  if (std::find(alphas.begin(), alphas.end(), 0.0) == alphas.end()) alphas.push_back(0);
  return alphas;
}

std::string reasons(const SkipCounts& skipped) {
  std::string text;
  for (const auto& [reason, count] : skipped) {
    text += (text.empty() ? "" : ", ") + reason + " (" + std::to_string(count) + ")";
  }
  return text;
}

// What is run, and what could not be.
struct Cases {
  std::vector<Case> run;
  SkipCounts skipped;
};

Result<std::shared_ptr<const PromptView>> view_of(const ExplainInput& input,
                                                  const BuiltPrompt& built,
                                                  const std::vector<std::string>& answers) {
  PromptRequest request{.text = built.text, .answers = answers};
  request.splitting = {"hand", "", bounds_of(built.documents)};
  std::vector<int> gold;
  for (std::size_t i = 0; i < built.documents.size(); ++i) {
    if (built.documents[i].gold) gold.push_back(static_cast<int>(i));
  }
  request.mark(std::move(gold));
  return make_prompt_view(request, input.encoder, input.opened.model->config().context_length);
}

Result<Cases> cases_of(const ExplainInput& input) {
  Cases cases;
  if (input.one) {
    HEADSCOPE_ASSIGN(auto view, view_of(input, *input.one, {}));
    cases.run.push_back({std::move(view), {}, {}});
    return cases;
  }
  for (const QaSample& sample : input.samples) {
    const BuiltPrompt built = build_prompt(sample);
    HEADSCOPE_ASSIGN(const auto encoding, input.encoder.encode(built.text));
    if (built.documents.empty()) {
      ++cases.skipped[skip_no_documents];
    } else if (std::ssize(encoding.ids) > input.opened.model->config().context_length) {
      ++cases.skipped[skip_too_long];
    } else {
      HEADSCOPE_ASSIGN(auto view, view_of(input, built, sample.answers));
      cases.run.push_back({std::move(view), {}, {}});
    }
  }
  return cases;
}

// Scans of all prompts; those that get no response are taken out of `cases`.
Result<std::vector<std::vector<AlphaPoint>>> scans_of(ExplainInput& input,
                                                      const AlphaRunOptions& run, Cases& cases,
                                                      const RunContext& context) {
  std::vector<std::vector<AlphaPoint>> scans;
  std::vector<Case> answered;
  for (Case& one : cases.run) {
    context.progress("scan", double(scans.size()), double(cases.run.size()));
    auto scan = scan_prompt(*input.opened.model, *input.opened.tokenizer, *one.prompt, run,
                            one.before, context);
    const bool silent = !scan && scan.error().message == skip_empty_response;
    if (!scan && !(silent && !input.one)) return tl::unexpected(scan.error());
    if (silent) {
      ++cases.skipped[skip_empty_response];
      continue;
    }
    scans.push_back(std::move(*scan));
    answered.push_back(std::move(one));
  }
  cases.run = std::move(answered);
  if (cases.run.empty()) return bad_input("no sample could be scanned: " + reasons(cases.skipped));
  return scans;
}

Json to_json(const AttentionShares& shares) {
  return {{"sink", json_number(shares.sink)},
          {"relevant", json_number(shares.relevant)},
          {"irrelevant", json_number(shares.context - shares.relevant)},
          {"context", json_number(shares.context)},
          {"rest", json_number(shares.rest())},
          {"sink_to_context", json_number(shares.sink_to_context())},
          {"focus", json_number(shares.focus())}};
}

Json to_json(const AutoAlpha& choice) {
  Json scan = Json::array();
  for (const AlphaPoint& point : choice.scan) {
    Json entry = to_json(point.shares);
    entry["alpha"] = point.alpha;
    scan.push_back(std::move(entry));
  }
  return {{"alpha", choice.alpha},
          {"verdict", verdict_name(choice.verdict)},
          {"explanation", explain(choice)},
          {"target", target_name(choice.target)},
          {"band", choice.target == AlphaTarget::sink
                       ? Json{json_number(choice.band_low), json_number(choice.band_high)}
                       : Json(nullptr)},
          {"before", to_json(choice.before)},
          {"preview", to_json(choice.preview)},
          {"scan", std::move(scan)}};
}

AttentionShares mean_exact(const std::vector<Case>& cases) {
  std::vector<std::vector<AlphaPoint>> points;
  for (const Case& one : cases) points.push_back({{0, one.after.shares}});
  return mean_scan(points).front().shares;
}

// Exact against scanned: what the estimate above the first touched layer was off by.
void add_exact(const ExplainInput& input, const AutoAlpha& choice, const std::vector<Case>& cases,
               Json& result) {
  const AttentionShares exact = mean_exact(cases);
  result["exact"] = to_json(exact);
  result["preview_error"] = {{"sink", json_number(choice.preview.sink - exact.sink)},
                             {"relevant", json_number(choice.preview.relevant - exact.relevant)},
                             {"context", json_number(choice.preview.context - exact.context)}};
  if (input.one) {
    result["response"] = cases.front().after.response;
    result["response_before"] = cases.front().before.response;
    return;
  }
  double before = 0, after = 0;
  const auto n = static_cast<double>(cases.size());
  for (const Case& one : cases) {
    before += one.before.correct ? 1 / n : 0;
    after += one.after.correct ? 1 / n : 0;
  }
  result["em_before"] = before;
  result["em"] = after;
}

void describe(const AutoAlphaOptions& how, Passport& passport) {
  passport.options["target"] = target_name(how.target);
  passport.options["band"] = {how.band_low, how.band_high};
  passport.options["band_relative"] = how.relative;
  passport.options["least_sink"] = how.least_sink;
}

Result<> auto_alpha(const Options& options) {
  if (!options.intervene.empty()) {
    return fail(ErrorKind::usage, "--intervene: auto-alpha makes the intervention itself");
  }
  HEADSCOPE_ASSIGN(const auto how, choice_options(options));
  HEADSCOPE_ASSIGN(const auto alphas, chosen_alphas(options));
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(auto input, open_explain(options, progress));
  const AlphaRunOptions run{.heads = input.heads,
                            .directions = input.directions,
                            .alphas = alphas,
                            .max_new_tokens = options.max_new_tokens,
                            .rows = options.row_convention()};
  HEADSCOPE_ASSIGN(auto cases, cases_of(input));
  HEADSCOPE_ASSIGN(const auto scans, scans_of(input, run, cases, context));
  const AutoAlpha choice = choose_alpha(mean_scan(scans), how);
  for (Case& one : cases.run) {
    context.progress("exact run", double(&one - cases.run.data()), double(cases.run.size()));
    HEADSCOPE_ASSIGN(one.after, run_at_alpha(*input.opened.model, *input.opened.tokenizer,
                                             *one.prompt, run, choice.alpha, context));
  }
  Json result = to_json(choice);
  result["n"] = cases.run.size();
  result["skipped"] = cases.skipped;
  add_exact(input, choice, cases.run, result);
  describe(how, input.passport);
  result["notes"] = input.notes;
  result["passport"] = to_json(input.passport);
  progress.note(explain(choice));
  return write_result("auto_alpha", std::move(result), options.out);
}

}  // namespace

void add_auto_alpha(CommandLine& line) {
  auto options = std::make_shared<Options>();
  options->needs_directions = true;
  CLI::App* command = line.add(
      "auto-alpha",
      "the strength of focus directions that drains the sink, found by a scan on cached scores and "
      "verified by an exact run; needs no gold mark",
      [options] { return auto_alpha(*options); });
  command->add_option("--directions", options->directions,
                      "focus directions (default: the model's own)");
  command
      ->add_option(
          "--target", options->target,
          "sink: sink-to-context ratio into a band; relevant, focus: largest mass or share "
          "of the marked document; auto: sink, or focus where there is nothing to drain")
      ->check(CLI::IsMember({"auto", "sink", "relevant", "focus"}))
      ->capture_default_str();
  command
      ->add_option("--band", options->band,
                   "LOW,HIGH of the ratio, as a fraction of the unedited one (default 0.3,0.65)")
      ->delimiter(',');
  command->add_flag("--absolute", options->absolute, "the band is of the ratio itself");
  command
      ->add_option("--least-sink", options->how.least_sink,
                   "mass on the sink below which there is nothing to drain")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--alpha", options->alphas, "strengths to scan (default 0, 0.05 .. 1)")
      ->delimiter(',');
  add_explain(*command, *options, "write the JSON to this file instead of stdout");
}

}  // namespace headscope::cli
