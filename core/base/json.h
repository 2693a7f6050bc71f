// JSON that never throws: bounded parsing, and getters whose messages name file and field.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace headscope {

using Json = nlohmann::json;

/// Deeper nesting than this is refused (parsers and destructors recurse).
inline constexpr int max_json_depth = 200;

/// Parses one JSON document. `name` (a file name, or "data.jsonl line 7") begins every message.
/// Malformed, too deep or not UTF-8: bad_input. A repeated key keeps its last value.
Result<Json> parse_json(std::string_view text, std::string_view name);

/// Reads and parses a file of at most `max_bytes`; messages name the file.
Result<Json> read_json_file(const std::filesystem::path& path,
                            std::uint64_t max_bytes = std::uint64_t{1} << 30);

/// Text of a document; never throws (invalid UTF-8 inside strings is replaced by U+FFFD).
/// `indent` < 0: one line.
std::string dump_json(const Json& value, int indent = -1);

/// View of one JSON object which remembers file and path, so that every getter's message reads like
/// "config.json: field 'rope_scaling.factor' expected a number, found \"abc\"".
/// The viewed value must outlive the view. Fields that are absent and fields that are null are
/// treated alike: the plain getters fail, the `_or` getters return the fallback. A field of another
/// type always fails, also with a fallback.
class JsonObject {
 public:
  /// `value` must be an object for the getters to find anything: use `open` to check that.
  static Result<JsonObject> open(const Json& value, std::string name);

  bool has(std::string_view field) const;          ///< present and not null
  const Json* find(std::string_view field) const;  ///< nullptr when absent
  const Json& value() const { return *value_; }
  const std::string& name() const { return name_; }  ///< file name as shown in messages
  /// Getters of fields that must be there; `integer` must lie in [low, high].
  Result<std::int64_t> integer(std::string_view field,
                               std::int64_t low = std::numeric_limits<std::int64_t>::min(),
                               std::int64_t high = std::numeric_limits<std::int64_t>::max()) const;
  Result<std::int64_t> positive_integer(std::string_view field) const;  ///< at least 1
  Result<double> number(std::string_view field) const;       ///< finite; integers are accepted
  Result<bool> boolean(std::string_view field) const;        ///< true or false
  Result<std::string> string(std::string_view field) const;  ///< a text
  Result<JsonObject> object(std::string_view field) const;   ///< messages name its path
  Result<const Json*> array(std::string_view field) const;   ///< of anything
  Result<std::vector<std::string>> strings(std::string_view field) const;    ///< an array of texts
  Result<std::vector<double>> numbers(std::string_view field) const;         ///< as `number`
  Result<std::vector<std::int64_t>> integers(std::string_view field) const;  ///< an array
  /// Getters with a fallback.
  Result<std::int64_t> positive_integer_or(std::string_view field, std::int64_t fallback) const;
  Result<std::int64_t> integer_or(std::string_view field, std::int64_t fallback) const;  ///< any
  Result<double> number_or(std::string_view field, double fallback) const;  ///< as `number`
  Result<bool> boolean_or(std::string_view field, bool fallback) const;     ///< true or false
  Result<std::string> string_or(std::string_view field, std::string fallback) const;  ///< a text

  /// Element `index` of the array `field` as an object: its messages say "field 'ctxs[3].title'".
  Result<JsonObject> element(std::string_view field, std::size_t index) const;

  /// The message every getter uses: "NAME: field 'PATH' expected EXPECTED, found VALUE".
  Error wrong(std::string_view field, std::string_view expected) const;

 private:
  JsonObject(const Json& value, std::string name, std::string prefix)
      : value_(&value), name_(std::move(name)), prefix_(std::move(prefix)) {}

  const Json* value_ = nullptr;
  std::string name_;
  std::string prefix_;  ///< path of this object inside the file, "" or "rope_scaling."
};

}  // namespace headscope
