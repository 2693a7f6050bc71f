// `--intervene FILE`: the JSON of cli.md as a plain description, not resolved against a model.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/types.h"
#include "core/intervention/method.h"

namespace headscope {
/// One entry of an --intervene file, before it meets a model.
struct InterventionDescription {
  const InterventionMethod* method = &split_softmax_method;
  MethodValues values = {1.0};  ///< of the method's parameters
  std::string directions;       ///< a file, "random", or "" = those of the model
  std::vector<HeadId> heads;    ///< named heads; empty = from head_set
  std::string head_set;         ///< a file, or "" = that of the model, unless heads are named
  std::optional<int> top_k;     ///< with head_set; nothing = the model's default
  RowSelection rows;
  bool gold = true;             ///< S is the gold documents
  std::vector<ByteSpan> spans;  ///< ... or these bytes of the prompt text before templating

  /// The parameter `name`; `fallback` when the method has none of this name.
  double value(std::string_view name, double fallback = 0) const {
    return value_of(*method, values, name, fallback);
  }
};
/// All entries of such a file.
struct InterventionFile {
  std::vector<InterventionDescription> interventions;  ///< in the order in which they act
  std::vector<std::string> notes;                      ///< keys that the chosen method does not use
};

/// One object or a list. bad_input names the field; unknown methods and keys are refused by name.
/// Every parameter of the method is a key of its own; "span" goes with methods that mark keys,
/// "directions" with those that add them.
Result<InterventionFile> parse_interventions(const Json& value, const std::string& name);

/// Files named inside are looked for as given, then beside `path`.
Result<InterventionFile> read_interventions_file(const std::filesystem::path& path);
/// As parse_interventions reads it.
Json to_json(const InterventionDescription& description);

}  // namespace headscope
