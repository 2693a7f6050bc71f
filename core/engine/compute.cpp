#include "core/engine/compute.h"

#include <atomic>
#include <thread>
#include <utility>

#include "core/base/make_large.h"
#include "core/engine/preview.h"
#include "core/engine/without_exceptions.h"

namespace headscope {
namespace {

/// Progress that comes faster than a screen shows it is dropped.
constexpr auto progress_interval = std::chrono::milliseconds(30);

std::shared_ptr<const RunResult> labelled(std::shared_ptr<const RunResult> run,
                                          const InterventionSettings& settings) {
  if (run->settings == settings) return run;
  auto copy = make_large<RunResult>(*run);
  copy->settings = settings;
  return copy;
}

std::string activity_of(Step step) {
  switch (step) {
    case Step::model:
      return "loading model";
    case Step::prompt:
      return "reading prompt";
    case Step::baseline:
      return "answer (baseline)";
    case Step::preview_inputs:
      return "preview";
    case Step::intervened:
      return "answer (intervened)";
    case Step::full_map:
      return "attention map (intervened)";
    case Step::full_map_baseline:
      return "attention map (baseline)";
    case Step::auto_alpha:
      return "auto alpha";
    case Step::causal:
      return "causal check";
    case Step::head_drops:
      return "ablating every head";
    case Step::lens:
      return "logit lens";
    case Step::scores:
      return "scores of a row";
  }
  return "";
}

TraceKind kind_of(Step step) {
  if (step == Step::model) return TraceKind::loading;
  return step == Step::baseline || step == Step::intervened ? TraceKind::answer : TraceKind::look;
}

}  // namespace

Compute::Compute(Board& board, Engine::RunnerFactory make_runner)
    : board_(board),
      make_runner_(std::move(make_runner)),
      seen_(ReuseOptions::standard_seen_bytes) {}

void Compute::loop() {
  while (!board_.stopping()) {
    const auto seen = board_.signal();  // before anything is looked at, so that no news is missed
    const auto turned = without_exceptions([&]() -> Result<> {
      turn(seen);
      return {};
    });
    if (turned) continue;
    unshown_ = true;
    ahead_.todo.clear();
    if (const auto work = board_.unanswered()) give_up(*work, turned.error());
  }
  runner_.reset();  // tensors die on the thread that owns them
}

void Compute::turn(std::uint64_t seen) {
  const auto options = board_.reuse();
  take_options(options);
  if (const auto work = board_.unanswered()) {
    answer(*work);
    answered_at_ = std::chrono::steady_clock::now();
  } else if (!options.neighbours || ahead_.todo.empty()) {
    board_.wait(seen);
  } else if (!board_.wait_until(seen, answered_at_ + options.rest)) {
    go_ahead(seen);
  }
}

void Compute::give_up(const Work& work, const Error& error) noexcept {
  constexpr auto pause = std::chrono::milliseconds(10);
  for (; !board_.stopping(); std::this_thread::sleep_for(pause)) {
    const auto told = without_exceptions([&]() -> Result<> {
      board_.finish(work, error);
      return {};
    });
    if (told) return;
    seen_.clear();
    lenses_.clear();
    scores_.clear();
  }
}

void Compute::show_again(const Work& work) {
  baseline_.reset();  // what was seen before is found again, and shown
  intervened_.reset();
  board_.publish_baseline(work, nullptr, [&](Snapshot& snapshot) {
    snapshot.model = model_;
    snapshot.prompt = prompt_;
    snapshot.outlook = outlook_;
  });
  unshown_ = false;
}

void Compute::take_options(const ReuseOptions& options) {
  if (seen_.budget() == options.seen_bytes) return;
  seen_.set_budget(options.seen_bytes);
  note_counts();
}

void Compute::note_counts() {
  counts_.seen_bytes = seen_.bytes();
  board_.note(counts_);
}

void Compute::answer(const Work& work) {
  ahead_.todo.clear();
  counts_.neighbours = 0;
  note_counts();
  if (unshown_) show_again(work);
  for (const auto step :
       {Step::model, Step::prompt, Step::baseline, Step::preview_inputs, Step::auto_alpha,
        Step::intervened, Step::full_map, Step::full_map_baseline, Step::lens, Step::scores,
        Step::causal, Step::head_drops}) {
    if (board_.cancelled()) return board_.finish_cancelled();
    if (board_.overtaken(work)) return;
    if (step == Step::prompt && work.request->prompt.text.empty()) break;
    if (fails_again(step, work)) return board_.finish(work, failure_->error);
    unshown_ = true;  // until the step has come to an end of its own
    const auto done = without_exceptions([&] {
      auto ended = ensure(step, work);
      unshown_ = false;
      return ended;
    });
    if (done && failure_ && failure_->step == step) failure_.reset();
    if (done) continue;
    if (done.error().kind == ErrorKind::cancelled && board_.overtaken(work)) {
      if (board_.cancelled()) board_.finish_cancelled();
      return;
    }
    failure_ = Failure{step, work.request, done.error()};
    return board_.finish(work, done.error());
  }
  plan_ahead(work);
  board_.finish(work, std::nullopt);
}

/// Sending the very same request again means: try again.
bool Compute::fails_again(Step step, const Work& work) const {
  return failure_ && failure_->step == step && !(*work.request == *failure_->request) &&
         same_work(step, *failure_->request, *work.request);
}

bool Compute::same_work(Step step, const Request& a, const Request& b) const {
  const auto applied = [&](const Request& request) {
    return applied_settings(request, *model_, *prompt_, baseline_ ? baseline_->run.get() : nullptr);
  };
  const auto same_map = [&] {
    return b.want_full_map && a.selected == b.selected && a.map_region == b.map_region;
  };
  // Without a known ranking the heads follow from the baseline's scores, hence from the gold mark.
  const auto same_run = [&] {
    const bool same_ranking =
        !model_->known_ranking.empty() || a.prompt.gold_documents() == b.prompt.gold_documents();
    return same_baseline(a, b) && a.keep == b.keep && same_ranking && applied(a) == applied(b);
  };
  const auto same_heads = [&] {
    const auto* run = baseline_ ? baseline_->run.get() : nullptr;
    return same_baseline(a, b) && a.prompt.gold_documents() == b.prompt.gold_documents() &&
           looked_at_heads(a, *model_, run) == looked_at_heads(b, *model_, run);
  };
  switch (step) {
    case Step::model:
      return same_load(a, b);
    case Step::prompt:
      return same_model(a, b) && a.prompt == b.prompt;
    case Step::baseline:
      return same_baseline(a, b) && a.keep == b.keep;
    case Step::preview_inputs:
      return same_baseline(a, b) && same_load(a, b);
    case Step::intervened:
      return same_run();
    case Step::full_map:
      return same_map() && same_run();
    case Step::full_map_baseline:
      return same_map() && same_baseline(a, b);
    case Step::auto_alpha:
      return b.questions.auto_alpha && same_heads() && same_load(a, b);
    case Step::causal:
      return b.questions.causal && same_heads();
    case Step::head_drops:
      return b.questions.head_drops && same_baseline(a, b);
    case Step::lens:
      return a.questions.lens == b.questions.lens && same_run();
    case Step::scores:
      return a.questions.scores == b.questions.scores && a.selected == b.selected && same_run();
  }
  return false;
}

Result<> Compute::ensure(Step step, const Work& work) {
  switch (step) {
    case Step::model:
      return ensure_model(work);
    case Step::prompt:
      HEADSCOPE_TRY(ensure_prompt(work));
      look_ahead(work);
      return {};
    case Step::baseline:
      return ensure_baseline(work);
    case Step::preview_inputs:
      return ensure_preview_inputs(work);
    case Step::intervened:
      return ensure_intervened(work);
    case Step::full_map:
      return ensure_full_map(work, false);
    case Step::full_map_baseline:
      return ensure_full_map(work, true);
    case Step::auto_alpha:
      return ensure_auto_alpha(work);
    case Step::causal:
      return ensure_causal(work);
    case Step::head_drops:
      return ensure_head_drops(work);
    case Step::lens:
      return ensure_lens(work);
    case Step::scores:
      return ensure_scores(work);
  }
  return {};
}

void Compute::show_activity(EngineStatus::State state, const std::string& activity) {
  board_.publish([&](Snapshot& snapshot) {
    snapshot.status = {};
    snapshot.status.state = state;
    snapshot.status.activity = activity;
  });
}

void Compute::show_progress(const std::string& activity, const Progress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_progress_ < progress_interval) return;
  last_progress_ = now;
  board_.publish([&](Snapshot& snapshot) {
    snapshot.status.activity = activity;
    snapshot.status.progress = progress;
  });
}

