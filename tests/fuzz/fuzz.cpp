#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "tests/temporary_folder.h"

namespace headscope::fuzz {
namespace {

// Bytes that have a path, without a disk.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "there is a file in memory");
  }
  void fill(Input input) const {
    const auto size = static_cast<off_t>(input.size());
    const bool written = ::ftruncate(descriptor_, 0) == 0 && ::ftruncate(descriptor_, size) == 0 &&
                         ::pwrite(descriptor_, input.data(), input.size(), 0) == size;
    require(written, "the file in memory is written");
  }
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

const MemoryFile& memory_file() {
  static const MemoryFile file;
  return file;
}

}  // namespace

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

std::filesystem::path file_of(Input input) {
  memory_file().fill(input);
  return memory_file().path();
}

std::filesystem::path folder_with(const char* name, Input input) {
  static std::map<std::string, std::unique_ptr<test::TemporaryFolder>> folders;
  auto& folder = folders[name];
  if (folder == nullptr) {
    folder = std::make_unique<test::TemporaryFolder>();
    std::filesystem::create_directory(folder->path() / "inside");
    std::filesystem::create_symlink(memory_file().path(), folder->path() / "inside" / name);
  }
  file_of(input);
  return folder->path() / "inside";
}

}  // namespace headscope::fuzz
