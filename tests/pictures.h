// Pictures of the window compared with stored ones: what differs is smoothed and counted tile by
// tile, so that a shifted edge or another rasteriser's grey does not fail a test and a missing
// label, another colour or a moved panel does. Pure functions over pixels.
#pragma once

#include <cairo.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/render/png.h"
#include "core/base/file.h"

namespace headscope::test {

inline constexpr int tile_size = 32;       ///< pixels
inline constexpr int smooth_radius = 3;    ///< of the box filter
inline constexpr double most_of_tile = 5;  ///< mean difference that a tile may have, of 255

/// A rectangle in pixels, ends excluded.
struct PixelRect {
  int left = 0, top = 0, right = 0, bottom = 0;
  bool holds(int x, int y) const { return x >= left && x < right && y >= top && y < bottom; }
};

/// A tile that differs, and by how much (mean over its pixels, 0 to 255).
struct DifferentTile {
  PixelRect at;
  double difference = 0;
};

struct PictureDifference {
  std::vector<DifferentTile> tiles;  ///< the largest difference first
  double largest = 0;                ///< of any tile, differing or not
  Pixels picture;                    ///< the new one in grey, differences in red
};

namespace picture_detail {

// Mean of every pixel's neighbourhood, per channel, from sums over rectangles.
inline std::vector<float> smoothed(const Pixels& p) {
  const int w = p.width, h = p.height, r = smooth_radius;
  std::vector<float> out(p.rgb.size());
  std::vector<std::int64_t> sums(static_cast<std::size_t>(w + 1) * (h + 1));
  const auto sum = [&](int x, int y) -> std::int64_t& {
    return sums[static_cast<std::size_t>(y) * (w + 1) + x];
  };
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        const std::size_t at = (static_cast<std::size_t>(y) * w + x) * 3 + c;
        sum(x + 1, y + 1) = p.rgb[at] + sum(x, y + 1) + sum(x + 1, y) - sum(x, y);
      }
    }
    for (int y = 0; y < h; ++y) {
      const int y0 = std::max(0, y - r), y1 = std::min(h, y + r + 1);
      for (int x = 0; x < w; ++x) {
        const int x0 = std::max(0, x - r), x1 = std::min(w, x + r + 1);
        const auto total = sum(x1, y1) - sum(x0, y1) - sum(x1, y0) + sum(x0, y0);
        out[(static_cast<std::size_t>(y) * w + x) * 3 + c] =
            static_cast<float>(total) / static_cast<float>((x1 - x0) * (y1 - y0));
      }
    }
  }
  return out;
}

// Masked pixels become alike in both, before anything is smoothed.
inline Pixels masked(Pixels p, const std::vector<PixelRect>& masks) {
  for (const PixelRect& m : masks) {
    for (int y = std::max(0, m.top); y < std::min(p.height, m.bottom); ++y) {
      for (int x = std::max(0, m.left) * 3; x < std::min(p.width, m.right) * 3; ++x)
        p.rgb[static_cast<std::size_t>(y) * p.width * 3 + x] = 0;
    }
  }
  return p;
}

inline void paint_difference(Pixels& out, const Pixels& now, const std::vector<float>& gap) {
  out = now;
  for (std::size_t i = 0; i < gap.size(); ++i) {
    const int grey = (now.rgb[i * 3] + now.rgb[i * 3 + 1] + now.rgb[i * 3 + 2]) / 6;
    const int red = std::min(255, grey + static_cast<int>(gap[i] * 4));
    out.rgb[i * 3] = static_cast<std::uint8_t>(red);
    out.rgb[i * 3 + 1] = out.rgb[i * 3 + 2] = static_cast<std::uint8_t>(grey);
  }
}

}  // namespace picture_detail

/// What of `now` differs from `stored`, which must have its size, outside of `masks`.
inline PictureDifference compare_pictures(const Pixels& stored, const Pixels& now,
                                          const std::vector<PixelRect>& masks) {
  using namespace picture_detail;
  const Pixels then_masked = masked(stored, masks), now_masked = masked(now, masks);
  const auto a = smoothed(then_masked), b = smoothed(now_masked);
  std::vector<float> gap(a.size() / 3);
  for (std::size_t i = 0; i < gap.size(); ++i) {
    for (std::size_t c = 0; c < 3; ++c)
      gap[i] = std::max(gap[i], std::abs(a[i * 3 + c] - b[i * 3 + c]));
  }
  PictureDifference found;
  for (int top = 0; top < now.height; top += tile_size) {
    for (int left = 0; left < now.width; left += tile_size) {
      const PixelRect tile{left, top, std::min(left + tile_size, now.width),
                           std::min(top + tile_size, now.height)};
      double total = 0;
      for (int y = tile.top; y < tile.bottom; ++y) {
        for (int x = tile.left; x < tile.right; ++x)
          total += double{gap[static_cast<std::size_t>(y) * now.width + x]};
      }
      total /= (tile.right - tile.left) * (tile.bottom - tile.top);
      found.largest = std::max(found.largest, total);
      if (total > most_of_tile) found.tiles.push_back({tile, total});
    }
  }
  std::sort(found.tiles.begin(), found.tiles.end(),
            [](const auto& x, const auto& y) { return x.difference > y.difference; });
  if (!found.tiles.empty()) paint_difference(found.picture, now, gap);
  return found;
}

