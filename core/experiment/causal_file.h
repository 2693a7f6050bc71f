// A causal check over a data set on disk: its summary and what every sample gave, from which an
// interrupted run goes on.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "core/experiment/causal.h"
#include "core/session/passport.h"

namespace headscope {
/// One file, from which a stopped check goes on.
class CausalFile {
 public:
  /// `heading`: further keys of the file. `passport` must tell apart whatever decides the numbers,
  /// and holds the seed of the intervals.
  CausalFile(std::filesystem::path path, Json heading, Passport passport)
      : path_(std::move(path)), heading_(std::move(heading)), passport_(std::move(passport)) {}

  /// Samples of an unfinished file with the same passport; none where there is no such file.
  std::vector<CausalSample> finished_before() const;
  /// to_json(CausalSummary) with the heading, "skipped" and "complete".
  Json summary(const CausalRun& run, bool complete) const;
  /// The summary with "samples" and "passport".
  Json whole(const CausalRun& run, bool complete) const;
  /// Writes all of it.
  Result<> save(const CausalRun& run, bool complete) const;
  /// For check_samples: saves every 30 s. Refers to this file.
  std::function<Result<>(const CausalRun&)> keeper() const;

 private:
  std::filesystem::path path_;
  Json heading_;
  Passport passport_;
};

}  // namespace headscope
