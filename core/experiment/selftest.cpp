#include "core/experiment/selftest.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/analysis/metrics.h"
#include "core/demo_world/demo_world.h"
#include "core/experiment/intervention_set.h"
#include "core/experiment/sample_run.h"

namespace headscope {
namespace {

constexpr int kSamples = 8;
constexpr int kDocuments = 4;
constexpr std::uint64_t kSeed = 20;
constexpr double kRounding = 1e-4;  // between backends, fp32
constexpr double kCoarse = 5e-2;    // the same in 16 bits
constexpr double kSelfCheckSeconds = 10;
constexpr double kLeastRight = 0.75;  // share of gold-only questions that a trained model answers

struct Outcome {
  bool passed = false;
  std::string detail;
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(double{a[i]} - b[i]);
    if (!(difference <= largest)) largest = difference;  // NaN counts as a difference
  }
  return largest;
}

class SelfTest {
 public:
  SelfTest(Model& model, const Tokenizer& tokenizer, const RunContext& context)
      : model_(model),
        tokenizer_(tokenizer),
        context_{context.is_cancelled, {}, {}},
        tolerance_(model.dtype_name() == "float32" ? kRounding : kCoarse) {}

  Result<> prepare() {
    DemoSampleOptions options;
    options.documents = kDocuments;
    HEADSCOPE_ASSIGN(samples_, demo_samples(options, kSamples, kSeed));
    HEADSCOPE_ASSIGN(prompt_, make_sample_prompt(samples_.front(), PromptKind::all, tokenizer_));
    return {};
  }

  Result<Outcome> round_trip() {
    for (const QaSample& sample : samples_) {
      const std::string text = build_prompt(sample).text;
      HEADSCOPE_ASSIGN(const auto encoding, tokenizer_.encode(text, false));
      if (tokenizer_.decode(encoding.ids, false) != text) {
        return Outcome{false, "a prompt came back as another text"};
      }
    }
    return Outcome{true, std::to_string(samples_.size()) + " prompts"};
  }

  Result<Outcome> cache() {
    GenerateRequest request = generation();
    HEADSCOPE_ASSIGN(const auto with, model_.generate(request, context_));
    request.use_cache = false;
    HEADSCOPE_ASSIGN(const auto without, model_.generate(request, context_));
    const bool same = with.ids == without.ids;
    const Outcome outcome{same, std::to_string(with.ids.size()) + " tokens"};
    if (same || model_.dtype_name() == "float32") return outcome;
    // Narrow types round differently on the two ways, which decides near ties: compare logits.
    HEADSCOPE_ASSIGN(const auto report, model_.self_check(kSelfCheckSeconds, context_));
    return Outcome{report.good(), parity_text(report)};
  }

  Result<Outcome> backends() {
    HEADSCOPE_ASSIGN(const auto fused, forward({}, AttentionBackend::fused));
    HEADSCOPE_ASSIGN(const auto reference, forward({}, AttentionBackend::reference));
    return close(fused, reference);
  }

  Result<Outcome> identity() {
    const auto directions = random_vectors();
    const std::vector<Intervention> nothing{{Focus{0, directions, true}, every_head(), {}},
                                            {SplitSoftmax{1, prompt_.gold}, every_head(), {}}};
    HEADSCOPE_ASSIGN(const auto plain, forward({}, AttentionBackend::fused));
    HEADSCOPE_ASSIGN(const auto edited, forward(nothing, AttentionBackend::fused));
    return close(plain, edited);
  }

  Result<Outcome> effect() {
    const std::vector<Intervention> edit{{SplitSoftmax{0.1, prompt_.gold}, every_head(), {}}};
    HEADSCOPE_ASSIGN(const auto plain, forward({}, AttentionBackend::fused));
    HEADSCOPE_ASSIGN(const auto edited, forward(edit, AttentionBackend::fused));
    const double change = largest_difference(plain.attention.weights, edited.attention.weights);
    return Outcome{std::isfinite(change) && change > tolerance_,
                   "weights move by " + number(change)};
  }

  Result<Outcome> answers() {
    int right = 0;
    for (const QaSample& sample : samples_) {
      HEADSCOPE_ASSIGN(const auto prompt,
                       make_sample_prompt(sample, PromptKind::gold_only, tokenizer_));
      HEADSCOPE_ASSIGN(const auto run, run_sample(model_, tokenizer_, prompt, {}, context_));
      right += best_subspan_em(run.response, sample.answers) ? 1 : 0;
    }
    return Outcome{right >= kLeastRight * kSamples,
                   std::to_string(right) + " of " + std::to_string(kSamples) + " right"};
  }

 private:
  GenerateRequest generation() const {
    GenerateRequest request;
    request.prompt_ids = prompt_.encoding.ids;
    request.max_new_tokens = 12;
    return request;
  }

  Result<ForwardResult> forward(std::vector<Intervention> edits, AttentionBackend backend) {
    ForwardRequest request;
    request.ids = prompt_.encoding.ids;
    request.interventions = std::move(edits);
    request.backend = backend;
    request.logit_rows = {prompt_.tokens() - 1, prompt_.tokens()};
    Capture capture;
    capture.rows = request.logit_rows;
    request.capture = std::move(capture);
    return model_.forward(request, context_);
  }

  Outcome close(const ForwardResult& a, const ForwardResult& b) const {
    const double weights = largest_difference(a.attention.weights, b.attention.weights);
    const double logits = largest_difference(a.logits, b.logits);
    const double scale = 1 + std::abs(*std::max_element(a.logits.begin(), a.logits.end()));
    return {weights <= tolerance_ && logits <= 10 * tolerance_ * scale,
            "weights differ by " + number(weights) + ", logits by " + number(logits)};
  }

  std::vector<HeadId> every_head() const {
    std::vector<HeadId> heads;
    for (int layer = 0; layer < model_.config().layers; ++layer) {
      for (int head = 0; head < model_.config().heads; ++head) heads.push_back({layer, head});
    }
    return heads;
  }

  std::shared_ptr<const Directions> random_vectors() const {
    return std::make_shared<const Directions>(random_directions_for(model_.config(), kSeed));
  }

  Model& model_;
  const Tokenizer& tokenizer_;
  RunContext context_;
  double tolerance_;
  std::vector<QaSample> samples_;
  SamplePrompt prompt_;
};

}  // namespace

std::vector<SelfCheck> run_selftest(Model& model, const Tokenizer& tokenizer, bool knows_world,
                                    const RunContext& context) {
  SelfTest test(model, tokenizer, context);
  std::vector<SelfCheck> checks;
  const auto add = [&](const std::string& name, const std::function<Result<Outcome>()>& check) {
    auto outcome = check();
    if (outcome) {
      checks.push_back({name, outcome->passed, outcome->detail});
    } else {
      checks.push_back({name, false, outcome.error().message});
    }
  };
  if (const auto ready = test.prepare(); !ready) {
    return {{"samples of the embedded world", false, ready.error().message}};
  }
  add("text to tokens and back", [&] { return test.round_trip(); });
  add("with and without cache the same answer", [&] { return test.cache(); });
  add("fused attention as the reference", [&] { return test.backends(); });
  add("tau 1 and alpha 0 change nothing", [&] { return test.identity(); });
  add("tau 0.1 moves attention", [&] { return test.effect(); });
  if (knows_world) add("answers from the gold document", [&] { return test.answers(); });
  return checks;
}

}  // namespace headscope
