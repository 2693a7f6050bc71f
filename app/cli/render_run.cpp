#include "app/cli/render_run.h"

#include <algorithm>
#include <limits>
#include <span>

#include "app/cli/intervene.h"
#include "core/analysis/head_choice.h"
#include "core/analysis/pooling.h"
#include "core/base/hash.h"
#include "core/base/version.h"
#include "core/experiment/sample_run.h"
#include "core/experiment/weights_hash.h"
#include "core/figure/ticks.h"
#include "core/model/memory.h"
#include "core/runner/companions.h"
#include "core/session/head_set.h"
#include "core/session/intervention_file.h"
#include "core/text/dataset.h"
#include "core/text/spans.h"

namespace headscope::cli {
namespace {

Result<PromptInput> prompt_of_sample(const RenderOptions& options, const PromptEncoder& encoder,
                                     figure::Provenance& provenance) {
  HEADSCOPE_ASSIGN(const auto data, load_dataset(options.data));
  if (options.sample >= static_cast<std::int64_t>(data.samples.size())) {
    return bad_input(options.data + ": --sample " + std::to_string(options.sample) +
                     ": there are only " + std::to_string(data.samples.size()) +
                     " samples, counted from 0");
  }
  auto built = build_prompt(data.samples[static_cast<std::size_t>(options.sample)]);
  PromptInput input;
  HEADSCOPE_ASSIGN(input.encoding, encoder.encode(built.text));
  input.text = std::move(built.text);
  input.documents = std::move(built.documents);
  provenance.data = data.name + " sample " + std::to_string(options.sample);
  provenance.data_hash = data.sha256;
  return input;
}

Result<PromptInput> read_any_prompt(const RenderOptions& options, const OpenedModel& opened,
                                    figure::Provenance& provenance) {
  std::optional<PromptEncoder> encoder;
  if (options.data.empty()) {
    HEADSCOPE_ASSIGN(
        encoder, prompt_encoder(options, options, opened.name, opened.folder, opened.tokenizer));
  } else {
    HEADSCOPE_ASSIGN(encoder, prompt_encoder(options, opened));
  }
  if (encoder && encoder->template_name() != "none") {
    provenance.settings.push_back(encoder->template_name());
  }
  if (!options.data.empty()) return prompt_of_sample(options, *encoder, provenance);
  provenance.data = options.prompt_file ? "prompt " + *options.prompt_file : "the prompt given";
  provenance.data_hash = options.ids ? sha256_hex(*options.ids) : "";
  HEADSCOPE_ASSIGN(auto input, read_prompt(options, encoder));
  if (!options.ids) provenance.data_hash = sha256_hex(input.text);
  return input;
}

// Every document's tokens, then the sink.
std::vector<TokenSet> key_sets(const PromptInput& prompt) {
  std::vector<TokenSet> sets;
  for (const DocumentSpan& document : prompt.documents) {
    sets.push_back(tokens_in_span(prompt.encoding.offsets, document.relevant));
  }
  sets.push_back(prompt.encoding.size() > 1 ? TokenSet{0, 1} : TokenSet{0});
  return sets;
}

SpanLayout layout_of(const PromptInput& prompt) {
  SpanLayout layout;
  layout.documents = static_cast<int>(prompt.documents.size());
  for (int i = 0; i < layout.documents; ++i) {
    if (prompt.documents[static_cast<std::size_t>(i)].gold) layout.gold.push_back(i);
  }
  return layout;
}

// Whose mass bars and overlay show, and how to call them.
std::pair<std::vector<HeadId>, std::string> heads_shown(const RenderRun& run,
                                                        const RenderOptions& options) {
  const ModelConfig& config = run.opened.model->config();
  if (options.layer) {
    return {std::vector<HeadId>{HeadId{*options.layer, *options.head}},
            "Layer " + std::to_string(*options.layer) + ", head " + std::to_string(*options.head)};
  }
  if (!run.intervened_heads.empty()) {
    return {run.intervened_heads, "Mean over the " + std::to_string(run.intervened_heads.size()) +
                                      " heads intervened on"};
  }
  if (!run.ranking.empty()) {
    const int wanted =
        options.top_k.value_or(headscope::default_top_k(config.layers, config.heads));
    const auto count =
        std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, run.ranking.size());
    return {std::vector<HeadId>(run.ranking.begin(),
                                run.ranking.begin() + static_cast<std::ptrdiff_t>(count)),
            "Mean over the top " + std::to_string(count) + " contextual heads"};
  }
  std::vector<HeadId> all;
  for (int i = 0; i < config.layers * config.heads; ++i)
    all.push_back({i / config.heads, i % config.heads});
  return {all, "Mean over all " + std::to_string(all.size()) + " heads"};
}

// Layers whose weights a figure needs; empty where it does without.
TokenRange layers_of_weights(const RenderRun& run, const RenderOptions& options) {
  if (options.figure == "attention") return {*options.layer, *options.layer + 1};
  if (options.figure != "overlay") return {};
  TokenRange layers{std::numeric_limits<std::int64_t>::max(), 0};
  for (const HeadId head : heads_shown(run, options).first) {
    layers.begin = std::min<std::int64_t>(layers.begin, head.layer);
    layers.end = std::max<std::int64_t>(layers.end, head.layer + 1);
  }
  return layers;
}

Result<Capture> capture_for(const RenderRun& run, const RenderOptions& options) {
  Capture capture;
  capture.span_sets = key_sets(run.prompt);
  capture.layers = layers_of_weights(run, options);
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

Result<PromptRun> run_once(RenderRun& run, const RenderOptions& options,
                           std::vector<Intervention> interventions, const RunContext& context) {
  GenerateRequest request;
  request.prompt_ids = run.prompt.encoding.ids;
  request.max_new_tokens = options.max_new_tokens;
  request.sampling.seed = options.seed;
  request.interventions = std::move(interventions);
  HEADSCOPE_ASSIGN(request.capture, capture_for(run, options));
  PromptRun result;
  HEADSCOPE_ASSIGN(result.generation, run.opened.model->generate(request, context));
  if (result.generation.ids.empty()) {
    return bad_input("the model's response to this prompt is empty: there are no rows to draw");
  }
  result.rows =
      response_rows(options.convention(), static_cast<std::int64_t>(result.generation.ids.size()));
  const CapturedAttention& attention = result.generation.attention;
  result.scores = scores_from_span_sums(attention.span_sums, attention.layers, attention.heads,
                                        attention.rows.size(), result.rows, layout_of(run.prompt));
  return result;
}

std::string symbol_of(const std::string& parameter) {
  return parameter == "tau" ? "τ" : parameter == "alpha" ? "α" : parameter;
}

Result<std::string> in_words(const RenderOptions& options, std::size_t heads) {
  if (options.intervene.empty()) return std::string();
  HEADSCOPE_ASSIGN(const auto file, read_interventions_file(options.intervene));
  std::string text;
  for (const InterventionDescription& part : file.interventions) {
    text += (text.empty() ? "" : " + ") + std::string(part.method->name);
    for (std::size_t i = 0; i < part.values.size(); ++i) {
      const MethodParameter& parameter = part.method->parameters[i];
      if (parameter.kind != MethodParameter::Kind::number) continue;
      text += " " + symbol_of(parameter.name) + " = " + figure::shortest(part.values[i]);
    }
  }
  return text + " on " + std::to_string(heads) + (heads == 1 ? " head" : " heads");
}

Result<> fill_provenance(RenderRun& run, const RenderOptions& options, const RunContext& context) {
  run.provenance.model = run.opened.name;
  HEADSCOPE_ASSIGN(run.provenance.model_hash,
                   weights_sha256(run.opened.folder, context, run.opened.adapter));
  run.provenance.samples = 1;
  const Model& model = *run.opened.model;
  std::vector<std::string>& settings = run.provenance.settings;
  settings.push_back("rows: " + options.rows);
  settings.push_back("greedy, at most " + std::to_string(options.max_new_tokens) + " new tokens");
  settings.push_back(model.dtype_name() + " on " + model.device_name());
  if (!run.intervention.empty()) {
    run.provenance.settings.insert(run.provenance.settings.begin(),
                                   "intervention: " + run.intervention);
    run.provenance.settings.push_back("seed " + std::to_string(options.seed));
  }
  run.provenance.version = kVersion;
  return {};
}

Result<> read_ranking(RenderRun& run, const RenderOptions& options) {
  const ModelConfig& config = run.opened.model->config();
  if (options.heads.empty()) {
    run.ranking = read_companions(run.opened.folder, config).ranking;
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
  return check("--head", options.head, config.heads);
}

// Mean over `heads` and the response rows of the mass on key set `set`.
double mean_mass(const PromptRun& run, const std::vector<HeadId>& heads, int set) {
  const CapturedAttention& attention = run.generation.attention;
  const std::int64_t rows = attention.rows.size();
  const auto all = static_cast<std::int64_t>(attention.layers) * attention.heads * rows;
  const std::int64_t sets =
      all > 0 ? static_cast<std::int64_t>(attention.span_sums.size()) / all : 0;
  double sum = 0;
  for (const HeadId id : heads) {
    const std::int64_t first =
        (static_cast<std::int64_t>(id.layer) * attention.heads + id.head) * rows;
    for (std::int64_t row = run.rows.begin; row < run.rows.end; ++row) {
      sum += attention.span_sums[static_cast<std::size_t>((first + row) * sets + set)];
    }
  }
  return sum / static_cast<double>(heads.size() * static_cast<std::size_t>(run.rows.size()));
}

// Mean over `heads` and the response rows of the weight on every token of the prompt.
std::vector<float> token_masses(const PromptRun& run, const std::vector<HeadId>& heads,
                                std::int64_t first_layer, std::size_t tokens) {
  const CapturedAttention& attention = run.generation.attention;
  RowPool pool(tokens, Pooling::mean);
  for (const HeadId id : heads) {
    const std::int64_t block = (id.layer - first_layer) * attention.heads + id.head;
    for (std::int64_t row = run.rows.begin; row < run.rows.end; ++row) {
      const auto begin =
          static_cast<std::size_t>((block * attention.rows.size() + row) * attention.keys);
      pool.add(std::span(attention.weights).subspan(begin, tokens));
    }
  }
  return pool.values();
}

bool in_gold(const PromptInput& prompt, const ByteSpan& span) {
  return std::any_of(prompt.documents.begin(), prompt.documents.end(), [&](const auto& document) {
    return document.gold && document.relevant.overlaps(span);
  });
}

// The text in pieces; tokens that share a character become one.
void add_pieces(figure::OverlayFigure& f, const PromptInput& prompt,
                const std::vector<float>& masses) {
  const auto text = [&](std::size_t begin, std::size_t end) {
    return prompt.text.substr(begin, end - begin);
  };
  std::size_t at = 0;
  for (std::size_t t = 0; t < masses.size(); ++t) {
    const ByteSpan& span = prompt.encoding.offsets[t];
    if (span.empty()) {
      f.hidden += masses[t];
    } else if (span.begin < at && !f.pieces.empty()) {
      f.pieces.back().mass += masses[t];
      if (span.end > at) f.pieces.back().text += text(at, span.end);
    } else {
      if (span.begin > at) f.pieces.push_back({text(at, span.begin)});
      f.pieces.push_back({text(span.begin, span.end), masses[t], in_gold(prompt, span), true});
    }
    at = std::max(at, span.end);
  }
  if (at < prompt.text.size()) f.pieces.push_back({text(at, prompt.text.size())});
}

}  // namespace

Result<RenderRun> run_for_figure(const RenderOptions& options, ProgressPrinter& progress) {
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
  HEADSCOPE_ASSIGN(const auto config, load_config(folder.string()));
  HEADSCOPE_TRY(check_head(options, config));
  HEADSCOPE_ASSIGN(auto opened, open_model(options.model, load_options(options, options), context));
  RenderRun run(std::move(opened));
  HEADSCOPE_ASSIGN(run.prompt, read_any_prompt(options, run.opened, run.provenance));
  HEADSCOPE_TRY(read_ranking(run, options));
  HEADSCOPE_ASSIGN(const auto set, read_interventions(options, run.opened, options.seed, progress));
  HEADSCOPE_ASSIGN(auto interventions, interventions_for(set, run.prompt));
  run.intervened_heads = set.heads();
  HEADSCOPE_ASSIGN(run.intervention, in_words(options, run.intervened_heads.size()));
  HEADSCOPE_TRY(fill_provenance(run, options, context));
  HEADSCOPE_ASSIGN(run.baseline, run_once(run, options, {}, context));
  if (interventions.empty()) return run;
  HEADSCOPE_ASSIGN(run.intervened, run_once(run, options, std::move(interventions), context));
  return run;
}

figure::AttentionFigure attention_figure(const RenderRun& run, const RenderOptions& options) {
  const PromptRun& shown = run.shown();
  const CapturedAttention& attention = shown.generation.attention;
  figure::AttentionFigure f;
  f.head = {*options.layer, *options.head};
  f.prompt_tokens = static_cast<std::int64_t>(run.prompt.encoding.size());
  f.first_row = attention.rows.begin + shown.rows.begin;
  f.keys = attention.keys;
  std::vector<std::int32_t> ids = run.prompt.encoding.ids;
  ids.insert(ids.end(), shown.generation.ids.begin(), shown.generation.ids.end());
  const std::int64_t block = attention.rows.size() * attention.keys;
  for (std::int64_t row = shown.rows.begin; row < shown.rows.end; ++row) {
    const std::int32_t id = ids[static_cast<std::size_t>(attention.rows.begin + row)];
    f.row_tokens.push_back(run.opened.tokenizer->token_label(id));
    const auto begin = attention.weights.begin() + *options.head * block + row * attention.keys;
    f.weights.insert(f.weights.end(), begin, begin + attention.keys);
  }
  for (const DocumentSpan& d : run.prompt.documents) {
    f.documents.push_back({d.number, token_range(run.prompt.encoding.offsets, d.relevant), d.gold});
  }
  f.logarithmic = !options.linear;
  f.run = run.intervention.empty() ? "no intervention" : run.intervention;
  f.provenance = run.provenance;
  return f;
}

figure::DocumentBarsFigure documents_figure(const RenderRun& run, const RenderOptions& options) {
  const auto [heads, name] = heads_shown(run, options);
  const PromptRun& after = run.shown();
  figure::DocumentBarsFigure f;
  f.of = name + (run.intervention.empty() ? "" : "; " + run.intervention);
  f.compares = run.intervened.has_value();
  int set = 0;
  for (const DocumentSpan& d : run.prompt.documents) {
    f.documents.push_back(
        {d.number, d.gold, mean_mass(run.baseline, heads, set), mean_mass(after, heads, set)});
    ++set;
  }
  f.sink_baseline = mean_mass(run.baseline, heads, set);
  f.sink_intervened = mean_mass(after, heads, set);
  f.provenance = run.provenance;
  return f;
}

figure::OverlayFigure overlay_figure(const RenderRun& run, const RenderOptions& options) {
  const auto [heads, name] = heads_shown(run, options);
  figure::OverlayFigure f;
  f.of = name + (run.intervention.empty() ? "" : "; " + run.intervention);
  f.logarithmic = !options.linear;
  f.provenance = run.provenance;
  add_pieces(f, run.prompt,
             token_masses(run.shown(), heads, layers_of_weights(run, options).begin,
                          run.prompt.encoding.offsets.size()));
  return f;
}

}  // namespace headscope::cli