RunContext Compute::context(Step step, const Work& work, const std::string& activity) {
  show_activity(
      step == Step::model ? EngineStatus::State::loading_model : EngineStatus::State::running,
      activity);
  // The verdict is kept until something new was submitted, so that a poll costs one atomic read.
  struct Verdict {
    std::atomic<std::uint64_t> signal{0};
    std::atomic<bool> unwanted{false};
  };
  const auto verdict = std::make_shared<Verdict>();
  RunContext context;
  const auto traced = traced_work(tracer(work), kind_of(step), activity);
  context.is_cancelled = [this, step, work, verdict, traced] {
    const auto signal = board_.signal();
    if (verdict->signal != signal) {
      verdict->unwanted = board_.unwanted(
          work, [&](const Request& newest) { return same_work(step, *work.request, newest); });
      verdict->signal = signal;
    }
    const bool unwanted = verdict->unwanted;
    if (unwanted && traced) traced->cut = true;
    return unwanted;
  };
  context.on_progress = [this, activity](const Progress& progress) {
    show_progress(activity, progress);
  };
  if (traced) context.on_progress = TracedProgress{context.on_progress, traced};
  if (step != Step::baseline && step != Step::intervened) return context;
  context.on_text = [this, step](const std::string& text, bool) {
    board_.publish([&](Snapshot& snapshot) {
      snapshot.streaming_text = text;
      snapshot.streaming_is_baseline = step == Step::baseline;
    });
  };
  return context;
}

