#include "core/study/data.h"

#include <algorithm>
#include <limits>
#include <set>

#include "core/base/rng.h"
#include "core/demo_world/demo_world.h"

namespace headscope::study {
namespace {

// A stream of random numbers of the seed.
constexpr std::uint64_t kSpread = 11;
constexpr int kMostDrawn = 1'000'000;

const char* kEmbeddedNote =
    "Samples of the embedded model's world: 20 documents of 3 facts, one relevant; the others are "
    "about people who share the first or the last name with the one asked about (unrelated people "
    "hardly distract this model: assets/README.md). Nobody asked about occurs in its training.";

// The first `wanted` samples of a part.
std::vector<QaSample> part_of(const std::vector<QaSample>& samples, DataPart part,
                              std::int64_t wanted) {
  std::vector<QaSample> chosen;
  for (const QaSample& sample : samples) {
    if (static_cast<std::int64_t>(chosen.size()) == wanted) break;
    if (part_of_question(sample.question) == part) chosen.push_back(sample);
  }
  return chosen;
}

// Draws more until both parts are full: sample i depends on the seed and i alone.
Result<std::vector<QaSample>> draw_both_parts(const Settings& settings) {
  DemoSampleOptions options;
  options.distractors = DemoDistractors::similar;
  for (std::int64_t count = 2 * settings.samples + 20; count <= kMostDrawn; count *= 2) {
    HEADSCOPE_ASSIGN(const auto drawn,
                     demo_samples(options, static_cast<int>(count), settings.seed));
    auto samples = part_of(drawn, DataPart::train, settings.samples);
    auto test = part_of(drawn, DataPart::test, settings.samples);
    const bool full = std::ssize(samples) == settings.samples && samples.size() == test.size();
    std::move(test.begin(), test.end(), std::back_inserter(samples));
    if (full) return samples;
  }
  return fail(ErrorKind::usage, "--samples " + std::to_string(settings.samples) +
                                    ": more than the embedded model's world is asked for");
}

void spread_gold(StudyData& data, std::uint64_t seed) {
  std::set<std::size_t> positions;
  for (const auto* part : {&data.train, &data.test}) {
    for (const std::size_t position : gold_positions_of(*part)) positions.insert(position);
  }
  if (positions.size() != 1 || data.documents < 2) return;
  Rng rng(seed, kSpread);
  for (auto* part : {&data.train, &data.test}) {
    for (QaSample& sample : *part) {
      if (sample.gold_position()) (void)move_gold(sample, rng.below(sample.documents.size()));
    }
  }
  data.notes.push_back("The gold document always stood at position " +
                       std::to_string(*positions.begin()) +
                       " (from 0): it was moved to positions drawn from the seed, in both parts.");
}

Result<StudyData> divided(Dataset source, const Settings& settings) {
  StudyData data;
  data.train = part_of(source.samples, DataPart::train, settings.samples);
  data.test = part_of(source.samples, DataPart::test, settings.samples);
  if (data.train.empty() || data.test.empty()) {
    return bad_input(source.name + ": its " + std::to_string(source.samples.size()) +
                     " samples give no " + (data.train.empty() ? "training" : "evaluation") +
                     " part (questions are divided by their hash); a study needs both, better 150 "
                     "samples of each");
  }
  data.documents = std::numeric_limits<std::size_t>::max();
  for (const auto* part : {&data.train, &data.test}) {
    for (const QaSample& sample : *part) {
      data.documents = std::min(data.documents, sample.documents.size());
    }
  }
  data.source = std::move(source);
  return data;
}

}  // namespace

Result<StudyData> embedded_data(const Folder& folder, const Settings& settings) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder.data(), ignored)) {
    HEADSCOPE_ASSIGN(const auto samples, draw_both_parts(settings));
    HEADSCOPE_TRY(write_dataset(folder.data(), samples));
  }
  HEADSCOPE_ASSIGN(auto source, load_dataset(folder.data()));
  HEADSCOPE_ASSIGN(auto data, divided(std::move(source), settings));
  data.notes.insert(data.notes.begin(), kEmbeddedNote);
  return data;
}

Result<StudyData> data_from(const std::filesystem::path& file, const Settings& settings) {
  HEADSCOPE_ASSIGN(auto source, load_dataset(file));
  HEADSCOPE_ASSIGN(auto data, divided(std::move(source), settings));
  spread_gold(data, settings.seed);
  return data;
}

std::vector<std::size_t> gold_positions_of(const std::vector<QaSample>& samples) {
  std::set<std::size_t> positions;
  for (const QaSample& sample : samples) {
    if (const auto position = sample.gold_position()) positions.insert(*position);
  }
  return {positions.begin(), positions.end()};
}

}  // namespace headscope::study
