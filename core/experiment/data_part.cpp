#include "core/experiment/data_part.h"

#include <algorithm>
#include <cstdio>

#include "core/base/hash.h"

namespace headscope {
namespace {

constexpr const char* kQuestions = "questions";

std::string question_hash(const std::string& question) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(stable_hash(question)));
  return text;
}

bool was_used(const QaSample& sample, const UsedData& used) {
  return !used.questions.empty() && used.questions.contains(question_hash(sample.question));
}

std::size_t count_used(const std::vector<QaSample>& samples, const UsedData& used) {
  return static_cast<std::size_t>(
      std::count_if(samples.begin(), samples.end(),
                    [&](const QaSample& sample) { return was_used(sample, used); }));
}

// `leave_out`: questions that must not come back; null = none.
Result<ChosenSamples> take(const Dataset& data, DataPart part,
                           std::optional<std::int64_t> max_samples,
                           const UsedData* leave_out = nullptr) {
  ChosenSamples chosen;
  chosen.part = part;
  for (const QaSample& sample : data.samples) {
    if (max_samples && static_cast<std::int64_t>(chosen.samples.size()) >= *max_samples) break;
    if (part != DataPart::all && part_of_question(sample.question) != part) continue;
    if (leave_out != nullptr && was_used(sample, *leave_out)) continue;
    chosen.samples.push_back(sample);
  }
  if (chosen.samples.empty()) {
    return bad_input(data.name + ": no sample in the part '" + part_name(part) + "' of its " +
                     std::to_string(data.samples.size()) + "; use --part all to take every sample");
  }
  return chosen;
}

}  // namespace

std::string part_name(DataPart part) {
  switch (part) {
    case DataPart::train:
      return "train";
    case DataPart::test:
      return "test";
    case DataPart::all:
      break;
  }
  return "all";
}

Result<ChosenSamples> choose_for_training(const Dataset& data, std::optional<DataPart> wanted,
                                          std::optional<std::int64_t> max_samples) {
  const bool small = data.samples.size() < smallest_divided_data;
  const DataPart part = wanted.value_or(small ? DataPart::all : DataPart::train);
  HEADSCOPE_ASSIGN(auto chosen, take(data, part, max_samples));
  if (!wanted && small) {
    chosen.notes.push_back("the data has only " + std::to_string(data.samples.size()) +
                           " samples and is not divided: evaluating on it would use the same ones");
  } else if (part != DataPart::train) {
    chosen.notes.emplace_back("not only the training part is used: evaluating on this data mixes");
  }
  return chosen;
}

Result<ChosenSamples> choose_for_evaluation(const Dataset& data, std::optional<DataPart> wanted,
                                            std::optional<std::int64_t> max_samples,
                                            const UsedData& used) {
  const std::size_t overlap = count_used(data.samples, used);
  const bool same_file = used.files.contains(data.sha256);
  const bool divided = data.samples.size() >= smallest_divided_data;
  if (wanted || overlap == 0 || !divided) {
    HEADSCOPE_ASSIGN(auto chosen, take(data, wanted.value_or(DataPart::all), max_samples));
    if (count_used(chosen.samples, used) > 0) {
      chosen.notes.emplace_back("heads or directions were made from some of these very questions");
    }
    return chosen;
  }
  HEADSCOPE_ASSIGN(auto chosen,
                   take(data, same_file ? DataPart::test : DataPart::all, max_samples, &used));
  chosen.notes.push_back(
      same_file
          ? "heads or directions were made from this data: only its test part is used (--part "
            "all takes every sample)"
          : "heads or directions were made from " + std::to_string(overlap) +
                " of these questions, which are left out (--part all takes every sample)");
  return chosen;
}

void record_questions(Passport& passport, const std::vector<std::string>& questions) {
  Json hashes = Json::array();
  for (const std::string& question : questions) hashes.push_back(question_hash(question));
  passport.options[kQuestions] = std::move(hashes);
}

std::vector<QaSample> recorded_samples(const Passport& passport, const Dataset& data) {
  std::vector<QaSample> samples;
  const auto recorded = passport.options.find(kQuestions);
  if (recorded == passport.options.end() || !recorded->is_array()) return samples;
  for (const QaSample& sample : data.samples) {
    if (samples.size() == recorded->size()) break;
    if ((*recorded)[samples.size()] == Json(question_hash(sample.question))) {
      samples.push_back(sample);
    }
  }
  return samples;
}

void UsedData::add(const Passport& passport) {
  if (!passport.data_sha256.empty()) files.insert(passport.data_sha256);
  const auto recorded = passport.options.find(kQuestions);
  if (recorded == passport.options.end() || !recorded->is_array()) return;
  for (const Json& hash : *recorded) {
    if (hash.is_string()) questions.insert(hash.get<std::string>());
  }
}

}  // namespace headscope
