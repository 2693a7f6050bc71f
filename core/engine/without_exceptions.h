// No exception leaves the compute thread, whatever a runner or an allocation throws.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "core/base/error.h"

namespace headscope {

/// What `function` returns, a Result; its exceptions as errors.
template <class F>
auto without_exceptions(F&& function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::out_of_memory,
                "Out of memory. Choose a shorter prompt, a smaller model or another dtype.");
  } catch (const std::exception& error) {
    return fail(ErrorKind::internal, std::string("Unexpected failure: ") + error.what());
  } catch (...) {
    return fail(ErrorKind::internal, "Unexpected failure");
  }
}

}  // namespace headscope
