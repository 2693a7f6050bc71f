// From the results of a study to the numbers that its rules ask for.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/analysis/head_choice.h"
#include "core/analysis/statistics.h"
#include "core/study/numbers.h"
#include "core/study/results.h"

namespace headscope::study {
namespace {

constexpr std::size_t kLeastPositions = 3;
constexpr double kLeastQueryEffect = 100;  // times the key half's

Evidence untestable(std::string reason) {
  Evidence evidence;
  evidence.untestable = std::move(reason);
  return evidence;
}

class Collector {
 public:
  explicit Collector(const Results& results)
      : results_(results),
        settings_(results.study.settings),
        model_(results.study.model),
        all_(baseline_cell(PromptKind::all)),
        gold_(baseline_cell(PromptKind::gold_only)),
        split_(split_cell(settings_.tau, settings_.top_k)),
        focus_(focus_cell(settings_.alpha, settings_.top_k)) {}

  Evidence of(const std::string& id) const {
    static const std::map<std::string, Evidence (Collector::*)() const> makers{
        {"C1", &Collector::some_heads},
        {"C2", &Collector::few},
        {"C3", &Collector::middle_layers},
        {"C4", &Collector::right_and_wrong},
        {"C5", &Collector::distraction},
        {"C6", &Collector::lost_in_the_middle},
        {"C7", &Collector::split_helps},
        {"C8", &Collector::reaches_gold_only},
        {"C9", &Collector::random_heads_idle},
        {"C10", &Collector::contextual_beat_random},
        {"C11", &Collector::many_random_hurt},
        {"C12", &Collector::focus_helps},
        {"C13", &Collector::sink_drains},
        {"C14", &Collector::share_rises},
        {"C15", &Collector::random_directions_idle},
        {"C16", &Collector::trained_beat_random},
        {"C17", &Collector::less_focus_hurts},
        {"C18", &Collector::held_out_share},
        {"C19", &Collector::similar_seeds},
        {"C20", &Collector::idle_keys},
        {"C21", &Collector::control},
        {"C22", &Collector::documents_needed},
        {"C23", &Collector::heads_needed},
        {"C24", &Collector::long_contexts}};
    const auto maker = makers.find(id);
    return maker == makers.end() ? untestable("nothing measures this claim")
                                 : (this->*maker->second)();
  }

 private:
  // ---- heads ----

  double score(HeadId head, const std::vector<float>& values) const {
    return values[static_cast<std::size_t>(head.layer) * static_cast<std::size_t>(model_.heads) +
                  static_cast<std::size_t>(head.head)];
  }

  std::vector<HeadId> top_heads() const {
    return first_heads(results_.heads.ranking, settings_.top_k, model_.layers, model_.heads);
  }

  Evidence some_heads() const {
    const HeadSet& set = results_.heads;
    const HeadId best = set.ranking.front(), median = set.ranking[set.ranking.size() / 2];
    const double low = score(best, set.relevant_low), high = score(median, set.relevant_high);
    Evidence evidence;
    evidence.n = set.samples;
    evidence.value = low - std::max(0.1, high);
    evidence.measured = "best head " + head_list({best}) + " " +
                        fixed_number(score(best, set.relevant)) + " [" + fixed_number(low) + ", " +
                        fixed_number(score(best, set.relevant_high)) + "], median head up to " +
                        fixed_number(high);
    return evidence;
  }

  Evidence few() const {
    const HeadSet& set = results_.heads;
    const auto above = std::count_if(set.relevant.begin(), set.relevant.end(),
                                     [](float value) { return value > 0.1f; });
    const auto strong = std::count_if(set.relevant.begin(), set.relevant.end(),
                                      [](float value) { return value > 0.2f; });
    const auto all = static_cast<std::int64_t>(set.relevant.size());
    Evidence evidence;
    evidence.n = set.samples;
    evidence.value = static_cast<double>(above) / static_cast<double>(all);
    evidence.measured = std::to_string(above) + " of " + std::to_string(all) +
                        " heads above 0.1, " + std::to_string(strong) + " above 0.2";
    return evidence;
  }

  Evidence middle_layers() const {
    if (model_.layers < least_layers) {
      return untestable(
          "the model has " + std::to_string(model_.layers) + " layers" +
          (model_.embedded ? ", and its initialisation decides where such heads form" : ""));
    }
    const auto heads = top_heads();
    const auto inside = std::count_if(heads.begin(), heads.end(), [&](HeadId head) {
      return 4 * head.layer >= model_.layers && 4 * head.layer < 3 * model_.layers;
    });
    Evidence evidence;
    evidence.n = results_.heads.samples;
    evidence.value = static_cast<double>(inside) / static_cast<double>(heads.size());
    evidence.measured =
        std::to_string(inside) + " of the top " + std::to_string(heads.size()) + " heads";
    return evidence;
  }

