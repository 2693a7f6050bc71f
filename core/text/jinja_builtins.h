// Filters, tests, methods and global functions of jinja2 that chat templates use. What is known to
// jinja2 or Python but not offered here is refused by name, never skipped.
#pragma once

#include <ctime>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "core/text/jinja_value.h"

namespace headscope::chat {

/// Arguments of one call. `take` hands them out by position or name; `finish` refuses what is left.
class Arguments {
 public:
  Arguments(std::string function, List positional, Fields named)
      : function_(std::move(function)),
        positional_(std::move(positional)),
        named_(std::move(named)) {}
  /// Each throws Failure for a wrong type, `need` for a missing argument.
  const Value* take(std::string_view name);
  const Value& need(std::string_view name);                             ///< it must be there
  std::string text_or(std::string_view name, std::string fallback);     ///< a string
  std::int64_t whole_or(std::string_view name, std::int64_t fallback);  ///< int or bool
  bool truth_or(std::string_view name, bool fallback);                  ///< as Python's bool()
  void finish() const;  ///< to be called after the last one

  const std::string& function() const { return function_; }
  const List& positional() const { return positional_; }
  const Fields& named() const { return named_; }

 private:
  std::string function_;
  List positional_;
  Fields named_;
  std::size_t next_ = 0;
  std::set<std::string, std::less<>> used_;
};

/// What every operation of one rendering shares.
struct Runtime {
  Budget budget;
  std::time_t now = 0;
  /// Every namespace made: they can hold each other, and are emptied at the end.
  std::vector<std::shared_ptr<Fields>> spaces;
};
/// `input` | name(arguments), `input` is name(arguments).
Value apply_filter(const std::string& name, const Value& input, Arguments& arguments,
                   Runtime& runtime);
bool apply_test(const std::string& name, const Value& input, Arguments& arguments,
                Runtime& runtime);

/// `object.name`: a method, or an undefined value. Refuses methods that Python has and this has
/// not.
Value find_method(const Value& object, const std::string& name);
Value call_method(const Value& object, Arguments& arguments, Runtime& runtime);

/// Values that every template sees: range, namespace, dict, raise_exception, strftime_now.
void add_globals(Fields& names);
Value call_global(Arguments& arguments, Runtime& runtime);

/// jinja2's `object[key]`; undefined where there is none.
Value get_item(const Value& object, const Value& key, Budget& budget);

/// Python's str methods.
std::string stripped(std::string_view text, bool left, bool right, const std::string* characters);
std::string replaced(const std::string& text, const std::string& from, const std::string& to,
                     std::int64_t count, Budget& budget);
std::string upper_case(const std::string& text);
std::string lower_case(const std::string& text);
std::string capitalized(const std::string& text);
std::string joined(const std::string& separator, const List& items, Budget& budget);
std::vector<std::string> split_lines(const std::string& text);

}  // namespace headscope::chat
