#include "core/session/intervention_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

namespace headscope {
namespace {

struct MethodName {
  InterventionMethod method;
  const char* name;
};
constexpr std::array<MethodName, 2> methods = {
    {{InterventionMethod::split_softmax, "split-softmax"}, {InterventionMethod::focus, "focus"}}};

/// Keys of every method, then those that only one of them uses.
constexpr std::array common_keys = {"method", "heads", "head_set", "top_k", "rows"};
constexpr std::array split_keys = {"tau", "span"};
constexpr std::array focus_keys = {"alpha", "directions", "use_key"};

template <class Keys>
bool contains(const Keys& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

Result<InterventionMethod> read_method(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const auto name, object.string("method"));
  std::string known;
  for (const auto& method : methods) {
    if (name == method.name) return method.method;
    known += (known.empty() ? "\"" : " or \"") + std::string(method.name) + "\"";
  }
  return tl::unexpected<Error>(object.wrong("method", known));
}

Result<> check_keys(const JsonObject& object, InterventionMethod method,
                    std::vector<std::string>& notes) {
  const bool splits = method == InterventionMethod::split_softmax;
  for (const auto& [key, value] : object.value().items()) {
    const bool of_split = contains(split_keys, key), of_focus = contains(focus_keys, key);
    if (!contains(common_keys, key) && !of_split && !of_focus) {
      return bad_input(object.name() + ": unknown key '" + key +
                       "'; known are method, tau, span, alpha, directions, use_key, heads, "
                       "head_set, top_k and rows");
    }
    if ((of_split && !splits) || (of_focus && splits))
      notes.push_back(object.name() + ": " + method_name(method) + " does not use '" + key + "'");
  }
  return {};
}

/// A whole number from 0, also one that was not parsed but made in memory (signed).
bool is_index(const Json& value) {
  return value.is_number_unsigned() ||
         (value.is_number_integer() && value.get<std::int64_t>() >= 0);
}

/// [layer, head] or [begin, end]: two whole numbers from 0.
Result<std::vector<std::pair<std::uint64_t, std::uint64_t>>> read_pairs(const JsonObject& object,
                                                                        const char* key,
                                                                        std::uint64_t limit,
                                                                        const char* expected) {
  const auto wrong = [&] { return tl::unexpected<Error>(object.wrong(key, expected)); };
  const Json& list = *object.find(key);
  if (!list.is_array()) return wrong();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs;
  for (const auto& pair : list) {
    const bool shaped =
        pair.is_array() && pair.size() == 2 && is_index(pair[0]) && is_index(pair[1]);
    if (!shaped) return wrong();
    pairs.push_back({pair[0].get<std::uint64_t>(), pair[1].get<std::uint64_t>()});
    if (std::max(pairs.back().first, pairs.back().second) > limit) return wrong();
  }
  return pairs;
}

Result<> read_heads(const JsonObject& object, InterventionDescription& description) {
  HEADSCOPE_ASSIGN(description.head_set, object.string_or("head_set", ""));
  if (object.has("top_k")) {
    constexpr std::int64_t most = 1 << 24;
    HEADSCOPE_ASSIGN(const auto top_k, object.integer("top_k", 0, most));
    description.top_k = static_cast<int>(top_k);
  }
  if (!object.has("heads")) return {};
  if (!description.head_set.empty() || description.top_k)
    return tl::unexpected<Error>(object.wrong("heads", "to stand without head_set and top_k"));
  HEADSCOPE_ASSIGN(const auto pairs,
                   read_pairs(object, "heads", 4095, "a list of [layer, head] pairs"));
  if (pairs.empty())
    return tl::unexpected<Error>(object.wrong("heads", "at least one [layer, head] pair"));
  for (const auto& [layer, head] : pairs)
    description.heads.push_back({static_cast<int>(layer), static_cast<int>(head)});
  return {};
}

Result<> read_rows(const JsonObject& object, RowSelection& rows) {
  const Json* value = object.find("rows");
  if (value == nullptr || value->is_null() || *value == "all") return {};
  if (*value == "response") {
    rows.kind = RowSelection::Kind::response;
    return {};
  }
  const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!is_index(*value) || value->get<std::uint64_t>() > most)
    return tl::unexpected<Error>(object.wrong("rows", "\"all\", \"response\" or a row from 0"));
  rows = {RowSelection::Kind::from, value->get<std::int64_t>()};
  return {};
}

Result<> read_span(const JsonObject& object, InterventionDescription& description) {
  const Json* value = object.find("span");
  if (value == nullptr || value->is_null() || *value == "gold") return {};
  constexpr const char* expected = "\"gold\" or a list of [begin, end] byte positions";
  constexpr std::uint64_t most = std::uint64_t{1} << 40;
  HEADSCOPE_ASSIGN(const auto pairs, read_pairs(object, "span", most, expected));
  for (const auto& [begin, end] : pairs) {
    if (begin >= end) return tl::unexpected<Error>(object.wrong("span", "begin before end"));
    description.spans.push_back({begin, end});
  }
  if (description.spans.empty()) return tl::unexpected<Error>(object.wrong("span", expected));
  description.gold = false;
  return {};
}

Result<> read_strength(const JsonObject& object, InterventionDescription& description) {
  if (description.method == InterventionMethod::split_softmax) {
    HEADSCOPE_ASSIGN(description.tau, object.number("tau"));
    if (description.tau < 0 || description.tau > 1)
      return tl::unexpected<Error>(object.wrong("tau", "a number from 0 to 1"));
    return read_span(object, description);
  }
  HEADSCOPE_ASSIGN(description.alpha, object.number("alpha"));
  HEADSCOPE_ASSIGN(description.directions, object.string_or("directions", ""));
  HEADSCOPE_ASSIGN(description.use_key, object.boolean_or("use_key", false));
  return {};
}

Result<InterventionDescription> read_one(const Json& value, const std::string& name,
                                         std::vector<std::string>& notes) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  InterventionDescription description;
  HEADSCOPE_ASSIGN(description.method, read_method(object));
  HEADSCOPE_TRY(check_keys(object, description.method, notes));
  HEADSCOPE_TRY(read_heads(object, description));
  HEADSCOPE_TRY(read_rows(object, description.rows));
  HEADSCOPE_TRY(read_strength(object, description));
  return description;
}

