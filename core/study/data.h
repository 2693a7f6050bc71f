// The samples of a study: one part to score on and to train directions on, the other to evaluate.
#pragma once

#include <string>
#include <vector>

#include "core/study/folder.h"
#include "core/text/dataset.h"

namespace headscope::study {
/// The parts of a study's data.
struct StudyData {
  Dataset source;
  std::vector<QaSample> train, test;  ///< at most Settings::samples each
  std::vector<std::string> notes;     ///< what was made or moved, for the report
  std::size_t documents = 0;          ///< of the sample that has fewest
};

/// Samples of the embedded model's world, made from the seed: 20 documents, the others about people
/// who share a name with the one asked about, gold positions drawn, people that its training never
/// saw; `samples` of each part. Written to the study's folder, or read from there.
Result<StudyData> embedded_data(const Folder& folder, const Settings& settings);

/// The user's data, divided by the hash of the question. Gold documents that always stand at one
/// place are moved to places drawn from the seed, in both parts (method.md 1.5). bad_input when a
/// part is empty.
Result<StudyData> data_from(const std::filesystem::path& file, const Settings& settings);

/// Where the gold documents stand: each position once, in order.
std::vector<std::size_t> gold_positions_of(const std::vector<QaSample>& samples);

}  // namespace headscope::study
