// links: headscope_base
// Pages of a mapped file that were read are given back, and read again; those that the file loses
// while it is mapped end nothing.
#include <doctest/doctest.h>

#include <fstream>
#include <numeric>
#include <string>

#include "core/base/file.h"
#include "core/base/mapped_pages.h"
#include "core/base/process.h"
#include "tests/temporary_folder.h"

using namespace headscope;

TEST_CASE("what was read of a mapped file does not stay resident") {
  constexpr std::size_t size = std::size_t{48} << 20;
  const test::TemporaryFolder folder;
  std::ofstream(folder / "file", std::ios::binary) << std::string(size, '\3');
  const auto file = MappedFile::open(folder / "file");
  REQUIRE(file);
  const auto sum = [&](std::span<const std::byte> bytes) {
    return std::accumulate(
        bytes.begin(), bytes.end(), std::uint64_t{0},
        [](std::uint64_t so_far, std::byte b) { return so_far + std::uint64_t(b); });
  };
  const auto bytes = file->bytes();
  const std::uint64_t before = process_memory().resident;
  CHECK(sum(bytes) == 3 * size);
  const std::uint64_t read = process_memory().resident;
  REQUIRE(read > before + size / 2);
  release_pages(bytes.subspan(1, size - 2));  // the pages at both ends belong to others too
  CHECK(process_memory().resident < read - size / 2);
  CHECK(sum(bytes) == 3 * size);
  release_pages({});
  release_pages(bytes.first(1));
}

TEST_CASE("a file that is cut short while it is mapped reads as zeros, and says so") {
  constexpr std::size_t size = std::size_t{1} << 20, left = 5000;
  const test::TemporaryFolder folder;
  std::ofstream(folder / "file", std::ios::binary) << std::string(size, '\3');
  const auto file = MappedFile::open(folder / "file");
  REQUIRE(file);
  CHECK(file->unchanged());
  std::filesystem::resize_file(folder / "file", left);
  CHECK(std::accumulate(file->bytes().begin(), file->bytes().end(), std::uint64_t{0},
                        [](std::uint64_t so_far, std::byte b) {
                          return so_far + std::uint64_t(b);
                        }) == 3 * left);
  const auto verdict = file->unchanged();
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().message.find("changed or replaced") != std::string::npos);
  release_pages(file->bytes());
  CHECK(file->bytes()[size - 1] == std::byte{0});
  // Whatever is mapped next, at the same addresses perhaps, has lost nothing.
  std::ofstream(folder / "next", std::ios::binary) << std::string(size, '\5');
  const auto next = MappedFile::open(folder / "next");
  REQUIRE(next);
  CHECK(next->bytes()[size - 1] == std::byte{5});
  CHECK(next->unchanged());
}

TEST_CASE("a file that is written to, replaced or removed is not the one that was opened") {
  const test::TemporaryFolder folder;
  const auto path = folder / "file";
  const auto opened = [&] {
    std::ofstream(path, std::ios::binary) << "first";
    auto file = MappedFile::open(path);
    REQUIRE(file);
    REQUIRE(file->unchanged());
    return std::move(*file);
  };
  {
    const MappedFile file = opened();
    std::ofstream(path, std::ios::binary | std::ios::app) << "more";
    CHECK_FALSE(file.unchanged());
  }
  {
    const MappedFile file = opened();
    REQUIRE(write_file_atomically(path, "other"));
    CHECK_FALSE(file.unchanged());
    CHECK(file.bytes()[0] == std::byte{'f'});
  }
  {
    const MappedFile file = opened();
    std::filesystem::remove(path);
    CHECK_FALSE(file.unchanged());
  }
}
