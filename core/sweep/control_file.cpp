#include "core/sweep/control_file.h"

#include <cmath>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "core/base/file.h"

namespace headscope {
namespace {

Json numbers(const std::vector<float>& values) {
  Json list = Json::array();
  for (const float value : values) list.push_back(static_cast<double>(value));
  return list;
}

std::string line_of(const ControlSample& sample) {
  Json arms = Json::array();
  for (const auto& arm : sample.arms) arms.push_back(numbers(arm));
  return dump_json({{"index", sample.index},
                    {"question", sample.question},
                    {"baseline", numbers(sample.baseline)},
                    {"arms", std::move(arms)}}) +
         "\n";
}

std::optional<std::vector<float>> read_numbers(const Json& list, std::size_t size) {
  if (!list.is_array() || list.size() != size) return std::nullopt;
  std::vector<float> values;
  for (const Json& value : list) {
    if (!value.is_number()) return std::nullopt;
    values.push_back(value.get<float>());
  }
  return values;
}

// Nothing when the line is not one of this run: the sample is then run again.
std::optional<ControlSample> read_line(const std::string& text, const ControlRun& plan) {
  const auto size = static_cast<std::size_t>(plan.layers) * static_cast<std::size_t>(plan.heads);
  const auto value = parse_json(text, "line");
  if (!value) return std::nullopt;
  const auto line = JsonObject::open(*value, "line");
  if (!line || !line->has("baseline")) return std::nullopt;
  const auto index = line->integer("index", 0);
  const auto question = line->string("question");
  const auto baseline = read_numbers(*line->find("baseline"), size);
  const auto arms = line->array("arms");
  if (!index || !question || !baseline || !arms || (*arms)->size() != plan.arms.size()) {
    return std::nullopt;
  }
  ControlSample sample{*index, *question, *baseline, {}};
  for (const Json& arm : **arms) {
    auto values = read_numbers(arm, size);
    if (!values) return std::nullopt;
    sample.arms.push_back(std::move(*values));
  }
  return sample;
}

bool same_arms(const ControlResult& before, const ControlRun& plan) {
  std::size_t arms = 0;
  const auto planned = [&](const SweepCell& cell, const std::vector<HeadId>& heads) {
    for (const ControlArm& arm : plan.arms) {
      if (arm.cell == cell && arm.heads == heads) return true;
    }
    return false;
  };
  for (const ControlSetting& setting : before.settings) {
    if (!planned(setting.cell, setting.contextual)) return false;
    for (const ControlArm& arm : setting.random) {
      if (!planned(arm.cell, arm.heads)) return false;
    }
    arms += 1 + setting.random.size();
  }
  return arms == plan.arms.size() && before.response == plan.response;
}

// Everything but the number of samples, which an unfinished run has fewer of.
Json without_count(const Passport& passport) {
  Json json = to_json(passport);
  json.erase("n");
  return json;
}

}  // namespace

std::filesystem::path ControlFile::lines_file() const {
  return path_.string() + ".samples.jsonl";
}

std::optional<ControlResult> ControlFile::earlier(const ControlRun& plan) const {
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) return std::nullopt;
  const auto json = read_json_file(path_);
  if (!json) return std::nullopt;
  auto result = control_result_from_json(*json, path_.string());
  const bool ours = result && without_count(result->passport) == without_count(passport_) &&
                    same_arms(*result, plan);
  return ours ? std::optional(std::move(*result)) : std::nullopt;
}

std::optional<ControlResult> ControlFile::complete_before(const ControlRun& plan,
                                                          std::size_t samples) const {
  auto result = earlier(plan);
  if (!result || !result->complete) return std::nullopt;
  std::int64_t seen = result->n;
  for (const auto& [reason, count] : result->skipped) seen += count;
  return seen == static_cast<std::int64_t>(samples) ? std::move(result) : std::nullopt;
}

std::vector<ControlSample> ControlFile::finished_before(const ControlRun& plan) const {
  if (!earlier(plan)) return {};
  const auto text = read_text_file(lines_file());
  if (!text) return {};
  std::vector<ControlSample> samples;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (auto sample = read_line(line, plan)) samples.push_back(std::move(*sample));
  }
  return samples;
}

Result<> ControlFile::save(const ControlRun& run, bool complete) const {
  std::string lines;
  for (const ControlSample& sample : run.samples) lines += line_of(sample);
  HEADSCOPE_TRY(write_file_atomically(lines_file(), lines));
  ControlResult result = control_result(run, passport_);
  result.complete = complete;
  Json whole = to_json(result);
  whole.update(heading_);
  return write_file_atomically(path_, dump_json(whole, 1) + "\n");
}

}  // namespace headscope
