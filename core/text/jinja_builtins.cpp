#include "core/text/jinja_builtins.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace headscope::chat {
namespace {

using Filter = std::function<Value(const Value&, Arguments&, Runtime&)>;
using Test = std::function<bool(const Value&, Arguments&, Runtime&)>;

std::string soft_text(const Value& value, Runtime& runtime) {
  return to_text(value, runtime.budget);
}

std::int64_t length_of(const Value& value) {
  if (value.undefined()) return 0;
  if (const auto* text = text_of(value)) return static_cast<std::int64_t>(characters(*text).size());
  if (const auto* sequence = value.get<Sequence>();
      sequence && sequence->kind != Sequence::Kind::generator) {
    return static_cast<std::int64_t>(sequence->items->values.size());
  }
  if (const auto* mapping = value.get<Mapping>(); mapping && mapping->kind == Mapping::Kind::dict) {
    return static_cast<std::int64_t>(mapping->fields->items.size());
  }
  throw Failure{"takes the length of " + type_name(value)};
}

// jinja2's attribute="a.b.0": parts between dots, numbers as positions.
Value attribute_of(const Value& item, const Value& path, Budget& budget) {
  if (!text_of(path)) return get_item(item, path, budget);
  Value current = item;
  std::string_view rest = *text_of(path);
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    std::int64_t index = 0;
    const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool whole = !part.empty() && problem == std::errc{} &&
                       end == part.data() + part.size() && part[0] != '-';
    current = get_item(current, whole ? Value(index) : text_value(std::string(part)), budget);
    if (dot == std::string_view::npos) return current;
    rest.remove_prefix(dot + 1);
  }
}

// Sorting, min, max and unique fold the case of texts unless told otherwise.
Value sort_key(const Value& item, const Value* attribute, bool case_sensitive, Budget& budget) {
  const Value value =
      attribute && !attribute->none() ? attribute_of(item, *attribute, budget) : item;
  const auto* text = text_of(value);
  if (!text || case_sensitive) return value;
  budget.step(text->size());
  return text_value(lower_case(*text));
}

Value sort_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  const bool reverse = arguments.truth_or("reverse", false);
  const bool case_sensitive = arguments.truth_or("case_sensitive", false);
  const Value* attribute = arguments.take("attribute");
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : iterate(input, runtime.budget)) {
    keyed.emplace_back(sort_key(item, attribute, case_sensitive, runtime.budget), item);
  }
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? less(b.first, a.first, runtime.budget)
                   : less(a.first, b.first, runtime.budget);
  });
  List sorted;
  for (auto& [key, item] : keyed) sorted.push_back(std::move(item));
  return sequence_value(std::move(sorted));
}

Value extreme(const Value& input, Arguments& arguments, Runtime& runtime, bool largest) {
  const bool case_sensitive = arguments.truth_or("case_sensitive", false);
  const Value* attribute = arguments.take("attribute");
  std::optional<std::pair<Value, Value>> best;
  for (const Value& item : iterate(input, runtime.budget)) {
    Value key = sort_key(item, attribute, case_sensitive, runtime.budget);
    const bool better = !best || (largest ? less(best->first, key, runtime.budget)
                                          : less(key, best->first, runtime.budget));
    if (better) best.emplace(std::move(key), item);
  }
  return best ? best->second : Value(Undefined{"No aggregated item, sequence was empty."});
}

Value unique_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  const bool case_sensitive = arguments.truth_or("case_sensitive", false);
  const Value* attribute = arguments.take("attribute");
  List keys;
  List kept;
  for (const Value& item : iterate(input, runtime.budget)) {
    Value key = sort_key(item, attribute, case_sensitive, runtime.budget);
    const auto same = [&](const Value& other) { return equal(key, other, runtime.budget); };
    if (std::any_of(keys.begin(), keys.end(), same)) continue;
    keys.push_back(std::move(key));
    kept.push_back(item);
  }
  return sequence_value(std::move(kept), Sequence::Kind::generator);
}

