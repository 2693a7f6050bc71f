// Shared values that are freed beside the thread that lets go of them.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace headscope {

/// Calls `destroy(object)` on a thread of its own, soon; at once where there is no memory for that.
void destroy_elsewhere(void* object, void (*destroy)(void*)) noexcept;

/// std::make_shared for what is large: whoever lets go of it last hands it over, and a thread in
/// the background frees it. The window lets go of results at every move of a slider, and giving
/// tens of megabytes back takes milliseconds.
template <class T, class... Arguments>
std::shared_ptr<T> make_large(Arguments&&... arguments) {
  using Plain = std::remove_const_t<T>;
  return std::shared_ptr<Plain>(
      new Plain(std::forward<Arguments>(arguments)...), [](Plain* object) {
        destroy_elsewhere(object, [](void* pointer) { delete static_cast<Plain*>(pointer); });
      });
}

}  // namespace headscope
