// What the control experiment found: how far heads that nobody touched move when others are
// intervened on (method.md 3, "the effect on untouched heads"). Free of libtorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/session/passport.h"
#include "core/sweep/result_lines.h"
#include "core/sweep/sweep_grid.h"

namespace headscope {

/// Which tokens the rows are read at while an arm runs.
enum class ControlResponse {
  baseline,  ///< the baseline's response is fed to every arm: the same rows everywhere
  own,       ///< every arm decodes its own response
};

/// "baseline", "own".
std::string control_response_name(ControlResponse response);

/// One way of intervening: a cell of the sweep's grid, and the heads that it acts on.
struct ControlArm {
  SweepCell cell;
  std::vector<HeadId> heads;
};

/// Relevant mass of every head on one sample, each [layers * heads].
struct ControlSample {
  std::int64_t index = 0;
  std::string question;
  std::vector<float> baseline;
  std::vector<std::vector<float>> arms;  ///< in the order of ControlRun::arms
};
/// Numbers of every head and sample, unedited and under each setting.
struct ControlRun {
  int layers = 0, heads = 0;
  ControlResponse response = ControlResponse::baseline;
  std::vector<ControlArm> arms;
  std::vector<ControlSample> samples;
  SkipCounts skipped;
  std::vector<std::string> notes;  ///< what became of the settings
  bool cancelled = false;
};

/// A mean over samples with its 95 % bootstrap interval; NaN where there is nothing to measure.
struct Estimate {
  double value = 0, low = 0, high = 0;
};

/// Change of relevant mass (intervened minus baseline), mean over heads, then over samples.
struct Movement {
  Estimate change;
  Estimate magnitude;  ///< of |change| of every head
};

/// The contextual arm against the mean of the random arms, over the same heads: those that neither
/// of the two arms of a pair touches.
struct ControlComparison {
  double heads = 0;  ///< compared, mean over the draws
  int draws = 0;     ///< random arms that leave a head to compare
  Movement contextual, random;
  Movement difference;  ///< contextual - random, paired by sample
  Estimate ratio;       ///< of the magnitudes, contextual / random
};

/// One method and strength.
struct ControlSetting {
  SweepCell cell;                  ///< of the contextual arm
  std::vector<HeadId> contextual;  ///< heads of that arm
  std::vector<ControlArm> random;
  ControlComparison untouched;  ///< every head that neither arm of a pair touches
  /// Of those, the heads in layers above the first layer that either arm touches: with the same
  /// tokens, no other can move.
  ControlComparison above;
  std::vector<ControlComparison> by_layer;  ///< untouched heads of each layer; without ratio
  /// [layers * heads], mean change over samples; NaN where the arm (every random arm) touches.
  std::vector<float> contextual_change, random_change;
};
/// What a control found: arms against the unedited run.
struct ControlResult {
  int layers = 0, heads = 0;
  std::int64_t n = 0;
  ControlResponse response = ControlResponse::baseline;
  std::vector<float> baseline;  ///< [layers * heads], mean relevant mass
  std::vector<ControlSetting> settings;
  SkipCounts skipped;
  std::vector<std::string> notes;
  bool complete = true;
  Passport passport;
};

/// The numbers of a run. Every contextual arm is compared with the random arms of its setting.
ControlResult control_result(const ControlRun& run, Passport passport);

/// The file control.json, and back; messages begin with `name`.
Json to_json(const ControlResult& result);
Result<ControlResult> control_result_from_json(const Json& value, const std::string& name);

/// "split-softmax, τ = 0.1, top 5".
std::string control_setting_name(const ControlSetting& setting);

}  // namespace headscope
