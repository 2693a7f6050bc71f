#include "core/engine/fake_runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include "core/analysis/likely_document.h"
#include "core/analysis/metrics.h"
#include "core/base/run_trace.h"
#include "core/engine/prompt_groups.h"
#include "core/text/prompt.h"

namespace headscope {
namespace {

using Clock = std::chrono::steady_clock;

TokenRange tokens_of(const std::vector<TokenView>& tokens, ByteSpan span) {
  TokenRange range;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].special || !tokens[i].bytes.overlaps(span)) continue;
    const auto at = static_cast<std::int64_t>(i);
    if (range.size() == 0) range.begin = at;
    range.end = at + 1;
  }
  return range;
}

std::vector<DocumentView> documents_of(const PromptRequest& prompt, const SplitPrompt& split,
                                       const std::vector<TokenView>& tokens) {
  std::vector<DocumentView> documents;
  for (const auto& found : split.prompt.documents) {
    DocumentView view;
    view.number = found.number;
    view.title = found.title;
    view.line = found.line;
    view.relevant = found.relevant;
    view.tokens = tokens_of(tokens, found.relevant);
    view.gold = prompt.is_gold(static_cast<int>(documents.size()));
    documents.push_back(std::move(view));
  }
  return documents;
}

/// Masses per document and on the sink of one head's rows, appended to `sums`.
void append_span_sums(const PromptView& prompt, const std::vector<float>& weights,
                      std::int64_t keys, std::vector<float>& sums) {
  for (std::size_t row = 0; row * static_cast<std::size_t>(keys) < weights.size(); ++row) {
    const float* w = weights.data() + row * static_cast<std::size_t>(keys);
    const auto mass = [&](TokenRange range) {
      double sum = 0;
      for (auto j = range.begin; j < std::min(range.end, keys); ++j) sum += w[j];
      return static_cast<float>(sum);
    };
    for (const auto& document : prompt.documents) sums.push_back(mass(document.tokens));
    sums.push_back(mass({0, 2}));
  }
}

/// The token itself first, then words of the prompt, each half as likely as the one before.
std::vector<CandidateView> candidates_of(const PromptView& prompt, const TokenView& token,
                                         std::size_t step) {
  std::vector<CandidateView> candidates = {{token.id, token.text, 0.6f}};
  float left = 0.4f;
  for (std::size_t i = 1; i < prompt.tokens.size(); ++i) {
    const TokenView& word = prompt.tokens[(i * 7 + step) % prompt.tokens.size()];
    const bool known = word.special || std::any_of(candidates.begin(), candidates.end(),
                                                   [&](const auto& c) { return c.id == word.id; });
    if (known) continue;
    if (candidates.size() == kept_candidates) break;
    candidates.push_back({word.id, word.text, left /= 2});
  }
  return candidates;
}

}  // namespace

void FakeControl::fail(FakeCall call, Error error, int times) {
  const std::lock_guard lock(mutex_);
  failures_[call] = {std::move(error), times};
}

void FakeControl::hold(FakeCall call) {
  const std::lock_guard lock(mutex_);
  held_call_ = call;
}

void FakeControl::release() {
  const std::lock_guard lock(mutex_);
  held_call_.reset();
  is_held_ = false;
  changed_.notify_all();
}

bool FakeControl::wait_held(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return is_held_; });
}

int FakeControl::count(FakeCall call) const {
  const std::lock_guard lock(mutex_);
  const auto found = begun_.find(call);
  return found == begun_.end() ? 0 : found->second;
}

int FakeControl::finished(FakeCall call) const {
  const std::lock_guard lock(mutex_);
  const auto found = finished_.find(call);
  return found == finished_.end() ? 0 : found->second;
}

int FakeControl::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

int FakeControl::steps() const {
  const std::lock_guard lock(mutex_);
  return steps_;
}

std::optional<Error> FakeControl::take_failure(FakeCall call) {
  const std::lock_guard lock(mutex_);
  const auto found = failures_.find(call);
  if (found == failures_.end() || found->second.times == 0) return std::nullopt;
  if (found->second.times > 0) --found->second.times;
  return found->second.error;
}

