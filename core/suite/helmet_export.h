// Predictions as HELMET writes them, for its own scorers.
#pragma once

#include <map>
#include <span>
#include <string>

#include "core/base/json.h"
#include "core/suite/generate.h"
#include "core/suite/result.h"

namespace headscope {

/// What a file of predictions says about the run ("args" of HELMET's files).
struct HelmetArguments {
  std::string model = {}, dataset = {}, test_file = {}, method = {};
  std::int64_t length = 0;
  std::int64_t samples = 0;
  int shots = 0;
  bool chat = false;
  std::uint64_t seed = 0;
};

/// {"args","data":[{"output","parsed_output","answer","question", ... and what the data set's line
/// had beside its context}],"metrics":{name:[...]},"averaged_metrics":{name: percent}}. A metric
/// that needs a judge is left for its scorer. `lines` are those of one task, length and method.
Json helmet_predictions(std::span<const FittedSample> samples, std::span<const SuiteLine> lines,
                        const HelmetArguments& arguments);

/// "kilt_nq_none_in8192_size100_shots2_chatFalse_0.json", in the manner of HELMET's names.
std::string helmet_file_name(const HelmetArguments& arguments);

}  // namespace headscope
