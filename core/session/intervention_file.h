// `--intervene FILE`: the JSON of cli.md as a plain description, not resolved against a model.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/types.h"

namespace headscope {

enum class InterventionMethod { split_softmax, focus };

/// The name used in files: "split-softmax", "focus".
std::string method_name(InterventionMethod method);

struct InterventionDescription {
  InterventionMethod method = InterventionMethod::split_softmax;
  double tau = 1.0;           ///< split-softmax, in [0,1]
  double alpha = 0.0;         ///< focus
  bool use_key = false;       ///< focus: add the key half too ("use_key")
  std::string directions;     ///< focus: a file, "random", or "" = those of the model
  std::vector<HeadId> heads;  ///< named heads; empty = from head_set
  std::string head_set;       ///< a file, or "" = that of the model, unless heads are named
  std::optional<int> top_k;   ///< with head_set; nothing = the model's default
  RowSelection rows;
  bool gold = true;             ///< split-softmax marks the gold documents
  std::vector<ByteSpan> spans;  ///< ... or these bytes of the prompt text before templating
};

struct InterventionFile {
  std::vector<InterventionDescription> interventions;  ///< in the order of method.md: focus, split
  std::vector<std::string> notes;                      ///< keys that the chosen method does not use
};

/// One object or a list. bad_input names the field; unknown methods and keys are refused by name.
Result<InterventionFile> parse_interventions(const Json& value, const std::string& name);

/// Files named inside are looked for as given, then beside `path`.
Result<InterventionFile> read_interventions_file(const std::filesystem::path& path);

Json to_json(const InterventionDescription& description);

}  // namespace headscope
