// Scenes drawn with cairo. Only for the writers and their tests: it brings cairo's header.
#pragma once

#include <cairo.h>

#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/figure/scene.h"

namespace headscope::figure {
/// Deleter of cairo's objects.
struct ReleaseCairo {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
using Surface = std::unique_ptr<cairo_surface_t, ReleaseCairo>;
using Context = std::unique_ptr<cairo_t, ReleaseCairo>;

/// Draws the whole page onto `surface`, `magnification` units a point.
Result<> paint(const Scene& scene, cairo_surface_t& surface, double magnification);

/// The grid as a picture of one pixel a cell.
Result<Surface> picture_of(const Cells& cells);

/// PNG of an image surface.
Result<std::string> png_bytes(cairo_surface_t& surface);

/// A failure of cairo as an error; nothing when all is well.
Result<> check(cairo_status_t status);

/// cairo_write_func_t that appends to the std::string `target`.
cairo_status_t append_bytes(void* target, const unsigned char* data, unsigned int size);

}  // namespace headscope::figure
