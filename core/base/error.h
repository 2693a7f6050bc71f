// Errors are values: every fallible function of Headscope returns Result<T>.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace headscope {

/// What went wrong, as far as a caller must tell cases apart (exit codes of cli.md).
enum class ErrorKind {
  usage,          ///< wrong command line or arguments: exit code 2
  bad_input,      ///< file, checkpoint or data is malformed or not supported: exit code 3
  out_of_memory,  ///< does not fit; the message carries the estimate and what would fit: exit code
                  ///< 4
  cancelled,      ///< interrupted by the user or by a newer request: exit code 130
  internal,       ///< a defect of ours: exit code 1
};

/// A message for people: names the file, field or tensor, what was expected and what to do.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
};

template <class T = void>
using Result = tl::expected<T, Error>;

/// Shorthand for returning an error: `return fail(ErrorKind::usage, "...");`
inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}

/// Shorthand for the most frequent kind.
inline tl::unexpected<Error> bad_input(std::string message) {
  return fail(ErrorKind::bad_input, std::move(message));
}

/// The process exit code that cli.md assigns to an error.
constexpr int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return 2;
    case ErrorKind::bad_input:
      return 3;
    case ErrorKind::out_of_memory:
      return 4;
    case ErrorKind::cancelled:
      return 130;
    case ErrorKind::internal:
      return 1;
  }
  return 1;
}

/// Returns the error of `expression` (a Result) from the enclosing function, if it has one.
#define HEADSCOPE_TRY(expression)                                                   \
  do {                                                                              \
    if (auto headscope_try_ = (expression); !headscope_try_) {                      \
      return tl::unexpected<::headscope::Error>(std::move(headscope_try_).error()); \
    }                                                                               \
  } while (false)

#define HEADSCOPE_CONCAT_INNER(a, b) a##b
#define HEADSCOPE_CONCAT(a, b) HEADSCOPE_CONCAT_INNER(a, b)

/// `HEADSCOPE_ASSIGN(auto x, f());` binds the value of a Result or returns its error.
#define HEADSCOPE_ASSIGN(declaration, expression)                          \
  auto HEADSCOPE_CONCAT(headscope_result_, __LINE__) = (expression);       \
  if (!HEADSCOPE_CONCAT(headscope_result_, __LINE__)) {                    \
    return tl::unexpected<::headscope::Error>(                             \
        std::move(HEADSCOPE_CONCAT(headscope_result_, __LINE__)).error()); \
  }                                                                        \
  declaration = std::move(*HEADSCOPE_CONCAT(headscope_result_, __LINE__))

}  // namespace headscope