  Evidence right_and_wrong() const {
    Evidence evidence;
    for (const EvaluatedSample& sample : results_.main.samples(all_)) {
      if (!std::isfinite(sample.relevant_mass)) continue;
      (sample.correct ? evidence.first : evidence.second).push_back(sample.relevant_mass);
    }
    evidence.measured = "right " + fixed_number(mean(evidence.first)) +
                        " (n = " + std::to_string(evidence.first.size()) + "), wrong " +
                        fixed_number(mean(evidence.second)) +
                        " (n = " + std::to_string(evidence.second.size()) + ")";
    return evidence;
  }

  // ---- exact match ----

  double em(const Cells& cells, const SweepCell& cell) const {
    std::vector<double> right;
    for (const EvaluatedSample& sample : cells.samples(cell)) right.push_back(exact_match(sample));
    return mean(right);
  }
  std::string em_text(const SweepCell& cell) const { return fixed_number(em(results_.main, cell)); }

  // Why exact match cannot say anything here; empty when it can.
  std::string unable() const {
    const double gold = em(results_.main, gold_);
    if (gold >= able_em) return "";
    return "with the gold document alone the model is right in " + fixed_number(gold) +
           " of the samples (needed: 0.2), so exact match says nothing about attention";
  }

  Evidence em_difference(const SweepCell& a, const SweepCell& b,
                         const std::string& measured) const {
    if (const std::string reason = unable(); !reason.empty()) return untestable(reason);
    Evidence evidence;
    evidence.paired.push_back(
        {"", paired_differences(results_.main.samples(a), results_.main.samples(b), exact_match)});
    evidence.measured = measured;
    return evidence;
  }

  // Exact match of each sample, by its index: the mean over a control's draws.
  std::map<std::int64_t, double> mean_over(const std::vector<SweepCell>& draws) const {
    std::map<std::int64_t, double> means;
    std::map<std::int64_t, int> counts;
    for (const SweepCell& draw : draws) {
      for (const EvaluatedSample& sample : results_.main.samples(draw)) {
        means[sample.index] += exact_match(sample);
        ++counts[sample.index];
      }
    }
    for (auto& [index, sum] : means) sum /= counts[index];
    return means;
  }

  // EM of `cell` minus the mean EM of `draws`, per sample, times `sign`.
  Evidence against_draws(const SweepCell& cell, const std::vector<SweepCell>& draws, double sign,
                         const std::string& what) const {
    if (const std::string reason = unable(); !reason.empty()) return untestable(reason);
    if (draws.empty()) {
      return untestable("no random control of " + std::to_string(cell.top_k.value_or(0)) +
                        " heads exists outside the contextual ones");
    }
    const auto means = mean_over(draws);
    Evidence evidence;
    Comparison comparison;
    for (const EvaluatedSample& sample : results_.main.samples(cell)) {
      const auto found = means.find(sample.index);
      if (found == means.end()) continue;
      comparison.differences.push_back(sign * (exact_match(sample) - found->second));
    }
    evidence.paired.push_back(std::move(comparison));
    std::string each;
    for (const SweepCell& draw : draws) each += (each.empty() ? "" : ", ") + em_text(draw);
    evidence.measured = "EM " + em_text(cell) + "; " + what + " " + each;
    return evidence;
  }

  Evidence distraction() const {
    return em_difference(
        gold_, all_,
        "EM " + em_text(gold_) + " with the gold document alone, " + em_text(all_) + " with all");
  }

  Evidence lost_in_the_middle() const {
    const auto& positions = settings_.gold_positions;
    if (positions.size() < kLeastPositions) {
      return untestable("the samples have too few documents for a first, middle and last position");
    }
    if (const std::string reason = unable(); !reason.empty()) return untestable(reason);
    const auto at = [&](std::size_t position) {
      SweepCell cell = all_;
      cell.gold_position = position;
      return cell;
    };
    const std::size_t middle = positions[positions.size() / 2];
    Evidence evidence;
    for (const std::size_t end : {positions.front(), positions.back()}) {
      evidence.paired.push_back(
          {std::to_string(end),
           paired_differences(results_.positions.samples(at(end)),
                              results_.positions.samples(at(middle)), exact_match)});
    }
    for (const std::size_t position : positions) {
      evidence.measured += (evidence.measured.empty() ? "EM at position " : ", ") +
                           std::to_string(position) + ": " +
                           fixed_number(em(results_.positions, at(position)));
    }
    return evidence;
  }

  Evidence split_helps() const {
    return em_difference(split_, all_, "EM " + em_text(split_) + " against " + em_text(all_));
  }

  Evidence reaches_gold_only() const {
    return em_difference(
        split_, gold_,
        "EM " + em_text(split_) + " against " + em_text(gold_) + " with the gold document alone");
  }

