// Values of a Jinja template, with Python's meaning: what chat templates are written against.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace jinja {
struct macro_statement;
}

namespace headscope::chat {

/// Thrown inside the interpreter only; ChatTemplate::render turns it into an error value with the
/// line at which it happened. An exception because every operation of a template can fail, four
/// calls deep in an expression.
struct Failure {
  std::string message;
};

/// What one rendering may use. A template is a stranger's program: it may neither hang nor fill the
/// memory.
class Budget {
 public:
  static constexpr std::int64_t kSteps = 2'000'000;  ///< a tenth of a second or so, and
  static constexpr std::int64_t kStepsOfByte = 16;   ///< this many for each byte of the messages
  static constexpr std::size_t kTextBytes = std::size_t{64} << 20;
  static constexpr int kValueDepth = 100;

  explicit Budget(std::size_t message_bytes = 0)
      : most_(kSteps + kStepsOfByte * static_cast<std::int64_t>(message_bytes)) {}

  /// One step for each evaluated part and for every 16 bytes that an operation reads or writes.
  void step(std::size_t bytes = 0) {
    steps_ += 1 + static_cast<std::int64_t>(bytes / 16);
    if (steps_ > most_)
      throw Failure{"takes more than " + std::to_string(most_) + " steps; it may never end"};
  }
  /// Before a text of this size is made.
  void text(std::size_t bytes) {
    if (bytes > kTextBytes) {
      throw Failure{"makes a text of more than " + std::to_string(kTextBytes >> 20) + " MiB"};
    }
    step(bytes);
  }

 private:
  std::int64_t steps_ = 0, most_;
};

struct Value;
using List = std::vector<Value>;

/// Keys (str or int) and values in the order of their first setting.
struct Fields {
  std::vector<std::pair<Value, Value>> items;
  int depth = 1;  ///< of nesting, this one included
  /// Null when the key is not there.
  const Value* find(std::string_view name) const;
  const Value* find_key(const Value& key) const;  ///< by Python's ==
  void set(std::string name, Value value);        ///< replaces, or appends
  /// Other keys than str, int and bool are refused.
  void set_key(const Value& key, Value value);
};
/// jinja2's undefined value: it may be tested, and nothing else.
struct Undefined {
  std::string what;  ///< as jinja2 says it: "'x' is undefined"
};
/// Python's None.
struct None {};
/// A string.
struct Text {
  std::shared_ptr<const std::string> bytes;  ///< UTF-8
  bool markup = false;                       ///< went through `safe`
};
/// What a list, a tuple or a generator holds.
struct Items {
  List values;
  int depth = 1;
  std::size_t taken = 0;  ///< of a generator: what was read once is gone
};
/// Shared by all copies, as in Python.
struct Sequence {
  enum class Kind { list, tuple, generator } kind = Kind::list;
  std::shared_ptr<Items> items;
};
/// A dict, a namespace, or the `loop` of a for statement; shared likewise.
struct Mapping {
  enum class Kind { dict, space, loop } kind = Kind::dict;
  std::shared_ptr<Fields> fields;
};
/// A global function, a method bound to its object, or a macro.
struct Callable {
  std::string name;
  std::shared_ptr<const Value> object;
  const ::jinja::macro_statement* macro = nullptr;
};
/// One value; copies share lists, fields and texts, as in Python.
struct Value {
  std::variant<Undefined, None, bool, std::int64_t, double, Text, Sequence, Mapping, Callable> data;

  Value() = default;
  template <class T>
  Value(T value) : data(std::move(value)) {}  // NOLINT: values are written as they are

  template <class T>
  const T* get() const {  ///< null when it holds another type
    return std::get_if<T>(&data);
  }
  bool undefined() const { return get<Undefined>() != nullptr; }
  bool none() const { return get<None>() != nullptr; }
};
/// A string; `markup`: went through `safe`.
Value text_value(std::string text, bool markup = false);
/// Checks that nesting stays below Budget::kValueDepth, so that no later walk overflows the stack.
Value sequence_value(List values, Sequence::Kind kind = Sequence::Kind::list);
Value mapping_value(Fields fields, Mapping::Kind kind = Mapping::Kind::dict);

/// The text of a string, nullptr of anything else.
const std::string* text_of(const Value& value);
/// Whole number of an int or a bool.
const std::int64_t* whole_number(const Value& value, std::int64_t& storage);
/// int, bool and float.
bool number_of(const Value& value, double& number);

std::string type_name(const Value& value);  ///< Python's: "str", "NoneType", "Undefined"
bool truth(const Value& value);             ///< as Python's bool()

/// Python's str(), repr() and json.dumps. Errors: what cannot be written ("<function ...>").
std::string to_text(const Value& value, Budget& budget);
std::string repr(const Value& value, Budget& budget);
/// As json.dumps takes it.
struct JsonStyle {
  bool ascii = false;
  bool sort_keys = false;
  int indent = -1;  ///< -1: one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
std::string to_json(const Value& value, const JsonStyle& style, Budget& budget);
/// Python's ==, < and in.
bool equal(const Value& a, const Value& b, Budget& budget);
bool less(const Value& a, const Value& b, Budget& budget);  ///< TypeError as in Python
bool contains(const Value& container, const Value& item, Budget& budget);

/// What `for` walks over: items, keys, characters; a generator is used up.
List iterate(const Value& value, Budget& budget);
/// Characters of valid UTF-8.
std::vector<std::string_view> characters(std::string_view text);

}  // namespace headscope::chat
