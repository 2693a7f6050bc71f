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
/// Samples of the part that a command works on.
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

/// What heads and directions were made from, as their passports say.
struct UsedData {
  std::set<std::string> questions;  ///< hashes
  std::set<std::string> files;      ///< SHA-256 of data sets
  /// What `passport` names.
  void add(const Passport& passport);
};

/// Samples to evaluate on: all, but not those that the heads or directions in play were made from:
/// of the very file that they were made from the test part, of another one what is left when their
/// questions are taken out. `wanted` overrides both. bad_input when nothing is left.
Result<ChosenSamples> choose_for_evaluation(const Dataset& data, std::optional<DataPart> wanted,
                                            std::optional<std::int64_t> max_samples,
                                            const UsedData& used);

/// Questions are recorded in passports as short hashes, under options.questions.
void record_questions(Passport& passport, const std::vector<std::string>& questions);
/// The samples of `data` whose questions are recorded, in order and as many; empty when none are.
std::vector<QaSample> recorded_samples(const Passport& passport, const Dataset& data);

}  // namespace headscope