Result<> Compute::ensure_model(const Work& work) {
  if (in_runner_ && same_load(*in_runner_, *work.request)) return {};
  if (!runner_) {
    show_activity(EngineStatus::State::starting, "starting");
    const Tracer by = tracer(work);
    const TimedSpan timed(&by, TraceKind::loading, "starting");
    HEADSCOPE_ASSIGN(runner_, make_runner_());
    if (!runner_) return fail(ErrorKind::internal, "The engine has no runner.");
  }
  const auto running = context(Step::model, work, activity_of(Step::model));
  in_runner_.reset();  // a load that fails half way may leave the runner without any model
  HEADSCOPE_ASSIGN(auto model, runner_->load(*work.request, running));
  in_runner_ = work.request;
  const bool known = model_request_ && same_model(*model_request_, *work.request);
  model_request_ = work.request;
  model_ = std::move(model);
  if (!known) forget_prompt();
  const auto show_model = [&](Snapshot& snapshot) {
    snapshot.model = model_;
    if (!known) snapshot.prompt = nullptr;
    if (!known) snapshot.outlook = nullptr;
  };
  if (known) {
    board_.publish(show_model);
  } else {
    board_.publish_baseline(work, nullptr, show_model);
  }
  return {};
}

void Compute::forget_prompt() {
  prompt_request_.reset();
  prompt_.reset();
  outlook_.reset();
  baseline_.reset();
  intervened_.reset();
}

Result<> Compute::ensure_prompt(const Work& work) {
  if (prompt_request_ && prompt_request_->prompt == work.request->prompt) return {};
  show_activity(EngineStatus::State::running, activity_of(Step::prompt));
  const Tracer by = tracer(work);
  TimedSpan timed(&by, TraceKind::reading, "reading prompt");
  HEADSCOPE_ASSIGN(auto prompt, runner_->prepare(work.request->prompt));
  timed.span.rows = prompt->prompt_tokens();
  const bool same_text = prompt_request_ &&
                         prompt_request_->prompt.text == work.request->prompt.text &&
                         prompt_request_->prompt.splitting == work.request->prompt.splitting &&
                         prompt_request_->prompt.chat == work.request->prompt.chat;
  prompt_request_ = work.request;
  prompt_ = std::move(prompt);
  RunPointer regraded;
  if (!same_text) {
    baseline_.reset();
    intervened_.reset();
  } else if (baseline_) {
    baseline_ = known_run(baseline_->key, grade_key(work.request->prompt));
    regraded = baseline_->run;
  }
  // Another gold mark or other answers: the responses stay, what is said about them does not.
  board_.publish_baseline(work, regraded, [&](Snapshot& snapshot) {
    snapshot.prompt = prompt_;
    if (regraded) snapshot.preview_inputs = preview_inputs_;
  });
  return {};
}

void Compute::look_ahead(const Work& work) {
  auto outlook = without_exceptions([&] { return runner_->outlook(*prompt_, *work.request); });
  outlook_ = outlook ? std::move(*outlook) : nullptr;
  board_.publish([&](Snapshot& snapshot) { snapshot.outlook = outlook_; });
}

