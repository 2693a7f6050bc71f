// Everything that needs POSIX or Linux. What Linux alone has is looked for at run time (/proc) or
// stands between #ifdef __linux__; elsewhere the answer is "unknown", or nothing is done.
#include "core/base/platform.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/base/line_reader.h"
#include "core/base/mapped_pages.h"
#include "core/base/process.h"
#include "core/base/signal_watch.h"

extern char** environ;

namespace headscope::platform {
namespace fs = std::filesystem;
namespace {

std::error_code error_of(int code) {
  return {code, std::generic_category()};
}

// Until no signal comes between.
template <class Call>
auto repeated(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

int flags_of(FileUse use) {
  switch (use) {
    case FileUse::read:
      return O_RDONLY;
    case FileUse::write_existing:
      return O_WRONLY;
    case FileUse::create:
      return O_WRONLY | O_CREAT | O_EXCL;
    case FileUse::lock:
      return O_RDWR | O_CREAT;  // NFS locks only what is open for writing
    case FileUse::claim:
      return O_RDWR | O_NOFOLLOW | O_NONBLOCK;
  }
  return O_RDONLY;
}

}  // namespace

// ---- files ----

int open_file(const fs::path& path, FileUse use, std::error_code& problem) {
  const int file = repeated([&] { return ::open(path.c_str(), flags_of(use) | O_CLOEXEC, 0666); });
  if (file < 0) problem = error_of(errno);
  return file;
}

void close_file(int file, std::error_code& problem) {
  if (::close(file) != 0) problem = error_of(errno);
}

std::size_t read_file(int file, std::span<char> to, std::error_code& problem) {
  const ssize_t count = repeated([&] { return ::read(file, to.data(), to.size()); });
  if (count >= 0) return static_cast<std::size_t>(count);
  problem = error_of(errno);
  return 0;
}

void write_file(int file, std::string_view bytes, std::error_code& problem) {
  while (!bytes.empty()) {
    const ssize_t count = repeated([&] { return ::write(file, bytes.data(), bytes.size()); });
    if (count < 0) {
      problem = error_of(errno);
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void flush_file(int file, std::error_code& problem) {
  if (::fsync(file) != 0) problem = error_of(errno);
}

void flush_folder(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

FileFacts look_at(int file, std::error_code& problem) {
  struct stat status {};
  if (::fstat(file, &status) != 0) {
    problem = error_of(errno);
    return {};
  }
  const fs::file_type type = S_ISREG(status.st_mode)   ? fs::file_type::regular
                             : S_ISDIR(status.st_mode) ? fs::file_type::directory
                                                       : fs::file_type::unknown;
  return {type, static_cast<std::uint64_t>(status.st_size)};
}

const std::byte* map_file(int file, std::size_t bytes, std::error_code& problem) {
  void* data = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (data != MAP_FAILED) return static_cast<const std::byte*>(data);
  problem = error_of(errno);
  return nullptr;
}

void unmap_file(const std::byte* data, std::size_t bytes) {
  ::munmap(const_cast<std::byte*>(data), bytes);
}

LockState lock_file(int file, bool wait, std::error_code& problem) {
  const int how = wait ? LOCK_EX : LOCK_EX | LOCK_NB;
  if (repeated([&] { return ::flock(file, how); }) == 0) return LockState::held;
  const int code = errno;
  if (code == EWOULDBLOCK) return LockState::taken;
  const bool none = code == ENOSYS || code == ENOTSUP || code == EOPNOTSUPP || code == ENOLCK;
  if (!none) problem = error_of(code);
  return LockState::impossible;
}

std::string file_mark(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
#ifdef __APPLE__
  const timespec& changed = info.st_mtimespec;
#else
  const timespec& changed = info.st_mtim;
#endif
  return std::to_string(info.st_size) + ":" + std::to_string(changed.tv_sec) + "." +
         std::to_string(changed.tv_nsec) + ":" + std::to_string(info.st_dev) + "." +
         std::to_string(info.st_ino);
}

fs::path make_temporary_folder(const std::string& name, std::error_code& problem) {
  std::string path = (fs::temp_directory_path(problem) / (name + "-XXXXXX")).string();
  if (!problem && ::mkdtemp(path.data()) == nullptr) problem = error_of(errno);
  return path;
}

// ---- this process ----

int process_number() {
  return ::getpid();
}

void set_environment(const char* name, const char* value, bool replace) {
  ::setenv(name, value, replace ? 1 : 0);
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) != 0;
}

void on_interrupt(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);
}

double process_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void release_free_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

bool local_time(std::time_t when, std::tm& parts) {
  return ::localtime_r(&when, &parts) != nullptr;
}

// ---- libraries ----

std::string library_file(const std::string& name) {
  return "lib" + name + ".so";  // CMake calls modules so on macOS, too
}

void* open_library(const std::string& name_or_path, std::string& problem) {
  void* library = ::dlopen(name_or_path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library != nullptr) return library;
  const char* why = ::dlerror();
  problem = why != nullptr ? why : "unknown error of the loader";
  return nullptr;
}

void* library_symbol(void* library, const char* name) {
  return ::dlsym(library, name);
}

// ---- this machine ----

namespace {

// First line "name : value" of a /proc file; empty when there is none.
std::string proc_value(const char* file, std::string_view name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const auto colon = line.find(':');
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    if (colon != std::string::npos && begin != std::string::npos) return line.substr(begin);
  }
  return {};
}

// Of a line "name: NUMBER kB"; 0 when there is none.
std::uint64_t proc_bytes(const char* file, std::string_view name) {
  return std::strtoull(proc_value(file, name).c_str(), nullptr, 10) * 1024;
}

std::string system_name() {
  utsname names{};
  return ::uname(&names) == 0
             ? std::string(names.sysname) + " " + names.release + " " + names.machine
             : std::string();
}

}  // namespace

Machine machine() {
  Machine facts;
  facts.processor = proc_value("/proc/cpuinfo", "model name");
  facts.system = system_name();
  facts.memory_bytes = proc_bytes("/proc/meminfo", "MemTotal:");
  facts.free_bytes = proc_bytes("/proc/meminfo", "MemAvailable:");
  double load = -1;
  if (::getloadavg(&load, 1) == 1) facts.load = load;
  return facts;
}

std::uint64_t available_memory() {
  std::uint64_t available = proc_bytes("/proc/meminfo", "MemAvailable:");
  std::uint64_t most = 0, current = 0;
  std::ifstream max_file("/sys/fs/cgroup/memory.max"),
      current_file("/sys/fs/cgroup/memory.current");
  if (available > 0 && max_file >> most && current_file >> current)
    available = std::min(available, most - std::min(most, current));
  return available;
}

std::size_t nvidia_cards() {
  std::error_code problem;
  std::size_t cards = 0;
  const fs::directory_iterator begin("/proc/driver/nvidia/gpus", problem), end;
  for (auto entry = begin; !problem && entry != end; entry.increment(problem)) ++cards;
  return cards;
}

void set_niceness([[maybe_unused]] int niceness) {
#ifdef __linux__
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);
#endif
}

}  // namespace headscope::platform

namespace headscope {
namespace fs = std::filesystem;

// ---- file.h ----

Result<fs::path> executable_folder() {
  std::error_code code;
#ifdef __APPLE__
  std::array<char, 4096> path{};
  std::uint32_t size = path.size();
  if (::_NSGetExecutablePath(path.data(), &size) != 0) code = platform::error_of(ENAMETOOLONG);
  const fs::path program = code ? fs::path() : fs::canonical(path.data(), code);
#else
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
#endif
  if (code) return fail(ErrorKind::internal, "cannot find the running program: " + code.message());
  return program.parent_path();
}

// ---- mapped_pages.h ----

void release_pages(std::span<const std::byte> mapped) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(mapped.data());
  const std::uintptr_t begin = (start + page - 1) / page * page;
  const std::uintptr_t end = (start + mapped.size()) / page * page;
  // A refusal costs memory and nothing else.
  if (end > begin) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

/// One watched map. Never freed, so that the signal's handler may read all of them at any time.
struct WatchedPages::Slot {
  std::atomic<std::uintptr_t> begin{0}, end{0};  ///< end 0 = nobody's
  std::atomic<bool> lost{false};
  bool taken = false;  ///< under the mutex of `slots`
  Slot* next = nullptr;
};

namespace {

std::atomic<WatchedPages::Slot*> slots{nullptr};
std::mutex slots_mutex;
struct sigaction handler_before {};
std::uintptr_t page_size = 4096;

/// Zeros in the place of everything from `address` on: a file that lost a page lost what follows.
bool replace_pages(WatchedPages::Slot& slot, std::uintptr_t address, std::uintptr_t end) {
  const std::uintptr_t page = address / page_size * page_size;
  void* zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (zeros == MAP_FAILED) return false;
  slot.lost = true;
  return true;
}

void on_bus_error(int, siginfo_t* info, void*) {
  const int code = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  bool mended = false;
  for (auto* slot = slots.load(); slot != nullptr && !mended; slot = slot->next) {
    const std::uintptr_t end = slot->end;
    if (address < slot->begin || address >= end) continue;
    mended = replace_pages(*slot, address, end);
  }
  // Not ours: the same instruction fails again, for whoever was there before.
  if (!mended) ::sigaction(SIGBUS, &handler_before, nullptr);
  errno = code;
}

void catch_bus_errors() {
  page_size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &handler_before);
}

WatchedPages::Slot* take_slot() {
  static std::once_flag once;
  std::call_once(once, catch_bus_errors);
  const std::lock_guard lock(slots_mutex);
  WatchedPages::Slot* slot = slots.load();
  while (slot != nullptr && slot->taken) slot = slot->next;
  if (slot == nullptr) {
    slot = new WatchedPages::Slot;
    slot->next = slots.load();
    slots = slot;
  }
  slot->taken = true;
  return slot;
}

}  // namespace

WatchedPages::WatchedPages(std::span<const std::byte> mapped) : slot_(take_slot()) {
  const auto begin = reinterpret_cast<std::uintptr_t>(mapped.data());
  slot_->lost = false;
  slot_->begin = begin;
  slot_->end = begin + (mapped.size() + page_size - 1) / page_size * page_size;
}

WatchedPages::~WatchedPages() {
  if (slot_ == nullptr) return;
  slot_->end = 0;
  slot_->begin = 0;
  const std::lock_guard lock(slots_mutex);
  slot_->taken = false;
}

bool WatchedPages::lost() const {
  return slot_ != nullptr && slot_->lost;
}

// ---- signal_watch.h ----

namespace {

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

SignalWatch::SignalWatch(std::function<void()> wake) {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);  // a file beyond the user's size limit is an error of writing
  thread_ = std::thread([this, wake = std::move(wake), set] {
    int received = 0;
    while (!ending_ && !stopped_) {
      if (sigwait(&set, &received) != 0 || ending_) return;
      stopped_ = true;
      wake();
    }
  });
}

SignalWatch::~SignalWatch() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

// ---- process.h ----

namespace {

constexpr std::size_t kKeptMessages = 4000;  // bytes of stderr
constexpr int kPollMilliseconds = 50;

/// A file descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  int get() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

struct Pipe {
  Descriptor read, write;
};

std::string reason(int code) {
  return std::generic_category().message(code);
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
#ifdef __linux__
  const int made = ::pipe2(ends.data(), O_CLOEXEC);
#else
  const int made = ::pipe(ends.data());
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
#endif
  if (made != 0) return fail(ErrorKind::internal, "pipe: " + reason(errno));
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// Ours, with the additions in front: the first of a name wins.
std::vector<std::string> whole_environment(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  return all;
}

Result<pid_t> start(std::vector<std::string> command, const std::vector<std::string>& environment,
                    const Pipe& output, const Pipe& messages) {
  std::vector<std::string> variables = whole_environment(environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, messages.write.get(), STDERR_FILENO);
  pid_t child = -1;
  const int problem = ::posix_spawnp(&child, command.front().c_str(), &actions, nullptr,
                                     pointers(command).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (problem == 0) return child;
  return bad_input(command.front() + ": cannot be started: " + reason(problem));
}

// Appends what there is to read; false at the end.
bool drain(Descriptor& from, std::string& to) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
  if (count > 0) to.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && errno == EINTR);
}

// Reads both until both end; ends the child when cancelled.
void collect(pid_t child, Pipe& output, Pipe& messages, const RunContext& context,
             const LineListener& on_line, ProcessResult& result) {
  bool told = false;
  LineReader lines(on_line);
  while (output.read.get() >= 0 || messages.read.get() >= 0) {
    std::array<pollfd, 2> watched{
        {{output.read.get(), POLLIN, 0}, {messages.read.get(), POLLIN, 0}}};
    ::poll(watched.data(), watched.size(), kPollMilliseconds);
    if (watched[0].revents != 0 && !drain(output.read, result.output)) output.read.close();
    const std::size_t known = result.messages.size();
    if (watched[1].revents != 0 && !drain(messages.read, result.messages)) messages.read.close();
    lines.take(std::string_view(result.messages).substr(known));
    if (result.messages.size() > 2 * kKeptMessages) {
      result.messages.erase(0, result.messages.size() - kKeptMessages);
    }
    if (!told && context.cancelled()) {
      ::kill(child, SIGTERM);
      told = true;
    }
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<ProcessResult> run_process(const std::vector<std::string>& command,
                                  const std::vector<std::string>& environment,
                                  const RunContext& context, const LineListener& on_line) {
  HEADSCOPE_ASSIGN(auto output, make_pipe());
  HEADSCOPE_ASSIGN(auto messages, make_pipe());
  HEADSCOPE_ASSIGN(const pid_t child, start(command, environment, output, messages));
  output.write.close();
  messages.write.close();
  ProcessResult result;
  collect(child, output, messages, context, on_line, result);
  result.exit_code = wait_for(child);
  if (context.cancelled()) return fail(ErrorKind::cancelled, "interrupted");
  return result;
}

ProcessMemory process_memory() {
  constexpr const char* kStatus = "/proc/self/status";
  return {platform::proc_bytes(kStatus, "VmRSS:"), platform::proc_bytes(kStatus, "VmHWM:")};
}

}  // namespace headscope