Value dictsort_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  const bool case_sensitive = arguments.truth_or("case_sensitive", false);
  const std::string by = arguments.text_or("by", "key");
  const bool reverse = arguments.truth_or("reverse", false);
  const auto* mapping = input.get<Mapping>();
  if (!mapping || mapping->kind != Mapping::Kind::dict)
    throw Failure{"sorts " + type_name(input) + " as a mapping"};
  if (by != "key" && by != "value") throw Failure{"calls dictsort by '" + by + "'"};
  List pairs;
  for (const auto& [key, value] : mapping->fields->items) {
    pairs.push_back(sequence_value({key, value}, Sequence::Kind::tuple));
  }
  Fields named;
  named.set("reverse", reverse);
  named.set("case_sensitive", case_sensitive);
  named.set("attribute", std::int64_t{by == "key" ? 0 : 1});
  Arguments how("dictsort", {}, std::move(named));
  return sort_filter(sequence_value(std::move(pairs)), how, runtime);
}

Value join_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  const Value* separator = arguments.take("d");
  const Value* attribute = arguments.take("attribute");
  List parts;
  for (const Value& item : iterate(input, runtime.budget)) {
    const bool picked = attribute && !attribute->none();
    const Value value = picked ? attribute_of(item, *attribute, runtime.budget) : item;
    parts.push_back(text_value(soft_text(value, runtime)));
  }
  return text_value(joined(separator ? soft_text(*separator, runtime) : "", parts, runtime.budget));
}

Value json_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  JsonStyle style;
  style.ascii = arguments.truth_or("ensure_ascii", false);
  const Value* indent = arguments.take("indent");
  if (indent && !indent->none()) {
    std::int64_t storage = 0;
    const auto* spaces = whole_number(*indent, storage);
    if (!spaces || *spaces < 0 || *spaces > 100)
      throw Failure{"calls tojson with an indent that is no number from 0 to 100"};
    style.indent = static_cast<int>(*spaces);
    style.item_separator = ",";
  }
  const Value* separators = arguments.take("separators");
  if (separators && !separators->none()) {
    const List pair = iterate(*separators, runtime.budget);
    if (pair.size() != 2 || !text_of(pair[0]) || !text_of(pair[1]))
      throw Failure{"calls tojson with separators that are no two texts"};
    style.item_separator = *text_of(pair[0]);
    style.key_separator = *text_of(pair[1]);
  }
  style.sort_keys = arguments.truth_or("sort_keys", false);
  return text_value(to_json(input, style, runtime.budget));
}

Value indent_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  const Value* width = arguments.take("width");
  const bool first = arguments.truth_or("first", false);
  const bool blank = arguments.truth_or("blank", false);
  std::string margin(4, ' ');
  std::int64_t storage = 0;
  if (width && text_of(*width)) margin = *text_of(*width);
  if (const auto* spaces = width ? whole_number(*width, storage) : nullptr) {
    runtime.budget.text(static_cast<std::size_t>(std::max<std::int64_t>(*spaces, 0)));
    margin.assign(static_cast<std::size_t>(std::max<std::int64_t>(*spaces, 0)), ' ');
  }
  const auto lines = split_lines(soft_text(input, runtime) + "\n");
  std::string out = first ? margin : "";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    runtime.budget.text(out.size() + margin.size() + lines[i].size());
    if (i > 0) out += '\n';
    if (i > 0 && (blank || !lines[i].empty())) out += margin;
    out += lines[i];
  }
  return text_value(std::move(out));
}

