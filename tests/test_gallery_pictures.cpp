// links: headscope_app_testing
// timeout: 60
// Comparing pictures: what must not fail a test, and what must.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/pictures.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using namespace headscope::test;

namespace {

struct Ink {
  std::uint8_t r, g, b;
};
constexpr Ink kPage{20, 23, 28}, kText{228, 232, 238}, kAccent{77, 163, 255}, kBad{242, 122, 80};

void fill(Pixels& p, PixelRect at, Ink ink) {
  for (int y = at.top; y < at.bottom; ++y) {
    for (int x = at.left; x < at.right; ++x) {
      const std::size_t i = (static_cast<std::size_t>(y) * p.width + x) * 3;
      p.rgb[i] = ink.r, p.rgb[i + 1] = ink.g, p.rgb[i + 2] = ink.b;
    }
  }
}

// Letters as the eye sees them: uprights of two pixels.
void word(Pixels& p, int x, int y, int letters, Ink ink = kText) {
  for (int i = 0; i < letters; ++i) {
    fill(p, {x + 8 * i, y, x + 8 * i + 2, y + 10}, ink);
    fill(p, {x + 8 * i, y + 8, x + 8 * i + 6, y + 10}, ink);
  }
}

Pixels view(int shift = 0, int letters = 6, Ink bar = kAccent) {
  Pixels p{320, 200, std::vector<std::uint8_t>(static_cast<std::size_t>(320) * 200 * 3)};
  fill(p, {0, 0, 320, 200}, kPage);
  word(p, 20 + shift, 24, letters);
  for (int line = 0; line < 5; ++line) word(p, 20, 60 + 18 * line, 12);
  fill(p, {200, 60, 280, 76}, bar);
  return p;
}

double tiles_between(const Pixels& a, const Pixels& b, const std::vector<PixelRect>& masks = {}) {
  return static_cast<double>(compare_pictures(a, b, masks).tiles.size());
}

}  // namespace

TEST_CASE("a picture equals itself, shifted by a pixel, and through a stored file") {
  const Pixels picture = view();
  CHECK(compare_pictures(picture, picture, {}).largest == 0);
  CHECK(tiles_between(picture, view(1)) == 0);
  Pixels noisy = picture;
  for (std::size_t i = 0; i < noisy.rgb.size(); ++i)
    noisy.rgb[i] =
        static_cast<std::uint8_t>(std::min<std::size_t>(255, noisy.rgb[i] + i * 7919 % 5));
  CHECK(tiles_between(picture, noisy) == 0);
  const TemporaryFolder folder;
  REQUIRE(write_small_png(folder.path() / "a.png", picture).has_value());
  const Result<Pixels> read = read_png(folder.path() / "a.png");
  REQUIRE(read.has_value());
  CHECK(read->width == picture.width);
  CHECK(read->rgb == picture.rgb);  // few colours: kept exactly
}

TEST_CASE("what has changed in the window is found, and where") {
  const Pixels picture = view();
  CHECK(tiles_between(picture, view(0, 0)) > 0);         // a label is gone
  CHECK(tiles_between(picture, view(24)) > 0);           // it has moved
  CHECK(tiles_between(picture, view(0, 6, kBad)) > 0);   // a bar has another colour
  CHECK(tiles_between(picture, view(0, 6, kPage)) > 0);  // or is not drawn
  Pixels longer = picture;
  fill(longer, {280, 60, 292, 76}, kAccent);  // or is longer
  const PictureDifference found = compare_pictures(picture, longer, {});
  REQUIRE_FALSE(found.tiles.empty());
  CHECK(found.tiles.front().at.holds(286, 68));
  CHECK(found.picture.width == picture.width);
}

TEST_CASE("what varies is left out, and nothing beside it") {
  const Pixels picture = view();
  const std::vector<PixelRect> label = {{10, 16, 90, 44}};
  CHECK(tiles_between(picture, view(0, 0), label) == 0);
  CHECK(tiles_between(picture, view(0, 0, kBad), label) > 0);
}

TEST_CASE("a picture of many colours is stored closely") {
  Pixels p{256, 64, std::vector<std::uint8_t>(static_cast<std::size_t>(256) * 64 * 3)};
  for (std::size_t i = 0; i < p.rgb.size() / 3; ++i) {
    const std::size_t x = i % 256, y = i / 256;
    p.rgb[i * 3] = static_cast<std::uint8_t>(x);
    p.rgb[i * 3 + 1] = static_cast<std::uint8_t>(255 - x / 2 - y);
    p.rgb[i * 3 + 2] = static_cast<std::uint8_t>(y * 2);
  }
  const TemporaryFolder folder;
  REQUIRE(write_small_png(folder.path() / "a.png", p).has_value());
  const Result<Pixels> read = read_png(folder.path() / "a.png");
  REQUIRE(read.has_value());
  CHECK(compare_pictures(p, *read, {}).largest < 8);
  CHECK(read->rgb == as_stored(p).rgb);
}

TEST_CASE("a file that is no picture is refused by name") {
  const TemporaryFolder folder;
  REQUIRE(write_file_atomically(folder.path() / "a.png", "not a picture").has_value());
  const Result<Pixels> read = read_png(folder.path() / "a.png");
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().message.find("a.png") != std::string::npos);
}
