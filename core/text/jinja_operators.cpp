// Operators of expressions, as Python has them.
#include <cmath>

#include "core/text/jinja_interpreter.h"

namespace headscope::chat {
namespace {

[[noreturn]] void no_operator(const std::string& op, const Value& left, const Value& right) {
  if (left.undefined()) throw Failure{left.get<Undefined>()->what};
  if (right.undefined()) throw Failure{right.get<Undefined>()->what};
  throw Failure{"uses '" + op + "' between " + type_name(left) + " and " + type_name(right)};
}

[[noreturn]] void too_large() {
  throw Failure{"computes a number beyond 64 bits, which is not supported"};
}

Value whole_result(char op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  if (op == '+') overflow = __builtin_add_overflow(a, b, &result);
  if (op == '-') overflow = __builtin_sub_overflow(a, b, &result);
  if (op == '*') overflow = __builtin_mul_overflow(a, b, &result);
  if (op == '%') {
    if (b == 0) throw Failure{"divides by zero"};
    result = b == -1 ? 0 : a % b;
    if (result != 0 && (result < 0) != (b < 0)) result += b;  // the sign of the divisor
  }
  if (overflow) too_large();
  return result;
}

Value real_result(char op, double a, double b) {
  if ((op == '/' || op == '%') && b == 0) throw Failure{"divides by zero"};
  if (op == '+') return a + b;
  if (op == '-') return a - b;
  if (op == '*') return a * b;
  if (op == '/') return a / b;
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Value repeated(const Value& value, std::int64_t times, Budget& budget) {
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(times, 0));
  const auto* text = text_of(value);
  const std::size_t size = text ? text->size() : value.get<Sequence>()->items->values.size() * 16;
  if (size > 0 && count > Budget::kTextBytes / size) budget.text(Budget::kTextBytes + 1);
  budget.text(size * count);
  if (text) {
    std::string out;
    for (std::size_t i = 0; size > 0 && i < count; ++i) out += *text;
    return text_value(std::move(out));
  }
  List values;
  const auto& sequence = *value.get<Sequence>();
  for (std::size_t i = 0; size > 0 && i < count; ++i) {
    values.insert(values.end(), sequence.items->values.begin(), sequence.items->values.end());
  }
  return sequence_value(std::move(values), sequence.kind);
}

bool repeatable(const Value& value) {
  const auto* sequence = value.get<Sequence>();
  return text_of(value) || (sequence && sequence->kind != Sequence::Kind::generator);
}

Value arithmetic(const std::string& op, const Value& left, const Value& right, Budget& budget) {
  std::int64_t storage_a = 0;
  std::int64_t storage_b = 0;
  const auto* a = whole_number(left, storage_a);
  const auto* b = whole_number(right, storage_b);
  if (a && b && op != "/") return whole_result(op[0], *a, *b);
  double x = 0;
  double y = 0;
  if (number_of(left, x) && number_of(right, y)) return real_result(op[0], x, y);
  if (op == "*" && b && repeatable(left)) return repeated(left, *b, budget);
  if (op == "*" && a && repeatable(right)) return repeated(right, *a, budget);
  no_operator(op, left, right);
}

Value added(const Value& left, const Value& right, Budget& budget) {
  const auto* a = text_of(left);
  const auto* b = text_of(right);
  if (a && b) {
    budget.text(a->size() + b->size());
    return text_value(*a + *b);
  }
  const auto* list_a = left.get<Sequence>();
  const auto* list_b = right.get<Sequence>();
  const bool lists =
      list_a && list_b && list_a->kind == list_b->kind && list_a->kind != Sequence::Kind::generator;
  if (!lists) return arithmetic("+", left, right, budget);
  budget.text((list_a->items->values.size() + list_b->items->values.size()) * 16);
  List values = list_a->items->values;
  values.insert(values.end(), list_b->items->values.begin(), list_b->items->values.end());
  return sequence_value(std::move(values), list_a->kind);
}

bool marked_safe(const Value& value) {
  const auto* text = value.get<Text>();
  return text && text->markup;
}

bool in_order(const std::string& op, const Value& left, const Value& right, Budget& budget) {
  if (left.undefined() || right.undefined()) no_operator(op, left, right);
  if (op == "<") return less(left, right, budget);
  if (op == ">") return less(right, left, budget);
  if (op == "<=") return !less(right, left, budget);
  return !less(left, right, budget);
}

}  // namespace

Value apply_operator(const std::string& op, const Value& left, const Value& right, Budget& budget) {
  if (op == "~") {
    std::string text = to_text(left, budget) + to_text(right, budget);
    budget.text(text.size());
    return text_value(std::move(text));
  }
  if (op == "==") return equal(left, right, budget);
  if (op == "!=") return !equal(left, right, budget);
  if (op == "in") return contains(right, left, budget);
  if (op == "not in") return !contains(right, left, budget);
  if (op[0] == '<' || op[0] == '>') return in_order(op, left, right, budget);
  if (marked_safe(left) || marked_safe(right)) {
    throw Failure{"uses '" + op + "' on a text marked safe, which is not supported"};
  }
  if (op == "+") return added(left, right, budget);
  if (op == "%" && text_of(left)) throw Failure{"formats a str with '%', which is not supported"};
  return arithmetic(op, left, right, budget);
}

}  // namespace headscope::chat