Value number_filter(const Value& input, Arguments& arguments, bool whole) {
  const Value* fallback = arguments.take("default");
  const std::int64_t base = whole ? arguments.whole_or("base", 10) : 10;
  if (base != 10) throw Failure{"calls int with a base other than 10, which is not supported"};
  double number = 0;
  if (number_of(input, number)) {
    std::int64_t storage = 0;
    if (const auto* exact = whole_number(input, storage))
      return whole ? Value(*exact) : Value(number);
    if (!whole) return number;
    if (!(std::abs(number) < 9e18))
      throw Failure{"makes an int of " + type_name(input) + " beyond 64 bits"};
    return static_cast<std::int64_t>(number);
  }
  if (const auto* text = text_of(input)) {
    std::string digits = stripped(*text, true, true, nullptr);
    if (digits.starts_with("+") && !digits.starts_with("+-")) digits.erase(0, 1);
    const char* end = digits.data() + digits.size();
    std::int64_t exact = 0;
    if (whole) {
      const auto [stop, problem] = std::from_chars(digits.data(), end, exact);
      if (problem == std::errc{} && stop == end) return exact;
    }
    const bool plain = digits.find_first_not_of("0123456789.eE+-") == std::string::npos;
    const auto [stop, problem] = std::from_chars(digits.data(), end, number);
    if (plain && problem == std::errc{} && stop == end) {
      if (!whole) return number;
      if (std::abs(number) < 9e18) return static_cast<std::int64_t>(number);
    }
  } else if (input.undefined()) {
    throw Failure{input.get<Undefined>()->what};
  }
  if (fallback) return *fallback;
  return whole ? Value(std::int64_t{0}) : Value(0.0);
}

Value abs_filter(const Value& input) {
  if (const auto* real = input.get<double>()) return std::abs(*real);
  std::int64_t storage = 0;
  const auto* whole = whole_number(input, storage);
  if (!whole || *whole == std::numeric_limits<std::int64_t>::min())
    throw Failure{"takes abs of " + type_name(input)};
  return std::abs(*whole);
}

Value sum_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  const Value* attribute = arguments.take("attribute");
  std::int64_t total = arguments.whole_or("start", 0);
  for (const Value& item : iterate(input, runtime.budget)) {
    const bool picked = attribute && !attribute->none();
    const Value value = picked ? attribute_of(item, *attribute, runtime.budget) : item;
    std::int64_t storage = 0;
    const auto* whole = whole_number(value, storage);
    if (!whole || __builtin_add_overflow(total, *whole, &total))
      throw Failure{"sums " + type_name(value) + ", which is not supported"};
  }
  return total;
}

// A filter or test by name, with the arguments that follow: map('upper'), selectattr('role',
// 'equalto', 'user').
Arguments remaining(Arguments& arguments, const std::string& name) {
  List rest;
  while (const Value* value = arguments.take("")) rest.push_back(*value);
  return {name, std::move(rest), {}};
}

Value map_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  List mapped;
  if (!truth(input)) return sequence_value({}, Sequence::Kind::generator);  // jinja2: None as well
  const Value* attribute = arguments.positional().empty() ? arguments.take("attribute") : nullptr;
  if (attribute) {
    const Value* fallback = arguments.take("default");
    for (const Value& item : iterate(input, runtime.budget)) {
      Value value = attribute_of(item, *attribute, runtime.budget);
      mapped.push_back(fallback && value.undefined() ? *fallback : std::move(value));
    }
  } else {
    const std::string name = arguments.text_or("filter", "");
    const Arguments rest = remaining(arguments, name);
    for (const Value& item : iterate(input, runtime.budget)) {
      Arguments each = rest;
      mapped.push_back(apply_filter(name, item, each, runtime));
    }
  }
  return sequence_value(std::move(mapped), Sequence::Kind::generator);
}

Value select_filter(const Value& input, Arguments& arguments, Runtime& runtime, bool keep,
                    bool by_attribute) {
  std::optional<Value> attribute;
  if (by_attribute) attribute = arguments.need("attribute");
  const std::string test = arguments.text_or("test", "");
  const Arguments rest = remaining(arguments, test);
  List kept;
  const List items =
      truth(input) ? iterate(input, runtime.budget) : List();  // jinja2: None as well
  for (const Value& item : items) {
    const Value value = attribute ? attribute_of(item, *attribute, runtime.budget) : item;
    Arguments each = rest;
    const bool passed = test.empty() ? truth(value) : apply_test(test, value, each, runtime);
    if (passed == keep) kept.push_back(item);
  }
  return sequence_value(std::move(kept), Sequence::Kind::generator);
}

