// Which samples of a data set a command works on (method.md 1.5): scoring and training directions
// take one part of the questions, so that another is left to evaluate on.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/session/passport.h"
#include "core/text/dataset.h"

namespace headscope {

/// Below so many samples a data set is not divided: too little would be left.
inline constexpr std::size_t smallest_divided_data = 20;

struct ChosenSamples {
  std::vector<QaSample> samples;
  DataPart part = DataPart::all;
  std::vector<std::string> notes;  ///< what a user should know about the choice
};

/// "all", "train", "test".
std::string part_name(DataPart part);

/// Samples to score or to train on: the training part unless `wanted` says otherwise, at most
/// `max_samples`. bad_input when nothing is left.
Result<ChosenSamples> choose_for_training(const Dataset& data, std::optional<DataPart> wanted,
                                          std::optional<std::int64_t> max_samples);

/// Samples to evaluate on: all, unless heads or directions in play were made from questions of this
/// data (`used`): then the test part. bad_input when nothing is left.
Result<ChosenSamples> choose_for_evaluation(const Dataset& data, std::optional<DataPart> wanted,
                                            std::optional<std::int64_t> max_samples,
                                            const std::set<std::string>& used);

/// Questions are recorded in passports as short hashes, under options.questions.
void record_questions(Passport& passport, const std::vector<std::string>& questions);
void add_recorded_questions(const Passport& passport, std::set<std::string>& used);

}  // namespace headscope