bool Compute::keeps_enough(const std::optional<HeldRun>& run) const {
  const bool wants_rows = outlook_ && outlook_->chosen == KeepAttention::rows;
  return run && (!wants_rows || !run->run->weights.empty());
}

std::optional<HeldRun> Compute::known_run(const RunKey& key, const GradeKey& grade) {
  std::optional<HeldRun> known;
  if (baseline_ && baseline_->key == key) known = baseline_;
  if (intervened_ && intervened_->key == key) known = intervened_;
  if (!known) known = seen_.run(key);
  if (!known || known->grade == grade) return known;
  known->run = graded(*known->run, *prompt_);
  known->grade = grade;
  return known;
}

Result<HeldRun> Compute::run_model(const RunKey& key, const Work& work,
                                   const InterventionSettings& settings,
                                   const std::vector<HeadId>& heads, Step step) {
  AnswerContext running = context(step, work, activity_of(step));
  running.on_growth = [&](std::shared_ptr<const RunResult> run) {
    board_.publish_growing(work, step == Step::baseline, std::move(run));
  };
  Request request = *work.request;
  if (outlook_) request.keep = outlook_->chosen;
  const auto run = [&] {
    return without_exceptions(
        [&] { return runner_->run(*prompt_, settings, heads, request, running); });
  };
  auto result = run();
  // Our own results are the first thing to give up.
  if (!result && result.error().kind == ErrorKind::out_of_memory && !seen_.empty()) {
    seen_.clear();
    result = run();
  }
  if (!result) return tl::unexpected(result.error());
  // The prompt of `work`, not of a newer request, decided the grade.
  HeldRun held{key, grade_key(work.request->prompt), *result, {}, {}, false};
  seen_.put(held);
  return held;
}

Result<HeldRun> Compute::known_or_run(const RunKey& key, const Work& work,
                                      const InterventionSettings& settings,
                                      const std::vector<HeadId>& heads, Step step) {
  auto known = known_run(key, grade_key(work.request->prompt));
  if (!keeps_enough(known)) {
    ++counts_.misses;
    HEADSCOPE_ASSIGN(known, run_model(key, work, settings, heads, step));
  } else {
    ++counts_.hits;
    counts_.neighbour_hits += known->ahead ? 1 : 0;
    note_seen(work, *known);
    known->ahead = false;
    seen_.put(*known);
  }
  note_counts();
  return *known;
}

void Compute::note_seen(const Work& work, const FullMap& map) {
  TraceSpan span;
  span.kind = TraceKind::look;
  span.name = "seen map";
  span.rows = map.tokens;
  span.bytes = map.bytes();
  trace_reused(tracer(work), std::move(span));
}

void Compute::note_seen(const Work& work, const HeldRun& held) {
  const RunResult& run = *held.run;
  TraceSpan span;
  span.kind = TraceKind::answer;
  span.name = held.ahead                   ? "answer (computed ahead)"
              : run.settings.is_identity() ? "answer (baseline)"
                                           : "answer (intervened)";
  span.of = run.layers;
  span.rows = run.keys;
  span.reused = run.layers * run.keys;
  span.bytes = bytes_of(run);
  span.saved_seconds = run.seconds;
  trace_reused(tracer(work), std::move(span));
}

Result<> Compute::ensure_baseline(const Work& work) {
  const RunKey key{baseline_key(*work.request), {}};
  const auto grade = grade_key(work.request->prompt);
  const bool held = baseline_ && baseline_->key == key && baseline_->grade == grade;
  if (held && keeps_enough(baseline_)) return {};
  HEADSCOPE_ASSIGN(baseline_, known_or_run(key, work, InterventionSettings{}, {}, Step::baseline));
  const bool keeps_inputs = preview_key_ == key.baseline && has_directions_of(work);
  board_.publish_baseline(work, baseline_->run, [&](Snapshot& snapshot) {
    snapshot.preview_inputs = keeps_inputs ? preview_inputs_ : nullptr;
  });
  return {};
}

bool Compute::has_directions_of(const Work& work) const {
  return preview_directions_ == work.request->intervention.directions_hash;
}

/// For want of memory they failed: an automatic strength needs them, and sending the very same
/// request again means to try again.
bool Compute::wants_preview_again(const Work& work) const {
  if (!preview_failed_ || preview_failed_ == work.request) return false;
  return work.request->questions.auto_alpha || *preview_failed_ == *work.request;
}