/// The steps of one call: each polls, waits, can be held; half way the chosen failure strikes.
class FakeRunner::Steps {
 public:
  Steps(FakeControl& control, FakeCall call, const RunContext& context, int total)
      : control_(control),
        call_(call),
        context_(context),
        total_(total),
        failure_(control.take_failure(call)) {
    const std::lock_guard lock(control_.mutex_);
    ++control_.begun_[call_];
  }

  Result<> next(const std::string& what) {
    HEADSCOPE_TRY(poll());
    if (failure_ && 2 * (done_ + 1) > total_) return tl::unexpected<Error>(*failure_);
    context_.progress(what, done_++, total_);
    {
      const std::lock_guard lock(control_.mutex_);
      ++control_.steps_;
    }
    HEADSCOPE_TRY(sleep());
    return stay_while_held();
  }

  Result<> poll() {
    if (!context_.cancelled()) return {};
    const std::lock_guard lock(control_.mutex_);
    ++control_.cancelled_;
    return headscope::fail(ErrorKind::cancelled, "cancelled");
  }

  void finish() {
    const std::lock_guard lock(control_.mutex_);
    ++control_.finished_[call_];
  }

 private:
  Result<> sleep() {
    const auto until = Clock::now() + std::chrono::milliseconds(control_.delay_ms_.load());
    while (Clock::now() < until) {
      HEADSCOPE_TRY(poll());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return {};
  }

  Result<> stay_while_held() {
    for (;;) {
      {
        std::unique_lock lock(control_.mutex_);
        if (control_.held_call_ != call_) return {};
        control_.is_held_ = true;
        control_.changed_.notify_all();
        control_.changed_.wait_for(lock, std::chrono::milliseconds(2));
      }
      HEADSCOPE_TRY(poll());  // asks the engine, hence never under our lock
    }
  }

  FakeControl& control_;
  FakeCall call_;
  const RunContext& context_;
  int total_ = 0;
  int done_ = 0;
  std::optional<Error> failure_;
};

FakeRunner::FakeRunner(const FakeOptions& options, std::shared_ptr<FakeControl> control)
    : world_(options), control_(control ? std::move(control) : std::make_shared<FakeControl>()) {}

Result<std::shared_ptr<const ModelInfo>> FakeRunner::load(const Request& request,
                                                          const RunContext& context) {
  Steps steps(*control_, FakeCall::load, context, 4);
  for (int i = 0; i < 4; ++i) HEADSCOPE_TRY(steps.next("weights"));
  if (request.model == "missing")
    return bad_input("missing: no such model (expected \"demo\" or a folder with config.json)");
  const auto& options = world_.options();
  auto info = std::make_shared<ModelInfo>();
  info->name = info->path = request.model;
  info->model_type = "fake";
  info->dtype = "float32";
  info->device = "cpu";
  info->parity.tokens = 40;
  info->parity.steps = 8;
  info->parity.logit_tolerance = info->parity.attention_tolerance = 1e-4;
  info->layers = options.layers;
  info->heads = options.heads;
  info->kv_heads = options.kv_heads;
  info->head_dim = options.head_dim;
  info->context_length = options.context_length;
  info->vocab_size = 30003;
  info->parameters = std::int64_t{12} * options.layers * options.heads * options.heads *
                     options.head_dim * options.head_dim;
  info->is_demo = request.model == "demo";
  info->has_directions = options.has_directions;
  if (options.has_directions) info->directions_source = "fake directions";
  directions_hash_ = request.intervention.directions_hash;
  if (const std::filesystem::path file = request.intervention.directions; !file.empty())
    info->directions_source = file.filename().string();  // it takes their word for it
  if (options.has_ranking) {
    info->known_ranking = world_.ranking();
    info->known_scores = world_.known_scores();
    info->known_source = "fake head set";
  }
  steps.finish();
  return info;
}

Result<std::shared_ptr<const PromptView>> FakeRunner::prepare(const PromptRequest& prompt) {
  const RunContext nobody;
  Steps steps(*control_, FakeCall::prepare, nobody, 1);
  HEADSCOPE_TRY(steps.next("tokens"));
  if (prompt.text.empty()) return bad_input("prompt: empty; type a question or open a file");
  auto view = std::make_shared<PromptView>();
  view->text = prompt.text;
  view->answers = prompt.answers;
  for (const std::string& answer : prompt.answers) {
    const auto words = fake_tokens(" " + answer, false);
    if (words.empty()) continue;
    view->answer_starts.push_back(words.front());
    view->answer_starts.back().bytes = {};
  }
  view->tokens = fake_tokens(prompt.text, true);
  HEADSCOPE_ASSIGN(const auto split, split_prompt(prompt.text, prompt.splitting));
  view->documents = documents_of(prompt, split, view->tokens);
  view->splitting = prompt.splitting;
  view->split_method = split.method;
  view->split_reason = split.reason;
  for (const auto& token : view->tokens)
    if (token.unknown) view->unknown_words.push_back(token.bytes);
  const auto limit = world_.options().context_length;
  if (view->prompt_tokens() > limit) {
    return bad_input("prompt: " + std::to_string(view->prompt_tokens()) +
                     " tokens, the model's context is " + std::to_string(limit));
  }
  steps.finish();
  return view;
}

Result<std::shared_ptr<const RunOutlook>> FakeRunner::outlook(const PromptView& prompt,
                                                              const Request& request) {
  const auto& options = world_.options();
  const double heads = double(options.layers) * options.heads;
  const double new_tokens = request.max_new_tokens;
  const double keys = double(prompt.prompt_tokens()) + new_tokens;
  const double sets = double(prompt.documents.size()) + 1;
  auto outlook = std::make_shared<RunOutlook>();
  outlook->prompt_tokens = prompt.prompt_tokens();
  outlook->new_tokens = request.max_new_tokens;
  outlook->free_bytes = double(options.weights_budget);
  const double seconds = control_->delay_ms_.load() * (options.layers + new_tokens) / 1000;
  const auto estimate = [&](double floats) {
    return PolicyEstimate{4 * floats, seconds, 4 * floats <= outlook->free_bytes};
  };
  outlook->nothing = {0, seconds, true};
  outlook->spans = {4 * heads * new_tokens * sets, seconds, true};
  outlook->rows = estimate(heads * new_tokens * keys);
  outlook->full_map = estimate(keys * keys);
  const bool rows = request.keep == KeepAttention::rows ||
                    (request.keep == KeepAttention::automatic && outlook->rows.fits);
  outlook->chosen = rows ? KeepAttention::rows : KeepAttention::spans;
  return outlook;
}

Result<> FakeRunner::prefill(const FakeScene& scene, const FakeEdit& edit,
                             const RunContext& context, Steps& steps) const {
  const int layers = world_.options().layers;
  const std::int64_t prompt = scene.prompt->prompt_tokens(), rows = prompt - 1;
  const bool early = !edit.heads.empty() && edit.rows.first_row(prompt) < rows;
  const int touched = early ? edit.heads.front().layer : layers;
  const int first = world_.options().restarts && run_text_ == scene.prompt->text ? touched : 0;
  TimedSpan timed(tracer_of(context), TraceKind::prefill, "prefill");
  timed.span.number = first;
  timed.span.of = layers;
  timed.span.rows = rows;
  timed.span.reused = first * rows;
  timed.span.cut = true;
  for (int layer = first; layer < layers; ++layer) {
    TimedSpan part(tracer_of(context), TraceKind::layer, "layer");
    part.span.number = layer;
    part.span.of = layers;
    part.span.rows = rows;
    part.span.cut = true;
    HEADSCOPE_TRY(steps.next("prefill"));
    part.span.computed = rows;
    part.span.cut = false;
  }
  timed.span.computed = (layers - first) * rows;
  timed.span.cut = false;
  return {};
}

Result<> FakeRunner::generate(const FakeScene& scene, const FakeEdit& edit, const Request& request,
                              bool keep_weights, const AnswerContext& context, Steps& steps,
                              RunResult& result) const {
  HEADSCOPE_TRY(prefill(scene, edit, context, steps));
  auto tokens = fake_tokens(world_.answer(scene, edit), false);
  result.stopped_at_eos = static_cast<int>(tokens.size()) <= request.max_new_tokens;
  if (!result.stopped_at_eos)
    tokens.resize(static_cast<std::size_t>(std::max(request.max_new_tokens, 0)));
  for (auto& token : tokens) {
    TimedSpan timed(tracer_of(context), TraceKind::token, "token");
    timed.span.number = static_cast<int>(result.response.size()) + 1;
    HEADSCOPE_TRY(steps.next("answer"));
    result.response_text += token.text;
    token.bytes = {};
    result.response.push_back(token);
    result.candidates.push_back(candidates_of(*scene.prompt, token, result.response.size()));
    if (context.on_text) context.on_text(result.response_text, false);
    if (!context.on_growth) continue;
    auto so_far = std::make_shared<RunResult>(result);
    so_far->quality = Quality::growing;
    const RunContext untraced;  // part of the token's time
    HEADSCOPE_TRY(
        capture(scene, edit, request.row_convention, keep_weights, untraced, steps, *so_far));
    for (std::size_t i = 0; i < so_far->weights.size(); ++i) {
      if (i != so_far->index(request.selected)) so_far->weights[i] = nullptr;
    }
    context.on_growth(std::move(so_far));
  }
  if (context.on_text) context.on_text(result.response_text, true);
  return {};
}

Result<> FakeRunner::capture(const FakeScene& scene, const FakeEdit& edit, RowConvention convention,
                             bool keep_weights, const RunContext& context, Steps& steps,
                             RunResult& result) const {
  const TimedSpan timed(tracer_of(context), TraceKind::read_back, "read-back");
  const std::int64_t prompt = scene.prompt->prompt_tokens(), n = std::ssize(result.response);
  const std::int64_t first = prompt - (convention == RowConvention::predict ? 1 : 0);
  result.rows = {first, first + n};
  result.keys = prompt + n;
  for (int layer = 0; layer < result.layers; ++layer) {
    for (int head = 0; head < result.heads; ++head) {
      HEADSCOPE_TRY(steps.poll());
      auto block = world_.weights(scene, {layer, head}, result.rows, result.keys, edit);
      append_span_sums(*scene.prompt, block, result.keys, result.span_sums);
      if (keep_weights)
        result.weights.push_back(std::make_shared<const std::vector<float>>(std::move(block)));
    }
  }
  const SpanLayout layout{result.sets - 1, scene.prompt->gold_documents()};
  result.scores =
      scores_from_span_sums(result.span_sums, result.layers, result.heads, n, {0, n}, layout);
  result.matches_answer = best_subspan_em(result.response_text, scene.prompt->answers);
  return {};
}

Result<std::shared_ptr<const RunResult>> FakeRunner::run(const PromptView& prompt,
                                                         const InterventionSettings& settings,
                                                         const std::vector<HeadId>& heads,
                                                         const Request& request,
                                                         const AnswerContext& context) {
  const auto& options = world_.options();
  const auto started = Clock::now();
  Steps steps(*control_, FakeCall::run, context, options.layers + 4);
  const bool baseline = settings.is_identity() || heads.empty();
  const auto edit = baseline ? FakeEdit{} : FakeEdit::from(prompt, settings, heads);
  const FakeScene scene(prompt);
  auto result = std::make_shared<RunResult>();
  result->settings = baseline ? InterventionSettings{} : settings;
  result->touched = edit.heads;
  result->layers = options.layers;
  result->heads = options.heads;
  result->sets = static_cast<int>(prompt.documents.size()) + 1;
  HEADSCOPE_ASSIGN(const auto ahead, outlook(prompt, request));
  const bool keep_weights = ahead->chosen == KeepAttention::rows;
  HEADSCOPE_TRY(generate(scene, edit, request, keep_weights, context, steps, *result));
  HEADSCOPE_TRY(
      capture(scene, edit, request.row_convention, keep_weights, context, steps, *result));
  result->seconds = std::chrono::duration<double>(Clock::now() - started).count();
  steps.finish();
  run_text_ = prompt.text;
  return result;
}

namespace {

/// Makes a long prompt's map of a whole one: returns its overview.
std::vector<float> pool(FullMap& map, std::vector<float> whole, int level,
                        const MapRegion& region) {
  if (level == 0) return whole;
  map.level = level;
  std::vector<float> overview(static_cast<std::size_t>(map.side() * map.side()), 0.0f);
  const auto end = [&](TokenRange range) { return std::min(range.end, map.tokens); };
  map.region = {{region.rows.begin, end(region.rows)},
                {region.columns.begin, end(region.columns)},
                region.groups};
  for (std::int64_t row = 0; row < map.tokens; ++row) {
    for (std::int64_t key = 0; key < map.tokens; ++key) {
      const float weight = whole[static_cast<std::size_t>(row * map.tokens + key)];
      auto& cell = overview[static_cast<std::size_t>((row >> level) * map.side() + (key >> level))];
      cell = std::max(cell, weight);
      if (map.region.rows.contains(row) && map.region.columns.contains(key)) {
        map.exact.push_back(weight);
      }
    }
  }
  return overview;
}

}  // namespace

Result<std::shared_ptr<const FullMap>> FakeRunner::full_map(const PromptView& prompt,
                                                            const RunResult& run, HeadId head,
                                                            const MapRegion& region,
                                                            const RunContext& context) {
  constexpr int parts = 8;
  Steps steps(*control_, FakeCall::full_map, context, parts);
  const bool baseline = run.settings.is_identity() || run.touched.empty();
  const auto edit = baseline ? FakeEdit{} : FakeEdit::from(prompt, run.settings, run.touched);
  const FakeScene scene(prompt);
  auto map = std::make_shared<FullMap>();
  map->head = head;
  map->settings = run.settings;
  map->tokens = prompt.prompt_tokens() + static_cast<std::int64_t>(run.response.size());
  std::vector<float> whole;
  for (int part = 0; part < parts; ++part) {
    HEADSCOPE_TRY(steps.next("map"));
    const TokenRange rows{map->tokens * part / parts, map->tokens * (part + 1) / parts};
    const auto block = world_.weights(scene, head, rows, map->tokens, edit);
    whole.insert(whole.end(), block.begin(), block.end());
  }
  if (world_.options().map_level > 0 && region.groups != TokenGrouping::none) {
    auto groups = prompt_groups(prompt, std::ssize(run.response), region.groups);
    MapGrouper grouper(groups.axis(), groups.axis());
    grouper.add({whole.data(), map->tokens, map->tokens, 0}, 0, 0);
    map->groups = std::make_shared<GroupedMap>(GroupedMap::from(groups, grouper));
  }
  map->weights = std::make_shared<const std::vector<float>>(
      pool(*map, std::move(whole), world_.options().map_level, region));
  steps.finish();
  return map;
}

Result<std::shared_ptr<const PreviewInputs>> FakeRunner::preview_inputs(const PromptView& prompt,
                                                                        const RunResult& baseline,
                                                                        const RunContext& context) {
  Steps steps(*control_, FakeCall::preview_inputs, context, 1);
  HEADSCOPE_TRY(steps.next("preview"));
  auto inputs = std::make_shared<PreviewInputs>();
  inputs->directions_hash = directions_hash_;
  const FakeScene scene(prompt);
  for (int layer = 0; layer < baseline.layers && world_.options().has_directions; ++layer) {
    for (int head = 0; head < baseline.heads; ++head) {
      for (const double bias : world_.focus_bias(scene, {layer, head}, baseline.keys))
        inputs->focus_bias.push_back(static_cast<float>(bias));
    }
  }
  steps.finish();
  return inputs;
}

Result<CausalDrops> FakeRunner::causal_drops(const PromptView& prompt, const RunResult& baseline,
                                             bool documents, const std::vector<HeadId>& heads,
                                             const RunContext& context) {
  const auto count = static_cast<int>(prompt.documents.size() + heads.size());
  Steps steps(*control_, FakeCall::causal, context, count);
  CausalDrops drops;
  drops.log_probability = -0.5;
  const auto every = world_.ranking();
  const auto masses =
      document_masses(baseline.span_sums, baseline.heads, baseline.rows.size(),
                      {0, baseline.rows.size()}, baseline.sets, baseline.sets - 1, every);
  for (std::size_t i = 0; documents && i < prompt.documents.size(); ++i) {
    HEADSCOPE_TRY(steps.next("documents masked"));
    drops.documents.push_back(masses[i] * (prompt.documents[i].gold ? 100 : 10));
  }
  for (const HeadId head : heads) {
    HEADSCOPE_TRY(steps.next("heads ablated"));
    const float mass = baseline.scores.relevant[baseline.index(head)];
    drops.heads.push_back(static_cast<double>(mass));
  }
  steps.finish();
  return drops;
}

Result<std::shared_ptr<const LensRun>> FakeRunner::lens(const PromptView&, const RunResult& run,
                                                        std::int64_t token,
                                                        const std::vector<std::int32_t>& followed,
                                                        const RunContext& context) {
  const int layers = world_.options().layers;
  Steps steps(*control_, FakeCall::lens, context, layers);
  if (token < 0 || token >= std::ssize(run.candidates))
    return headscope::fail(ErrorKind::usage, "logit lens: no such token");
  const auto& final = run.candidates[static_cast<std::size_t>(token)];
  auto lens = std::make_shared<LensRun>();
  for (int layer = 0; layer < layers; ++layer) {
    HEADSCOPE_TRY(steps.next("logit lens"));
    LensLayer& out = lens->layers.emplace_back();
    const float share = static_cast<float>(layer + 1) / static_cast<float>(layers);
    const std::size_t shift = layer + 1 < layers ? static_cast<std::size_t>(layers - layer) : 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(final.size(), lens_candidates); ++i) {
      CandidateView view = final[(i + shift) % final.size()];
      view.probability = final[i].probability * share;
      out.top.push_back(std::move(view));
    }
    for (const std::int32_t id : followed) {
      const auto at = std::find_if(out.top.begin(), out.top.end(),
                                   [&](const CandidateView& view) { return view.id == id; });
      const bool found = at != out.top.end();
      out.probability.push_back(found ? at->probability : 1e-4f * share);
      out.rank.push_back(found ? at - out.top.begin() + 1 : 40 + layers - layer);
    }
  }
  steps.finish();
  return lens;
}

