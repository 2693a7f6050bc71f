#include "core/experiment/repeat.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/sweep/sweep_grid.h"

namespace headscope {
namespace {

constexpr std::size_t kShownDifferences = 20;
constexpr std::size_t kLongestValue = 200;  // characters of a value in a message

std::string ranking_text(const std::vector<HeadId>& ranking) {
  std::string text;
  for (const HeadId head : ranking) {
    text += "[" + std::to_string(head.layer) + "," + std::to_string(head.head) + "]";
  }
  return text;
}

std::string at(const std::string& what, std::size_t index) {
  return what + "[" + std::to_string(index) + "]";
}

}  // namespace

void Repetition::differs(const std::string& line) {
  ++found_;
  if (lines_.size() < kShownDifferences) lines_.push_back(line);
}

void Repetition::number(const std::string& what, double before, double now) {
  ++compared_;
  if (std::isnan(before) && std::isnan(now)) return;
  const double difference = std::abs(before - now);
  if (std::isfinite(difference)) largest_ = std::max(largest_, difference);
  if (difference <= tolerance_) return;  // NaN on one side differs
  differs(what + ": " + shortest_number(before) + " there, " + shortest_number(now) + " now");
}

void Repetition::numbers(const std::string& what, const std::vector<float>& before,
                         const std::vector<float>& now) {
  if (before.size() != now.size()) {
    ++compared_;
    return differs(what + ": " + std::to_string(before.size()) + " numbers there, " +
                   std::to_string(now.size()) + " now");
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    number(at(what, i), static_cast<double>(before[i]), static_cast<double>(now[i]));
  }
}

void Repetition::text(const std::string& what, const std::string& before, const std::string& now) {
  ++compared_;
  if (before != now) differs(what + ": '" + before + "' there, '" + now + "' now");
}

void Repetition::fields(const std::string& what, const Json& before, const Json& now) {
  static const Json missing = "(missing)";
  const auto field = [](const Json& object, const std::string& name) -> const Json& {
    const auto found = object.find(name);
    return found == object.end() ? missing : *found;
  };
  std::set<std::string> names;
  for (const auto* side : {&before, &now}) {
    for (const auto& [name, value] : side->items()) names.insert(name);
  }
  names.erase("seconds");
  const std::string prefix = what.empty() || what.ends_with(' ') ? what : what + ".";
  for (const std::string& name : names) json(prefix + name, field(before, name), field(now, name));
}

void Repetition::elements(const std::string& what, const Json& before, const Json& now) {
  if (before.size() != now.size()) {
    ++compared_;
    return differs(what + ": " + std::to_string(before.size()) + " entries there, " +
                   std::to_string(now.size()) + " now");
  }
  for (std::size_t i = 0; i < before.size(); ++i) json(at(what, i), before[i], now[i]);
}

void Repetition::json(const std::string& what, const Json& before, const Json& now) {
  if (before.is_object() && now.is_object()) return fields(what, before, now);
  if (before.is_array() && now.is_array()) return elements(what, before, now);
  if (before.is_number() && now.is_number())
    return number(what, before.get<double>(), now.get<double>());
  const auto words = [](const Json& value) {
    return value.is_string() ? value.get<std::string>() : dump_json(value).substr(0, kLongestValue);
  };
  ++compared_;
  if (before != now) differs(what + ": '" + words(before) + "' there, '" + words(now) + "' now");
}

void Repetition::head_sets(const HeadSet& before, const HeadSet& now) {
  number("samples", static_cast<double>(before.samples), static_cast<double>(now.samples));
  numbers("relevant", before.relevant, now.relevant);
  numbers("relevant_low", before.relevant_low, now.relevant_low);
  numbers("relevant_high", before.relevant_high, now.relevant_high);
  numbers("sink", before.sink, now.sink);
  numbers("irrelevant_sum", before.irrelevant_sum, now.irrelevant_sum);
  numbers("irrelevant_max", before.irrelevant_max, now.irrelevant_max);
  numbers("gold_only_relevant", before.gold_only_relevant, now.gold_only_relevant);
  numbers("gold_only_sink", before.gold_only_sink, now.gold_only_sink);
  text("ranking", ranking_text(before.ranking), ranking_text(now.ranking));
}

void Repetition::directions(const Directions& before, const Directions& now) {
  numbers("q", before.query, now.query);
  numbers("k", before.key, now.key);
}

void Repetition::runs(const std::string& where, const std::vector<EvaluatedSample>& before,
                      const std::vector<EvaluatedSample>& now) {
  std::map<std::int64_t, const EvaluatedSample*> again;
  for (const EvaluatedSample& sample : now) again[sample.index] = &sample;
  number(where + "samples", static_cast<double>(before.size()), static_cast<double>(now.size()));
  for (const EvaluatedSample& sample : before) {
    const std::string name = where + "sample " + std::to_string(sample.index) + " ";
    const auto found = again.find(sample.index);
    if (found == again.end()) {
      ++compared_;
      differs(name + "is missing now");
      continue;
    }
    text(name + "response", sample.response, found->second->response);
    number(name + "relevant_mass", sample.relevant_mass, found->second->relevant_mass);
    number(name + "irrelevant_mass", sample.irrelevant_mass, found->second->irrelevant_mass);
    number(name + "sink_mass", sample.sink_mass, found->second->sink_mass);
  }
}

Json Repetition::report() const {
  return {{"equal", equal()},        {"compared", compared_},
          {"tolerance", tolerance_}, {"largest_difference", largest_},
          {"different", found_},     {"differences", lines_}};
}

}  // namespace headscope