/// Without these there is no preview of alpha; nothing else depends on them, so that a failure
/// is not the request's failure, unless it asks for an automatic strength.
Result<> Compute::ensure_preview_inputs(const Work& work) {
  const bool held = preview_key_ == baseline_->key.baseline && has_directions_of(work);
  if (!held || wants_preview_again(work)) {
    preview_inputs_.reset();
    preview_key_.reset();
    preview_failed_.reset();
    preview_directions_ = work.request->intervention.directions_hash;
    if (model_->has_directions) {
      const auto running = context(Step::preview_inputs, work, activity_of(Step::preview_inputs));
      auto inputs = without_exceptions(
          [&] { return runner_->preview_inputs(*prompt_, *baseline_->run, running); });
      const auto failed_by = [&](ErrorKind kind) { return !inputs && inputs.error().kind == kind; };
      const bool no_memory = failed_by(ErrorKind::out_of_memory);
      if (failed_by(ErrorKind::cancelled) || (no_memory && work.request->questions.auto_alpha))
        return tl::unexpected<Error>(inputs.error());
      if (no_memory) preview_failed_ = work.request;
      if (inputs) preview_inputs_ = *inputs;
    }
    preview_key_ = baseline_->key.baseline;
    board_.publish([&](Snapshot& snapshot) { snapshot.preview_inputs = preview_inputs_; });
  }
  board_.post_preview(work);
  return {};
}

Result<> Compute::ensure_intervened(const Work& work) {
  std::vector<HeadId> heads;
  const auto applied =
      applied_settings(*work.request, *model_, *prompt_, baseline_->run.get(), &heads);
  if (applied.is_identity()) {
    if (intervened_ && !intervened_->key.applied.is_identity()) note_seen(work, *baseline_);
    intervened_ = baseline_;
    board_.publish_exact(work, applied, baseline_->run, std::nullopt);
    return {};
  }
  const RunKey key{baseline_->key.baseline, applied};
  const auto grade = grade_key(work.request->prompt);
  const auto& settings = work.request->intervention;
  const bool held = intervened_ && intervened_->key == key && intervened_->grade == grade;
  if (!held || !keeps_enough(intervened_)) {
    HEADSCOPE_ASSIGN(intervened_, known_or_run(key, work, settings, heads, Step::intervened));
  }
  intervened_->run = labelled(intervened_->run, settings);
  compare_with_preview(*intervened_, settings, heads, [&] { return board_.overtaken(work); });
  board_.publish_exact(work, applied, intervened_->run, intervened_->preview_error);
  return {};
}

void Compute::compare_with_preview(HeldRun& held, const InterventionSettings& settings,
                                   const std::vector<HeadId>& heads,
                                   const std::function<bool()>& is_stale) {
  if (held.compared_with.lock() == baseline_->run) return;
  const auto preview =
      preview_run(*prompt_, *baseline_->run, preview_inputs_.get(), settings, heads, is_stale);
  const auto error = preview ? preview_error(*preview, *held.run, is_stale) : std::nullopt;
  if (is_stale()) return;
  held.preview_error = error ? std::optional(error->largest) : std::nullopt;
  held.compared_with = baseline_->run;
  if (seen_.run(held.key)) seen_.put(held);
}

bool Compute::map_wanted(const Work& work) const {
  const auto head = work.request->selected;
  return work.request->want_full_map && head.layer >= 0 && head.layer < model_->layers &&
         head.head >= 0 && head.head < model_->heads;
}

Result<> Compute::ensure_full_map(const Work& work, bool of_baseline) {
  if (!map_wanted(work)) {
    board_.publish(
        [](Snapshot& snapshot) { snapshot.full_map = snapshot.full_map_baseline = nullptr; });
    return {};
  }
  const auto step = of_baseline ? Step::full_map_baseline : Step::full_map;
  const auto& of = of_baseline ? *baseline_ : *intervened_;
  const MapKey key{of.key, of.run->settings, work.request->selected, work.request->map_region};
  const auto shown = board_.snapshot();
  auto map = seen_.map(key);
  if (!map) {
    ++counts_.misses;
    const auto running = context(step, work, activity_of(step));
    HEADSCOPE_ASSIGN(map, runner_->full_map(*prompt_, *of.run, key.head, key.region, running));
    seen_.put(key, map);
  } else if (map != (of_baseline ? shown->full_map_baseline : shown->full_map)) {
    ++counts_.hits;
    note_seen(work, *map);
  }
  note_counts();
  board_.publish([&](Snapshot& snapshot) {
    (of_baseline ? snapshot.full_map_baseline : snapshot.full_map) = map;
  });
  return {};
}

}  // namespace headscope
