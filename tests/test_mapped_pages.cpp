// links: headscope_base
// Pages of a mapped file that were read are given back, and read again.
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
