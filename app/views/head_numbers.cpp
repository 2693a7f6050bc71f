#include "app/views/head_numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "app/views/app_state.h"
#include "core/engine/outlook.h"

namespace headscope {
namespace {

// Weights that a frame may go through at once: about a millisecond.
constexpr double kCheap = 1e5;

double weights_of(const RunResult& run) {
  return static_cast<double>(run.layers) * run.heads * static_cast<double>(run.rows.size()) *
         static_cast<double>(run.weights.empty() ? run.sets : run.keys);
}

std::shared_ptr<const KnownMetrics> known_of(const std::shared_ptr<const RunResult>& run,
                                             const KnownMetrics* known,
                                             const std::function<bool()>& is_stale) {
  auto found = head_metrics(*run, known, is_stale);
  if (!found) return nullptr;
  return std::make_shared<const KnownMetrics>(KnownMetrics{run, std::move(*found)});
}

std::string printed(const char* format, float value) {
  char text[32];
  std::snprintf(text, sizeof text, format, static_cast<double>(value));
  return text;
}

constexpr std::array<ScoreName, map_scores> kNames = {{
    {"relevant", "relevant", "relevant", "mass",
     "Attention mass on the gold document (the contextual score), mean over the response rows"},
    {"sink", "sink", "sink", "mass",
     "Attention mass on the first two tokens, mean over the response rows"},
    {"irrelevant_sum", "irrelevant, sum", "irrel.", "mass",
     "Attention mass on all other documents together, mean over the response rows"},
    {"irrelevant_max", "irrelevant, largest", "irrel. max", "mass",
     "Attention mass on the other document that has most, mean over the response rows"},
    {"head_set", "head set", "score", "mass",
     "The contextual score over many samples that came with the model"},
    {"overlap", "overlap", "overlap", "", "Which of the best heads another head set has too"},
    {"entropy", "entropy", "entropy", "nats",
     "How widely a head spreads its attention: -sum p ln p of a response row, mean over the rows, "
     "in nats.\n0 = all on one token; e to its power = that many tokens alike"},
    {"distance", "distance", "distance", "tokens",
     "How far back a head looks: tokens between the query and the attended key, weighted by "
     "attention, mean over the response rows"},
    {"drop", "answer drop", "drop", "nats",
     "What the baseline's answer loses in log-probability (nats) when this head is ablated: its "
     "output zeroed in every row.\nPositive = the answer rests on it. Always of the baseline"},
    {"similar", "like one head", "like", "1 - JSD",
     "Likeness with one head's attention: 1 - Jensen-Shannon divergence / ln 2, mean over the "
     "response rows of the baseline"},
}};

Missing missing_rows(const AppState& state) {
  const Snapshot& snapshot = *state.snapshot;
  if (!snapshot.baseline) return {"Heads appear after the first run", "", "", ""};
  if (snapshot.baseline->rows.size() == 0)
    return {"The answer is empty", "There are no response rows to look at.", "", ""};
  std::string need = "Response rows were not kept: this run has span sums.";
  if (snapshot.outlook) need += " Rows would need " + estimate_text(snapshot.outlook->rows) + ".";
  return {"This needs every weight of the response rows", need, "capture.rows", "Keep rows"};
}

std::string passes_text(const Snapshot& snapshot) {
  const std::string heads =
      snapshot.model ? std::to_string(snapshot.model->layers * snapshot.model->heads) : "as many";
  return heads + " passes over prompt and answer";
}

}  // namespace

HeadNumbers::HeadNumbers() : metrics_(work_out) {}

void HeadNumbers::Similarities::let_go() {
  if (!asked && !newest.busy()) newest.forget();
  asked = false;
}

std::optional<std::shared_ptr<const HeadSimilarity>> HeadNumbers::work_out_similarity(
    const SimilarityJob& job, const std::function<bool()>& is_stale) {
  auto found = head_similarity(*job.run, job.head, is_stale);
  if (!found) return std::nullopt;
  return std::make_shared<const HeadSimilarity>(std::move(*found));
}

std::optional<HeadNumbers::MetricsPair> HeadNumbers::work_out(
    const MetricsJob& job, const std::function<bool()>& is_stale) {
  MetricsPair pair;
  const bool known = job.known && job.known->run == job.baseline;
  pair.baseline = known ? job.known : known_of(job.baseline, nullptr, is_stale);
  if (!pair.baseline) return std::nullopt;
  pair.intervened = job.intervened == job.baseline
                        ? pair.baseline
                        : known_of(job.intervened, pair.baseline.get(), is_stale);
  return pair.intervened ? std::optional(pair) : std::nullopt;
}

void HeadNumbers::look(std::shared_ptr<const Snapshot> snapshot, std::function<void()> wake) {
  snapshot_ = std::move(snapshot);
  wake_ = std::move(wake);
  pick_up();
  if (!asked_ && !metrics_.busy()) {
    metrics_.forget();
    shown_.reset();
  }
  asked_ = false;
  similarity_.let_go();
  compared_.let_go();
}

void HeadNumbers::pick_up() {
  if (const auto* newest = metrics_.newest()) {
    if (!shown_ || shown_->intervened != newest->second.intervened ||
        shown_->baseline != newest->second.baseline) {
      shown_ = std::make_shared<const MetricsPair>(newest->second);
      shown_of_ = newest->first.prompt;
    }
  }
  if (!snapshot_ || shown_of_ != snapshot_->prompt) shown_.reset();
}

std::shared_ptr<const HeadMetrics> HeadNumbers::metrics(bool intervened) {
  if (!snapshot_ || !snapshot_->baseline || !keeps_rows(*snapshot_->baseline)) return nullptr;
  asked_ = true;
  Run edited = snapshot_->intervened ? snapshot_->intervened : snapshot_->baseline;
  const bool cheap = weights_of(*snapshot_->baseline) <= kCheap;
  metrics_.ask({snapshot_->prompt, snapshot_->baseline, std::move(edited),
                shown_ ? shown_->baseline : nullptr},
               cheap, wake_);
  if (cheap) pick_up();
  if (!shown_) return nullptr;
  const auto& known = intervened ? shown_->intervened : shown_->baseline;
  if (known->run->layers != snapshot_->baseline->layers ||
      known->run->heads != snapshot_->baseline->heads)
    return nullptr;
  return {known, &known->metrics};
}

std::shared_ptr<const HeadSimilarity> HeadNumbers::similarity_with(Similarities& slot,
                                                                   HeadId head) {
  if (!snapshot_ || !snapshot_->baseline) return nullptr;
  const RunResult& run = *snapshot_->baseline;
  slot.asked = true;
  slot.newest.ask({snapshot_->baseline, head}, weights_of(run) <= kCheap, wake_);
  const auto* newest = slot.newest.newest();
  const bool fits = newest != nullptr && newest->second->values.size() ==
                                             static_cast<std::size_t>(run.layers) * run.heads;
  return fits ? newest->second : nullptr;
}

const ScoreName& name_of(MapScore score) {
  return kNames[static_cast<std::size_t>(score)];
}

bool has_two_sources(MapScore score) {
  return score != MapScore::head_set && score != MapScore::overlap && score != MapScore::drop &&
         score != MapScore::similar;
}

std::string format_score(MapScore score, float value) {
  if (std::isnan(value)) return "-";
  if (score == MapScore::entropy) return printed("%.2f", value);
  if (score == MapScore::distance) return printed(std::abs(value) < 100 ? "%.1f" : "%.0f", value);
  if (score == MapScore::drop) return printed("%+.2f", value);
  return printed("%.3f", value);
}

std::string format_score_change(MapScore score, float value) {
  if (std::isnan(value)) return "-";
  if (score == MapScore::entropy) return printed("%+.2f", value);
  if (score == MapScore::distance) return printed(std::abs(value) < 100 ? "%+.1f" : "%+.0f", value);
  return std::abs(value) < 0.0005f ? "0.000" : printed("%+.3f", value);
}

float ScoreValues::at(HeadId head, int heads) const {
  const auto index = static_cast<std::size_t>(head.layer) * static_cast<std::size_t>(heads) +
                     static_cast<std::size_t>(head.head);
  return values != nullptr && index < values->size() ? (*values)[index] : NAN;
}

bool ScoreValues::any() const {
  return values != nullptr && std::any_of(values->begin(), values->end(),
                                          [](float value) { return !std::isnan(value); });
}

ScoreValues score_of(AppState& state, MapScore score, bool intervened) {
  const Snapshot& snapshot = *state.snapshot;
  const auto& run = intervened ? snapshot.intervened : snapshot.baseline;
  switch (score) {
    case MapScore::relevant:
    case MapScore::sink:
    case MapScore::irrelevant_sum:
    case MapScore::irrelevant_max:
      if (run) return {run, &score_values(run->scores, score)};
      break;
    case MapScore::head_set:
      if (snapshot.model) return {snapshot.model, &snapshot.model->known_scores};
      break;
    case MapScore::overlap:
      break;
    case MapScore::entropy:
    case MapScore::distance:
      if (const auto metrics = run ? state.numbers->metrics(intervened) : nullptr)
        return {metrics, score == MapScore::entropy ? &metrics->entropy : &metrics->distance};
      break;
    case MapScore::drop:
      if (snapshot.head_drops) return {snapshot.head_drops, &snapshot.head_drops->drop};
      break;
    case MapScore::similar:
      if (!state.view.heads.like) break;
      if (const auto alike = state.numbers->similarity(*state.view.heads.like))
        return {alike, &alike->values};
      break;
  }
  return {};
}

Missing why_missing(AppState& state, MapScore score) {
  const Snapshot& snapshot = *state.snapshot;
  const bool kept = snapshot.baseline && keeps_rows(*snapshot.baseline);
  switch (score) {
    case MapScore::head_set:
      return {"No head set came with this model", "headscope-cli score makes one.", "", ""};
    case MapScore::overlap:
      return {"No second head set of this model",
              "Heads > Compare with another head set... opens one.", "heads.compare",
              "Compare ..."};
    case MapScore::entropy:
    case MapScore::distance:
      if (kept) return {"Working it out ...", "", "", ""};
      return missing_rows(state);
    case MapScore::drop:
      return {"No head was ablated yet",
              "Every head's output is zeroed in turn, and the baseline's answer is read again: " +
                  passes_text(snapshot) + ". It can be cancelled and goes on where it stopped.",
              "run.head_drops", "Ablate every head"};
    case MapScore::similar:
      if (state.view.heads.like && snapshot.baseline && snapshot.baseline->rows.size() > 0)
        return {"Working it out ...", "", "", ""};
      return {"Like which head?", "Select a head first: the others are compared with it.",
              "heads.like", "Like the selected head"};
    default:
      break;
  }
  return {"No gold document is marked",
          "Relevant and irrelevant mass need one: click a document. Sink, entropy and distance do "
          "without.",
          "", ""};
}

}  // namespace headscope