Value first_or_last(const Value& input, Runtime& runtime, bool first) {
  const auto* sequence = input.get<Sequence>();
  if (sequence && sequence->kind == Sequence::Kind::generator && first) {
    Items& items = *sequence->items;
    if (items.taken < items.values.size()) return items.values[items.taken++];
    return Undefined{"No first item, sequence was empty."};
  }
  if (sequence && sequence->kind == Sequence::Kind::generator)
    throw Failure{"takes the last item of a generator"};
  const List items = iterate(input, runtime.budget);
  if (items.empty()) return Undefined{"No first item, sequence was empty."};
  return first ? items.front() : items.back();
}

Value items_filter(const Value& input) {
  List pairs;
  if (!input.undefined()) {
    const auto* mapping = input.get<Mapping>();
    if (!mapping || mapping->kind != Mapping::Kind::dict)
      throw Failure{"takes the items of " + type_name(input)};
    for (const auto& [key, value] : mapping->fields->items) {
      pairs.push_back(sequence_value({key, value}, Sequence::Kind::tuple));
    }
  }
  return sequence_value(std::move(pairs), Sequence::Kind::generator);
}

Value reverse_filter(const Value& input, Runtime& runtime) {
  List items = iterate(input, runtime.budget);
  std::reverse(items.begin(), items.end());
  if (text_of(input)) return text_value(joined("", items, runtime.budget));
  return sequence_value(std::move(items), Sequence::Kind::generator);
}

Value default_filter(const Value& input, Arguments& arguments) {
  const Value* fallback = arguments.take("default_value");
  const bool falsy = arguments.truth_or("boolean", false);
  const bool missing = input.undefined() || (falsy && !truth(input));
  return !missing ? input : fallback ? *fallback : text_value("");
}

Value replace_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  const std::string from = soft_text(arguments.need("old"), runtime);
  const std::string to = soft_text(arguments.need("new"), runtime);
  const Value* count = arguments.take("count");
  std::int64_t storage = 0;
  const auto* most = count ? whole_number(*count, storage) : nullptr;
  return text_value(
      replaced(soft_text(input, runtime), from, to, most ? *most : -1, runtime.budget));
}

Value trim_filter(const Value& input, Arguments& arguments, Runtime& runtime) {
  const Value* given = arguments.take("chars");
  return text_value(
      stripped(soft_text(input, runtime), true, true, given ? text_of(*given) : nullptr));
}

const std::map<std::string, Filter, std::less<>>& filters() {
  using V = Value;
  using A = Arguments;
  using R = Runtime;
  static const Filter length = [](const V& v, A&, R&) { return length_of(v); };
  static const Filter fallback = [](const V& v, A& a, R&) { return default_filter(v, a); };
  static const std::map<std::string, Filter, std::less<>> all = {
      {"trim", trim_filter},
      {"length", length},
      {"count", length},
      {"default", fallback},
      {"d", fallback},
      {"upper", [](const V& v, A&, R& r) { return text_value(upper_case(soft_text(v, r))); }},
      {"lower", [](const V& v, A&, R& r) { return text_value(lower_case(soft_text(v, r))); }},
      {"capitalize", [](const V& v, A&, R& r) { return text_value(capitalized(soft_text(v, r))); }},
      {"string", [](const V& v, A&, R& r) { return text_of(v) ? v : text_value(soft_text(v, r)); }},
      {"safe", [](const V& v, A&, R& r) { return text_value(soft_text(v, r), true); }},
      {"join", join_filter},
      {"list", [](const V& v, A&, R& r) { return sequence_value(iterate(v, r.budget)); }},
      {"first", [](const V& v, A&, R& r) { return first_or_last(v, r, true); }},
      {"last", [](const V& v, A&, R& r) { return first_or_last(v, r, false); }},
      {"items", [](const V& v, A&, R&) { return items_filter(v); }},
      {"dictsort", dictsort_filter},
      {"replace", replace_filter},
      {"indent", indent_filter},
      {"tojson", json_filter},
      {"map", map_filter},
      {"select", [](const V& v, A& a, R& r) { return select_filter(v, a, r, true, false); }},
      {"reject", [](const V& v, A& a, R& r) { return select_filter(v, a, r, false, false); }},
      {"selectattr", [](const V& v, A& a, R& r) { return select_filter(v, a, r, true, true); }},
      {"rejectattr", [](const V& v, A& a, R& r) { return select_filter(v, a, r, false, true); }},
      {"sort", sort_filter},
      {"unique", unique_filter},
      {"reverse", [](const V& v, A&, R& r) { return reverse_filter(v, r); }},
      {"min", [](const V& v, A& a, R& r) { return extreme(v, a, r, false); }},
      {"max", [](const V& v, A& a, R& r) { return extreme(v, a, r, true); }},
      {"sum", sum_filter},
      {"abs", [](const V& v, A&, R&) { return abs_filter(v); }},
      {"int", [](const V& v, A& a, R&) { return number_filter(v, a, true); }},
      {"float", [](const V& v, A& a, R&) { return number_filter(v, a, false); }},
  };
  return all;
}

