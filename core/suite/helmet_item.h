// One item of a HELMET file, read: the fields of its template, its answers, what is relevant.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/suite/sample.h"

namespace headscope {
/// One question of HELMET with what its template needs.
struct HelmetItem {
  std::map<std::string, std::string> fields;  ///< of the template; "context" is the long part
  std::vector<std::string> answers;
  std::vector<ByteSpan> gold, others;  ///< in the context
  std::map<std::string, int> relevance;
  Json kept = Json::object();  ///< fields that scorers want back
};
/// What the items of one data set have in common.
struct HelmetSource {
  std::string dataset;
  std::vector<Json> demos;  ///< lines of the demonstration file
  Json prompts;             ///< citation: the demonstration file is one object of templates
  int shots = 0;
  std::uint64_t seed = 0;
};

using HelmetReader = Result<HelmetItem> (*)(const JsonObject& line, const HelmetSource& source);

/// How a family of data sets is asked and scored.
struct HelmetFormat {
  std::string user, lead, joint = "\n";  ///< templates with {field}
  SuiteMetric metric = SuiteMetric::substring_match;
  std::string prefix = "Answer:", category;
  int max_new_tokens = 20;
  bool one_line = false;
  bool marks_cut = false;        ///< a shortened context says so
  std::int64_t most_tokens = 0;  ///< of the context; 0 = as many as fit
  HelmetReader read = nullptr;
};

/// bad usage for an unknown data set.
Result<HelmetFormat> helmet_format(const std::string& dataset);

/// `text` with every {name} replaced; {{ and }} are braces. bad_input names a field that is
/// missing. `context` (may be null) receives where {context} came to stand.
Result<std::string> filled_template(const std::string& text,
                                    const std::map<std::string, std::string>& fields,
                                    const std::string& name, ByteSpan* context = nullptr);

/// Readers, by family.
Result<HelmetItem> read_helmet_qa(const JsonObject& line, const HelmetSource& source);
Result<HelmetItem> read_helmet_json_kv(const JsonObject& line, const HelmetSource& source);
Result<HelmetItem> read_helmet_ruler(const JsonObject& line, const HelmetSource& source);
Result<HelmetItem> read_helmet_rerank(const JsonObject& line, const HelmetSource& source);
Result<HelmetItem> read_helmet_icl(const JsonObject& line, const HelmetSource& source);
Result<HelmetItem> read_helmet_narrative(const JsonObject& line, const HelmetSource& source);
Result<HelmetItem> read_helmet_infbench(const JsonObject& line, const HelmetSource& source);
Result<HelmetItem> read_helmet_lexsum(const JsonObject& line, const HelmetSource& source);
Result<HelmetItem> read_helmet_citation(const JsonObject& line, const HelmetSource& source);

}  // namespace headscope