Result<std::shared_ptr<const RowScores>> FakeRunner::row_scores(const PromptView& prompt,
                                                                const RunResult& run, HeadId head,
                                                                std::int64_t row,
                                                                const RunContext& context) {
  Steps steps(*control_, FakeCall::row_scores, context, 1);
  HEADSCOPE_TRY(steps.next("scores"));
  if (row < 0 || row >= run.keys) return headscope::fail(ErrorKind::usage, "no such row");
  const bool baseline = run.settings.is_identity() || run.touched.empty();
  const auto edit = baseline ? FakeEdit{} : FakeEdit::from(prompt, run.settings, run.touched);
  const FakeScene scene(prompt);
  const TokenRange rows{row, row + 1};
  auto untouched = edit;
  std::erase(untouched.heads, head);
  const bool edited = edit.touches(head) && row >= edit.rows.first_row(prompt.prompt_tokens());
  auto scores = std::make_shared<RowScores>();
  scores->weights = world_.weights(scene, head, rows, row + 1, edit);
  for (const float weight : world_.weights(scene, head, rows, row + 1, untouched))
    scores->base.push_back(std::log(std::max(weight, 1e-30f)));
  double sum = 0;
  const auto bias = world_.focus_bias(scene, head, row + 1);
  for (std::size_t j = 0; j < bias.size(); ++j) {
    scores->focus.push_back(edited ? static_cast<float>(edit.alpha * bias[j]) : 0.0f);
    sum += std::exp(double{scores->base[j]} + double{scores->focus[j]});
  }
  for (std::size_t j = 0; j < bias.size(); ++j) {
    const double before = double{scores->base[j]} + double{scores->focus[j]} - std::log(sum);
    const double after = std::log(double{std::max(scores->weights[j], 1e-30f)});
    scores->log_factor.push_back(edited ? static_cast<float>(after - before) : 0.0f);
  }
  steps.finish();
  return scores;
}

Engine::RunnerFactory fake_runner_factory(const FakeOptions& options,
                                          const std::shared_ptr<FakeControl>& control) {
  return [options, control]() -> Result<std::unique_ptr<Runner>> {
    return std::make_unique<FakeRunner>(options, control);
  };
}

}  // namespace headscope
