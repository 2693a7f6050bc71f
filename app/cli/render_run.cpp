#include "app/cli/render_run.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>

#include "app/cli/figure_origin.h"
#include "app/cli/intervene.h"
#include "core/analysis/head_choice.h"
#include "core/base/hash.h"
#include "core/figure/ticks.h"
#include "core/model/memory.h"
#include "core/runner/companions.h"
#include "core/runner/prompt_view.h"
#include "core/runner/run_result.h"
#include "core/session/head_set.h"
#include "core/session/intervention_file.h"
#include "core/sweep/weights_hash.h"
#include "core/text/dataset.h"

namespace headscope::cli {
namespace {

Result<PromptInput> prompt_of_sample(const RenderOptions& options, const PromptEncoder& encoder,
                                     Origin& origin) {
  HEADSCOPE_ASSIGN(const auto data, load_dataset(options.data));
  if (options.sample >= static_cast<std::int64_t>(data.samples.size())) {
    return bad_input(options.data + ": --sample " + std::to_string(options.sample) +
                     ": there are only " + std::to_string(data.samples.size()) +
                     " samples, counted from 0");
  }
  const QaSample& drawn = data.samples[static_cast<std::size_t>(options.sample)];
  auto built = build_prompt(drawn);
  PromptInput input;
  input.answers = drawn.answers;
  input.question = built.question;
  input.split_method = "titled";
  input.split_reason = "the sample's documents";
  HEADSCOPE_ASSIGN(input.encoding, encoder.encode(built.text));
  input.text = std::move(built.text);
  input.documents = std::move(built.documents);
  const std::string sample = std::to_string(options.sample);
  origin.data = data.name + " sample " + sample;
  origin.data_hash = data.sha256;
  origin.data_arguments = {"--data", data.name, "--sample", sample};
  return input;
}

// Nothing for a prompt that is given as ids.
Result<std::optional<PromptEncoder>> encoder_for(const RenderOptions& options,
                                                 const OpenedModel& opened) {
  if (!options.data.empty()) return prompt_encoder(options, opened);
  return prompt_encoder(options, options, opened.name, opened.folder, opened.tokenizer);
}

Result<PromptInput> read_any_prompt(const RenderOptions& options,
                                    const std::optional<PromptEncoder>& encoder, Origin& origin) {
  if (!options.data.empty()) return prompt_of_sample(options, *encoder, origin);
  HEADSCOPE_ASSIGN(auto input, read_prompt(options, encoder));
  HEADSCOPE_TRY(name_prompt(options, input.text, origin));
  return input;
}

// Layers whose weights a figure needs; empty where it does without.
Result<TokenRange> layers_of_weights(const RenderRun& run, const RenderOptions& options) {
  if (options.needs_rows()) return TokenRange{0, run.opened.model->config().layers};
  if (options.figure == "attention") return TokenRange{*options.layer, *options.layer + 1};
  if (options.figure != "overlay") return TokenRange{};
  HEADSCOPE_ASSIGN(const auto group, heads_shown(run, options));
  TokenRange layers{std::numeric_limits<std::int64_t>::max(), 0};
  for (const HeadId head : group.heads) {
    layers.begin = std::min<std::int64_t>(layers.begin, head.layer);
    layers.end = std::max<std::int64_t>(layers.end, head.layer + 1);
  }
  return layers;
}

Result<Capture> capture_for(const RenderRun& run, const RenderOptions& options) {
  Capture capture;
  capture.span_sets = document_sets(*run.runs.prompt);
  HEADSCOPE_ASSIGN(capture.layers, layers_of_weights(run, options));
  capture.weights = capture.layers.size() > 0;
  if (!capture.weights) return capture;
  const double keys = static_cast<double>(run.prompt.encoding.size()) + options.max_new_tokens;
  const double rows = options.max_new_tokens + 1.0;
  const double layers = static_cast<double>(capture.layers.size());
  refresh_memory_limit();
  HEADSCOPE_TRY(require_memory("attention of the response rows in " + figure::fixed(layers, 0) +
                                   (layers == 1 ? " layer" : " layers"),
                               4.0 * layers * run.opened.model->config().heads * rows * keys,
                               "use a lower --max-new-tokens"));
  return capture;
}

Result<std::shared_ptr<const RunResult>> run_once(RenderRun& run, const RenderOptions& options,
                                                  std::vector<Intervention> interventions,
                                                  const RunContext& context) {
  GenerateRequest request;
  request.prompt_ids = run.prompt.encoding.ids;
  request.max_new_tokens = options.max_new_tokens;
  request.sampling.seed = options.seed;
  request.interventions = std::move(interventions);
  if (options.figure == "answers") request.candidates = kept_candidates;
  HEADSCOPE_ASSIGN(request.capture, capture_for(run, options));
  const TokenRange layers = request.capture->layers;
  HEADSCOPE_ASSIGN(const auto generation, run.opened.model->generate(request, context));
  if (generation.ids.empty()) {
    return bad_input("the model's response to this prompt is empty: there are no rows to draw");
  }
  return make_run_result(*run.runs.prompt, generation, options.convention(), *run.opened.tokenizer,
                         context, layers, run.opened.model->config().layers);
}

Result<> read_ranking(RenderRun& run, const RenderOptions& options) {
  const ModelConfig& config = run.opened.model->config();
  if (options.heads.empty()) {
    HEADSCOPE_ASSIGN(auto beside, read_companions(run.opened.folder, config));
    run.ranking = std::move(beside.ranking);
    return {};
  }
  HEADSCOPE_ASSIGN(auto set, read_head_set(options.heads));
  HEADSCOPE_TRY(check_fits(set, options.heads, config.layers, config.heads));
  run.ranking = std::move(set.ranking);
  return {};
}

Result<> check_head(const RenderOptions& options, const ModelConfig& config) {
  if (options.layer.has_value() != options.head.has_value()) {
    return fail(ErrorKind::usage, "--layer and --head belong together");
  }
  if (options.figure == "attention" && !options.layer) {
    return fail(ErrorKind::usage, "--figure attention: say which head with --layer and --head");
  }
  const auto check = [](const char* name, std::optional<int> value, int count) -> Result<> {
    if (!value || *value < count) return {};
    return fail(ErrorKind::usage, std::string(name) + " " + std::to_string(*value) +
                                      ": the model has " + std::to_string(count) +
                                      ", counted from 0");
  };
  HEADSCOPE_TRY(check("--layer", options.layer, config.layers));
  HEADSCOPE_TRY(check("--head", options.head, config.heads));
  if (options.choose.empty() || options.choose == "all") return {};
  HEADSCOPE_ASSIGN(const auto heads, heads_from_text(options.choose, "--choose"));
  for (const HeadId id : heads) {
    HEADSCOPE_TRY(check("--choose: layer", id.layer, config.layers));
    HEADSCOPE_TRY(check("--choose: head", id.head, config.heads));
  }
  return {};
}

// The prompt as the window has it.
std::shared_ptr<const PromptView> view_of(const RenderRun& run, const RenderOptions& options) {
  const PromptInput& input = run.prompt;
  auto view = prompt_view_of(input.text, input.encoding, input.documents, *run.opened.tokenizer);
  view->answers = options.answers.empty() ? input.answers : options.answers;
  view->split_method = input.split_method;
  view->split_reason = input.split_reason;
  return view;
}

}  // namespace

void add_any_prompt(CLI::App& command, RenderOptions& options) {
  auto* source = command.add_option_group("Prompt", "at most one of");
  source->add_option("--prompt", options.prompt, "the prompt");
  source->add_option("--prompt-file", options.prompt_file, "file that holds it, used as it is");
  source->add_option("--ids", options.ids, "token ids, separated by commas, used as they are");
  source->add_option("--data", options.data, "data set that holds it, with --sample");
  source->require_option(0, 1);
  command.add_option("--sample", options.sample, "which sample of --data, counted from 0")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
  add_documents(command, options);
}

Result<RenderRun> run_for_figure(const RenderOptions& options, ProgressPrinter& progress) {
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
  HEADSCOPE_ASSIGN(const auto config, load_config(folder.string()));
  HEADSCOPE_TRY(check_head(options, config));
  HEADSCOPE_ASSIGN(auto opened, open_model(options.model, load_options(options, options), context));
  RenderRun run(std::move(opened));
  HEADSCOPE_ASSIGN(const auto encoder, encoder_for(options, run.opened));
  HEADSCOPE_ASSIGN(run.prompt, read_any_prompt(options, encoder, run.runs.origin));
  run.runs.prompt = view_of(run, options);
  HEADSCOPE_TRY(read_ranking(run, options));
  HEADSCOPE_ASSIGN(const auto set, read_interventions(options, run.opened, options.seed, progress));
  HEADSCOPE_ASSIGN(auto interventions, interventions_for(set, run.prompt));
  run.intervened_heads = set.heads();
  HEADSCOPE_TRY(name_run({run.opened, encoder ? &*encoder : nullptr, options.convention(),
                          run.intervened_heads.size()},
                         options, options, context, run.runs.origin));
  HEADSCOPE_ASSIGN(run.runs.baseline, run_once(run, options, {}, context));
  if (interventions.empty()) return run;
  HEADSCOPE_ASSIGN(run.runs.intervened, run_once(run, options, std::move(interventions), context));
  return run;
}

Result<HeadGroup> heads_shown(const RenderRun& run, const RenderOptions& options) {
  const ModelConfig& config = run.opened.model->config();
  if (options.layer)
    return head_group({HeadId{*options.layer, *options.head}}, config.layers, config.heads);
  if (!options.choose.empty() && options.choose != "all") {
    HEADSCOPE_ASSIGN(auto heads, heads_from_text(options.choose, "--choose"));
    return head_group(std::move(heads), config.layers, config.heads);
  }
  if (options.choose.empty() && !run.intervened_heads.empty()) {
    return HeadGroup{
        run.intervened_heads,
        "Mean over the " + std::to_string(run.intervened_heads.size()) + " heads intervened on",
        {}};
  }
  if (options.choose.empty() && !run.ranking.empty()) {
    const int wanted =
        options.top_k.value_or(headscope::default_top_k(config.layers, config.heads));
    HeadGroup group{
        first_heads(run.ranking, std::max(wanted, 1), config.layers, config.heads), {}, {}};
    group.words = "Mean over the top " + std::to_string(group.heads.size()) + " contextual heads";
    if (!options.heads.empty())
      group.arguments = {"--heads", std::filesystem::path(options.heads).filename().string()};
    if (options.top_k)
      group.arguments.insert(group.arguments.end(), {"--top-k", std::to_string(*options.top_k)});
    return group;
  }
  std::vector<HeadId> all;
  for (int i = 0; i < config.layers * config.heads; ++i)
    all.push_back({i / config.heads, i % config.heads});
  return head_group(std::move(all), config.layers, config.heads);
}

Result<AttentionChoice> attention_choice(const RenderRun& run, const RenderOptions& options) {
  AttentionChoice choice;
  choice.head = {*options.layer, *options.head};
  choice.shown = run.runs.compares() ? options.shown() : ShownRun::baseline;
  choice.logarithmic = !options.linear;
  choice.per_row = options.per_row;
  choice.without_sink = options.without_sink;
  if (options.range.empty()) return choice;
  HEADSCOPE_ASSIGN(choice.range, range_from_text(options.range, "--range"));
  return choice;
}

Result<OverlayChoice> overlay_choice(const RenderRun& run, const RenderOptions& options) {
  OverlayChoice choice;
  HEADSCOPE_ASSIGN(choice.heads, heads_shown(run, options));
  choice.shown = run.runs.compares() ? options.shown() : ShownRun::baseline;
  choice.pooling = options.pooling == "sum"   ? Pooling::sum
                   : options.pooling == "max" ? Pooling::max
                                              : Pooling::mean;
  choice.rows = options.tokens;
  std::sort(choice.rows.begin(), choice.rows.end());
  choice.logarithmic = !options.linear;
  choice.without_sink = options.without_sink;
  return choice;
}

}  // namespace headscope::cli
