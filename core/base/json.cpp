#include "core/base/json.h"

#include <cmath>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "core/base/file.h"

namespace headscope {
namespace {

/// Builds the document while guarding depth; reports instead of throwing.
class BoundedBuilder final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return add(Json(nullptr)); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(number_integer_t value) override { return add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return add(Json(value)); }
  bool string(string_t& value) override { return add(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    const std::string_view what = error.what();
    const std::size_t prefix =
        what.find("] ");  // "[json.exception.parse_error.101] parse error at ..."
    problem = what.substr(prefix == std::string_view::npos ? 0 : prefix + 2);
    return false;
  }

  Json root;
  std::string problem;

 private:
  Json* place(Json&& value) {
    if (stack_.empty()) {
      root = std::move(value);
      return &root;
    }
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    Json& slot = parent[key_];
    slot = std::move(value);
    return &slot;
  }
  bool add(Json&& value) {
    place(std::move(value));
    return true;
  }
  bool open(Json&& container) {
    if (stack_.size() >= static_cast<std::size_t>(max_json_depth)) {
      problem = "is nested deeper than " + std::to_string(max_json_depth) + " levels";
      return false;
    }
    stack_.push_back(place(std::move(container)));
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  std::vector<Json*> stack_;  // pointers stay valid: only the innermost container grows
  std::string key_;
};

/// Short form of a value for messages.
std::string shown(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list of " + std::to_string(value.size());
  std::string text = dump_json(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::optional<std::int64_t> as_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return {};
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) {  // "32000.0" is an integer, 0.5 and 1e300 are not
    const double number = value.get<double>();
    if (std::abs(number) <= 0x1.0p53 && number == std::trunc(number)) {
      return static_cast<std::int64_t>(number);
    }
  }
  return {};
}

std::optional<double> as_number(const Json& value) {
  if (!value.is_number()) return {};
  const double number = value.get<double>();
  if (!std::isfinite(number)) return {};
  return number;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view name) {
  try {
    BoundedBuilder builder;
    if (Json::sax_parse(text.begin(), text.end(), &builder)) return std::move(builder.root);
    return bad_input(std::string(name) + ": JSON " +
                     (builder.problem.empty() ? "is malformed" : builder.problem));
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::out_of_memory, std::string(name) + ": no memory is left to read it");
  } catch (const std::exception& error) {
    return bad_input(std::string(name) + ": JSON could not be read: " + error.what());
  }
}

Result<Json> read_json_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  HEADSCOPE_ASSIGN(const std::string text, read_text_file(path, max_bytes));
  return parse_json(text, path.string());
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Result<JsonObject> JsonObject::open(const Json& value, std::string name) {
  if (!value.is_object())
    return bad_input(name + ": expected a JSON object, found " + shown(value));
  return JsonObject(value, std::move(name), "");
}

const Json* JsonObject::find(std::string_view field) const {
  const auto found = value_->find(field);
  return found == value_->end() ? nullptr : &*found;
}

bool JsonObject::has(std::string_view field) const {
  const Json* found = find(field);
  return found != nullptr && !found->is_null();
}

Error JsonObject::wrong(std::string_view field, std::string_view expected) const {
  const Json* found = find(field);
  return Error{ErrorKind::bad_input,
               name_ + ": field '" + prefix_ + std::string(field) + "' expected " +
                   std::string(expected) +
                   (found ? ", found " + shown(*found) : ", but it is missing")};
}

Result<std::int64_t> JsonObject::integer(std::string_view field, std::int64_t low,
                                         std::int64_t high) const {
  const Json* found = find(field);
  const auto number = found ? as_integer(*found) : std::nullopt;
  if (number && *number >= low && *number <= high) return *number;
  std::string expected = "an integer";
  const bool has_low = low != std::numeric_limits<std::int64_t>::min();
  const bool has_high = high != std::numeric_limits<std::int64_t>::max();
  if (has_low && has_high) {
    expected += " from " + std::to_string(low) + " to " + std::to_string(high);
  } else if (has_low) {
    expected = low == 1 ? "a positive integer" : "an integer of at least " + std::to_string(low);
  } else if (has_high) {
    expected += " of at most " + std::to_string(high);
  }
  return tl::unexpected(wrong(field, expected));
}

Result<std::int64_t> JsonObject::positive_integer(std::string_view field) const {
  return integer(field, 1);
}

Result<double> JsonObject::number(std::string_view field) const {
  const Json* found = find(field);
  const auto number = found ? as_number(*found) : std::nullopt;
  if (!number) return tl::unexpected(wrong(field, "a number"));
  return *number;
}

Result<bool> JsonObject::boolean(std::string_view field) const {
  const Json* found = find(field);
  if (!found || !found->is_boolean()) return tl::unexpected(wrong(field, "true or false"));
  return found->get<bool>();
}

Result<std::string> JsonObject::string(std::string_view field) const {
  const Json* found = find(field);
  if (!found || !found->is_string()) return tl::unexpected(wrong(field, "a string"));
  return found->get_ref<const std::string&>();
}

Result<JsonObject> JsonObject::object(std::string_view field) const {
  const Json* found = find(field);
  if (!found || !found->is_object()) return tl::unexpected(wrong(field, "an object"));
  return JsonObject(*found, name_, prefix_ + std::string(field) + ".");
}

Result<const Json*> JsonObject::array(std::string_view field) const {
  const Json* found = find(field);
  if (!found || !found->is_array()) return tl::unexpected(wrong(field, "a list"));
  return found;
}

Result<JsonObject> JsonObject::element(std::string_view field, std::size_t index) const {
  HEADSCOPE_ASSIGN(const Json* list, array(field));
  const std::string path = prefix_ + std::string(field) + "[" + std::to_string(index) + "]";
  if (index >= list->size() || !(*list)[index].is_object()) {
    return bad_input(
        name_ + ": field '" + path + "' expected an object" +
        (index < list->size() ? ", found " + shown((*list)[index]) : ", but it is missing"));
  }
  return JsonObject((*list)[index], name_, path + ".");
}

namespace {

/// Reads every element with `read`, which returns an optional.
template <class T, class Read>
Result<std::vector<T>> read_list(const JsonObject& object, std::string_view field,
                                 std::string_view expected, Read read) {
  const Json* found = object.find(field);
  if (!found || !found->is_array()) return tl::unexpected(object.wrong(field, expected));
  std::vector<T> values;
  values.reserve(found->size());
  for (const Json& element : *found) {
    std::optional<T> value = read(element);
    if (!value) {
      Error error = object.wrong(field, expected);
      error.message += ", element " + std::to_string(values.size()) + " is " + shown(element);
      return tl::unexpected(std::move(error));
    }
    values.push_back(std::move(*value));
  }
  return values;
}

}  // namespace

Result<std::vector<std::string>> JsonObject::strings(std::string_view field) const {
  return read_list<std::string>(*this, field, "a list of strings", [](const Json& element) {
    return element.is_string() ? std::optional(element.get<std::string>()) : std::nullopt;
  });
}

Result<std::vector<double>> JsonObject::numbers(std::string_view field) const {
  return read_list<double>(*this, field, "a list of numbers", as_number);
}

Result<std::vector<std::int64_t>> JsonObject::integers(std::string_view field) const {
  return read_list<std::int64_t>(*this, field, "a list of integers", as_integer);
}

Result<std::int64_t> JsonObject::integer_or(std::string_view field, std::int64_t fallback) const {
  return has(field) ? integer(field) : fallback;
}
Result<std::int64_t> JsonObject::positive_integer_or(std::string_view field,
                                                     std::int64_t fallback) const {
  return has(field) ? positive_integer(field) : fallback;
}
Result<double> JsonObject::number_or(std::string_view field, double fallback) const {
  return has(field) ? number(field) : fallback;
}
Result<bool> JsonObject::boolean_or(std::string_view field, bool fallback) const {
  return has(field) ? boolean(field) : fallback;
}
Result<std::string> JsonObject::string_or(std::string_view field, std::string fallback) const {
  return has(field) ? string(field) : Result<std::string>(std::move(fallback));
}

}  // namespace headscope
