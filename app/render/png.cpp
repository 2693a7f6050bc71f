#include "app/render/png.h"

#include <cairo.h>

#include <cstring>
#include <string>

#include "core/base/file.h"

namespace headscope {
namespace {

cairo_status_t append(void* closure, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

Result<> write_png(const std::filesystem::path& path, const Pixels& pixels) {
  cairo_surface_t* surface =
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, pixels.width, pixels.height);
  if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS) {
    cairo_surface_destroy(surface);
    return fail(ErrorKind::internal, path.string() + ": a picture of " +
                                         std::to_string(pixels.width) + " x " +
                                         std::to_string(pixels.height) + " pixels cannot be made");
  }
  unsigned char* out = cairo_image_surface_get_data(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  for (int y = 0; y < pixels.height; ++y) {
    for (int x = 0; x < pixels.width; ++x) {
      const std::uint8_t* p = &pixels.rgb[(static_cast<std::size_t>(y) * pixels.width + x) * 3];
      const std::uint32_t word = (std::uint32_t{p[0]} << 16) | (std::uint32_t{p[1]} << 8) | p[2];
      std::memcpy(out + static_cast<std::size_t>(y) * stride + static_cast<std::size_t>(x) * 4,
                  &word, sizeof word);
    }
  }
  cairo_surface_mark_dirty(surface);
  std::string bytes;
  const cairo_status_t status = cairo_surface_write_to_png_stream(surface, append, &bytes);
  cairo_surface_destroy(surface);
  if (status != CAIRO_STATUS_SUCCESS) {
    return fail(ErrorKind::internal, path.string() + ": " + cairo_status_to_string(status));
  }
  return write_file_atomically(path, bytes);
}

}  // namespace headscope
