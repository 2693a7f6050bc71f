// Runs a template that llama.cpp's Jinja engine has read, with jinja2's meaning and within a
// budget.
//
// llama.cpp's own run-time is not used: it may be crashed or kept busy by a template (a division by
// zero, a list that holds itself, 'a' * 10**12) and gives up on Python's meaning where its model
// zoo does not need it (None is written as nothing, texts are indexed by bytes, variables leak from
// one pass of a loop into the next, macros see their caller).
#pragma once

#include "core/text/jinja_builtins.h"
#include "core/text/jinja_reader.h"

namespace headscope::chat {
/// One rendering of a program; used once.
class Interpreter {
 public:
  Interpreter(const Program& program, Budget budget, std::time_t now) : program_(program) {
    runtime_.budget = budget;
    runtime_.now = now;
  }
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  /// What the template writes. Throws Failure; `position` then says where in the source.
  std::string run(Fields variables);
  std::size_t position() const { return position_; }

 private:
  enum class Flow { normal, next_item, leave_loop };
  struct Loop {
    const List* items = nullptr;
    std::size_t index = 0;
  };
  struct Frame {
    Frame* parent = nullptr;
    Fields names;
    const Loop* loop = nullptr;
    bool macro = false;
  };

  Flow execute_all(const ::jinja::statements& body, Frame& frame, std::string& out);
  Flow execute(const ::jinja::statement& statement, Frame& frame, std::string& out);
  Flow execute_for(const ::jinja::for_statement& statement, Frame& frame, std::string& out);
  List loop_items(const ::jinja::for_statement& statement, Frame& frame);
  void execute_set(const ::jinja::set_statement& statement, Frame& frame);
  void execute_filter(const ::jinja::filter_statement& statement, Frame& frame, std::string& out);
  void define_macro(const ::jinja::macro_statement& statement, Frame& frame);
  std::string block_text(const ::jinja::statements& body, Frame& frame);
  void assign(const ::jinja::statement& target, const Value& value, Frame& frame);
  void assign_member(const ::jinja::member_expression& target, const Value& value, Frame& frame);
  void write(std::string& out, std::string_view text);

  Value evaluate(const ::jinja::statement& expression, Frame& frame);
  Value evaluate_node(const ::jinja::statement& expression, Frame& frame);
  Value name(const ::jinja::identifier& expression, Frame& frame);
  Value binary(const ::jinja::binary_expression& expression, Frame& frame);
  void check_chain(const ::jinja::binary_expression& expression, const Value& left) const;
  std::size_t depth_of(std::size_t operator_position) const;
  Value unary(const ::jinja::unary_expression& expression, Frame& frame);
  Value member(const ::jinja::member_expression& expression, Frame& frame);
  Value slice(const Value& object, const ::jinja::slice_expression& bounds, Frame& frame);
  Value call(const ::jinja::call_expression& expression, Frame& frame);
  Value call_macro(const ::jinja::macro_statement& macro, Arguments& arguments);
  Value filter(const ::jinja::statement& filter, const Value& input, Frame& frame);
  Value test(const ::jinja::test_expression& expression, Frame& frame);
  List values(const ::jinja::statements& expressions, Frame& frame);
  Arguments arguments(std::string function, const ::jinja::statements& given, Frame& frame);
  std::pair<std::string, const ::jinja::statements*> named_operation(
      const ::jinja::statement& node) const;

  const Program& program_;
  Runtime runtime_;
  Frame globals_;
  int depth_ = 0;
  std::size_t position_ = 0;
};

/// left `op` right for + - * / % ~ == != < > <= >= in and not in.
Value apply_operator(const std::string& op, const Value& left, const Value& right, Budget& budget);

}  // namespace headscope::chat