  Evidence random_heads_idle() const {
    // Random minus baseline: the gain that there should not be.
    return against_draws(all_, results_.main.random_heads_for(split_), -1, "as many random heads");
  }

  Evidence contextual_beat_random() const {
    return against_draws(split_, results_.main.random_heads_for(split_), 1, "as many random heads");
  }

  Evidence many_random_hurt() const {
    std::vector<SweepCell> most;
    int k = 0;
    for (const SweepResult& result : results_.main.results()) {
      const SweepCell& cell = result.cell;
      if (cell.heads != CellHeads::contextual || cell.tau != settings_.tau) continue;
      auto draws = results_.main.random_heads_for(cell);
      if (std::ssize(draws) < settings_.random_heads || cell.top_k <= k) continue;
      most = std::move(draws);
      k = *cell.top_k;
    }
    const double share = static_cast<double>(k) / (model_.layers * model_.heads);
    if (share < many_heads || most.empty()) {
      return untestable("at most " + std::to_string(k) + " random heads, " + fixed_number(share) +
                        " of all (needed: " + fixed_number(many_heads) + ")");
    }
    return against_draws(all_, most, 1, std::to_string(k) + " random heads");
  }

  // ---- focus directions ----

  Evidence focus_helps() const {
    return em_difference(focus_, all_, "EM " + em_text(focus_) + " against " + em_text(all_));
  }

  Evidence mass_difference(const SweepCell& a, const SweepCell& b, NumberOf number) const {
    Evidence evidence;
    evidence.paired.push_back(
        {"", paired_differences(results_.main.samples(a), results_.main.samples(b), number)});
    const auto mean_of_cell = [&](const SweepCell& cell) {
      std::vector<double> values;
      for (const EvaluatedSample& sample : results_.main.samples(cell)) {
        if (std::isfinite(number(sample))) values.push_back(number(sample));
      }
      return fixed_number(mean(values), 4);
    };
    evidence.measured = mean_of_cell(all_) + " without, " + mean_of_cell(focus_) + " with";
    return evidence;
  }

  Evidence sink_drains() const { return mass_difference(all_, focus_, sink_mass); }
  Evidence share_rises() const { return mass_difference(focus_, all_, relevant_share); }

  Evidence random_directions_idle() const {
    return against_draws(all_, results_.main.random_directions_for(focus_), -1,
                         "random directions");
  }

  Evidence trained_beat_random() const {
    return against_draws(focus_, results_.main.random_directions_for(focus_), 1,
                         "random directions");
  }

  Evidence less_focus_hurts() const {
    const SweepCell less = focus_cell(settings_.less_alpha, settings_.top_k);
    return em_difference(all_, less, "EM " + em_text(less) + " against " + em_text(all_));
  }

  Evidence held_out_share() const {
    const DirectionCheck& check = results_.directions;
    if (!check.disjoint || check.held_out_n == 0) {
      return untestable("the samples have too few documents to keep positions apart");
    }
    Evidence evidence;
    evidence.paired.push_back({"", check.gains});
    evidence.measured = "share " + fixed_number(check.unedited.share) + " without, " +
                        fixed_number(check.trained.share) + " with trained";
    if (!check.random.empty()) {
      evidence.measured +=
          ", " + fixed_number(mean_of(check.random).share) + " with random directions";
    }
    return evidence;
  }

  Evidence similar_seeds() const {
    std::vector<double> cosines;
    for (const HeadId head : top_heads()) {
      cosines.push_back(results_.directions.cosine[static_cast<std::size_t>(head.layer) *
                                                       static_cast<std::size_t>(model_.heads) +
                                                   static_cast<std::size_t>(head.head)]);
    }
    Evidence evidence;
    evidence.n = results_.directions.train_n;
    evidence.value = mean(cosines);
    evidence.measured = "mean cosine " + fixed_number(mean(cosines)) + ", lowest " +
                        fixed_number(*std::min_element(cosines.begin(), cosines.end())) +
                        "; over all heads " + fixed_number(mean(results_.directions.cosine));
    return evidence;
  }

  Evidence idle_keys() const {
    const KeyCheck& key = results_.key;
    if (results_.study.passport.dtype != "float32") {
      return untestable("weights are " + results_.study.passport.dtype +
                        ", where rounding shows; the claim is about exact arithmetic");
    }
    if (model_.softcap > 0) {
      return untestable("the model has a score soft-cap, under which keys do act (method.md 3)");
    }
    if (!(key.query_effect > kLeastQueryEffect * key.key_effect)) {
      return untestable("the query half changes logits by only " + short_number(key.query_effect));
    }
    Evidence evidence;
    evidence.n = key.prompts;
    evidence.value = key.key_effect / key.largest_logit;
    evidence.measured = "largest difference " + short_number(key.key_effect) + " of logits up to " +
                        short_number(key.largest_logit) + "; the query half changes them by " +
                        short_number(key.query_effect);
    return evidence;
  }

