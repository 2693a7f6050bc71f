#include "core/suite/helmet_export.h"

#include <algorithm>
#include <cmath>

namespace headscope {
namespace {

Json entry_of(const FittedSample& fitted, const SuiteLine& line, bool chat) {
  const SuiteOutput output = suite_output(fitted.sample, line.response, chat);
  Json entry = fitted.sample.item.is_object() ? fitted.sample.item : Json::object();
  entry["question"] = fitted.sample.question;
  const auto& answers = fitted.sample.answers;
  // HELMET's loaders keep a single answer of some data sets as text.
  const bool as_text = fitted.sample.metric == SuiteMetric::exact_match ||
                       fitted.sample.metric == SuiteMetric::ndcg_10 ||
                       fitted.sample.task == "json_kv" ||
                       fitted.sample.task.find("multi_lexsum") != std::string::npos;
  entry["answer"] = as_text && answers.size() == 1 ? Json(answers[0]) : Json(answers);
  entry["output"] = output.output;
  entry["parsed_output"] = output.parsed;
  entry["input_len"] = fitted.tokens;
  if (std::isfinite(line.value)) entry[line.metric] = line.value;
  return entry;
}

}  // namespace

Json helmet_predictions(std::span<const FittedSample> samples, std::span<const SuiteLine> lines,
                        const HelmetArguments& arguments) {
  Json data = Json::array();
  Json values = Json::array();
  std::string metric;
  double sum = 0;
  for (const FittedSample& fitted : samples) {
    const auto found = std::ranges::find(lines, fitted.sample.index, &SuiteLine::index);
    if (found == lines.end()) continue;
    data.push_back(entry_of(fitted, *found, arguments.chat));
    if (!std::isfinite(found->value)) continue;
    metric = found->metric;
    values.push_back(found->value);
    sum += found->value;
  }
  Json metrics = Json::object(), averages = Json::object();
  if (!values.empty()) {
    averages[metric] = 100 * sum / static_cast<double>(values.size());
    metrics[metric] = std::move(values);
  }
  return {{"args",
           {{"model_name_or_path", arguments.model},
            {"datasets", arguments.dataset},
            {"test_files", arguments.test_file},
            {"input_max_length", arguments.length},
            {"max_test_samples", arguments.samples},
            {"shots", arguments.shots},
            {"use_chat_template", arguments.chat},
            {"seed", arguments.seed},
            {"tag", arguments.method}}},
          {"data", std::move(data)},
          {"metrics", std::move(metrics)},
          {"averaged_metrics", std::move(averages)}};
}

std::string helmet_file_name(const HelmetArguments& arguments) {
  std::string name =
      arguments.dataset + "_" + arguments.method + "_in" + std::to_string(arguments.length) +
      "_size" + std::to_string(arguments.samples) + "_shots" + std::to_string(arguments.shots) +
      "_chat" + (arguments.chat ? "True" : "False") + "_" + std::to_string(arguments.seed);
  for (char& c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '-' || c == '_';
    if (!plain) c = '-';
  }
  return name + ".json";
}

}  // namespace headscope
