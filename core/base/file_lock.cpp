#include "core/base/file_lock.h"

#include <system_error>
#include <utility>

#include "core/base/platform.h"

namespace headscope {

Result<std::optional<FileLock>> FileLock::lock(const std::filesystem::path& path, bool wait) {
  std::error_code problem;
  FileLock lock(platform::open_file(path, platform::FileUse::lock, problem), true);
  const auto state =
      problem ? platform::LockState::impossible : platform::lock_file(lock.file_, wait, problem);
  if (problem) return bad_input(path.string() + ": cannot lock: " + problem.message());
  if (state == platform::LockState::taken) return std::nullopt;
  lock.excludes_ = state == platform::LockState::held;
  return lock;
}

Result<FileLock> FileLock::wait_for(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(auto held, lock(path, true));
  return std::move(*held);
}

Result<std::optional<FileLock>> FileLock::try_for(const std::filesystem::path& path) {
  return lock(path, false);
}

FileLock::FileLock(FileLock&& other) noexcept
    : file_(std::exchange(other.file_, -1)), excludes_(other.excludes_) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(excludes_, other.excludes_);
  return *this;
}

FileLock::~FileLock() {
  std::error_code ignored;
  if (file_ >= 0) platform::close_file(file_, ignored);
}

}  // namespace headscope
