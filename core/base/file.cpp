#include "core/base/file.h"

#include <zlib.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/platform.h"

namespace headscope {
namespace fs = std::filesystem;
namespace {

tl::unexpected<Error> cannot(const char* action, const fs::path& path, std::error_code problem) {
  return bad_input(path.string() + ": cannot " + action + ": " + problem.message());
}

/// An open file that closes itself.
class OpenFile {
 public:
  OpenFile(const fs::path& path, std::error_code& problem,
           platform::FileUse use = platform::FileUse::read)
      : number_(platform::open_file(path, use, problem)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    std::error_code ignored;
    if (number_ >= 0) platform::close_file(number_, ignored);
  }
  int number() const { return number_; }

 private:
  int number_;
};

// ".results.csv.headscope-4711-0.tmp": hidden, and of no other program, process or call.
std::string temporary_prefix(const fs::path& path) {
  return "." + path.filename().string() + ".headscope-";
}
constexpr std::string_view kTemporaryEnd = ".tmp";

/// Removes what processes left that were killed while they wrote `path`. A writer holds a lock on
/// its temporary file, which ends with it; where a file system has no locks, nothing is removed.
void remove_leftovers(const fs::path& path) {
  const std::string prefix = temporary_prefix(path);
  const fs::path folder = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(kTemporaryEnd)) continue;
    std::error_code problem;
    const OpenFile left(entry->path(), problem, platform::FileUse::claim);
    if (problem) continue;
    if (platform::lock_file(left.number(), false, problem) == platform::LockState::held)
      fs::remove(entry->path(), problem);
  }
}

/// Says that the writer lives. False: somebody took the new file for a leftover just before.
bool claim_temporary(int file, const fs::path& temporary) {
  std::error_code ignored;
  (void)platform::lock_file(file, true, ignored);
  return fs::exists(temporary, ignored);
}

bool is_gzip(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

std::string too_large(const fs::path& path, std::uint64_t max_bytes) {
  return path.string() + ": larger than the " + std::to_string(max_bytes) +
         " bytes expected at most";
}

/// zlib's stream, ended on every path.
struct Inflater {
  z_stream stream{};
  bool ready = inflateInit2(&stream, 15 + 16) == Z_OK;  // 16: gzip header
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
};

/// Unpacks all members of a gzip file.
Result<std::string> unpack_gzip(std::string_view packed, const fs::path& path,
                                std::uint64_t max_bytes) {
  const std::string damaged = path.string() + ": gzip data is damaged or cut short";
  Inflater inflater;
  if (!inflater.ready) return fail(ErrorKind::internal, "zlib could not be started");
  z_stream& stream = inflater.stream;
  std::string text;
  std::vector<char> block(std::size_t{1} << 18);
  std::size_t taken = 0;
  bool member_open = true;
  while (member_open || taken < packed.size() || stream.avail_in > 0) {
    if (!member_open) {  // a further member, or padding after the last one
      const std::string_view rest = packed.substr(taken - stream.avail_in);
      if (!is_gzip(rest)) break;
      if (inflateReset(&stream) != Z_OK) return bad_input(damaged);
      member_open = true;
    }
    if (stream.avail_in == 0) {
      const std::size_t piece = std::min<std::size_t>(packed.size() - taken, std::size_t{1} << 30);
      if (piece == 0) return bad_input(damaged);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + taken));
      stream.avail_in = static_cast<uInt>(piece);
      taken += piece;
    }
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
      return bad_input(damaged);
    const std::size_t made = block.size() - stream.avail_out;
    if (made > max_bytes - text.size()) return bad_input(too_large(path, max_bytes));
    text.append(block.data(), made);
    if (status == Z_STREAM_END) member_open = false;
  }
  return text;
}

}  // namespace

