// A system on which files and clocks fail, for programs that are started with it in LD_PRELOAD:
//
//   HEADSCOPE_TEST_FILES=PREFIX      what follows concerns files whose path begins so, and no
//   others HEADSCOPE_TEST_DISK_BYTES=N      after so many written bytes the disk is full (ENOSPC)
//   HEADSCOPE_TEST_READ_ONLY=1       nothing can be created, renamed or written (EROFS)
//   HEADSCOPE_TEST_KILL_AT=N         SIGKILL in place of the N-th call that changes files, from 1
//   HEADSCOPE_TEST_COUNT_FILE=FILE   where to write, at exit, how many such calls there were, how
//   many
//                                    bytes they wrote and how often the wall clock was looked at
//   HEADSCOPE_TEST_CLOCK=SECONDS     the wall clock jumps to and fro by so much at every look
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

namespace {

long number(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? -1 : std::atol(value);
}

const char* text(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

const char* const prefix = text("HEADSCOPE_TEST_FILES");
const bool read_only = number("HEADSCOPE_TEST_READ_ONLY") > 0;
const long kill_at = number("HEADSCOPE_TEST_KILL_AT");
const long clock_jump = number("HEADSCOPE_TEST_CLOCK");
const bool disk_ends = number("HEADSCOPE_TEST_DISK_BYTES") >= 0;
std::atomic<long> disk_left{number("HEADSCOPE_TEST_DISK_BYTES")};
std::atomic<long> changes{0}, bytes{0}, looks{0};

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool concerns(const char* path) {
  return *prefix != '\0' && path != nullptr && std::strncmp(path, prefix, std::strlen(prefix)) == 0;
}

bool concerns(int file) {
  if (*prefix == '\0') return false;
  const int code = errno;
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = ::readlink(link, path, sizeof path - 1);
  errno = code;
  if (length <= 0) return false;
  path[length] = '\0';
  return concerns(path);
}

// A call that would change files: may be the last one of this process. True: it is refused.
bool refused() {
  if (++changes == kill_at) ::kill(::getpid(), SIGKILL);
  if (read_only) errno = EROFS;
  return read_only;
}

// How many of `wanted` bytes still fit; -1 with errno when there is room for none.
ssize_t room(std::size_t wanted) {
  if (!disk_ends) return static_cast<ssize_t>(wanted);
  const long left = disk_left.load();
  const long taken = std::min<long>(std::max<long>(left, 0), static_cast<long>(wanted));
  if (taken == 0 && wanted > 0) {
    errno = ENOSPC;
    return -1;
  }
  disk_left -= taken;
  return taken;
}

struct AtExit {
  ~AtExit() {
    const char* file = text("HEADSCOPE_TEST_COUNT_FILE");
    if (*file == '\0') return;
    if (std::FILE* out = std::fopen(file, "w")) {
      std::fprintf(out, "%ld %ld %ld\n", changes.load(), bytes.load(), looks.load());
      std::fclose(out);
    }
  }
} at_exit;

int open_as(const char* name, const char* path, int flags, mode_t mode) {
  const bool changing = (flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) != 0 && concerns(path);
  if (changing && refused()) return -1;
  return real<int(const char*, int, ...)>(name)(path, flags, mode);
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

std::time_t moved(std::time_t seconds) {
  const long look = ++looks;
  if (clock_jump <= 0) return seconds;
  return seconds + (look % 2 == 0 ? clock_jump : -clock_jump);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_as("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_as("open64", path, flags, mode);
}

ssize_t write(int file, const void* data, std::size_t size) {
  static auto* const next = real<ssize_t(int, const void*, std::size_t)>("write");
  if (!concerns(file)) return next(file, data, size);
  if (refused()) return -1;
  const ssize_t fits = room(size);
  if (fits < 0) return -1;
  bytes += fits;
  return next(file, data, static_cast<std::size_t>(fits));
}

ssize_t writev(int file, const struct iovec* parts, int count) {
  static auto* const next = real<ssize_t(int, const struct iovec*, int)>("writev");
  if (!concerns(file)) return next(file, parts, count);
  ssize_t all = 0;
  for (int i = 0; i < count; ++i) {
    const ssize_t written = write(file, parts[i].iov_base, parts[i].iov_len);
    if (written < 0) return all > 0 ? all : -1;
    all += written;
    if (static_cast<std::size_t>(written) < parts[i].iov_len) break;
  }
  return all;
}

int fsync(int file) {
  if (concerns(file) && refused()) return -1;
  return real<int(int)>("fsync")(file);
}

int rename(const char* from, const char* to) {
  if ((concerns(from) || concerns(to)) && refused()) return -1;
  return real<int(const char*, const char*)>("rename")(from, to);
}

int unlink(const char* path) {
  if (concerns(path) && refused()) return -1;
  return real<int(const char*)>("unlink")(path);
}

int remove(const char* path) {
  if (concerns(path) && refused()) return -1;
  return real<int(const char*)>("remove")(path);
}

int mkdir(const char* path, mode_t mode) {
  if (concerns(path) && refused()) return -1;
  return real<int(const char*, mode_t)>("mkdir")(path, mode);
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  static auto* const next = real<int(clockid_t, struct timespec*)>("clock_gettime");
  const int result = next(clock, time);
  if (clock == CLOCK_REALTIME && result == 0) time->tv_sec = moved(time->tv_sec);
  return result;
}

std::time_t time(std::time_t* out) {
  const std::time_t now = moved(real<std::time_t(std::time_t*)>("time")(nullptr));
  if (out != nullptr) *out = now;
  return now;
}

}  // extern "C"
