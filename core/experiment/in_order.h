// Work on numbered items by several threads, used in the order of the numbers.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace headscope {

/// Calls `use(item, work(item, worker))` for items 0..count-1 in this order on the calling thread,
/// until `use` returns false. `work` runs on as many threads as there are `workers`, numbered from
/// 0, or on the calling thread if there is one. `prepare` is called first on each new thread. What
/// is thrown on a thread, and by `use`, is thrown to the caller once all threads have ended.
template <class Work, class Use, class Prepare>
void in_order(std::size_t count, int workers, const Prepare& prepare, const Work& work,
              const Use& use) {
  if (workers <= 1) {
    for (std::size_t item = 0; item < count && use(item, work(item, 0)); ++item) {
    }
    return;
  }
  using Outcome = decltype(work(std::size_t{}, 0));
  std::vector<std::optional<Outcome>> done(count);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable arrived;
  std::exception_ptr problem;  // the first one
  const auto fail_with = [&](std::exception_ptr thrown) {
    const std::lock_guard lock(mutex);
    if (!problem) problem = std::move(thrown);
    next = count;
    arrived.notify_one();
  };
  const auto run = [&](int worker) noexcept {
    try {
      prepare();
      for (std::size_t item = next++; item < count; item = next++) {
        auto outcome = work(item, worker);
        const std::lock_guard lock(mutex);
        done[item] = std::move(outcome);
        arrived.notify_one();
      }
    } catch (...) {
      fail_with(std::current_exception());
    }
  };
  std::vector<std::thread> threads;
  try {
    threads.reserve(static_cast<std::size_t>(workers));
    for (int worker = 0; worker < workers; ++worker) threads.emplace_back(run, worker);
    for (std::size_t item = 0; item < count; ++item) {
      std::unique_lock lock(mutex);
      arrived.wait(lock, [&] { return done[item].has_value() || problem; });
      if (problem) break;
      auto outcome = std::move(*done[item]);
      lock.unlock();
      if (!use(item, std::move(outcome))) break;
    }
  } catch (...) {
    fail_with(std::current_exception());
  }
  next = count;
  for (std::thread& thread : threads) thread.join();
  if (problem) std::rethrow_exception(problem);
}

}  // namespace headscope