/// The name as given, or beside the file that names it, whichever exists.
std::string located(const std::string& named, const std::filesystem::path& beside) {
  std::error_code ignored;
  const std::filesystem::path given(named);
  if (named.empty() || given.is_absolute() || std::filesystem::exists(given, ignored)) return named;
  const auto candidate = beside.parent_path() / given;
  return std::filesystem::exists(candidate, ignored) ? candidate.string() : named;
}

}  // namespace

std::string method_name(InterventionMethod method) {
  for (const auto& known : methods)
    if (known.method == method) return known.name;
  return "";
}

Result<InterventionFile> parse_interventions(const Json& value, const std::string& name) {
  InterventionFile file;
  if (!value.is_array()) {
    HEADSCOPE_ASSIGN(auto one, read_one(value, name, file.notes));
    file.interventions.push_back(std::move(one));
    return file;
  }
  if (value.empty()) return bad_input(name + ": the list of interventions is empty");
  for (std::size_t i = 0; i < value.size(); ++i) {
    HEADSCOPE_ASSIGN(auto one,
                     read_one(value[i], name + " entry " + std::to_string(i), file.notes));
    file.interventions.push_back(std::move(one));
  }
  // method.md: scores first, then weights.
  std::stable_partition(
      file.interventions.begin(), file.interventions.end(),
      [](const auto& description) { return description.method == InterventionMethod::focus; });
  return file;
}

Result<InterventionFile> read_interventions_file(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(const auto value, read_json_file(path));
  HEADSCOPE_ASSIGN(auto file, parse_interventions(value, path.filename().string()));
  for (auto& description : file.interventions) {
    description.head_set = located(description.head_set, path);
    if (description.directions != "random")
      description.directions = located(description.directions, path);
  }
  return file;
}

Json to_json(const InterventionDescription& description) {
  Json json = {{"method", method_name(description.method)}};
  if (description.method == InterventionMethod::split_softmax) {
    json["tau"] = description.tau;
    json["span"] = "gold";
    if (!description.gold) json["span"] = Json::array();
    for (const auto& span : description.spans) json["span"].push_back({span.begin, span.end});
  } else {
    json["alpha"] = description.alpha;
    if (!description.directions.empty()) json["directions"] = description.directions;
    if (description.use_key) json["use_key"] = true;
  }
  for (const auto id : description.heads) json["heads"].push_back({id.layer, id.head});
  if (!description.head_set.empty()) json["head_set"] = description.head_set;
  if (description.top_k) json["top_k"] = *description.top_k;
  switch (description.rows.kind) {
    case RowSelection::Kind::all:
      json["rows"] = "all";
      break;
    case RowSelection::Kind::response:
      json["rows"] = "response";
      break;
    case RowSelection::Kind::from:
      json["rows"] = description.rows.from;
      break;
  }
  return json;
}

}  // namespace headscope
