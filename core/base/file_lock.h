// Advisory locks between processes, also on different machines that share a folder.
#pragma once

#include <filesystem>
#include <optional>

#include "core/base/error.h"

namespace headscope {

/// An exclusive lock on a file that exists for this purpose (created when missing, left in place).
/// flock(2): the kernel gives it up when its holder ends in whatever way, so no lock is ever stale;
/// NFS (Linux 2.6.12 or newer), Lustre with `-o flock`, CephFS and GPFS carry it between machines.
class FileLock {
 public:
  /// Waits until the lock is free.
  static Result<FileLock> wait_for(const std::filesystem::path& path);
  /// Nothing when somebody else holds it.
  static Result<std::optional<FileLock>> try_for(const std::filesystem::path& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

  /// False on a file system without locks: then nobody is kept out.
  bool excludes() const { return excludes_; }

 private:
  FileLock(int file, bool excludes) : file_(file), excludes_(excludes) {}
  static Result<std::optional<FileLock>> lock(const std::filesystem::path& path, bool wait);

  int file_ = -1;
  bool excludes_ = true;
};

}  // namespace headscope
