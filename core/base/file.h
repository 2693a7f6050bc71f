// Files: whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/mapped_pages.h"

namespace headscope {

inline constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;

/// Content of a regular file; more than `max_bytes` is bad_input.
Result<std::string> read_text_file(const std::filesystem::path& path,
                                   std::uint64_t max_bytes = 4 * gibibyte);

/// Same, unpacking gzip (recognised by its first two bytes, not by name); `max_bytes` bounds what
/// comes out, so that a small file cannot fill the memory. Truncated or damaged gzip is bad_input.
Result<std::string> read_gzip_or_plain(const std::filesystem::path& path,
                                       std::uint64_t max_bytes = 4 * gibibyte);

/// gzip of `bytes` (no time stamp: same bytes, same output).
Result<std::string> gzip(std::string_view bytes);

/// Writes a temporary file in the same folder, flushes it to disk and renames it over `path`.
/// On failure nothing is left behind and an existing `path` is unchanged; what a process left that
/// was killed in the middle goes with the next writing of `path`. The folder must exist.
Result<> write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// As above for content that is produced in pieces:
///   HEADSCOPE_ASSIGN(auto writer, AtomicFileWriter::create(path));
///   HEADSCOPE_TRY(writer.write(bytes)); ... HEADSCOPE_TRY(writer.commit());
/// Destroyed without commit, it removes the temporary file.
class AtomicFileWriter {
 public:
  static Result<AtomicFileWriter> create(const std::filesystem::path& path);  ///< to become `path`
  AtomicFileWriter(AtomicFileWriter&& other) noexcept;
  AtomicFileWriter& operator=(AtomicFileWriter&& other) noexcept;
  ~AtomicFileWriter();

  Result<> write(std::string_view bytes);            ///< appends; bad_input when the disk is full
  Result<> write(std::span<const std::byte> bytes);  ///< likewise
  Result<> commit();  ///< on disk, then in place of `path`; nothing can be written any more

 private:
  AtomicFileWriter() = default;
  void discard() noexcept;

  int file_ = -1;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
};

/// Creates a folder and its parents; existing is fine.
Result<> create_folders(const std::filesystem::path& folder);

/// Read-only memory map of a whole regular file. An empty file gives an empty span. Where somebody
/// cuts the file short meanwhile, zeros are read.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);  ///< bad_input: no such file
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }
  /// bad_input when the file was written to, cut short, replaced or removed since it was opened:
  /// ask after reading.
  Result<> unchanged() const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::filesystem::path path_;
  std::string mark_;  ///< when it was opened
  WatchedPages watch_;
};

/// Folder of the running program (links resolved).
Result<std::filesystem::path> executable_folder();

/// Folder of lessons, the embedded model, shaders...: $HEADSCOPE_ASSETS, else `assets` beside the
/// program, `../share/headscope/assets`, or `assets` in one of the four folders above the program.
/// The message of a failure lists where it looked.
Result<std::filesystem::path> asset_folder();

}  // namespace headscope