/// Reads an opaque PNG. bad_input: it cannot be read.
inline Result<Pixels> read_png(const std::filesystem::path& path) {
  cairo_surface_t* surface = cairo_image_surface_create_from_png(path.c_str());
  if (const auto status = cairo_surface_status(surface); status != CAIRO_STATUS_SUCCESS) {
    cairo_surface_destroy(surface);
    return bad_input(path.string() + ": " + cairo_status_to_string(status));
  }
  cairo_surface_flush(surface);
  Pixels pixels;
  pixels.width = cairo_image_surface_get_width(surface);
  pixels.height = cairo_image_surface_get_height(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  const unsigned char* data = cairo_image_surface_get_data(surface);
  for (int y = 0; y < pixels.height; ++y) {
    for (int x = 0; x < pixels.width; ++x) {
      const unsigned char* p =
          data + static_cast<std::size_t>(y) * stride + static_cast<std::size_t>(x) * 4;
      for (const int channel : {2, 1, 0}) pixels.rgb.push_back(p[channel]);
    }
  }
  cairo_surface_destroy(surface);
  return pixels;
}

namespace picture_detail {

using Colour = std::array<std::uint8_t, 3>;

inline Colour colour_at(const Pixels& p, std::size_t i) {
  return {p.rgb[i * 3], p.rgb[i * 3 + 1], p.rgb[i * 3 + 2]};
}

// The large areas' colours exactly, then the commonest of the rest, rounded.
inline std::vector<Colour> palette_of(const Pixels& p) {
  const std::size_t count = p.rgb.size() / 3;
  std::map<Colour, std::size_t> exact, rounded;
  for (std::size_t i = 0; i < count; ++i) ++exact[colour_at(p, i)];
  std::vector<Colour> palette;
  for (const auto& [colour, n] : exact) {
    if (n * 400 > count && palette.size() < 128) {
      palette.push_back(colour);
      continue;
    }
    Colour near{};
    for (std::size_t c = 0; c < 3; ++c)
      near[c] = static_cast<std::uint8_t>(std::min(255, (colour[c] + 4) / 8 * 8));
    rounded[near] += n;
  }
  std::vector<std::pair<std::size_t, Colour>> common;
  for (const auto& [colour, n] : rounded) common.emplace_back(n, colour);
  std::sort(common.rbegin(), common.rend());
  for (const auto& [n, colour] : common) {
    if (palette.size() < 256) palette.push_back(colour);
  }
  return palette;
}

inline std::uint8_t nearest(const std::vector<Colour>& palette, const Colour& colour) {
  int best = 1 << 30;
  std::size_t at = 0;
  for (std::size_t i = 0; i < palette.size(); ++i) {
    int distance = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      const int d = int{palette[i][c]} - int{colour[c]};
      distance += d * d;
    }
    if (distance < best) best = distance, at = i;
  }
  return static_cast<std::uint8_t>(at);
}

inline void put_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xFF);
}

inline void put_chunk(std::string& out, const std::string& name_and_data) {
  put_u32(out, static_cast<std::uint32_t>(name_and_data.size() - 4));
  out += name_and_data;
  put_u32(out,
          static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(name_and_data.data()),
                                           static_cast<uInt>(name_and_data.size()))));
}

}  // namespace picture_detail

/// The picture in 256 colours, as it is stored.
struct Indexed {
  std::vector<picture_detail::Colour> palette;
  std::vector<std::uint8_t> places;  ///< of every pixel in the palette
};

inline Indexed indexed(const Pixels& pixels) {
  using namespace picture_detail;
  Indexed out{palette_of(pixels), {}};
  std::map<Colour, std::uint8_t> known;
  out.places.reserve(pixels.rgb.size() / 3);
  for (std::size_t i = 0; i < pixels.rgb.size() / 3; ++i) {
    const Colour colour = colour_at(pixels, i);
    auto place = known.find(colour);
    if (place == known.end()) place = known.emplace(colour, nearest(out.palette, colour)).first;
    out.places.push_back(place->second);
  }
  return out;
}

/// What reading a stored picture gives back: compared with this, storing costs nothing.
inline Pixels as_stored(const Pixels& pixels) {
  const Indexed few = indexed(pixels);
  Pixels out{pixels.width, pixels.height, {}};
  for (const std::uint8_t place : few.places) {
    const picture_detail::Colour& colour = few.palette[place];
    out.rgb.insert(out.rgb.end(), colour.begin(), colour.end());
  }
  return out;
}

/// A picture for the repository: PNG with a palette of 256 colours, about a third of the size that
/// cairo's has.
inline Result<> write_small_png(const std::filesystem::path& path, const Pixels& pixels) {
  using namespace picture_detail;
  const Indexed few = indexed(pixels);
  std::string rows;
  for (std::size_t i = 0; i < few.places.size(); ++i) {
    if (i % static_cast<std::size_t>(pixels.width) == 0) rows += '\0';  // no filter
    rows += static_cast<char>(few.places[i]);
  }
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
            reinterpret_cast<const Bytef*>(rows.data()), static_cast<uLong>(rows.size()), 9);
  packed.resize(size);
  std::string header = "IHDR", colours = "PLTE";
  put_u32(header, static_cast<std::uint32_t>(pixels.width));
  put_u32(header, static_cast<std::uint32_t>(pixels.height));
  header += {8, 3, 0, 0, 0};
  for (const Colour& colour : few.palette) colours.append(colour.begin(), colour.end());
  std::string file = "\x89PNG\r\n\x1a\n";
  for (const std::string& chunk : {header, colours, "IDAT" + packed, std::string("IEND")})
    put_chunk(file, chunk);
  return write_file_atomically(path, file);
}

}  // namespace headscope::test
