// No exception leaves the compute thread, whatever a runner or an allocation throws.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "core/base/error.h"

namespace headscope {

/// The error that the exception being handled stands for. Where there is no memory for a sentence,
/// it is two words that need none.
inline Error error_in_flight() noexcept {
  const auto unexpected = [](const std::exception& error) -> Error {
    return {ErrorKind::internal, std::string("Unexpected failure: ") + error.what()};
  };
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      return {ErrorKind::out_of_memory,
              "Out of memory. Choose a shorter prompt, a smaller model or another dtype."};
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::resource_unavailable_try_again) return unexpected(error);
      return {ErrorKind::out_of_memory,
              "The system has no memory for another thread. Close other programs and try again."};
    } catch (const std::exception& error) {
      return unexpected(error);
    } catch (...) {
      return {ErrorKind::internal, "Unexpected failure"};
    }
  } catch (...) {
    return {ErrorKind::out_of_memory, "Out of memory"};  // fits into the string itself
  }
}

/// What `function` returns, a Result; its exceptions as errors.
template <class F>
auto without_exceptions(F&& function) -> decltype(function()) {
  try {
    return function();
  } catch (...) {
    return tl::unexpected<Error>(error_in_flight());
  }
}

}  // namespace headscope
