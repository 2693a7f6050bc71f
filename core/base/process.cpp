#include "core/base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

extern char** environ;

namespace headscope {
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

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorKind::internal, std::string("pipe: ") + std::strerror(errno));
  }
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
  return bad_input(command.front() + ": cannot be started: " + std::strerror(problem));
}

// Appends what there is to read; false at the end.
bool drain(Descriptor& from, std::string& to) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
  if (count > 0) to.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && errno == EINTR);
}

// Hands over what has become a whole line since the last call.
class LineReader {
 public:
  explicit LineReader(const LineListener& listener) : listener_(listener) {}
  void take(std::string_view text) {
    if (!listener_) return;
    pending_ += text;
    std::size_t begin = 0;
    for (std::size_t end; (end = pending_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      listener_(pending_.substr(begin, end - begin));
    }
    pending_.erase(0, begin);
  }

 private:
  const LineListener& listener_;
  std::string pending_;
};

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

namespace {

bool is_plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("-_./,:=+@%").find(c) != std::string_view::npos;
}

}  // namespace

std::string shell_line(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && std::all_of(argument.begin(), argument.end(), is_plain)) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) {
      if (c == '\'') {
        line += "'\\''";
      } else {
        line += c;
      }
    }
    line += '\'';
  }
  return line;
}

ProcessMemory process_memory() {
  ProcessMemory memory;
  std::ifstream status("/proc/self/status");
  for (std::string key, rest; status >> key; std::getline(status, rest)) {
    if (key != "VmRSS:" && key != "VmHWM:") continue;
    std::uint64_t kibibytes = 0;
    status >> kibibytes;
    (key == "VmRSS:" ? memory.resident : memory.peak) = kibibytes * 1024;
  }
  return memory;
}

}  // namespace headscope
