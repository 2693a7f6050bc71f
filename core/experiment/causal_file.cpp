#include "core/experiment/causal_file.h"

#include "core/base/file.h"
#include "core/experiment/causal_report.h"
#include "core/experiment/save_clock.h"

namespace headscope {
namespace {}  // namespace

std::vector<CausalSample> CausalFile::finished_before() const {
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) return {};
  const auto before = read_json_file(path_);
  const bool ours = before && before->is_object() &&
                    before->value("complete", Json()) == Json(false) &&
                    before->value("passport", Json()) == to_json(passport_) &&
                    before->value("samples", Json()).is_array();
  if (!ours) return {};
  std::vector<CausalSample> samples;
  for (const Json& entry : (*before)["samples"]) {
    auto sample = causal_sample_from(entry, path_.string());
    if (sample) samples.push_back(std::move(*sample));  // any other is run again
  }
  return samples;
}

Json CausalFile::summary(const CausalRun& run, bool complete) const {
  Json summary = to_json(summary_of(run, passport_.seed));
  summary.update(heading_);
  summary["skipped"] = run.skipped;
  summary["complete"] = complete;
  return summary;
}

Json CausalFile::whole(const CausalRun& run, bool complete) const {
  Json whole = summary(run, complete), samples = Json::array();
  for (const CausalSample& sample : run.samples) samples.push_back(to_json(sample));
  whole["samples"] = std::move(samples);
  whole["passport"] = to_json(passport_);
  return whole;
}

Result<> CausalFile::save(const CausalRun& run, bool complete) const {
  return write_file_atomically(path_, dump_json(whole(run, complete)) + "\n");
}

std::function<Result<>(const CausalRun&)> CausalFile::keeper() const {
  return [this, clock = SaveClock()](const CausalRun& run) mutable -> Result<> {
    return clock.is_time() ? save(run, false) : Result<>{};
  };
}

}  // namespace headscope
