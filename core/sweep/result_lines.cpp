#include "core/sweep/result_lines.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "core/analysis/statistics.h"
#include "core/base/json_number.h"

namespace headscope {
namespace {

Result<double> number_or_nan(const JsonObject& line, std::string_view field) {
  return line.number_or(field, std::numeric_limits<double>::quiet_NaN());
}

Result<EvaluatedSample> read_sample(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto line, JsonObject::open(value, name));
  EvaluatedSample sample;
  HEADSCOPE_ASSIGN(sample.index, line.integer("index"));
  HEADSCOPE_ASSIGN(sample.question, line.string("question"));
  HEADSCOPE_ASSIGN(sample.response, line.string("response"));
  HEADSCOPE_ASSIGN(const auto right, line.integer("em", 0, 1));
  sample.correct = right == 1;
  HEADSCOPE_ASSIGN(sample.relevant_mass, number_or_nan(line, "relevant_mass"));
  HEADSCOPE_ASSIGN(sample.irrelevant_mass, number_or_nan(line, "irrelevant_mass"));
  HEADSCOPE_ASSIGN(sample.sink_mass, number_or_nan(line, "sink_mass"));
  if (line.find("relevant_mass_after") != nullptr) {
    HEADSCOPE_ASSIGN(sample.relevant_mass_after, number_or_nan(line, "relevant_mass_after"));
  }
  if (line.has("gold_position")) {
    HEADSCOPE_ASSIGN(const auto position, line.integer("gold_position", 0));
    sample.gold_position = static_cast<std::size_t>(position);
  }
  return sample;
}

// Mean of a mass over the samples that have it; null when none has.
template <class Get>
Json mean_mass(const EvaluateRun& run, const Get& get) {
  double sum = 0;
  std::int64_t n = 0;
  for (const EvaluatedSample& sample : run.samples) {
    const double value = get(sample);
    if (!std::isfinite(value)) continue;
    sum += value;
    ++n;
  }
  return n > 0 ? Json(sum / static_cast<double>(n)) : Json(nullptr);
}

}  // namespace

Json to_json(const EvaluatedSample& sample) {
  Json line = {{"index", sample.index},
               {"question", sample.question},
               {"response", sample.response},
               {"em", sample.correct ? 1 : 0},
               {"relevant_mass", json_number(sample.relevant_mass)},
               {"irrelevant_mass", json_number(sample.irrelevant_mass)},
               {"sink_mass", json_number(sample.sink_mass)}};
  if (sample.relevant_mass_after)
    line["relevant_mass_after"] = json_number(*sample.relevant_mass_after);
  if (sample.gold_position) line["gold_position"] = *sample.gold_position;
  return line;
}

std::string result_lines(const EvaluateRun& run) {
  std::string text;
  for (const EvaluatedSample& sample : run.samples) text += dump_json(to_json(sample)) + "\n";
  return text;
}

Result<std::vector<EvaluatedSample>> parse_result_lines(const std::string& text,
                                                        const std::string& name) {
  std::vector<EvaluatedSample> samples;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    const std::string place = name + " line " + std::to_string(samples.size() + 1);
    HEADSCOPE_ASSIGN(const auto value, parse_json(line, place));
    HEADSCOPE_ASSIGN(auto sample, read_sample(value, place));
    samples.push_back(std::move(sample));
  }
  return samples;
}

Json summary_json(const EvaluateRun& run) {
  std::int64_t correct = 0;
  bool split = false;
  for (const EvaluatedSample& sample : run.samples) {
    correct += sample.correct ? 1 : 0;
    split = split || sample.relevant_mass_after.has_value();
  }
  const auto n = static_cast<std::int64_t>(run.samples.size());
  Json summary = {
      {"n", n},
      {"em", nullptr},
      {"em_low", nullptr},
      {"em_high", nullptr},
      {"relevant_mass", mean_mass(run, [](const auto& s) { return s.relevant_mass; })},
      {"irrelevant_mass", mean_mass(run, [](const auto& s) { return s.irrelevant_mass; })},
      {"sink_mass", mean_mass(run, [](const auto& s) { return s.sink_mass; })},
      {"skipped", run.skipped}};
  if (split) {
    summary["relevant_mass_after"] =
        mean_mass(run, [](const auto& s) { return s.relevant_mass_after.value_or(NAN); });
  }
  if (n > 0) {
    const Interval interval = wilson_interval(correct, n);
    summary["em"] = static_cast<double>(correct) / static_cast<double>(n);
    summary["em_low"] = interval.low;
    summary["em_high"] = interval.high;
  }
  return summary;
}

}  // namespace headscope