Result<std::string> read_text_file(const fs::path& path, std::uint64_t max_bytes) {
  std::error_code problem;
  const OpenFile file(path, problem);
  if (problem) return cannot("open", path, problem);
  const platform::FileFacts facts = platform::look_at(file.number(), problem);
  if (problem) return cannot("read", path, problem);
  if (facts.type == fs::file_type::directory) {
    return bad_input(path.string() + ": is a folder, expected a file");
  }
  std::string text;
  if (facts.type == fs::file_type::regular) {
    if (facts.bytes > max_bytes) return bad_input(too_large(path, max_bytes));
    text.reserve(static_cast<std::size_t>(facts.bytes));
  }
  std::vector<char> block(std::size_t{1} << 18);
  for (;;) {  // until the end, whatever its size was: pipes, and files that still grow
    const std::size_t got = platform::read_file(file.number(), block, problem);
    if (problem) return cannot("read", path, problem);
    if (got == 0) return text;
    if (got > max_bytes - text.size()) return bad_input(too_large(path, max_bytes));
    text.append(block.data(), got);
  }
}

Result<std::string> read_gzip_or_plain(const fs::path& path, std::uint64_t max_bytes) {
  HEADSCOPE_ASSIGN(std::string bytes, read_text_file(path, max_bytes));
  if (!is_gzip(bytes)) return bytes;
  return unpack_gzip(bytes, path, max_bytes);
}

Result<std::string> gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(ErrorKind::internal, "zlib could not be started");
  }
  std::string packed;
  std::vector<char> block(std::size_t{1} << 18);
  std::size_t taken = 0;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    if (stream.avail_in == 0 && taken < bytes.size()) {
      const std::size_t piece = std::min<std::size_t>(bytes.size() - taken, std::size_t{1} << 30);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + taken));
      stream.avail_in = static_cast<uInt>(piece);
      taken += piece;
    }
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    status = deflate(&stream, taken == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    packed.append(block.data(), block.size() - stream.avail_out);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) break;
  }
  deflateEnd(&stream);
  if (status != Z_STREAM_END) return fail(ErrorKind::internal, "zlib could not pack the data");
  return packed;
}

Result<> create_folders(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code || !fs::is_directory(folder, code)) {
    return bad_input(folder.string() + ": cannot create the folder" +
                     (code ? ": " + code.message() : std::string()));
  }
  return {};
}

// ---- AtomicFileWriter ----

Result<AtomicFileWriter> AtomicFileWriter::create(const fs::path& path) {
  AtomicFileWriter writer;
  std::error_code code;
  // A link is followed, so that the file it points to changes and the link stays.
  writer.path_ = path;
  if (fs::is_symlink(fs::symlink_status(path, code))) {
    writer.path_ = fs::weakly_canonical(path, code);
    if (code) return bad_input(path.string() + ": cannot follow the link: " + code.message());
  }
  if (path.filename().empty()) return bad_input(path.string() + ": is no file name");
  const fs::file_status status = fs::status(writer.path_, code);
  if (fs::is_directory(status)) return bad_input(path.string() + ": is a folder, expected a file");
  if (fs::exists(status) &&
      !fs::is_regular_file(status)) {  // /dev/stdout, a pipe: nothing to rename
    code.clear();
    writer.file_ = platform::open_file(path, platform::FileUse::write_existing, code);
    if (code) return cannot("write", path, code);
    return writer;
  }
  remove_leftovers(writer.path_);
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string name = temporary_prefix(writer.path_) + std::to_string(platform::process_number());
    name.append(1, '-').append(std::to_string(counter++)).append(kTemporaryEnd);
    writer.temporary_ = writer.path_.parent_path() / name;
    code.clear();
    writer.file_ = platform::open_file(writer.temporary_, platform::FileUse::create, code);
    if (code == std::errc::file_exists) continue;
    if (code) break;
    if (claim_temporary(writer.file_, writer.temporary_)) return writer;
    platform::close_file(std::exchange(writer.file_, -1), code);
    code = std::make_error_code(std::errc::file_exists);
  }
  writer.temporary_.clear();
  return cannot("create", path, code);
}

AtomicFileWriter::AtomicFileWriter(AtomicFileWriter&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})) {}

AtomicFileWriter& AtomicFileWriter::operator=(AtomicFileWriter&& other) noexcept {
  if (this != &other) {
    discard();
    file_ = std::exchange(other.file_, -1);
    path_ = std::move(other.path_);
    temporary_ = std::exchange(other.temporary_, {});
  }
  return *this;
}

AtomicFileWriter::~AtomicFileWriter() {
  discard();
}

