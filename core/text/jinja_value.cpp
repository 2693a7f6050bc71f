#include "core/text/jinja_value.h"

#include <algorithm>
#include <cmath>

#include "core/text/unicode.h"

namespace headscope::chat {
namespace {

int depth_of(const Value& value) {
  if (const auto* sequence = value.get<Sequence>()) return sequence->items->depth;
  if (const auto* mapping = value.get<Mapping>()) return mapping->fields->depth;
  return 0;
}

int checked_depth(int depth) {
  if (depth > Budget::kValueDepth) {
    throw Failure{"nests lists or mappings deeper than " + std::to_string(Budget::kValueDepth)};
  }
  return depth;
}

bool equal_fields(const Fields& a, const Fields& b, Budget& budget) {
  if (a.items.size() != b.items.size()) return false;
  return std::all_of(a.items.begin(), a.items.end(), [&](const auto& item) {
    budget.step(b.items.size());
    const Value* other = b.find_key(item.first);
    return other && equal(item.second, *other, budget);
  });
}

bool equal_items(const List& a, const List& b, Budget& budget) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](const Value& x, const Value& y) { return equal(x, y, budget); });
}

[[noreturn]] void no_order(const Value& a, const Value& b) {
  throw Failure{"compares the order of " + type_name(a) + " and " + type_name(b)};
}

}  // namespace

const Value* Fields::find(std::string_view name) const {
  const auto it = std::find_if(items.begin(), items.end(), [&](const auto& item) {
    const auto* text = text_of(item.first);
    return text && *text == name;
  });
  return it == items.end() ? nullptr : &it->second;
}

const Value* Fields::find_key(const Value& key) const {
  if (const auto* text = text_of(key)) return find(std::string_view(*text));
  std::int64_t storage = 0;
  const auto* number = whole_number(key, storage);
  if (!number) return nullptr;
  const auto it = std::find_if(items.begin(), items.end(), [&](const auto& item) {
    std::int64_t other_storage = 0;
    const auto* other = whole_number(item.first, other_storage);
    return other && *other == *number;
  });
  return it == items.end() ? nullptr : &it->second;
}

void Fields::set(std::string name, Value value) {
  set_key(text_value(std::move(name)), std::move(value));
}

void Fields::set_key(const Value& key, Value value) {
  std::int64_t storage = 0;
  if (!text_of(key) && !whole_number(key, storage)) {
    throw Failure{"makes a mapping with a key of type " + type_name(key) +
                  ", which is not supported"};
  }
  depth = std::max(depth, checked_depth(1 + depth_of(value)));
  if (const Value* known = find_key(key)) {
    *const_cast<Value*>(known) = std::move(value);  // ours, found through a const view
  } else {
    items.emplace_back(key, std::move(value));
  }
}

Value text_value(std::string text, bool markup) {
  return Text{std::make_shared<const std::string>(std::move(text)), markup};
}

Value sequence_value(List values, Sequence::Kind kind) {
  auto items = std::make_shared<Items>();
  for (const Value& value : values)
    items->depth = std::max(items->depth, checked_depth(1 + depth_of(value)));
  items->values = std::move(values);
  return Sequence{kind, std::move(items)};
}

Value mapping_value(Fields fields, Mapping::Kind kind) {
  return Mapping{kind, std::make_shared<Fields>(std::move(fields))};
}

const std::string* text_of(const Value& value) {
  const auto* text = value.get<Text>();
  return text ? text->bytes.get() : nullptr;
}

const std::int64_t* whole_number(const Value& value, std::int64_t& storage) {
  if (const auto* number = value.get<std::int64_t>()) return number;
  if (const auto* boolean = value.get<bool>()) {
    storage = *boolean ? 1 : 0;
    return &storage;
  }
  return nullptr;
}

bool number_of(const Value& value, double& number) {
  std::int64_t storage = 0;
  if (const auto* whole = whole_number(value, storage)) {
    number = static_cast<double>(*whole);
    return true;
  }
  if (const auto* real = value.get<double>()) {
    number = *real;
    return true;
  }
  return false;
}

std::string type_name(const Value& value) {
  static constexpr const char* names[] = {"Undefined", "NoneType", "bool", "int",     "float",
                                          "str",       "list",     "dict", "function"};
  if (const auto* sequence = value.get<Sequence>()) {
    if (sequence->kind == Sequence::Kind::tuple) return "tuple";
    if (sequence->kind == Sequence::Kind::generator) return "generator";
  }
  if (const auto* mapping = value.get<Mapping>()) {
    if (mapping->kind == Mapping::Kind::space) return "Namespace";
    if (mapping->kind == Mapping::Kind::loop) return "LoopContext";
  }
  return names[value.data.index()];
}