  // ---- elsewhere ----

  Evidence control() const {
    if (!results_.control || results_.control->settings.empty()) {
      return untestable("no random heads are left outside the contextual ones");
    }
    const ControlComparison& above = results_.control->settings.front().above;
    if (above.draws == 0) return untestable("every head above the first touched layer is touched");
    const Estimate& difference = above.difference.magnitude;
    Evidence evidence;
    evidence.n = results_.control->n;
    evidence.value = difference.value;
    evidence.low = difference.low;
    evidence.high = difference.high;
    evidence.measured = "mean |change| " + fixed_number(above.contextual.magnitude.value, 4) +
                        " under contextual, " + fixed_number(above.random.magnitude.value, 4) +
                        " under random heads, ratio " + fixed_number(above.ratio.value, 2) + " [" +
                        fixed_number(above.ratio.low, 2) + ", " +
                        fixed_number(above.ratio.high, 2) + "]";
    return evidence;
  }

  Evidence correlation(const RankCorrelation& found, const std::string& more) const {
    Evidence evidence;
    evidence.n = found.n;
    evidence.value = found.spearman;
    evidence.low = found.low;
    evidence.high = found.high;
    evidence.measured = "mean Spearman " + fixed_number(found.spearman) + " over " +
                        std::to_string(found.n) + " prompts" + more;
    return evidence;
  }

  Evidence documents_needed() const {
    return correlation(results_.causal.documents, "; masking the gold document costs " +
                                                      fixed_number(results_.causal.gold_drop, 2) +
                                                      " nats, another one " +
                                                      fixed_number(results_.causal.other_drop, 2));
  }

  Evidence heads_needed() const { return correlation(results_.causal.heads, ""); }

  // The length at which focus directions do least decides; shorter ones are shown alone.
  Evidence long_contexts() const {
    if (!results_.suites) return untestable("suites were left out");
    Evidence evidence;
    const SuiteTableRow* least = nullptr;
    bool missing = false;
    for (const std::int64_t length : suite_lengths_for(settings_, model_.context_length)) {
      const SuiteTableRow* row = effect_at(results_.suites->rows, length);
      evidence.measured += (evidence.measured.empty() ? "" : "; ") + suite_text(length, row);
      if (length < long_context) continue;
      missing = missing || row == nullptr;
      const bool lower = least == nullptr || (row != nullptr && row->difference_interval.low <
                                                                    least->difference_interval.low);
      if (lower) least = row;
    }
    evidence.untestable = too_short();
    if (evidence.untestable.empty() && (missing || least == nullptr)) {
      evidence.untestable = "no task gave scores at a length that counts";
    }
    if (!evidence.untestable.empty()) return evidence;
    evidence.n = least->n;
    evidence.value = *least->difference;
    evidence.low = least->difference_interval.low;
    evidence.high = least->difference_interval.high;
    return evidence;
  }

  // Why no length that was run is a long context; empty when one is.
  std::string too_short() const {
    if (model_.context_length < long_context) {
      return "the model's context ends at " + std::to_string(model_.context_length) + " tokens";
    }
    const auto lengths = suite_lengths_for(settings_, model_.context_length);
    if (lengths.back() >= long_context) return "";
    return "the longest of the suites has " + std::to_string(lengths.back()) + " tokens";
  }

  // "demo_qa at 1024 tokens: 0.200 without, 0.300 with".
  std::string suite_text(std::int64_t length, const SuiteTableRow* row) const {
    const std::string at = " at " + std::to_string(length) + " tokens: ";
    if (row == nullptr) return "every task" + at + "left out";
    const SuiteTableRow* without = baseline_of(results_.suites->rows, *row);
    const std::string before = without == nullptr ? "–" : fixed_number(without->value);
    const std::string name = row->task == suite_average ? "mean of tasks" : row->task;
    return name + at + before + " without, " + fixed_number(row->value) + " with (difference " +
           signed_number(*row->difference) + " [" + signed_number(row->difference_interval.low) +
           ", " + signed_number(row->difference_interval.high) +
           "], n = " + std::to_string(row->n) + ")";
  }

  const Results& results_;
  const Settings& settings_;
  const ModelFacts& model_;
  SweepCell all_, gold_, split_, focus_;
};

}  // namespace

std::vector<Evidence> collect_evidence(const std::vector<Rule>& rules, const Results& results) {
  const Collector collector(results);
  std::vector<Evidence> evidence;
  for (const Rule& rule : rules) evidence.push_back(collector.of(rule.id));
  return evidence;
}

}  // namespace headscope::study
