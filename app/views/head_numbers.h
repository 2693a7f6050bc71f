// Every number that the head map and the ranking show: where it comes from, how it is written, and
// why it is not there.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/views/head_options.h"
#include "core/engine/head_metrics.h"
#include "core/engine/latest_worker.h"

namespace headscope {

class AppState;

/// Numbers that are worked out beside the window's thread, when a view first asks for them.
class HeadNumbers {
 public:
  HeadNumbers();

  /// Once a frame. `wake` is called from a worker when something is there; it may be empty.
  void look(std::shared_ptr<const Snapshot> snapshot, std::function<void()> wake);

  /// Of the baseline, or the intervened run; null while it is worked out and where rows are not
  /// kept. Until a new run's are there, the last ones of the same prompt.
  std::shared_ptr<const HeadMetrics> metrics(bool intervened);
  /// Likeness with `head` in the baseline; until it is there, the one asked for last.
  std::shared_ptr<const HeadSimilarity> similarity(HeadId head) {
    return similarity_with(similarity_, head);
  }
  /// The same for another view, so that two that ask for different heads do not displace each
  /// other.
  std::shared_ptr<const HeadSimilarity> compared(HeadId head) {
    return similarity_with(compared_, head);
  }

  bool busy() const {
    return metrics_.busy() || similarity_.newest.busy() || compared_.newest.busy();
  }

 private:
  using Run = std::shared_ptr<const RunResult>;
  struct MetricsJob {
    std::shared_ptr<const PromptView> prompt;
    Run baseline, intervened;
    std::shared_ptr<const KnownMetrics> known;  ///< of the last baseline; not part of the question
    friend bool operator==(const MetricsJob& a, const MetricsJob& b) {
      return a.prompt == b.prompt && a.baseline == b.baseline && a.intervened == b.intervened;
    }
  };
  struct MetricsPair {
    std::shared_ptr<const KnownMetrics> baseline, intervened;
  };
  struct SimilarityJob {
    Run run;
    HeadId head;
    friend bool operator==(const SimilarityJob&, const SimilarityJob&) = default;
  };
  static std::optional<std::shared_ptr<const HeadSimilarity>> work_out_similarity(
      const SimilarityJob& job, const std::function<bool()>& is_stale);
  struct Similarities {
    NewestResult<SimilarityJob, std::shared_ptr<const HeadSimilarity>> newest{work_out_similarity};
    bool asked = false;  ///< since the last look
    void let_go();
  };
  std::shared_ptr<const HeadSimilarity> similarity_with(Similarities& slot, HeadId head);
  void pick_up();
  static std::optional<MetricsPair> work_out(const MetricsJob& job,
                                             const std::function<bool()>& is_stale);

  std::shared_ptr<const Snapshot> snapshot_;
  std::function<void()> wake_;
  NewestResult<MetricsJob, MetricsPair> metrics_;
  Similarities similarity_, compared_;
  bool asked_ = false;  ///< for metrics, since the last look: runs that nobody looks at are let go
  std::shared_ptr<const MetricsPair> shown_;  ///< results as they were picked up
  std::shared_ptr<const PromptView> shown_of_;
};

/// What a number is called and how it is written.
struct ScoreName {
  const char* key;     ///< "irrelevant_sum": in files
  const char* label;   ///< "irrelevant, sum": in lists
  const char* column;  ///< "irrel.": over a column
  const char* unit;    ///< "mass": over a colour bar
  const char* note;
};
const ScoreName& name_of(MapScore score);

/// There is one for the baseline and one for the intervened run.
bool has_two_sources(MapScore score);
/// Of one head as the score is written: "0.123", "2.31", "148", "+0.41".
std::string format_score(MapScore score, float value);
std::string format_score_change(MapScore score, float value);

/// A score of all heads, [layers * heads], kept alive by `owner`; empty where it is not there.
struct ScoreValues {
  std::shared_ptr<const void> owner;
  const std::vector<float>* values = nullptr;

  /// NaN where nothing is known.
  float at(HeadId head, int heads) const;
  /// Some head has a number.
  bool any() const;
};
/// `intervened` says whose, where there are two; MapScore::overlap has none.
ScoreValues score_of(AppState& state, MapScore score, bool intervened);

/// Why a score is not there and what brings it: for empty views and tooltips.
struct Missing {
  std::string title, detail;
  std::string command, button;  ///< brings it; empty = nothing does
};
Missing why_missing(AppState& state, MapScore score);

}  // namespace headscope