bool truth(const Value& value) {
  if (value.undefined() || value.none()) return false;
  if (const auto* text = text_of(value)) return !text->empty();
  if (const auto* sequence = value.get<Sequence>()) {
    return sequence->kind == Sequence::Kind::generator || !sequence->items->values.empty();
  }
  if (const auto* mapping = value.get<Mapping>()) {
    return mapping->kind != Mapping::Kind::dict || !mapping->fields->items.empty();
  }
  double number = 1;
  number_of(value, number);
  return number != 0;
}

bool equal(const Value& a, const Value& b, Budget& budget) {
  budget.step();
  std::int64_t storage_a = 0;
  std::int64_t storage_b = 0;
  const auto* whole_a = whole_number(a, storage_a);
  const auto* whole_b = whole_number(b, storage_b);
  if (whole_a && whole_b) return *whole_a == *whole_b;
  double number_a = 0;
  double number_b = 0;
  if (number_of(a, number_a) && number_of(b, number_b)) return number_a == number_b;
  if (a.data.index() != b.data.index()) return false;
  if (const auto* text = text_of(a)) {
    budget.step(text->size());
    return *text == *text_of(b);
  }
  if (const auto* sequence = a.get<Sequence>()) {
    const auto& other = *b.get<Sequence>();
    if (sequence->items == other.items) return true;
    if (sequence->kind != other.kind || sequence->kind == Sequence::Kind::generator) return false;
    return equal_items(sequence->items->values, other.items->values, budget);
  }
  if (const auto* mapping = a.get<Mapping>()) {
    const auto& other = *b.get<Mapping>();
    if (mapping->fields == other.fields) return true;
    if (mapping->kind != Mapping::Kind::dict || other.kind != Mapping::Kind::dict) return false;
    return equal_fields(*mapping->fields, *other.fields, budget);
  }
  if (a.get<Callable>()) throw Failure{"compares functions, which is not supported"};
  return true;  // two of None, or two undefined
}

bool less(const Value& a, const Value& b, Budget& budget) {
  budget.step();
  const auto* text_a = text_of(a);
  const auto* text_b = text_of(b);
  if (text_a && text_b) {
    budget.step(std::min(text_a->size(), text_b->size()));
    return *text_a < *text_b;  // the order of UTF-8 bytes is that of code points
  }
  double number_a = 0;
  double number_b = 0;
  if (!number_of(a, number_a) || !number_of(b, number_b)) no_order(a, b);
  if (std::isnan(number_a) || std::isnan(number_b))
    throw Failure{"compares with nan, which is not supported"};
  std::int64_t storage_a = 0;
  std::int64_t storage_b = 0;
  const auto* whole_a = whole_number(a, storage_a);
  const auto* whole_b = whole_number(b, storage_b);
  return whole_a && whole_b ? *whole_a < *whole_b : number_a < number_b;
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  if (const auto* text = text_of(container)) {
    const auto* part = text_of(item);
    if (!part) throw Failure{"looks for " + type_name(item) + " in a str"};
    budget.step(text->size());
    return text->find(*part) != std::string::npos;
  }
  if (const auto* mapping = container.get<Mapping>();
      mapping && mapping->kind == Mapping::Kind::dict) {
    budget.step(mapping->fields->items.size());
    return mapping->fields->find_key(item);
  }
  if (const auto* sequence = container.get<Sequence>();
      sequence && sequence->kind != Sequence::Kind::generator) {
    const List& values = sequence->items->values;
    return std::any_of(values.begin(), values.end(),
                       [&](const Value& value) { return equal(value, item, budget); });
  }
  if (container.undefined()) return false;
  throw Failure{"looks for something in " + type_name(container)};
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::min(unicode::length_of(text[at]), text.size() - at);
    found.push_back(text.substr(at, length));
    at += length;
  }
  return found;
}

List iterate(const Value& value, Budget& budget) {
  List items;
  if (value.undefined()) return items;
  if (const auto* text = text_of(value)) {
    budget.step(text->size() * 16);
    for (const std::string_view character : characters(*text))
      items.push_back(text_value(std::string(character)));
  } else if (const auto* sequence = value.get<Sequence>()) {
    Items& source = *sequence->items;
    budget.step(source.values.size() * 16);
    items.assign(source.values.begin() + static_cast<std::ptrdiff_t>(source.taken),
                 source.values.end());
    if (sequence->kind == Sequence::Kind::generator) source.taken = source.values.size();
  } else if (const auto* mapping = value.get<Mapping>();
             mapping && mapping->kind == Mapping::Kind::dict) {
    budget.step(mapping->fields->items.size() * 16);
    for (const auto& [key, ignored] : mapping->fields->items) items.push_back(key);
  } else {
    throw Failure{"loops over " + type_name(value) + ", which has no items"};
  }
  return items;
}

}  // namespace headscope::chat
