#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/intervention/method.h"

namespace headscope {

const std::vector<const InterventionMethod*>& intervention_methods() {
  static const std::vector<const InterventionMethod*> in_order = {
      &focus_method,      &spotlight_method,     &pasta_method,
      &instaboost_method, &split_softmax_method, &ablate_method};
  return in_order;
}

const InterventionMethod* find_method(std::string_view name) {
  for (const InterventionMethod* method : intervention_methods())
    if (name == method->name) return method;
  return nullptr;
}

std::string known_methods() {
  std::string names;
  const auto& all = intervention_methods();
  for (const InterventionMethod* method : all) {
    if (!names.empty()) names += method == all.back() ? " or " : ", ";
    names += "\"" + std::string(method->name) + "\"";
  }
  return names;
}

int rank_of(const InterventionMethod& method) {
  const auto& all = intervention_methods();
  return static_cast<int>(std::find(all.begin(), all.end(), &method) - all.begin());
}

MethodValues standard_values(const InterventionMethod& method) {
  MethodValues values;
  for (const MethodParameter& parameter : method.parameters)
    values.push_back(parameter.standard.value_or(0));
  return values;
}

double value_of(const InterventionMethod& method, const MethodValues& values, std::string_view name,
                double fallback) {
  for (std::size_t i = 0; i < method.parameters.size() && i < values.size(); ++i)
    if (name == method.parameters[i].name) return values[i];
  return fallback;
}

namespace {

/// "0.01", "1e-06", "3": as short as it stands in a file.
std::string short_text(double value) {
  std::string text(32, '\0');
  text.resize(static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%g", value)));
  return text;
}

}  // namespace

std::string methods_in_words() {
  std::string text;
  for (const InterventionMethod* method : intervention_methods()) {
    std::string own;
    const auto add = [&](const std::string& key) { own += (own.empty() ? "" : ", ") + key; };
    for (const MethodParameter& parameter : method->parameters) {
      const bool number = parameter.kind == MethodParameter::Kind::number && parameter.standard;
      add(parameter.name + (number ? " " + short_text(*parameter.standard) : std::string()));
    }
    if (method->adds_directions) add("directions");
    if (method->marks_keys) add("span");
    text += (text.empty() ? "" : ", ") + std::string(method->name) + " (" + own + ")";
  }
  return text;
}

std::string MethodParameter::expected() const {
  if (kind == Kind::flag) return "true or false";
  if (kind == Kind::number) {
    if (high >= std::numeric_limits<double>::max()) return "a finite number";
    return "a number from " + short_text(low) + " to " + short_text(high);
  }
  std::string names;
  for (const char* choice : choices)
    names += (names.empty() ? "\"" : " or \"") + std::string(choice) + "\"";
  return names;
}

Result<> MethodParameter::check(double value, const char* method) const {
  const double top = kind == Kind::choice ? static_cast<double>(choices.size()) - 1 : high;
  const bool whole = kind == Kind::number || value == std::floor(value);
  if (std::isfinite(value) && value >= low && value <= top && whole) return {};
  return bad_input(std::string(method) + ": " + name + " is " + short_text(value) + ", expected " +
                   expected());
}

}  // namespace headscope
