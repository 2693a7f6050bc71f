// Work beside the calling thread, whose result is picked up later.
#pragma once

#include <future>
#include <memory>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace headscope {

/// A thread that does `work`; where the system has none to give, one that is not joinable.
template <class Work>
std::thread start_thread(Work work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error&) {
    return {};
  }
}

/// std::async on a thread of its own. Where the system has no thread to give (memory, a limit of
/// the user's), the work is done at once: late is better than never.
template <class Work>
std::future<std::invoke_result_t<Work&>> in_background(Work work) {
  auto kept = std::make_shared<Work>(std::move(work));
  try {
    return std::async(std::launch::async, [kept] { return (*kept)(); });
  } catch (const std::system_error&) {
    std::promise<std::invoke_result_t<Work&>> done;
    done.set_value((*kept)());
    return done.get_future();
  }
}

}  // namespace headscope
