#include "core/bench/slider_desk.h"

#include <string>
#include <utility>

#include "core/base/rng.h"
#include "core/demo_world/demo_world.h"
#include "core/runner/model_runner.h"

namespace headscope::bench {
namespace {

constexpr double kPatience = 600;  // seconds: longer than any run here

/// The real runner, which says when its runs begin and end.
class WatchedRunner final : public ModelRunner {
 public:
  explicit WatchedRunner(std::shared_ptr<RunWatch> watch) : watch_(std::move(watch)) {}
  Result<std::shared_ptr<const RunResult>> run(const PromptView& prompt,
                                               const InterventionSettings& settings,
                                               const std::vector<HeadId>& heads,
                                               const Request& request,
                                               const AnswerContext& context) override {
    watch_->begin(settings.alpha, settings.tau);
    auto result = ModelRunner::run(prompt, settings, heads, request, context);
    watch_->end(result.has_value());
    return result;
  }

 private:
  std::shared_ptr<RunWatch> watch_;
};

auto span_of(double seconds) {
  return std::chrono::duration<double>(seconds);
}

}  // namespace

void RunWatch::begin(double alpha, double tau) {
  const std::lock_guard lock(mutex_);
  now_ = Run{alpha, tau, Clock::now(), {}, false};
  changed_.notify_all();
}

void RunWatch::end(bool done) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (!now_) return;
  now_->end = now;
  now_->done = done;
  ended_.push_back(*std::exchange(now_, std::nullopt));
  changed_.notify_all();
}

bool RunWatch::running() const {
  const std::lock_guard lock(mutex_);
  return now_.has_value();
}

std::size_t RunWatch::begun() const {
  const std::lock_guard lock(mutex_);
  return ended_.size() + (now_ ? 1 : 0);
}

std::size_t RunWatch::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_.size();
}

std::optional<RunWatch::Run> RunWatch::wait_ended(std::size_t count, double seconds) const {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, span_of(seconds), [&] { return ended_.size() > count; }))
    return std::nullopt;
  return ended_[count];
}

bool RunWatch::wait_begun(std::size_t count, double seconds) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, span_of(seconds),
                           [&] { return ended_.size() + (now_ ? 1 : 0) > count; });
}

std::optional<RunWatch::Run> RunWatch::last_with(double alpha, double tau) const {
  const std::lock_guard lock(mutex_);
  for (auto run = ended_.rbegin(); run != ended_.rend(); ++run) {
    if (run->done && run->alpha == alpha && run->tau == tau) return *run;
  }
  return std::nullopt;
}

SliderDesk::SliderDesk(const RunContext& context)
    : context_(context),
      engine_(
          [runs = runs_]() -> Result<std::unique_ptr<Runner>> {
            return std::make_unique<WatchedRunner>(runs);
          },
          [this] {
            const std::lock_guard lock(mutex_);
            ++updates_;
            changed_.notify_all();
          }) {}

Result<SliderDesk::SnapshotPointer> SliderDesk::wait(
    const std::function<bool(const Snapshot&)>& done) {
  const auto start = RunWatch::Clock::now();
  for (;;) {
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock(mutex_);
      seen = updates_;
    }
    if (context_.cancelled()) return fail(ErrorKind::cancelled, "cancelled");
    auto snapshot = engine_.snapshot();
    if (done(*snapshot)) return snapshot;
    if (snapshot->status.error) return tl::unexpected(*snapshot->status.error);
    if (RunWatch::Clock::now() - start > span_of(kPatience))
      return fail(ErrorKind::internal, "the engine gave no answer in ten minutes");
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(50), [&] { return updates_ != seen; });
  }
}

Result<SliderDesk::SnapshotPointer> SliderDesk::settle(const Request& request) {
  const std::uint64_t id = submit(request);
  return wait([id](const Snapshot& snapshot) {
    return snapshot.request_id == id && snapshot.intervened &&
           snapshot.intervened->quality == Quality::exact;
  });
}

namespace {

Result<std::int64_t> tokens_of(const QaSample& sample, const Tokenizer& tokenizer) {
  HEADSCOPE_ASSIGN(const auto encoding, tokenizer.encode(build_prompt(sample).text));
  return static_cast<std::int64_t>(encoding.size());
}

DemoSampleOptions with_facts(int facts) {
  DemoSampleOptions options;
  options.facts = facts;
  return options;
}

/// A sample whose prompt has exactly `tokens` tokens: whole rounds of facts as long as they fit,
/// then single words in the last document.
Result<QaSample> sample_of_length(const Tokenizer& tokenizer, std::int64_t tokens, Rng& rng) {
  HEADSCOPE_ASSIGN(QaSample sample, demo_sample(rng, with_facts(1)));
  HEADSCOPE_ASSIGN(std::int64_t length, tokens_of(sample, tokenizer));
  if (length > tokens) {
    return bad_input("a prompt of 20 documents has at least " + std::to_string(length) +
                     " tokens, not " + std::to_string(tokens));
  }
  for (;;) {
    HEADSCOPE_ASSIGN(const QaSample more, demo_sample(rng, with_facts(demo_max_facts)));
    QaSample longer = sample;
    for (std::size_t i = 0; i < longer.documents.size(); ++i)
      longer.documents[i].text += " " + more.documents[i].text;
    HEADSCOPE_ASSIGN(const std::int64_t count, tokens_of(longer, tokenizer));
    if (count > tokens) break;
    length = count;
    sample = std::move(longer);
  }
  for (; length < tokens; ++length) sample.documents.back().text += " the";
  return sample;
}

}  // namespace

Result<PromptRequest> slider_prompt(const Tokenizer& tokenizer, std::int64_t tokens,
                                    std::uint64_t number) {
  Rng rng(number);
  HEADSCOPE_ASSIGN(const QaSample sample,
                   tokens > 0 ? sample_of_length(tokenizer, tokens, rng) : demo_sample(rng, {}));
  PromptRequest prompt;
  prompt.text = build_prompt(sample).text;
  prompt.answers = sample.answers;
  prompt.mark({static_cast<int>(sample.gold_position().value_or(0))});
  prompt.chat = false;
  return prompt;
}

}  // namespace headscope::bench
