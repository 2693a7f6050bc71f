#include "core/runner/factory.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>

#include "core/runner/model_runner.h"

namespace {

void copy_message(std::string_view message, char* error, std::size_t size) {
  if (error == nullptr || size == 0) return;
  const std::size_t length = std::min(message.size(), size - 1);
  std::memcpy(error, message.data(), length);
  error[length] = '\0';
}

}  // namespace

extern "C" headscope::Runner* headscope_create_runner(char* error, std::size_t size) {
  try {
    return new headscope::ModelRunner();
  } catch (const std::exception& problem) {
    copy_message(problem.what(), error, size);
  } catch (...) {
    copy_message("the runner could not be made", error, size);
  }
  return nullptr;
}