bool is_kind(const Value& value, Sequence::Kind kind) {
  const auto* sequence = value.get<Sequence>();
  return sequence && sequence->kind == kind;
}

bool is_dict(const Value& value) {
  const auto* mapping = value.get<Mapping>();
  return mapping && mapping->kind == Mapping::Kind::dict;
}

bool is_sequence(const Value& value) {
  return value.undefined() || text_of(value) || is_dict(value) ||
         is_kind(value, Sequence::Kind::list) || is_kind(value, Sequence::Kind::tuple);
}

std::int64_t whole_operand(const Value& value, const char* test) {
  std::int64_t storage = 0;
  if (const auto* whole = whole_number(value, storage)) return *whole;
  throw Failure{std::string("tests whether ") + type_name(value) + " is " + test};
}

bool divisible(const Value& value, Arguments& arguments) {
  const std::int64_t divisor = whole_operand(arguments.need("num"), "divisible");
  if (divisor == 0) throw Failure{"divides by zero"};
  return divisor == -1 || whole_operand(value, "divisible") % divisor == 0;
}

bool same_case(const Value& value, Runtime& runtime, bool upper) {
  const std::string text = soft_text(value, runtime);
  return upper_case(text) != lower_case(text) &&
         text == (upper ? upper_case(text) : lower_case(text));
}

const std::map<std::string, Test, std::less<>>& tests() {
  using V = Value;
  using A = Arguments;
  using R = Runtime;
  static const Test eq = [](const V& v, A& a, R& r) { return equal(v, a.need("other"), r.budget); };
  static const Test ne = [](const V& v, A& a, R& r) {
    return !equal(v, a.need("other"), r.budget);
  };
  static const Test lt = [](const V& v, A& a, R& r) { return less(v, a.need("other"), r.budget); };
  static const Test gt = [](const V& v, A& a, R& r) { return less(a.need("other"), v, r.budget); };
  static const Test le = [](const V& v, A& a, R& r) { return !less(a.need("other"), v, r.budget); };
  static const Test ge = [](const V& v, A& a, R& r) { return !less(v, a.need("other"), r.budget); };
  static const std::map<std::string, Test, std::less<>> all = {
      {"defined", [](const V& v, A&, R&) { return !v.undefined(); }},
      {"undefined", [](const V& v, A&, R&) { return v.undefined(); }},
      {"none", [](const V& v, A&, R&) { return v.none(); }},
      {"string", [](const V& v, A&, R&) { return text_of(v) != nullptr; }},
      {"mapping", [](const V& v, A&, R&) { return is_dict(v); }},
      {"sequence", [](const V& v, A&, R&) { return is_sequence(v); }},
      {"iterable",
       [](const V& v, A&, R&) { return is_sequence(v) || is_kind(v, Sequence::Kind::generator); }},
      {"boolean", [](const V& v, A&, R&) { return v.get<bool>() != nullptr; }},
      {"true", [](const V& v, A&, R&) { return v.get<bool>() && *v.get<bool>(); }},
      {"false", [](const V& v, A&, R&) { return v.get<bool>() && !*v.get<bool>(); }},
      {"integer", [](const V& v, A&, R&) { return v.get<std::int64_t>() != nullptr; }},
      {"float", [](const V& v, A&, R&) { return v.get<double>() != nullptr; }},
      {"number", [](const V& v, A&,
                    R&) { return v.get<std::int64_t>() || v.get<double>() || v.get<bool>(); }},
      {"callable", [](const V& v, A&, R&) { return v.get<Callable>() != nullptr; }},
      {"odd", [](const V& v, A&, R&) { return whole_operand(v, "odd") % 2 != 0; }},
      {"even", [](const V& v, A&, R&) { return whole_operand(v, "even") % 2 == 0; }},
      {"divisibleby", [](const V& v, A& a, R&) { return divisible(v, a); }},
      {"lower", [](const V& v, A&, R& r) { return same_case(v, r, false); }},
      {"upper", [](const V& v, A&, R& r) { return same_case(v, r, true); }},
      {"in", [](const V& v, A& a, R& r) { return contains(a.need("seq"), v, r.budget); }},
      {"eq", eq},
      {"equalto", eq},
      {"==", eq},
      {"ne", ne},
      {"!=", ne},
      {"lt", lt},
      {"lessthan", lt},
      {"<", lt},
      {"gt", gt},
      {"greaterthan", gt},
      {">", gt},
      {"le", le},
      {"<=", le},
      {"ge", ge},
      {">=", ge},
  };
  return all;
}

}  // namespace

