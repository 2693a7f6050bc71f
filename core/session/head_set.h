// Head sets: scores and ranking of every head, as JSON with the keys of cli.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/score_summary.h"
#include "core/base/types.h"
#include "core/session/passport.h"

namespace headscope {
/// Scores and ranking of a model's heads, as they lie in a file.
struct HeadSet {
  int layers = 0, heads = 0;  ///< 0 = the file does not say (a ranking alone)
  std::int64_t samples = 0;
  /// [layers * heads], row-major; empty = not in the file; NaN = null in the file.
  std::vector<float> relevant, relevant_low, relevant_high;
  std::vector<float> sink, irrelevant_sum, irrelevant_max;
  std::vector<float> gold_only_relevant, gold_only_sink;
  std::vector<float> entropy, distance;  ///< core/analysis/row_metrics.h; written where they are
  std::vector<HeadId> ranking;           ///< never empty after reading
  std::map<std::string, std::int64_t> skipped;
  Json extra = Json::object();  ///< other keys of the file, kept as they are
  Passport passport;
};

/// Beside the keys of cli.md it stores "above_0.1", "above_0.2", "stability" and "outcome".
HeadSet head_set_from(const ScoreSummary& summary, Passport passport);

/// Stability of the top-k: between bootstrap draws, and of n samples against all.
Json stability_json(const ScoreSummary& summary);
/// What a set of ours holds of it: the first `k` heads of n samples against those of all. No points
/// where the file says nothing of it that can be read.
struct StabilityCurve {
  int k = 0;
  std::vector<StabilityPoint> points;
};
StabilityCurve stability_of(const HeadSet& set);
/// Mass of the contextual heads on right and wrong answers, their difference with its interval.
Json outcome_json(const MassByOutcome& outcome);
/// The keys of cli.md, and back.
Json to_json(const HeadSet& set);
/// Accepts a full head set, an object with a `ranking` alone, a bare list of pairs (as the authors
/// of focus directions publish), and retrieval scores (nightdessert/Retrieval_Head:
/// {"layer-head": [score of each sample]}), whose means become `relevant` and the ranking, with the
/// extra key "definition". bad_input: neither, arrays of the wrong shape, heads out of range or
/// twice.
Result<HeadSet> head_set_from_json(const Json& value, const std::string& name);
/// A file of one of these forms.
Result<HeadSet> read_head_set(const std::filesystem::path& path);
/// Whole or not at all.
Result<> write_head_set(const std::filesystem::path& path, const HeadSet& set);

/// bad_input when the set is of a model of another shape; `name` (a file) begins the message.
Result<> check_fits(const HeadSet& set, const std::string& name, int layers, int heads);

}  // namespace headscope
