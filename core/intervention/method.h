// The interface of an intervention: one InterventionMethod per file of this folder, listed in
// methods.cpp. Files, the command line, the window, the preview and every attention backend work
// from it alone. Torch-free.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/intervention/edit_plan.h"
#include "core/intervention/spec.h"

namespace headscope {

/// One parameter, as it stands in --intervene files and passports.
struct MethodParameter {
  enum class Kind { number, flag, choice } kind = Kind::number;
  const char* name = "";                  ///< key in JSON: "tau"
  const char* meaning = "";               ///< half a sentence, for help and tooltips
  double low = 0, high = 1;               ///< of numbers, both allowed
  std::optional<double> standard;         ///< when left out; nothing = it must be given
  std::vector<const char*> choices = {};  ///< of a choice: names of the values 0, 1, ...
  double slider_end = 0;                  ///< largest value a slider offers; 0 = high

  /// bad_input, beginning with `method`, unless it is a finite number within the bounds.
  Result<> check(double value, const char* method) const;
  std::string expected() const;  ///< "a number from 0 to 1", "true or false", "\"a\" or \"b\""
};

/// Where a call acts, already checked.
struct EditTarget {
  std::vector<std::vector<int>> heads_by_layer;  ///< ascending, each once
  std::int64_t first_row = 0;
  HeadShape shape;
  std::int64_t prompt_tokens = 0;
};
/// One method: how it is named, checked and compiled.
struct InterventionMethod {
  const char* name = "";     ///< in files: "split-softmax"
  const char* label = "";    ///< in the window: "InstABoost"
  const char* summary = "";  ///< one sentence
  std::vector<MethodParameter> parameters;
  bool marks_keys = false;       ///< needs a key set S ("span")
  bool adds_directions = false;  ///< needs focus directions
  bool every_head = false;       ///< where no heads are named: all of the model
  /// Whether these values change nothing; such a call is left out.
  bool (*is_identity)(const MethodValues& values) = nullptr;

  // Exactly one of the two says what is done.

  /// A method that moves a row's mass p on S to p' and keeps proportions inside S and outside:
  /// log p' for log p in [log_mass_floor, 0). Every additive bias on the scores of S that is
  /// constant in a row, and every factor on the weights of S followed by normalising, is of this
  /// kind. It is all that the weights form, the output form, maps, span sums and preview need.
  double (*log_mass)(double log_p, const MethodValues& values) = nullptr;
  /// Any other: adds its edits to the plan.
  Result<> (*add)(const MethodCall& call, const EditTarget& target, EditPlan& plan) = nullptr;
};

/// All methods (methods.cpp), in the order in which they act on one head (method.md): focus
/// (scores), SpotLight and PASTA (biases on scores, after a soft-cap), InstABoost and split-softmax
/// (weights), ablation (output).
const std::vector<const InterventionMethod*>& intervention_methods();

/// nullptr when no method has this name.
const InterventionMethod* find_method(std::string_view name);

/// Names of all methods, quoted, for messages.
std::string known_methods();

/// "..., pasta (outside 0.01, span), ...": every method with its keys and what numbers are when
/// left out, for help.
std::string methods_in_words();

/// Place in the order of intervention_methods().
int rank_of(const InterventionMethod& method);

/// Values of a call in which every parameter has its standard value; those that must be given: 0.
MethodValues standard_values(const InterventionMethod& method);

/// The value of the parameter `name`; `fallback` when the method has none of this name.
double value_of(const InterventionMethod& method, const MethodValues& values, std::string_view name,
                double fallback);

extern const InterventionMethod focus_method, spotlight_method, pasta_method, instaboost_method,
    split_softmax_method, ablate_method;

}  // namespace headscope
