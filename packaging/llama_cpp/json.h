// Stands in for llama.cpp's JSON class, whose own asserts end the program. Its Jinja engine only uses the class to fill
// variables; core/text/chat_template.cpp fills them itself, so all that is needed are the declarations.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

struct common_json {
  struct iterator {
    [[noreturn]] common_json& operator*() const { refuse(); }
    [[noreturn]] std::string key() const { refuse(); }
    [[noreturn]] common_json& value() const { refuse(); }
    iterator& operator++() { return *this; }
    bool operator!=(const iterator&) const { return false; }
  };

  bool is_null() const { return false; }
  bool is_boolean() const { return false; }
  bool is_number_integer() const { return false; }
  bool is_number_float() const { return false; }
  bool is_string() const { return false; }
  bool is_array() const { return false; }
  bool is_object() const { return false; }
  iterator begin() const { return {}; }
  iterator end() const { return {}; }
  template <typename T>
  [[noreturn]] T get() const {
    refuse();
  }

  [[noreturn]] static void refuse() { throw std::logic_error("variables of a template do not come from this JSON"); }
};
