// What the program asks of the operating system and C++ has no words for. One file answers:
// platform_posix.cpp, the only one that may include headers of POSIX or Linux (tests/check_includes
// sees to it). It also holds what process.h, signal_watch.h, thread_priority.h, mapped_pages.h and
// executable_folder() of file.h promise. A port to another system is a second such file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace headscope::platform {

// ---- files ----
// An open file is a number; below 0 is none. `problem` is set by a failure and left alone
// otherwise.
/// What a file is opened for.
enum class FileUse {
  read,
  write_existing,  ///< a device or a pipe
  create,          ///< for writing; it must not exist yet
  lock,            ///< for lock_file; created when it is missing
  claim,           ///< for lock_file; it must exist, not as a link, and is not waited for
};
/// Below 0 where it cannot be opened.
int open_file(const std::filesystem::path& path, FileUse use, std::error_code& problem);
void close_file(int file, std::error_code& problem);
/// Fills `to` from where the file stands. Bytes read; 0 at its end, or with `problem`.
std::size_t read_file(int file, std::span<char> to, std::error_code& problem);
/// Writes all of it.
void write_file(int file, std::string_view bytes, std::error_code& problem);
/// Waits until what was written is on disk.
void flush_file(int file, std::error_code& problem);
/// The same for the names in a folder, as far as the system can.
void flush_folder(const std::filesystem::path& folder);
/// Of the file behind an open number, whatever its name is by now.
struct FileFacts {
  std::filesystem::file_type type = std::filesystem::file_type::none;
  std::uint64_t bytes = 0;
};
FileFacts look_at(int file, std::error_code& problem);

/// The first `bytes` (above 0) of a file as read-only memory, valid after the file is closed.
const std::byte* map_file(int file, std::size_t bytes, std::error_code& problem);
void unmap_file(const std::byte* data, std::size_t bytes);
/// What became of asking for a lock.
enum class LockState {
  held,        ///< until the file is closed or the process ends
  taken,       ///< by somebody else
  impossible,  ///< this file system has no locks
};
/// Exclusive between processes, and machines where the file system carries it.
LockState lock_file(int file, bool wait, std::error_code& problem);

/// Differs whenever the content of a file may have changed (size, time, identity); empty where it
/// cannot be looked at.
std::string file_mark(const std::filesystem::path& path);

/// A new empty folder of this user alone among the temporary ones; `name` begins its name.
std::filesystem::path make_temporary_folder(const std::string& name, std::error_code& problem);

// ---- this process ----

/// Of the calling thread and of those it starts from now on, as far as the system knows that:
/// 0 = as any program, 19 = last.
void set_niceness(int niceness);
int process_number();  ///< no other process of the machine has it now
/// Sets a variable of the environment, for libraries and programs that are opened afterwards.
/// `replace` false: an existing value wins. Not while other threads may read the environment.
void set_environment(const char* name, const char* value, bool replace);
bool stderr_is_terminal();
/// Calls `handler` when the user or the system asks the program to end (Ctrl+C, SIGTERM). It may do
/// no more than a signal handler may. From then on a file beyond the user's size limit is an error
/// of writing like others.
void on_interrupt(void (*handler)(int));
/// Processor time of all threads, and of the calling one.
double process_seconds();
double thread_seconds();
/// Gives freed memory back to the system, where the allocator keeps some.
void release_free_memory();
/// Calendar time of this place. False where it cannot be told.
bool local_time(std::time_t when, std::tm& parts);

// ---- libraries that are opened at run time ----

/// Name of the file of a library or module that was built as `name`.
std::string library_file(const std::string& name);
/// Opens a library for good, its symbols visible to all. Null: `problem` holds the loader's
/// message.
void* open_library(const std::string& name_or_path, std::string& problem);
/// Null where it has no such symbol.
void* library_symbol(void* library, const char* name);

// ---- this machine ----
/// What is known of the machine, read anew at each call.
struct Machine {
  std::string processor, system;                   ///< empty where unknown
  std::uint64_t memory_bytes = 0, free_bytes = 0;  ///< free: can be had without swapping; 0 unknown
  double load = -1;                                ///< average of the last minute; -1 unknown
};
Machine machine();
/// `free_bytes`, or what a limit on this process's group leaves if that is less; 0 unknown.
std::uint64_t available_memory();
/// Cards that NVIDIA's driver has, without opening it.
std::size_t nvidia_cards();

}  // namespace headscope::platform