const Value* Arguments::take(std::string_view name) {
  if (next_ < positional_.size()) return &positional_[next_++];
  const Value* found = named_.find(name);
  if (found) used_.insert(std::string(name));
  return found;
}

const Value& Arguments::need(std::string_view name) {
  if (const Value* value = take(name)) return *value;
  throw Failure{"calls " + function_ + " without its argument '" + std::string(name) + "'"};
}

std::string Arguments::text_or(std::string_view name, std::string fallback) {
  const Value* value = take(name);
  if (!value) return fallback;
  if (const auto* text = text_of(*value)) return *text;
  throw Failure{"calls " + function_ + " with " + type_name(*value) + " as '" + std::string(name) +
                "'"};
}

std::int64_t Arguments::whole_or(std::string_view name, std::int64_t fallback) {
  const Value* value = take(name);
  if (!value) return fallback;
  std::int64_t storage = 0;
  if (const auto* whole = whole_number(*value, storage)) return *whole;
  throw Failure{"calls " + function_ + " with " + type_name(*value) + " as '" + std::string(name) +
                "'"};
}

bool Arguments::truth_or(std::string_view name, bool fallback) {
  const Value* value = take(name);
  return value ? truth(*value) : fallback;
}

void Arguments::finish() const {
  if (next_ < positional_.size()) throw Failure{"calls " + function_ + " with too many arguments"};
  for (const auto& [key, ignored] : named_.items) {
    const std::string& name = *text_of(key);
    if (!used_.contains(name))
      throw Failure{"calls " + function_ + " with '" + name + "', which is not supported"};
  }
}

Value apply_filter(const std::string& name, const Value& input, Arguments& arguments,
                   Runtime& runtime) {
  const auto it = filters().find(name);
  if (it == filters().end())
    throw Failure{"uses the filter '" + name + "', which is not supported"};
  const auto* text = input.get<Text>();
  if (text && text->markup && name != "safe" && name != "string" && name != "tojson") {
    throw Failure{"applies '" + name + "' to a text marked safe, which is not supported"};
  }
  runtime.budget.step(text ? text->bytes->size() : 0);
  Value result = it->second(input, arguments, runtime);
  arguments.finish();
  return result;
}

bool apply_test(const std::string& name, const Value& input, Arguments& arguments,
                Runtime& runtime) {
  const auto it = tests().find(name);
  if (it == tests().end()) throw Failure{"uses the test '" + name + "', which is not supported"};
  const bool passed = it->second(input, arguments, runtime);
  arguments.finish();
  return passed;
}

}  // namespace headscope::chat
