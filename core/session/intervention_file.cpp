#include "core/session/intervention_file.h"

#include "core/base/head_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

namespace headscope {
namespace {

/// Keys of every method.
constexpr std::array common_keys = {"method", "heads", "head_set", "top_k", "rows"};

/// Keys that `method` uses beside the common ones.
std::vector<std::string> own_keys(const InterventionMethod& method) {
  std::vector<std::string> keys;
  for (const MethodParameter& parameter : method.parameters) keys.emplace_back(parameter.name);
  if (method.marks_keys) keys.emplace_back("span");
  if (method.adds_directions) keys.emplace_back("directions");
  return keys;
}

template <class Keys>
bool contains(const Keys& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

bool some_method_uses(std::string_view key) {
  const auto& all = intervention_methods();
  return std::any_of(all.begin(), all.end(), [&](const InterventionMethod* method) {
    return contains(own_keys(*method), key);
  });
}

Result<const InterventionMethod*> read_method(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const auto name, object.string("method"));
  const InterventionMethod* method = find_method(name);
  if (method == nullptr) return tl::unexpected<Error>(object.wrong("method", known_methods()));
  return method;
}

Error unknown_key(const JsonObject& object, const InterventionMethod& method,
                  const std::string& key) {
  std::string known;
  for (const std::string& own : own_keys(method)) known += (known.empty() ? "" : ", ") + own;
  return {ErrorKind::bad_input, object.name() + ": unknown key '" + key + "'; " + method.name +
                                    (known.empty() ? " has no parameters" : " takes " + known) +
                                    ", every method also method, heads, head_set, top_k and rows"};
}

Result<> check_keys(const JsonObject& object, const InterventionMethod& method,
                    std::vector<std::string>& notes) {
  const auto own = own_keys(method);
  for (const auto& [key, value] : object.value().items()) {
    if (contains(common_keys, key) || contains(own, key)) continue;
    if (!some_method_uses(key)) return tl::unexpected<Error>(unknown_key(object, method, key));
    notes.push_back(object.name() + ": " + method.name + " does not use '" + key + "'");
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

Result<double> read_choice(const JsonObject& object, const MethodParameter& parameter) {
  HEADSCOPE_ASSIGN(const auto name, object.string(parameter.name));
  for (std::size_t i = 0; i < parameter.choices.size(); ++i)
    if (name == parameter.choices[i]) return static_cast<double>(i);
  return tl::unexpected<Error>(object.wrong(parameter.name, parameter.expected()));
}

Result<double> read_value(const JsonObject& object, const MethodParameter& parameter) {
  if (parameter.standard && !object.has(parameter.name)) return *parameter.standard;
  if (parameter.kind == MethodParameter::Kind::choice) return read_choice(object, parameter);
  if (parameter.kind == MethodParameter::Kind::flag) {
    HEADSCOPE_ASSIGN(const bool set, object.boolean(parameter.name));
    return set ? 1.0 : 0.0;
  }
  HEADSCOPE_ASSIGN(const double value, object.number(parameter.name));
  if (!parameter.check(value, ""))
    return tl::unexpected<Error>(object.wrong(parameter.name, parameter.expected()));
  return value;
}

Result<> read_own(const JsonObject& object, InterventionDescription& description) {
  const InterventionMethod& method = *description.method;
  description.values.clear();
  for (const MethodParameter& parameter : method.parameters) {
    HEADSCOPE_ASSIGN(const double value, read_value(object, parameter));
    description.values.push_back(value);
  }
  if (method.adds_directions) {
    HEADSCOPE_ASSIGN(description.directions, object.string_or("directions", ""));
  }
  if (method.marks_keys) HEADSCOPE_TRY(read_span(object, description));
  return {};
}

Result<InterventionDescription> read_one(const Json& value, const std::string& name,
                                         std::vector<std::string>& notes) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  InterventionDescription description;
  HEADSCOPE_ASSIGN(description.method, read_method(object));
  HEADSCOPE_TRY(check_keys(object, *description.method, notes));
  HEADSCOPE_TRY(read_heads(object, description));
  HEADSCOPE_TRY(read_rows(object, description.rows));
  HEADSCOPE_TRY(read_own(object, description));
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
  std::stable_sort(
      file.interventions.begin(), file.interventions.end(),
      [](const auto& a, const auto& b) { return rank_of(*a.method) < rank_of(*b.method); });
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

namespace {

Json value_as_json(const MethodParameter& parameter, double value) {
  if (parameter.kind == MethodParameter::Kind::flag) return value != 0;
  if (parameter.kind == MethodParameter::Kind::number) return value;
  return parameter.choices[static_cast<std::size_t>(value)];
}

}  // namespace

Json to_json(const InterventionDescription& description) {
  const InterventionMethod& method = *description.method;
  Json json = {{"method", method.name}};
  for (std::size_t i = 0; i < method.parameters.size(); ++i) {
    const MethodParameter& parameter = method.parameters[i];
    const double value = description.values[i];
    const bool left_out =
        parameter.kind == MethodParameter::Kind::flag && value == parameter.standard;
    if (!left_out) json[parameter.name] = value_as_json(parameter, value);
  }
  if (method.marks_keys) {
    json["span"] = "gold";
    if (!description.gold) json["span"] = Json::array();
    for (const auto& span : description.spans) json["span"].push_back({span.begin, span.end});
  }
  if (!description.directions.empty()) json["directions"] = description.directions;
  if (!description.heads.empty()) json["heads"] = heads_json(description.heads);
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
