#include "core/figure/paint.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>
#include <numbers>

#include "core/figure/pango_layout.h"

namespace headscope::figure {
namespace {

class Painter {
 public:
  explicit Painter(cairo_t* context) : context_(context) {}

  Result<> operator()(const Path& path) const {
    if (path.points.empty()) return {};
    cairo_move_to(context_, path.points.front().x, path.points.front().y);
    for (const Point& point : path.points) cairo_line_to(context_, point.x, point.y);
    if (path.closed) cairo_close_path(context_);
    finish(path.fill, path.stroke);
    return {};
  }

  Result<> operator()(const Rect& rect) const {
    cairo_rectangle(context_, rect.box.x, rect.box.y, rect.box.width, rect.box.height);
    finish(rect.fill, rect.stroke);
    return {};
  }

  Result<> operator()(const Disc& disc) const {
    cairo_new_sub_path(context_);
    cairo_arc(context_, disc.centre.x, disc.centre.y, disc.radius, 0, 2 * std::numbers::pi);
    cairo_close_path(context_);
    finish(disc.fill, disc.stroke);
    return {};
  }

  Result<> operator()(const Cells& cells) const {
    return cells.gap > 0 ? draw_cells(cells) : draw_picture(cells);
  }

  Result<> operator()(const Text& text) const {
    const auto layout = make_layout(clean_text(text.text), text.size, text.bold);
    PangoLayoutLine* line = pango_layout_get_line_readonly(layout.get(), 0);
    PangoRectangle logical{};
    pango_layout_line_get_extents(line, nullptr, &logical);
    const double width = static_cast<double>(logical.width) / PANGO_SCALE;
    const double share = text.anchor == Anchor::start ? 0 : text.anchor == Anchor::middle ? 0.5 : 1;
    cairo_save(context_);
    set_paint(text.paint);
    cairo_translate(context_, text.at.x, text.at.y);
    if (text.upwards) cairo_rotate(context_, -std::numbers::pi / 2);
    cairo_move_to(context_, -share * width, 0);
    pango_cairo_show_layout_line(context_, line);
    cairo_restore(context_);
    cairo_new_path(context_);
    return {};
  }

 private:
  void set_paint(const Paint& paint) const {
    const Rgb& c = paint.color;
    cairo_set_source_rgba(context_, c.r, c.g, c.b, paint.opacity);
  }

  // Fills and strokes the current path.
  void finish(const std::optional<Paint>& fill, const std::optional<Stroke>& stroke) const {
    if (fill) {
      set_paint(*fill);
      cairo_fill_preserve(context_);
    }
    if (stroke) {
      set_paint(stroke->paint);
      cairo_set_line_width(context_, stroke->width);
      cairo_set_line_join(context_, CAIRO_LINE_JOIN_ROUND);
      cairo_set_line_cap(context_, CAIRO_LINE_CAP_BUTT);
      const double dash = kDash * stroke->width;
      cairo_set_dash(context_, &dash, stroke->dashed ? 1 : 0, 0);
      cairo_stroke_preserve(context_);
    }
    cairo_new_path(context_);
  }

  Result<> draw_cells(const Cells& cells) const {
    for (int row = 0; row < cells.rows; ++row) {
      for (int column = 0; column < cells.columns; ++column) {
        const Box box = cells.cell(row, column);
        set_paint({cells.color(row, column)});
        cairo_rectangle(context_, box.x, box.y, box.width, box.height);
        cairo_fill(context_);
      }
    }
    return {};
  }

  // Pixels keep their edges: smoothing would invent values.
  Result<> draw_picture(const Cells& cells) const {
    if (cells.rows <= 0 || cells.columns <= 0) return {};
    HEADSCOPE_ASSIGN(const Surface picture, picture_of(cells));
    cairo_save(context_);
    cairo_translate(context_, cells.box.x, cells.box.y);
    cairo_scale(context_, cells.box.width / cells.columns, cells.box.height / cells.rows);
    cairo_set_source_surface(context_, picture.get(), 0, 0);
    cairo_pattern_set_filter(cairo_get_source(context_), CAIRO_FILTER_NEAREST);
    cairo_rectangle(context_, 0, 0, cells.columns, cells.rows);
    cairo_fill(context_);
    cairo_restore(context_);
    return {};
  }

  cairo_t* context_;
};

std::uint32_t packed(Rgb color) {
  const auto byte = [](float v) { return static_cast<std::uint32_t>(std::lround(v * 255)); };
  return byte(color.r) << 16 | byte(color.g) << 8 | byte(color.b);
}

}  // namespace

Result<> check(cairo_status_t status) {
  if (status == CAIRO_STATUS_SUCCESS) return {};
  const ErrorKind kind =
      status == CAIRO_STATUS_NO_MEMORY ? ErrorKind::out_of_memory : ErrorKind::internal;
  return fail(kind, std::string("figure: drawing failed: ") + cairo_status_to_string(status));
}

cairo_status_t append_bytes(void* target, const unsigned char* data, unsigned int size) {
  try {
    static_cast<std::string*>(target)->append(reinterpret_cast<const char*>(data), size);
  } catch (const std::bad_alloc&) {
    return CAIRO_STATUS_NO_MEMORY;
  }
  return CAIRO_STATUS_SUCCESS;
}

Result<Surface> picture_of(const Cells& cells) {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, cells.columns, cells.rows));
  HEADSCOPE_TRY(check(cairo_surface_status(surface.get())));
  cairo_surface_flush(surface.get());
  unsigned char* data = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int row = 0; row < cells.rows; ++row) {
    for (int column = 0; column < cells.columns; ++column) {
      const std::uint32_t pixel = packed(cells.color(row, column));
      std::memcpy(data + static_cast<std::ptrdiff_t>(row) * stride + 4 * column, &pixel,
                  sizeof pixel);
    }
  }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

Result<std::string> png_bytes(cairo_surface_t& surface) {
  std::string bytes;
  HEADSCOPE_TRY(check(cairo_surface_write_to_png_stream(&surface, append_bytes, &bytes)));
  return bytes;
}

Result<> paint(const Scene& scene, cairo_surface_t& surface, double magnification) {
  const Context context(cairo_create(&surface));
  HEADSCOPE_TRY(check(cairo_status(context.get())));
  const Rgb& page = scene.background;
  cairo_set_source_rgb(context.get(), page.r, page.g, page.b);
  cairo_paint(context.get());
  cairo_scale(context.get(), magnification, magnification);
  const Painter painter(context.get());
  for (const Item& item : scene.items) HEADSCOPE_TRY(std::visit(painter, item));
  return check(cairo_status(context.get()));
}

}  // namespace headscope::figure
