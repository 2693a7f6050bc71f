// What an unfinished scoring has: a line a sample, appended as it comes, so that it goes on.
#pragma once

#include <filesystem>
#include <fstream>
#include <vector>

#include "core/base/json.h"
#include "core/experiment/score.h"

namespace headscope {
/// One line, and back; `name` begins the messages.
Json to_json(const ScoredSample& sample);
Result<ScoredSample> scored_sample_from(const Json& value, const std::string& name);
/// A line a sample, so that a stopped scoring goes on.
class ScoreLines {
 public:
  /// Goes on behind the whole lines of `file` if its first one is `heading`, which must tell apart
  /// whatever decides the scores; else the first sample begins it anew.
  static Result<ScoreLines> open(const std::filesystem::path& file, const Json& heading);

  /// What was there, in order.
  const std::vector<ScoredSample>& finished() const { return finished_; }
  /// bad_input when the disk is full.
  Result<> add(const ScoredSample& sample);
  /// Removes the file, if there is one: its result is safe.
  Result<> finish();

 private:
  Result<> begin();

  std::filesystem::path path_;
  Json heading_;
  std::vector<ScoredSample> finished_;
  std::ofstream file_;
};

}  // namespace headscope
