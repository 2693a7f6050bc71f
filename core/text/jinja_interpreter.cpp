#include "core/text/jinja_interpreter.h"

#include <algorithm>

namespace headscope::chat {
namespace jj = ::jinja;

namespace {

// Deep enough for any template seen; shallow enough for the stack of any thread, also under a
// sanitizer.
constexpr int kDepth = 1000;

class Depth {
 public:
  explicit Depth(int& depth) : depth_(depth) {
    if (++depth_ > kDepth) {
      --depth_;
      throw Failure{"nests more than " + std::to_string(kDepth) + " calls and expressions"};
    }
  }
  ~Depth() { --depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  int& depth_;
};

template <class T>
const T* as(const jj::statement& node) {
  return dynamic_cast<const T*>(&node);
}

std::int64_t bound(const Value& value, std::int64_t fallback) {
  if (value.none()) return fallback;
  std::int64_t storage = 0;
  if (const auto* whole = whole_number(value, storage)) return *whole;
  throw Failure{"slices with " + type_name(value)};
}

// The positions that Python's slice takes from `size` items.
std::vector<std::size_t> slice_positions(std::int64_t size, const Value& start, const Value& stop,
                                         const Value& step_value) {
  const std::int64_t step = bound(step_value, 1);
  if (step == 0) throw Failure{"slices with a step of zero"};
  const std::int64_t low = step > 0 ? 0 : -1;
  const std::int64_t high = step > 0 ? size : size - 1;
  const auto place = [&](const Value& value, std::int64_t fallback) {
    if (value.none()) return fallback;
    const std::int64_t at = bound(value, 0);
    return std::clamp(at < 0 ? at + size : at, low, high);
  };
  const std::int64_t begin = place(start, step > 0 ? low : high);
  const std::int64_t end = place(stop, step > 0 ? high : low);
  std::vector<std::size_t> positions;
  const std::int64_t stride = std::clamp(step, -size - 1, size + 1);
  for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += stride)
    positions.push_back(static_cast<std::size_t>(i));
  return positions;
}

Value loop_value(const List& items, std::size_t index) {
  const auto at = static_cast<std::int64_t>(index);
  const auto count = static_cast<std::int64_t>(items.size());
  Fields fields;
  fields.set("index", at + 1);
  fields.set("index0", at);
  fields.set("revindex", count - at);
  fields.set("revindex0", count - at - 1);
  fields.set("first", index == 0);
  fields.set("last", at + 1 == count);
  fields.set("length", count);
  fields.set("previtem",
             index > 0 ? items[index - 1] : Value(Undefined{"there is no previous item"}));
  fields.set("nextitem", index + 1 < items.size() ? items[index + 1]
                                                  : Value(Undefined{"there is no next item"}));
  fields.set("depth", std::int64_t{1});
  fields.set("depth0", std::int64_t{0});
  return mapping_value(std::move(fields), Mapping::Kind::loop);
}

}  // namespace

Interpreter::~Interpreter() {
  for (const auto& space : runtime_.spaces) space->items.clear();
}

std::string Interpreter::run(Fields variables) {
  globals_.names = std::move(variables);
  std::string out;
  if (execute_all(program_.body.body, globals_, out) != Flow::normal)
    throw Failure{"leaves a loop outside of a loop"};
  return out;
}

void Interpreter::write(std::string& out, std::string_view text) {
  runtime_.budget.step(text.size());
  if (out.size() + text.size() > Budget::kTextBytes) runtime_.budget.text(out.size() + text.size());
  out += text;
}

Interpreter::Flow Interpreter::execute_all(const jj::statements& body, Frame& frame,
                                           std::string& out) {
  for (const jj::statement_ptr& statement : body) {
    const Flow flow = execute(*statement, frame, out);
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute(const jj::statement& statement, Frame& frame,
                                       std::string& out) {
  const Depth depth(depth_);
  runtime_.budget.step();
  position_ = statement.pos;
  if (const auto* literal = as<jj::string_literal>(statement)) {
    write(out, literal->val);
  } else if (const auto* choice = as<jj::if_statement>(statement)) {
    const bool holds = truth(evaluate(*choice->test, frame));
    return execute_all(holds ? choice->body : choice->alternate, frame, out);
  } else if (const auto* loop = as<jj::for_statement>(statement)) {
    return execute_for(*loop, frame, out);
  } else if (const auto* setting = as<jj::set_statement>(statement)) {
    execute_set(*setting, frame);
  } else if (const auto* macro = as<jj::macro_statement>(statement)) {
    define_macro(*macro, frame);
  } else if (as<jj::break_statement>(statement)) {
    return Flow::leave_loop;
  } else if (as<jj::continue_statement>(statement)) {
    return Flow::next_item;
  } else if (const auto* filtered = as<jj::filter_statement>(statement)) {
    execute_filter(*filtered, frame, out);
  } else if (as<jj::call_statement>(statement)) {
    throw Failure{"uses {% call %}, which is not supported"};
  } else if (!as<jj::comment_statement>(statement) && !as<jj::noop_statement>(statement)) {
    write(out, to_text(evaluate(statement, frame), runtime_.budget));
  }
  return Flow::normal;
}

List Interpreter::loop_items(const jj::for_statement& statement, Frame& frame) {
  const auto* selection = as<jj::select_expression>(*statement.iterable);
  List items =
      iterate(evaluate(selection ? *selection->lhs : *statement.iterable, frame), runtime_.budget);
  if (!selection) return items;
  List kept;
  for (Value& item : items) {
    Frame inner{.parent = &frame, .names = {}};
    assign(*statement.loopvar, item, inner);
    if (truth(evaluate(*selection->test, inner))) kept.push_back(std::move(item));
  }
  return kept;
}

Interpreter::Flow Interpreter::execute_for(const jj::for_statement& statement, Frame& frame,
                                           std::string& out) {
  const List items = loop_items(statement, frame);
  Loop loop{&items, 0};
  bool finished_one = false;  // jinja2: what decides about `else`
  for (; loop.index < items.size(); ++loop.index) {
    runtime_.budget.step();
    Frame inner{.parent = &frame, .names = {}, .loop = &loop};
    assign(*statement.loopvar, items[loop.index], inner);
    const Flow flow = execute_all(statement.body, inner, out);
    if (flow == Flow::leave_loop) break;
    finished_one = finished_one || flow == Flow::normal;
  }
  if (finished_one) return Flow::normal;
  Frame inner{.parent = &frame, .names = {}};
  return execute_all(statement.default_block, inner, out);
}

std::string Interpreter::block_text(const jj::statements& body, Frame& frame) {
  Frame inner{.parent = &frame, .names = {}};
  std::string text;
  if (execute_all(body, inner, text) != Flow::normal) {
    throw Failure{"leaves a loop from within a block, which is not supported"};
  }
  return text;
}

void Interpreter::execute_set(const jj::set_statement& statement, Frame& frame) {
  const Value value = statement.val ? evaluate(*statement.val, frame)
                                    : text_value(block_text(statement.body, frame));
  assign(*statement.assignee, value, frame);
}

void Interpreter::execute_filter(const jj::filter_statement& statement, Frame& frame,
                                 std::string& out) {
  const Value text = text_value(block_text(statement.body, frame));
  write(out, to_text(filter(*statement.filter, text, frame), runtime_.budget));
}

void Interpreter::assign(const jj::statement& target, const Value& value, Frame& frame) {
  if (const auto* identifier = as<jj::identifier>(target)) {
    frame.names.set(identifier->val, value);
  } else if (const auto* tuple = as<jj::tuple_literal>(target)) {
    const List parts = iterate(value, runtime_.budget);
    if (parts.size() != tuple->val.size()) {
      throw Failure{"unpacks " + std::to_string(parts.size()) + " items into " +
                    std::to_string(tuple->val.size()) + " names"};
    }
    for (std::size_t i = 0; i < parts.size(); ++i) assign(*tuple->val[i], parts[i], frame);
  } else if (const auto* member = as<jj::member_expression>(target)) {
    assign_member(*member, value, frame);
  } else {
    throw Failure{"assigns to something that is no name"};
  }
}

void Interpreter::assign_member(const jj::member_expression& target, const Value& value,
                                Frame& frame) {
  const auto* property = as<jj::identifier>(*target.property);
  const Value object = evaluate(*target.object, frame);
  const auto* mapping = object.get<Mapping>();
  if (!property || target.computed || !mapping || mapping->kind != Mapping::Kind::space) {
    throw Failure{"sets a part of " + type_name(object) + ", which only a namespace allows"};
  }
  if (property->val.starts_with("_"))
    throw Failure{"sets '" + property->val + "' of a namespace, which a sandbox does not allow"};
  mapping->fields->set(property->val, value);
}

void Interpreter::define_macro(const jj::macro_statement& statement, Frame& frame) {
  const auto* name = as<jj::identifier>(*statement.name);
  if (!name) throw Failure{"defines a macro without a name"};
  if (&frame != &globals_)
    throw Failure{"defines the macro '" + name->val +
                  "' within a loop or macro, which is not supported"};
  frame.names.set(name->val, Callable{name->val, nullptr, &statement});
}

Value Interpreter::evaluate(const jj::statement& expression, Frame& frame) {
  const Depth depth(depth_);
  runtime_.budget.step();
  position_ = expression.pos;
  Value value = evaluate_node(expression, frame);
  position_ = expression.pos;  // what the caller does with the value fails here
  return value;
}

Value Interpreter::evaluate_node(const jj::statement& expression, Frame& frame) {
  if (const auto* node = as<jj::string_literal>(expression)) return text_value(node->val);
  if (const auto* node = as<jj::identifier>(expression)) return name(*node, frame);
  if (const auto* node = as<jj::member_expression>(expression)) return member(*node, frame);
  if (const auto* node = as<jj::binary_expression>(expression)) return binary(*node, frame);
  if (const auto* node = as<jj::filter_expression>(expression)) {
    return filter(*node->filter, evaluate(*node->operand, frame), frame);
  }
  if (const auto* node = as<jj::test_expression>(expression)) return test(*node, frame);
  if (const auto* node = as<jj::call_expression>(expression)) return call(*node, frame);
  if (const auto* node = as<jj::unary_expression>(expression)) return unary(*node, frame);
  if (const auto* node = as<jj::integer_literal>(expression)) return node->val;
  if (const auto* node = as<jj::float_literal>(expression)) return node->val;
  if (const auto* node = as<jj::array_literal>(expression))
    return sequence_value(values(node->val, frame));
  if (const auto* node = as<jj::tuple_literal>(expression)) {
    return sequence_value(values(node->val, frame), Sequence::Kind::tuple);
  }
  if (const auto* node = as<jj::ternary_expression>(expression)) {
    return evaluate(truth(evaluate(*node->condition, frame)) ? *node->true_expr : *node->false_expr,
                    frame);
  }
  if (const auto* node = as<jj::select_expression>(expression)) {
    if (truth(evaluate(*node->test, frame))) return evaluate(*node->lhs, frame);
    return Undefined{"the condition of an 'if' without 'else' does not hold"};
  }
  if (const auto* node = as<jj::object_literal>(expression)) {
    Fields fields;
    for (const auto& [key, value] : node->val) {
      const Value name = evaluate(*key, frame);
      fields.set_key(name, evaluate(*value, frame));
      runtime_.budget.step(fields.items.size());
    }
    return mapping_value(std::move(fields));
  }
  throw Failure{"uses a " + expression.type() + " where it is not supported"};
}

Value Interpreter::name(const jj::identifier& expression, Frame& frame) {
  for (Frame* place = &frame; place; place = place->parent) {
    if (const Value* found = place->names.find(expression.val)) return *found;
    if (place->loop && expression.val == "loop")
      return loop_value(*place->loop->items, place->loop->index);
    const bool hidden =
        expression.val == "caller" || expression.val == "varargs" || expression.val == "kwargs";
    if (place->macro && hidden)
      throw Failure{"uses '" + expression.val + "' of a macro, which is not supported"};
  }
  for (const char* unsupported : {"cycler", "joiner", "lipsum", "self"}) {
    if (expression.val == unsupported)
      throw Failure{"uses '" + expression.val + "', which is not supported"};
  }
  return Undefined{"'" + expression.val + "' is undefined"};
}

Value Interpreter::binary(const jj::binary_expression& expression, Frame& frame) {
  Value left = evaluate(*expression.left, frame);
  const std::string& op = expression.op.value;
  if (op == "and") return truth(left) ? evaluate(*expression.right, frame) : left;
  if (op == "or") return truth(left) ? left : evaluate(*expression.right, frame);
  const Value right = evaluate(*expression.right, frame);
  position_ = expression.pos;
  check_chain(expression, left);
  return apply_operator(op, left, right, runtime_.budget);
}

// llama.cpp's parser reads a + b ~ c as (a + b) ~ c and a < b < c as (a < b) < c; jinja2 does not.
void Interpreter::check_chain(const jj::binary_expression& expression, const Value& left) const {
  const auto* inner = as<jj::binary_expression>(*expression.left);
  if (!inner || depth_of(inner->op.pos) != depth_of(expression.op.pos)) return;
  const auto compares = [](const std::string& op) {
    return op == "in" || op == "not in" ||
           std::string_view("<>=!").find(op[0]) != std::string_view::npos;
  };
  if (compares(expression.op.value) && compares(inner->op.value)) {
    throw Failure{"chains comparisons, which is not supported"};
  }
  const bool mixes =
      expression.op.value == "~" && (inner->op.value == "+" || inner->op.value == "-");
  if (mixes && !text_of(left))
    throw Failure{"mixes + and ~ without brackets, which is not supported"};
}

std::size_t Interpreter::depth_of(std::size_t operator_position) const {
  const auto it = program_.brackets.find(operator_position);
  return it == program_.brackets.end() ? 0 : it->second;
}

Value Interpreter::unary(const jj::unary_expression& expression, Frame& frame) {
  const Value value = evaluate(*expression.argument, frame);
  if (expression.op.value == "not") return !truth(value);
  if (const auto* real = value.get<double>()) return expression.op.value == "-" ? -*real : *real;
  return apply_operator(expression.op.value, std::int64_t{0}, value, runtime_.budget);
}

Value Interpreter::member(const jj::member_expression& expression, Frame& frame) {
  const Value object = evaluate(*expression.object, frame);
  if (const auto* bounds = as<jj::slice_expression>(*expression.property))
    return slice(object, *bounds, frame);
  if (object.undefined()) throw Failure{object.get<Undefined>()->what};
  const auto* attribute = expression.computed ? nullptr : as<jj::identifier>(*expression.property);
  if (!attribute) {
    const Value key = evaluate(*expression.property, frame);
    Value found = get_item(object, key, runtime_.budget);
    return found.undefined() && text_of(key) ? find_method(object, *text_of(key)) : found;
  }
  Value method = find_method(object, attribute->val);
  if (!method.undefined()) return method;
  Value found = get_item(object, text_value(attribute->val), runtime_.budget);
  return found.undefined() ? method : found;
}

Value Interpreter::slice(const Value& object, const jj::slice_expression& bounds, Frame& frame) {
  const auto part = [&](const jj::statement_ptr& node) {
    return node ? evaluate(*node, frame) : Value(None{});
  };
  const Value start = part(bounds.start_expr);
  const Value stop = part(bounds.stop_expr);
  const Value step = part(bounds.step_expr);
  if (const auto* text = text_of(object)) {
    runtime_.budget.step(text->size() * 4);
    const auto letters = characters(*text);
    std::string out;
    for (const std::size_t i :
         slice_positions(static_cast<std::int64_t>(letters.size()), start, stop, step))
      out += letters[i];
    return text_value(std::move(out));
  }
  const auto* sequence = object.get<Sequence>();
  if (!sequence || sequence->kind == Sequence::Kind::generator)
    throw Failure{"slices " + type_name(object)};
  const List& items = sequence->items->values;
  runtime_.budget.step(items.size() * 16);
  List taken;
  for (const std::size_t i :
       slice_positions(static_cast<std::int64_t>(items.size()), start, stop, step))
    taken.push_back(items[i]);
  return sequence_value(std::move(taken), sequence->kind);
}

List Interpreter::values(const jj::statements& expressions, Frame& frame) {
  List list;
  for (const jj::statement_ptr& expression : expressions)
    list.push_back(evaluate(*expression, frame));
  return list;
}

Arguments Interpreter::arguments(std::string function, const jj::statements& given, Frame& frame) {
  List positional;
  Fields named;
  for (const jj::statement_ptr& argument : given) {
    const auto* keyword = as<jj::keyword_argument_expression>(*argument);
    if (!keyword) {
      positional.push_back(evaluate(*argument, frame));
      continue;
    }
    const auto* key = as<jj::identifier>(*keyword->key);
    if (!key) throw Failure{"calls " + function + " with an argument that has no name"};
    named.set(key->val, evaluate(*keyword->val, frame));
  }
  return {std::move(function), std::move(positional), std::move(named)};
}

Value Interpreter::call(const jj::call_expression& expression, Frame& frame) {
  const Value callee = evaluate(*expression.callee, frame);
  const auto* function = callee.get<Callable>();
  if (!function) {
    if (callee.undefined()) throw Failure{callee.get<Undefined>()->what};
    throw Failure{"calls " + type_name(callee) + ", which is no function"};
  }
  Arguments given = arguments(function->name, expression.args, frame);
  position_ = expression.pos;
  if (function->macro) return call_macro(*function->macro, given);
  return function->object ? call_method(*function->object, given, runtime_)
                          : call_global(given, runtime_);
}

Value Interpreter::call_macro(const jj::macro_statement& macro, Arguments& given) {
  Frame frame{.parent = &globals_, .names = {}, .loop = nullptr, .macro = true};
  for (const jj::statement_ptr& parameter : macro.args) {
    const auto* keyword = as<jj::keyword_argument_expression>(*parameter);
    const auto* name = as<jj::identifier>(keyword ? *keyword->key : *parameter);
    if (!name) throw Failure{"defines a macro with a parameter that has no name"};
    const Value* value = given.take(name->val);
    Value fallback = Undefined{"parameter '" + name->val + "' was not provided"};
    if (!value && keyword) fallback = evaluate(*keyword->val, frame);
    frame.names.set(name->val, value ? *value : fallback);
  }
  given.finish();
  std::string text;
  if (execute_all(macro.body, frame, text) != Flow::normal)
    throw Failure{"leaves a loop outside of a loop"};
  return text_value(std::move(text));
}

std::pair<std::string, const jj::statements*> Interpreter::named_operation(
    const jj::statement& node) const {
  static const jj::statements none;
  const auto* call = as<jj::call_expression>(node);
  const auto* name = as<jj::identifier>(call ? *call->callee : node);
  if (!name) throw Failure{"uses a filter or test without a name"};
  return {name->val, call ? &call->args : &none};
}

Value Interpreter::filter(const jj::statement& node, const Value& input, Frame& frame) {
  const auto [name, given] = named_operation(node);
  Arguments list = arguments(name, *given, frame);
  position_ = node.pos;
  return apply_filter(name, input, list, runtime_);
}

Value Interpreter::test(const jj::test_expression& expression, Frame& frame) {
  const Value input = evaluate(*expression.operand, frame);
  const auto [name, given] = named_operation(*expression.test);
  Arguments list = arguments(name, *given, frame);
  position_ = expression.test->pos;
  return apply_test(name, input, list, runtime_) != expression.negate;
}

}  // namespace headscope::chat
