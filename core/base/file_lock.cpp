#include "core/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace headscope {
namespace {

tl::unexpected<Error> cannot_lock(const std::filesystem::path& path, int code) {
  return bad_input(path.string() + ": cannot lock: " + std::generic_category().message(code));
}

bool has_no_locks(int code) {
  return code == ENOSYS || code == ENOTSUP || code == EOPNOTSUPP || code == ENOLCK;
}

}  // namespace

Result<std::optional<FileLock>> FileLock::lock(const std::filesystem::path& path, int how) {
  // NFS grants exclusive locks only on files that are open for writing.
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) return cannot_lock(path, errno);
  FileLock held(descriptor, true);
  int code = 0;
  do {
    code = ::flock(descriptor, how) == 0 ? 0 : errno;
  } while (code == EINTR);
  if (code == EWOULDBLOCK) return std::nullopt;
  if (code != 0 && !has_no_locks(code)) return cannot_lock(path, code);
  held.excludes_ = code == 0;
  return held;
}

Result<FileLock> FileLock::wait_for(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(auto held, lock(path, LOCK_EX));
  return std::move(*held);
}

Result<std::optional<FileLock>> FileLock::try_for(const std::filesystem::path& path) {
  return lock(path, LOCK_EX | LOCK_NB);
}

FileLock::FileLock(FileLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), excludes_(other.excludes_) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(excludes_, other.excludes_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace headscope