void AtomicFileWriter::discard() noexcept {
  std::error_code ignored;
  if (file_ >= 0) platform::close_file(file_, ignored);
  file_ = -1;
  if (!temporary_.empty()) fs::remove(temporary_, ignored);
  temporary_.clear();
}

Result<> AtomicFileWriter::write(std::string_view bytes) {
  if (file_ < 0) return fail(ErrorKind::internal, "write after commit: " + path_.string());
  std::error_code problem;
  platform::write_file(file_, bytes, problem);
  if (problem) return cannot("write", path_, problem);
  return {};
}

Result<> AtomicFileWriter::write(std::span<const std::byte> bytes) {
  return write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Result<> AtomicFileWriter::commit() {
  if (file_ < 0) return fail(ErrorKind::internal, "commit twice: " + path_.string());
  const bool direct = temporary_.empty();
  std::error_code failure, closing;
  if (!direct) platform::flush_file(file_, failure);
  // Named before it is closed: its lock goes with it, and others remove what nobody holds.
  if (!failure && !direct) fs::rename(temporary_, path_, failure);
  platform::close_file(std::exchange(file_, -1), closing);
  if (!failure) failure = closing;
  if (failure) {
    discard();
    return cannot("write", path_, failure);
  }
  temporary_.clear();
  if (!direct) {  // the new name survives a power cut once the folder is on disk as well
    platform::flush_folder(path_.parent_path().empty() ? fs::path(".") : path_.parent_path());
  }
  return {};
}

Result<> write_file_atomically(const fs::path& path, std::string_view bytes) {
  HEADSCOPE_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(path));
  HEADSCOPE_TRY(writer.write(bytes));
  return writer.commit();
}

// ---- MappedFile ----

Result<MappedFile> MappedFile::open(const fs::path& path) {
  std::error_code problem;
  const OpenFile file(path, problem);
  if (problem) return cannot("open", path, problem);
  const platform::FileFacts facts = platform::look_at(file.number(), problem);
  if (problem) return cannot("read", path, problem);
  if (facts.type != fs::file_type::regular) {
    return bad_input(path.string() + ": expected a regular file");
  }
  MappedFile mapped;
  mapped.path_ = path;
  mapped.mark_ = platform::file_mark(path);
  if (facts.bytes == 0) return mapped;
  const auto size = static_cast<std::size_t>(facts.bytes);
  mapped.data_ = platform::map_file(file.number(), size, problem);
  if (problem) return cannot("map into memory", path, problem);
  mapped.size_ = size;
  mapped.watch_ = WatchedPages(mapped.bytes());
  return mapped;
}

Result<> MappedFile::unchanged() const {
  if (!watch_.lost() && platform::file_mark(path_) == mark_) return {};
  return bad_input(path_.string() +
                   ": was changed or replaced while it was being read; open it again once it is "
                   "whole");
}

MappedFile::MappedFile(MappedFile&& other) noexcept {
  *this = std::move(other);
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  std::swap(mark_, other.mark_);
  std::swap(watch_, other.watch_);
  return *this;
}

MappedFile::~MappedFile() {
  watch_ = {};  // before somebody else gets these addresses
  if (data_) platform::unmap_file(data_, size_);
}

// ---- folders of the program ----

Result<fs::path> asset_folder() {
  std::vector<fs::path> candidates;
  if (const char* named = std::getenv("HEADSCOPE_ASSETS"); named && *named) {
    candidates.emplace_back(named);  // asked for by name: nothing else will do
  } else {
    HEADSCOPE_ASSIGN(fs::path folder, executable_folder());
    candidates.push_back(folder / "assets");
    candidates.push_back(folder.parent_path() / "share" / "headscope" / "assets");
    for (int level = 0; level < 4; ++level) {  // a build folder inside the repository
      folder = folder.parent_path();
      candidates.push_back(folder / "assets");
    }
  }
  std::string looked;
  for (const fs::path& candidate : candidates) {
    std::error_code code;
    if (fs::is_directory(candidate, code)) return candidate;
    if (!looked.empty()) looked += ", ";
    looked += candidate.string();
  }
  return bad_input("the folder of assets was not found; looked at " + looked +
                   "; set HEADSCOPE_ASSETS to where it is");
}

}  // namespace headscope
